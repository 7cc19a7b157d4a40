//! The fields as senders write them. The value of a field comes in, the places of its URIs
//! go out; what is not exactly a list of URIs is none.

use std::ops::Range;

#[cfg(test)]
mod tests;

/// The whole of List-Unsubscribe-Post (RFC 8058 §3.1).
pub const ONE_CLICK: &str = "List-Unsubscribe=One-Click";

/// URIs of one field that are looked at.
const URIS_MAX: usize = 16;

/// Octets of a field that are looked at.
const FIELD_OCTETS_MAX: usize = 32 * 1024;

/// The URIs of a List-Unsubscribe field, without their brackets, as ranges of its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnsubscribeField {
    /// Those of https.
    pub https: Vec<Range<usize>>,
    /// Those of http.
    pub http: Vec<Range<usize>>,
    /// Those of mailto.
    pub mailto: Vec<Range<usize>>,
    /// Others.
    pub other: Vec<Range<usize>>,
    /// Where the first of them begins, with its bracket.
    pub begins_at: usize,
}

/// Reads the value of a field, with its folds: URIs in angle brackets, with commas between
/// them (RFC 2369 §2). None where anything else stands in it, such as a comment, and where it
/// is empty.
pub fn read_field(value: &[u8]) -> Option<UnsubscribeField> {
    if value.len() > FIELD_OCTETS_MAX {
        return None;
    }
    let mut read = UnsubscribeField::default();
    let mut at = 0;
    for number in 0..URIS_MAX {
        at = behind_space(value, at);
        if *value.get(at)? != b'<' {
            return None;
        }
        if number == 0 {
            read.begins_at = at;
        }
        let start = at + 1;
        let length = value[start..].iter().position(|octet| *octet == b'>')?;
        let uri = &value[start..start + length];
        let is_uri = |octet: &u8| octet.is_ascii_graphic() && !b"<\"\\^`{|}".contains(octet);
        if !uri.iter().all(is_uri) {
            return None;
        }
        read.of_scheme(uri)?.push(start..start + length);
        at = behind_space(value, start + length + 1);
        match value.get(at) {
            None => return Some(read),
            Some(b',') => at += 1,
            Some(_) => return None,
        }
    }
    None
}

impl UnsubscribeField {
    /// Where a URI with this scheme belongs; none where it has no scheme.
    fn of_scheme(&mut self, uri: &[u8]) -> Option<&mut Vec<Range<usize>>> {
        let colon = uri.iter().position(|octet| *octet == b':').filter(|at| *at > 0)?;
        let (scheme, rest) = (uri[..colon].to_ascii_lowercase(), &uri[colon + 1..]);
        let has_host = rest.len() > 2 && rest.starts_with(b"//") && rest[2] != b'/';
        match &scheme[..] {
            b"https" if has_host => Some(&mut self.https),
            b"http" if has_host => Some(&mut self.http),
            b"https" | b"http" => None,
            b"mailto" => Some(&mut self.mailto),
            _ => Some(&mut self.other),
        }
    }
}

/// The next octet that is no white space and no line end.
fn behind_space(value: &[u8], at: usize) -> usize {
    let is_space = |octet: &&u8| matches!(octet, b' ' | b'\t' | b'\r' | b'\n');
    at + value[at..].iter().take_while(is_space).count()
}

/// Is it the value of List-Unsubscribe-Post that stands for one click?
pub fn is_one_click(value: &[u8]) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(ONE_CLICK.as_bytes())
}

/// Does a DKIM signature with this value cover the fields of that name, which need not be
/// there (RFC 6376 §3.5, `h=`)?
pub fn signs(signature: &[u8], name: &str) -> bool {
    let without_space: Vec<u8> =
        signature.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
    let tags = without_space.split(|octet| *octet == b';');
    tags.filter_map(|tag| tag.strip_prefix(b"h=")).any(|names| {
        names.split(|octet| *octet == b':').any(|one| one.eq_ignore_ascii_case(name.as_bytes()))
    })
}
