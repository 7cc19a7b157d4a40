//! The header of a load balancer, in pieces as its parser asks for them.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::smtp::proxy_header::{Progress, parse};

/// Longest header that is taken, in octets.
const OCTETS_MAX: usize = 4_096;

// No octet behind the header is asked for, and what stands behind it changes nothing.
fuzz_target!(|input: &[u8]| {
    let mut known = 0;
    let header = loop {
        match parse(&input[..known]) {
            Ok(Progress::Whole(header)) => break header,
            Ok(Progress::Missing(missing)) => {
                assert!(missing > 0);
                assert!(known + missing <= OCTETS_MAX);
                known += missing;
                if known > input.len() {
                    return;
                }
            }
            // What is refused is refused whatever comes.
            Err(_) => return assert!(parse(input).is_err()),
        }
    };
    assert_eq!(header.octets, known);
    assert_eq!(parse(input), Ok(Progress::Whole(header)));
    if let Some(client) = header.client {
        assert_eq!(client.ip(), client.ip().to_canonical());
    }
});
