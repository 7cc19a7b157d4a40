//! The Location field of a redirect (RFC 9110 §10.2.2). A target URL comes in as it stood
//! in the message; the same octets go out, but for those that no header field may hold.

use bytes::Bytes;
use hyper::http::HeaderValue;

/// The field's value; none for what is no http or https URL with a host. The gateway seals
/// no other; but a browser would run `javascript:` for the domain of the links, and somebody
/// may have a key.
///
/// What a field cannot hold is treated as a browser treats it in a link: spaces and
/// controls around the URL, and tabs and line ends anywhere, are not part of it, and
/// other octets outside graphic ASCII are percent-encoded (URL Standard §4.4 and §1.3).
pub(super) fn location(target_url: &str) -> Option<HeaderValue> {
    // To look at all of it, many octets at a time, is quicker than to stop at the first one.
    let octets = if target_url.bytes().fold(true, |are_plain, octet| are_plain & is_plain(octet)) {
        Bytes::copy_from_slice(target_url.as_bytes())
    } else {
        Bytes::from(encode(target_url))
    };
    if !is_web(&octets) {
        return None;
    }
    let value = HeaderValue::from_maybe_shared(octets);
    Some(value.expect("graphic ASCII can stand in every header field (RFC 9110 §5.5)"))
}

/// Does it begin as a browser reads an http or https URL (URL Standard §4.4)? To it a
/// backslash is a slash.
fn is_web(url: &[u8]) -> bool {
    let rest = [&b"https:"[..], b"http:"].into_iter().find_map(|scheme| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    matches!(rest, Some([b'/' | b'\\', b'/' | b'\\', _, ..]))
}

fn is_plain(octet: u8) -> bool {
    octet.is_ascii_graphic()
}

fn encode(target_url: &str) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let url = target_url.trim_matches(|c: char| c <= ' ');
    let mut encoded = Vec::with_capacity(url.len() + 32);
    for octet in url.bytes() {
        match octet {
            b'\t' | b'\n' | b'\r' => {}
            _ if is_plain(octet) => encoded.push(octet),
            _ => {
                let (high, low) = (usize::from(octet >> 4), usize::from(octet & 0xf));
                encoded.extend([b'%', HEX[high], HEX[low]]);
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests;
