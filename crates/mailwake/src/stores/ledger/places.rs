//! Positions of events, in few octets: each as what it is more than the one before, seven bits
//! an octet, the lowest first.

pub(super) fn encode(places: &[u64]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(2 * places.len());
    let mut last = 0;
    for place in places {
        let mut rest = place.wrapping_sub(last);
        last = *place;
        while rest >= 0x80 {
            octets.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        octets.push(rest as u8);
    }
    octets
}

/// Nothing for what `encode` has not written.
pub(super) fn decode(octets: &[u8]) -> Option<Vec<u64>> {
    let mut places = Vec::new();
    let (mut last, mut more, mut bits) = (0_u64, 0_u64, 0);
    for octet in octets {
        if bits > 63 {
            return None;
        }
        more |= u64::from(octet & 0x7f) << bits;
        bits += 7;
        if octet & 0x80 == 0 {
            last = last.wrapping_add(more);
            places.push(last);
            (more, bits) = (0, 0);
        }
    }
    (bits == 0).then_some(places)
}
