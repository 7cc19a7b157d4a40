//! What Postfix logs, any octets for lines. Reading again gives the same, and what is known of mail is
//! known again after a restart.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwake_fuzz::records::check_twice;
use tracking::delivery::Format;

fuzz_target!(|input: &[u8]| check_twice(Format::Postfix, input));
