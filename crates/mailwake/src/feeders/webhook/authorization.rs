//! What a request says of who sends it: nothing, a name and a password (RFC 7617), a token
//! (RFC 6750), or a token that a server gives for an id and a secret (RFC 6749 §4.4). Here are
//! the forms; requests are the sink's. Nothing of it is ever shown.

use crate::feeders::http::Url;
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::header::{HeaderValue, InvalidHeaderValue};
use mail::smtp::secret::Secret;
use serde::Deserialize;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// So long before its end a token is not used any more: a batch takes some seconds.
const SPARE: Duration = Duration::from_secs(30);

/// Who sends it.
#[derive(Debug)]
pub(super) enum Authorization {
    /// Nobody is told.
    None,
    /// The value of the field is always the same.
    Fixed(HeaderValue),
    /// It is asked for.
    Token(TokenRequest),
}

impl Authorization {
    /// A name and a password (RFC 7617 §2).
    pub(super) fn basic(user: &str, password: &Secret) -> Self {
        Self::Fixed(basic(&[user.as_bytes(), b":", password].concat()))
    }

    /// A token (RFC 6750 §2.1). Refuses octets that no field can have.
    pub(super) fn bearer(token: &Secret) -> Result<Self, InvalidHeaderValue> {
        Ok(Self::Fixed(bearer(token)?))
    }
}

fn basic(pair: &[u8]) -> HeaderValue {
    let value = format!("Basic {}", STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).expect("base64 may stand in a field");
    value.set_sensitive(true);
    value
}

fn bearer(token: &[u8]) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_bytes(&[b"Bearer ", token].concat())?;
    value.set_sensitive(true);
    Ok(value)
}

/// Where the id and the secret stand in a request for a token (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ClientAuthentication {
    /// In the field, as a name and a password.
    #[default]
    Basic,
    /// In the form.
    Body,
}

/// How a token is asked for.
#[derive(Debug)]
pub(super) struct TokenRequest {
    /// Where.
    pub(super) url: Url,
    /// The id.
    pub(super) client_id: String,
    /// The secret.
    pub(super) client_secret: Secret,
    /// Where these two stand.
    pub(super) authentication: ClientAuthentication,
    /// What else the form says, such as `scope` or `audience`.
    pub(super) parameters: Vec<(String, String)>,
}

impl TokenRequest {
    /// The form, and the field where there is one (RFC 6749 §4.4.2).
    pub(super) fn form(&self) -> (String, Option<HeaderValue>) {
        let (id, secret) = (encoded(self.client_id.as_bytes()), encoded(&self.client_secret));
        let mut form = "grant_type=client_credentials".to_owned();
        for (name, value) in &self.parameters {
            form += &format!("&{}={}", encoded(name.as_bytes()), encoded(value.as_bytes()));
        }
        match self.authentication {
            // Each of the two is encoded before they are put together.
            ClientAuthentication::Basic => (form, Some(basic(format!("{id}:{secret}").as_bytes()))),
            ClientAuthentication::Body => {
                form += &format!("&client_id={id}&client_secret={secret}");
                (form, None)
            }
        }
    }
}

/// In the form of application/x-www-form-urlencoded (RFC 6749, appendix B).
fn encoded(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len());
    for octet in octets {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'*' => {
                text.push(char::from(*octet));
            }
            b' ' => text.push('+'),
            other => text += &format!("%{other:02X}"),
        }
    }
    text
}

/// A token, and until when it is used.
pub(super) struct Token {
    pub(super) field: HeaderValue,
    until: Option<Instant>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("until", &self.until).finish_non_exhaustive()
    }
}

/// Why an answer holds no token that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum TokenError {
    #[error("no JSON with an access_token")]
    Malformed,
    #[error("a token of type {0:?}, not Bearer")]
    Type(String),
    #[error("a token that no field can hold")]
    Octets,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    token_type: String,
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
}

impl Token {
    /// Reads the answer of the token's server, which came `now` (RFC 6749 §5.1).
    pub(super) fn read(answer: &[u8], now: Instant) -> Result<Self, TokenError> {
        let granted: Granted = serde_json::from_slice(answer).map_err(|_| TokenError::Malformed)?;
        let is_bearer =
            granted.token_type.is_empty() || granted.token_type.eq_ignore_ascii_case("bearer");
        if !is_bearer {
            return Err(TokenError::Type(granted.token_type.chars().take(32).collect()));
        }
        // A number; some servers write it as a text.
        let seconds = granted.expires_in.and_then(|value| match value {
            serde_json::Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let until = seconds.and_then(|seconds: u64| {
            let lifetime = Duration::from_secs(seconds);
            // One of seconds is used for half of them.
            now.checked_add(lifetime.saturating_sub(SPARE).max(lifetime / 2))
        });
        let field = bearer(granted.access_token.as_bytes()).map_err(|_| TokenError::Octets)?;
        Ok(Self { field, until })
    }

    /// May it be used `now`?
    pub(super) fn is_good(&self, now: Instant) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// What a refusal of the token's server says, as far as that may be told (RFC 6749 §5.2).
pub(super) fn error_of(answer: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Refused {
        error: String,
    }
    let refused: Refused = serde_json::from_slice(answer).ok()?;
    let is_word = |octet: u8| octet.is_ascii_lowercase() || octet == b'_';
    let is_name = refused.error.len() <= 64 && refused.error.bytes().all(is_word);
    is_name.then_some(refused.error)
}

#[cfg(test)]
mod tests;
