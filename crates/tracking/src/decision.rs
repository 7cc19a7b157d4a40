//! What is tracked in one message: the decision that a rewrite carries out.
