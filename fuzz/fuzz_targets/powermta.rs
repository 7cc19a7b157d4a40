//! PowerMTA's accounting records: any lines. What comes of them is stored so that it is read again as it was,
//! and reading that goes on after a restart behind any line tells the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwake_fuzz::records::check;
use tracking::delivery::Format;

fuzz_target!(|input: &[u8]| check(Format::PowerMta, input));
