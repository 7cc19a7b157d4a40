//! xtext (RFC 3461 §4) and its kin for addresses in UTF-8 (RFC 6533 §3): how the
//! parameters of the envelope write characters that have no place in them.

use std::fmt::Write;

/// What xtext stands for; none where it is none. Digits in lower case are taken, too.
pub(crate) fn decode(xtext: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(xtext.len());
    let mut rest = xtext.as_bytes();
    loop {
        rest = match rest {
            [] => return String::from_utf8(octets).ok(),
            [b'+', high, low, behind @ ..] => {
                octets.push(hexadecimal(*high)? << 4 | hexadecimal(*low)?);
                behind
            }
            [b'+', ..] => return None,
            [octet, behind @ ..] => {
                octets.push(*octet);
                behind
            }
        };
    }
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Text as xtext.
pub(crate) fn encode(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, octet| {
        match octet {
            b'!'..=b'~' if octet != b'+' && octet != b'=' => encoded.push(char::from(octet)),
            _ => write!(encoded, "+{octet:02X}").expect("a String takes every write"),
        }
        encoded
    })
}

/// What an address of the type utf-8 stands for: characters as they are, or as `\x{HEX}`.
/// Some clients write it in xtext as well.
pub(crate) fn decode_utf8(text: &str) -> Option<String> {
    let text = decode(text)?;
    let mut decoded = String::new();
    let mut rest = text.as_str();
    while let Some((before, behind)) = rest.split_once("\\x{") {
        let (digits, behind) = behind.split_once('}')?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        decoded += before;
        decoded.push(char::from_u32(code)?);
        rest = behind;
    }
    Some(decoded + rest)
}

/// An address in ASCII, each other character as `\x{HEX}`.
pub(crate) fn encode_utf8(address: &str) -> String {
    let encoded = |c: char| match c {
        '\\' | '+' | '=' => format!("\\x{{{:02X}}}", u32::from(c)),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\x{{{:02X}}}", u32::from(c)),
    };
    address.chars().map(encoded).collect()
}

#[test]
fn xtext_is_decoded() {
    assert_eq!(decode("bob+2Bshop@a.example").as_deref(), Some("bob+shop@a.example"));
    assert_eq!(decode("a+3D+C3+B6").as_deref(), Some("a=ö"));
    assert_eq!(decode("+4a").as_deref(), Some("J"));
    for wrong in ["+", "+4", "+G0", "+FF"] {
        assert_eq!(decode(wrong), None, "{wrong}");
    }
}

#[test]
fn addresses_in_utf_8_are_written_in_ascii_and_read() {
    let address = "jörg+ö@bücher.example";
    let encoded = encode_utf8(address);
    assert_eq!(encoded, "j\\x{F6}rg\\x{2B}\\x{F6}@b\\x{FC}cher.example");
    assert_eq!(decode_utf8(&encoded).as_deref(), Some(address));
    assert_eq!(decode_utf8(address), None, "a bare + is no xtext");
    assert_eq!(decode_utf8("jörg@a.example").as_deref(), Some("jörg@a.example"));
    for wrong in ["\\x{}", "\\x{110000}", "\\x{41", "\\x{D800}"] {
        assert_eq!(decode_utf8(wrong), None, "{wrong}");
    }
}
