//! Which addresses are those of the whole internet: what others name may lead there, and
//! nowhere else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

#[cfg(test)]
mod tests;

/// Can anybody on the internet have this address? Not those that mean this host, this network
/// or nobody (RFC 6890 and the registries of IANA that it makes), nor those of IPv6 that hold
/// such one of IPv4.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network, carrier NAT, IETF protocols, benchmarks, class E and broadcast.
        [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18 | 19, ..] => true,
        // Relays of 6to4, which are gone.
        [192, 88, 99, _] => true,
        _ => false,
    };
    !is_special
        && !address.is_private()
        && !address.is_loopback()
        && !address.is_link_local()
        && !address.is_multicast()
        && !address.is_documentation()
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let bits = u32::from(high) << 16 | u32::from(low);
        is_public_v4(Ipv4Addr::from_bits(bits))
    };
    match segments {
        // IPv4 in the form of IPv6, and behind the translator of everybody.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        // 6to4 and Teredo.
        [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0, _, _, _, _, high, low] => embedded(!high, !low),
        // Protocols, benchmarks, ORCHID, documentation.
        [0x2001, 1..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // The only addresses that are given to anybody yet (RFC 4291 §2.4).
        [first, ..] => first & 0xe000 == 0x2000,
    }
}
