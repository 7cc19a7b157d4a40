//! The `mailwake` command.

use std::process::ExitCode;

/// Small, short-lived allocations of many threads are what mailwake makes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    mailwake::cli::main()
}
