//! Read models of the event log, and the questions they answer.
