//! From when until when a certificate is valid (RFC 5280 §4.1.2.5). Its octets come in, the
//! two times go out; nothing else of it is read.

use super::{TlsError, read_certificates};
use std::{
    path::Path,
    time::{Duration, SystemTime},
};

/// Tags of ASN.1 (X.690 §8).
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// From then on.
    pub not_before: SystemTime,
    /// Until then.
    pub not_after: SystemTime,
}

/// The validity of the first certificate in a PEM file.
pub fn of_file(path: &Path) -> Result<Validity, TlsError> {
    let certificates = read_certificates(path)?;
    let validity = certificates.first().and_then(|certificate| of(certificate));
    validity.ok_or_else(|| TlsError::Empty { path: path.into(), what: "certificate with its time" })
}

/// The validity of a certificate in DER; none where the octets are no certificate.
pub fn of(certificate: &[u8]) -> Option<Validity> {
    let (certificate, _) = value(certificate, SEQUENCE)?;
    let (mut signed, _) = value(certificate, SEQUENCE)?;
    if signed.first() == Some(&VERSION) {
        signed = value(signed, VERSION)?.1;
    }
    // Serial number, algorithm and issuer stand before it.
    for _ in 0..3 {
        signed = value(signed, *signed.first()?)?.1;
    }
    let (times, _) = value(signed, SEQUENCE)?;
    let (not_before, rest) = time(times)?;
    let (not_after, _) = time(rest)?;
    Some(Validity { not_before, not_after })
}

/// What a tag holds, and what stands behind it.
fn value(octets: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (first, rest) = octets.split_first()?;
    let (length, rest) = rest.split_first()?;
    if *first != tag {
        return None;
    }
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        // A certificate has less than 16 MiB.
        long @ 0x81..=0x83 => {
            let (length, rest) = rest.split_at_checked(usize::from(long - 0x80))?;
            (length.iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// A time in one of the two forms of RFC 5280 §4.1.2.5, both in UTC and to the second.
fn time(octets: &[u8]) -> Option<(SystemTime, &[u8])> {
    let (year_digits, (text, rest)) = match *octets.first()? {
        UTC_TIME => (2, value(octets, UTC_TIME)?),
        GENERALIZED_TIME => (4, value(octets, GENERALIZED_TIME)?),
        _ => return None,
    };
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if text.len() != year_digits + 10 || !text.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    let year: i16 = text[..year_digits].parse().ok()?;
    let year = match (year_digits, year) {
        (2, 50..) => 1900 + year,
        (2, _) => 2000 + year,
        _ => year,
    };
    let pair = |at: usize| text[year_digits + 2 * at..][..2].parse::<i8>().ok();
    let time = jiff::civil::Date::new(year, pair(0)?, pair(1)?).ok()?;
    let time = time.to_datetime(jiff::civil::Time::new(pair(2)?, pair(3)?, pair(4)?, 0).ok()?);
    let seconds = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second();
    let since = Duration::from_secs(seconds.unsigned_abs());
    let time = match seconds {
        0.. => SystemTime::UNIX_EPOCH.checked_add(since),
        _ => SystemTime::UNIX_EPOCH.checked_sub(since),
    };
    Some((time?, rest))
}

#[cfg(test)]
mod tests;
