//! What Postfix logs, any octets for lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::{
    delivery::{Format, Lines, Reading},
    ids::Timestamp,
};

fn lines() -> Lines {
    Lines::new(Format::Postfix, &Reading::new(Timestamp(1_795_341_600_000)))
}

// Reading again gives the same, also from what was known in the middle on.
fuzz_target!(|input: &[u8]| {
    let (mut first, mut second) = (lines(), lines());
    for line in input.split(|octet| *octet == b'\n') {
        let (mut told, mut again) = (Vec::new(), Vec::new());
        let read = first.line(line, &mut told);
        assert_eq!(read, second.line(line, &mut again));
        assert_eq!(told, again);
    }
    if let Some(state) = first.state() {
        let mut restored = lines();
        restored.restore(&state);
        assert_eq!(restored.state(), Some(state));
    }
});
