//! SIZE of MAIL (RFC 1870 §6): what the client tells is the size of what it sends, and
//! what upstream gets is a tracked copy, which is larger.

use super::Envelope;

/// How much larger a copy may be than half of the message: room for the links and pixels
/// of a small one.
const ROOM_OCTETS: u64 = 16 << 10;

/// The line with as large a SIZE as the copy may have, half as much again and some room;
/// `None` where it has no SIZE, or stays as it is. A message that is within upstream's limit
/// stays within it, so that nothing is refused that may fit.
pub(super) fn enlarge(
    line: &str,
    envelope: &Envelope<'_>,
    upstream_size_max: Option<u64>,
) -> Option<String> {
    let size: u64 = envelope.parameter("SIZE")?.parse().ok()?;
    let larger = size.saturating_add(size / 2).saturating_add(ROOM_OCTETS);
    let told = upstream_size_max.map_or(larger, |most| larger.min(most));
    if told <= size {
        return None;
    }
    let parameters = envelope.parameters();
    let mut enlarged = line[..line.len() - parameters.len()].to_owned();
    for word in parameters.split_inclusive([' ', '\t']) {
        let parameter = word.trim_end_matches([' ', '\t']);
        match parameter.split_once('=') {
            Some((keyword, _)) if keyword.eq_ignore_ascii_case("SIZE") => {
                enlarged += &format!("{keyword}={told}{}", &word[parameter.len()..]);
            }
            _ => enlarged += word,
        }
    }
    Some(enlarged)
}

#[cfg(test)]
mod tests;
