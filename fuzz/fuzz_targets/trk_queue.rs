//! Entries of the Go reference's queue: what is read of any octets is written again and read as
//! the same event, and has the same id each time.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tracking::{
    event::{Event, Occurrence},
    trk_queue::{ENTRY_OCTETS_MAX, append, read},
};

fuzz_target!(|input: &[u8]| {
    let Ok(event) = read(input, 0) else { return };
    assert!(input.len() <= ENTRY_OCTETS_MAX);
    assert_eq!(read(input, 0).expect("it was read before"), event);
    assert_ne!(read(input, 1).expect("it was read before").event_id, event.event_id);
    assert!(matches!(
        event.occurrence,
        Occurrence::Open(_) | Occurrence::InitialOpen(_) | Occurrence::Click(_)
    ));
    let mut written = Vec::new();
    assert!(append(&event, "", &mut written));
    // Escapes may make it larger than it came.
    if let Ok(again) = read(&written, 0) {
        assert_eq!(again, Event { event_id: again.event_id, ..event });
    }
});
