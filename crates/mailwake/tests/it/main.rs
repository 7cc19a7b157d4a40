//! Every integration test of mailwake, in one binary.
