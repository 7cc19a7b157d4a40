//! Every integration test of mailwake, in one binary.

mod dialogs;
mod docs;
mod e2e;
mod layering;
mod support;
