//! For whom proxies ask: Forwarded (RFC 7239), X-Forwarded-For and X-Real-IP. The values of
//! one of these fields come in, and which addresses are proxies that are trusted; the address
//! of the client goes out. Whether the one who sent the field is trusted is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Trusted proxies that a request may have come through. Further ones are a loop, or made up.
const PROXIES_MAX: usize = 32;

/// The field in which proxies tell of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForwardedField {
    /// X-Forwarded-For: addresses in a list, to which each proxy adds the one that it was
    /// asked by.
    XForwardedFor,
    /// Forwarded (RFC 7239 §4): the same, in pairs of name and value.
    Forwarded,
    /// X-Real-IP: one address, which the proxy in front puts in place of what was there.
    XRealIp,
}

/// The field is there and tells no address: it is malformed, the proxy hides its client
/// ("unknown", RFC 7239 §6.2), or there are too many proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the field of a trusted proxy tells no address of the client")]
pub struct NoAddress;

/// The client, as the fields of one name tell it; none where there is no such field.
///
/// Lists are read from their end, which is what the nearest proxy has written, and only as
/// far as the addresses are trusted: the first that is not is the client, and what stands
/// before it may be made up by it. Where all are trusted, the first of the list is the client.
pub fn client<'v>(
    field: ForwardedField,
    values: impl DoubleEndedIterator<Item = &'v [u8]>,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> Result<Option<IpAddr>, NoAddress> {
    let mut farthest = None;
    let mut proxies = 0;
    for value in values.rev() {
        // What a client has put in front of its address may be anything.
        let text = String::from_utf8_lossy(value);
        let mut rest = Some(&*text);
        while let Some(list) = rest {
            let (before, element) = last_of(list, b',');
            // A list may have empty elements (RFC 9110 §5.6.1.2).
            rest = before;
            let element = element.trim_matches([' ', '\t']);
            if element.is_empty() {
                continue;
            }
            let address = address_of(field, element).ok_or(NoAddress)?;
            if field == ForwardedField::XRealIp && farthest.is_some() {
                return Err(NoAddress);
            }
            farthest = Some(address);
            proxies += 1;
            if field == ForwardedField::XRealIp {
                continue;
            }
            if !is_trusted(address) {
                return Ok(farthest);
            }
            if proxies > PROXIES_MAX {
                return Err(NoAddress);
            }
        }
    }
    Ok(farthest)
}

/// The last element of a list, and what stands before it, if anything does. A delimiter
/// inside a quoted string is none (RFC 9110 §5.6.4).
fn last_of(list: &str, delimiter: u8) -> (Option<&str>, &str) {
    let mut is_quoted = false;
    let octets = list.as_bytes();
    for (at, octet) in octets.iter().enumerate().rev() {
        if *octet == b'"' && (at == 0 || octets[at - 1] != b'\\') {
            is_quoted = !is_quoted;
        } else if *octet == delimiter && !is_quoted {
            return (Some(&list[..at]), &list[at + 1..]);
        }
    }
    (None, list)
}

fn address_of(field: ForwardedField, element: &str) -> Option<IpAddr> {
    match field {
        ForwardedField::XForwardedFor | ForwardedField::XRealIp => node(element),
        ForwardedField::Forwarded => node(for_parameter(element)?),
    }
}

/// The value of `for` (RFC 7239 §5.2), which may be there once.
fn for_parameter(element: &str) -> Option<&str> {
    let mut found = None;
    let mut rest = Some(element);
    while let Some(pairs) = rest {
        let (before, pair) = last_of(pairs, b';');
        rest = before;
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=')?;
        if name.eq_ignore_ascii_case("for") && found.replace(value).is_some() {
            return None;
        }
    }
    let value = found?;
    match value.strip_prefix('"') {
        // An address has nothing to escape.
        Some(quoted) => quoted.strip_suffix('"').filter(|text| !text.contains(['"', '\\'])),
        None => Some(value),
    }
}

/// An address with or without a port (RFC 7239 §6), which X-Forwarded-For often has as well.
/// One of IPv6 stands in brackets where there is a port.
fn node(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, port) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (address, port) = bracketed.split_once(']')?;
            (IpAddr::from(address.parse::<Ipv6Addr>().ok()?), port)
        }
        None => {
            let (address, _) = text.split_once(':')?;
            (IpAddr::from(address.parse::<Ipv4Addr>().ok()?), &text[address.len()..])
        }
    };
    (port.is_empty() || port.strip_prefix(':').is_some_and(is_port)).then(|| address.to_canonical())
}

/// A number, or a name that is made up for one (RFC 7239 §6.3).
fn is_port(text: &str) -> bool {
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"._-".contains(&octet);
    match text.strip_prefix('_') {
        Some(name) => !name.is_empty() && name.bytes().all(is_name),
        None => (1..=5).contains(&text.len()) && text.bytes().all(|octet| octet.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests;
