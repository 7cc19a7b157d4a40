//! Reads delivered messages: fields as octets, parts decoded, links in order. It knows
//! only what the tests send, and shares no code with the crate `mail`. Lines end in LF.

use base64::prelude::{BASE64_STANDARD, Engine as _};

/// The raw fields of a message's or part's header, each with its continuation lines and
/// without its last LF.
pub(crate) fn fields(message: &[u8]) -> Vec<Vec<u8>> {
    let mut fields: Vec<Vec<u8>> = Vec::new();
    for line in split(message).0.split(|octet| *octet == b'\n') {
        match fields.last_mut() {
            Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => {
                field.push(b'\n');
                field.extend_from_slice(line);
            }
            _ => fields.push(line.to_vec()),
        }
    }
    fields
}

/// The unfolded value of the only field with this name; panics unless there is one.
pub(crate) fn value(message: &[u8], name: &str) -> String {
    let values = values(message, name);
    assert_eq!(values.len(), 1, "fields named {name}: {values:?}");
    values.into_iter().next().expect("just counted")
}

/// The unfolded values of all fields with this name.
pub(crate) fn values(message: &[u8], name: &str) -> Vec<String> {
    fields(message)
        .iter()
        .map(|field| String::from_utf8_lossy(field).replace('\n', ""))
        .filter_map(|field| {
            let (found, value) = field.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
        .collect()
}

/// The name of a raw field, in lower case.
pub(crate) fn name(field: &[u8]) -> String {
    let name = field.split(|octet| *octet == b':').next().unwrap_or_default();
    String::from_utf8_lossy(name).to_ascii_lowercase()
}

/// The header without its empty line, and the body.
pub(crate) fn split(message: &[u8]) -> (&[u8], &[u8]) {
    let end = message.windows(2).position(|two| two == b"\n\n");
    end.map_or((message, b""), |end| (&message[..end], &message[end + 2..]))
}

/// The decoded content of the first part with this media type, at any depth.
pub(crate) fn part(message: &[u8], media_type: &str) -> Vec<u8> {
    find_part(message, media_type)
        .unwrap_or_else(|| panic!("no part {media_type} in:\n{}", String::from_utf8_lossy(message)))
}

fn find_part(entity: &[u8], media_type: &str) -> Option<Vec<u8>> {
    let content_type = values(entity, "Content-Type").pop().unwrap_or_default();
    if content_type.starts_with(media_type) {
        return Some(decoded(entity));
    }
    let (_, boundary) = content_type.split_once("boundary=")?;
    let boundary = boundary.trim_start_matches('"').split(['"', ';']).next()?;
    let body = [b"\n", split(entity).1].concat();
    let delimiter = format!("\n--{boundary}");
    let mut parts = split_at(&body, delimiter.as_bytes()).into_iter().skip(1);
    parts.find_map(|part| find_part(part.strip_prefix(b"\n")?, media_type))
}

fn split_at<'a>(mut octets: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    while let Some(at) = octets.windows(delimiter.len()).position(|found| found == delimiter) {
        pieces.push(&octets[..at]);
        octets = &octets[at + delimiter.len()..];
    }
    pieces.push(octets);
    pieces
}

fn decoded(entity: &[u8]) -> Vec<u8> {
    let body = split(entity).1;
    let encoding = values(entity, "Content-Transfer-Encoding").pop().unwrap_or_default();
    match encoding.to_ascii_lowercase().as_str() {
        "quoted-printable" => quoted_printable(body),
        "base64" => {
            let digits: Vec<u8> =
                body.iter().copied().filter(|octet| !octet.is_ascii_whitespace()).collect();
            BASE64_STANDARD.decode(digits).expect("base64 in a delivered part")
        }
        _ => body.to_vec(),
    }
}

fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        rest = match rest {
            [] => return octets,
            [b'=', b'\n', after @ ..] => after,
            [b'=', high, low, after @ ..] => {
                let digit = |octet: u8| char::from(octet).to_digit(16).expect("=XX") as u8;
                octets.push(digit(*high) << 4 | digit(*low));
                after
            }
            [octet, after @ ..] => {
                octets.push(*octet);
                after
            }
        };
    }
}

/// The values of an attribute in the order of the markup, `&amp;` undone. Knows only
/// attributes in double quotes.
pub(crate) fn attributes(html: &[u8], name: &str) -> Vec<String> {
    let html = String::from_utf8_lossy(html);
    let start = format!(" {name}=\"");
    html.split(&start)
        .skip(1)
        .map(|after| after.split('"').next().unwrap_or_default().replace("&amp;", "&"))
        .collect()
}

/// URLs that start with `base`, in the order of a plain text.
pub(crate) fn urls(text: &[u8], base: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    text.match_indices(base)
        .map(|(at, _)| text[at..].split(char::is_whitespace).next().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn parts_are_found_and_decoded() {
    let message = b"Content-Type: multipart/mixed; boundary=\"a\"\n\npreamble\n--a\n\
        Content-Type: text/plain\n\nplain\n--a\nContent-Type: text/html\n\
        Content-Transfer-Encoding: quoted-printable\n\n<a href=3D\"x&amp;=\ny\">\n--a--\n";
    assert_eq!(part(message, "text/plain"), b"plain");
    let html = part(message, "text/html");
    assert_eq!(html, b"<a href=\"x&amp;y\">");
    assert_eq!(attributes(&html, "href"), ["x&y"]);
}

#[test]
fn fields_keep_their_folds() {
    let message = b"A: 1\n 2\nb:\t3\n\nbody\n\nmore";
    assert_eq!(fields(message), [b"A: 1\n 2".to_vec(), b"b:\t3".to_vec()]);
    assert_eq!(value(message, "a"), "1 2");
    assert_eq!(split(message).1, b"body\n\nmore");
}
