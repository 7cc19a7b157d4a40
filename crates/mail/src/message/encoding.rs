//! Content transfer encodings (RFC 2045 §6). A body comes in and goes out decoded;
//! edits of the decoded octets come in and are made in the body. Lines of the body that
//! no edit touches keep their octets.

use super::content_type::TransferEncoding;
use memchr::memchr;
use std::borrow::Cow;
use thiserror::Error;

mod base64;
mod body;
mod line_limit;
mod quoted_printable;
mod source;
#[cfg(test)]
mod tests;

pub use body::{Decoded, EditableBody};
pub use line_limit::LineLimit;

/// The longest line of an encoded body, without its line end (RFC 2045 §6.7, §6.8).
pub const ENCODED_LINE_MAX: usize = 76;

/// Why a body does not decode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The encoding is not known, so nothing can be said of the content (RFC 2045 §6.4).
    #[error("unknown content transfer encoding")]
    UnknownEncoding,
    /// An octet that is neither base64 nor white space, or base64 behind the padding.
    #[error("octet that is no base64 at {offset}")]
    NoBase64 {
        /// Where it stands in the body.
        offset: usize,
    },
    /// Base64 that is cut off or wrongly padded.
    #[error("base64 cut off or wrongly padded")]
    Padding,
}

/// How lines end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LineEnd {
    /// What RFC 5322 §2.1 wants.
    #[default]
    CrLf,
    /// What a message has that was stored by Unix programs.
    Lf,
}

impl LineEnd {
    /// How the first line of some octets ends, if one does.
    pub fn of(octets: &[u8]) -> Option<Self> {
        let newline = memchr(b'\n', octets)?;
        Some(if octets[..newline].ends_with(b"\r") { Self::CrLf } else { Self::Lf })
    }

    /// How new lines of a body end, in a message whose lines end like this: in CRLF where
    /// either has one, because a bare LF is no line end in mail (RFC 5322 §2.3).
    pub fn of_new_lines(self, body: &[u8]) -> Self {
        match Self::of(body) {
            Some(Self::CrLf) => Self::CrLf,
            Some(Self::Lf) | None => self,
        }
    }

    /// The octets.
    pub fn octets(self) -> &'static [u8] {
        match self {
            Self::CrLf => b"\r\n",
            Self::Lf => b"\n",
        }
    }
}

/// How long a line end is, if one stands at the start of these octets.
#[inline(always)]
fn line_end_len(octets: &[u8]) -> Option<usize> {
    match octets {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Decodes a body. An identity encoding copies nothing. Quoted-printable always
/// decodes: what is no escape is taken literally. Base64 may lack its padding.
pub fn decode(body: &[u8], encoding: TransferEncoding) -> Result<Cow<'_, [u8]>, DecodeError> {
    match encoding {
        TransferEncoding::SevenBit | TransferEncoding::EightBit | TransferEncoding::Binary => {
            Ok(Cow::Borrowed(body))
        }
        TransferEncoding::QuotedPrintable => Ok(Cow::Owned(quoted_printable::decode(body).0)),
        TransferEncoding::Base64 => base64::decode(body).map(Cow::Owned),
        TransferEncoding::Unknown => Err(DecodeError::UnknownEncoding),
    }
}
