//! Links of the Go reference (sparkypmtatracking): base64url with padding of zlib of
//! a small JSON object. Anybody can make one, so a tracker must not follow them
//! without a list of allowed hosts; here they are only written and read.

mod hosts;

pub use hosts::{HostPattern, HostPatternError, target_host};

use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use serde::{Deserialize, Serialize};

/// Most octets that a link's JSON may inflate to.
pub const JSON_OCTETS_MAX: usize = 16 * 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a link of the Go reference says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyLink {
    /// `o` open, `i` initial open, `c` click.
    pub act: String,
    /// The target URL; empty for a pixel.
    #[serde(default)]
    pub t_url: String,
    /// The message id, in whatever shape.
    #[serde(default)]
    pub msg_id: String,
    /// The recipient.
    #[serde(default)]
    pub rcpt: String,
}

/// Why a text is no link of the Go reference.
#[derive(Debug, thiserror::Error)]
pub enum LegacyError {
    /// Not base64url.
    #[error("not base64url: {0}")]
    Base64(#[from] base64::DecodeError),
    /// Not zlib, or more than `JSON_OCTETS_MAX` octets.
    #[error("not zlib of at most {JSON_OCTETS_MAX} octets")]
    Zlib,
    /// Not the JSON that such a link carries.
    #[error("not the JSON of a link: {0}")]
    Json(#[from] serde_json::Error),
}

/// The token of a link, which the Go reference's tracker can read.
pub fn encode(link: &LegacyLink) -> String {
    let json = to_json(link);
    let mut deflated = Vec::with_capacity(json.len() + 64);
    let mut state = Compress::new(Compression::default(), true);
    let status = state.compress_vec(json.as_bytes(), &mut deflated, FlushCompress::Finish);
    debug_assert!(matches!(status, Ok(Status::StreamEnd)), "64 octets are room for any overhead");
    general_purpose::URL_SAFE.encode(deflated)
}

/// The JSON of a link as Go's encoder writes it: without white space, and with the
/// characters that matter to HTML escaped.
pub fn to_json(link: &LegacyLink) -> String {
    let json = serde_json::to_string(link).expect("four strings are always JSON");
    json.replace('&', "\\u0026").replace('<', "\\u003c").replace('>', "\\u003e")
}

/// The JSON inside a token as it stands, and what it says.
pub fn decode(token: &str) -> Result<(String, LegacyLink), LegacyError> {
    let deflated = BASE64.decode(token)?;
    let mut json = Vec::with_capacity(JSON_OCTETS_MAX);
    let status =
        Decompress::new(true).decompress_vec(&deflated, &mut json, FlushDecompress::Finish);
    // The reference flushes without an end mark, so an end is not asked for.
    if status.is_err() || json.is_empty() || json.len() == JSON_OCTETS_MAX {
        return Err(LegacyError::Zlib);
    }
    let link = serde_json::from_slice(&json)?;
    Ok((String::from_utf8_lossy(&json).into_owned(), link))
}

#[cfg(test)]
mod tests;
