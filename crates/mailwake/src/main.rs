//! The `mailwake` command.
fn main() {}
