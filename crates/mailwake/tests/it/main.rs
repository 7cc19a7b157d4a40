//! Every integration test of mailwake, in one binary.

mod docs;
mod layering;
