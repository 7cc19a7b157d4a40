//! What proxies say of their client, and what clients have put in front of it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::net::IpAddr;
use tracking::forwarded::{ForwardedField, client};

const FIELDS: [ForwardedField; 3] =
    [ForwardedField::XForwardedFor, ForwardedField::Forwarded, ForwardedField::XRealIp];

fn is_trusted(address: IpAddr) -> bool {
    matches!(address, IpAddr::V4(address) if address.octets()[0] == 10)
}

// A proxy adds its element behind what the client sent: that alone counts.
fuzz_target!(|input: &[u8]| {
    for field in FIELDS {
        let values = input.split(|octet| *octet == b'\n');
        let told = client(field, values.collect::<Vec<_>>().into_iter(), is_trusted);
        if let Ok(Some(address)) = told {
            assert_eq!(address, address.to_canonical());
        }
    }
    let element: IpAddr = [192, 0, 2, 1].into();
    for (field, added) in [
        (ForwardedField::XForwardedFor, &b", 192.0.2.1"[..]),
        (ForwardedField::XForwardedFor, b", 192.0.2.1:443, 10.0.0.1"),
        (ForwardedField::Forwarded, b", for=192.0.2.1;proto=https"),
        (ForwardedField::Forwarded, b", by=\"[::1]\";for=\"192.0.2.1:443\", for=10.0.0.1"),
    ] {
        let value = [input, added].concat();
        assert_eq!(client(field, [&value[..]].into_iter(), is_trusted), Ok(Some(element)));
    }
});
