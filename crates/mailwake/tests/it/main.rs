//! Every integration test of mailwake, in one binary.

mod docs;
mod e2e;
mod layering;
mod support;
