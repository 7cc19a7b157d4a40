//! AUTH (RFC 4954), as far as a proxy follows it: the mechanism and the first response of
//! a client come in, the name under which it authenticates itself goes out, where that
//! can be seen. Whether the client is who it says is upstream's to judge.

use super::secret::Secret;
use base64::prelude::{BASE64_STANDARD, Engine as _};

/// Longest line of an exchange, in octets, without its CRLF (RFC 4954 §4).
pub const LINE_OCTETS_MAX: usize = 12_288;

/// Longest name that is kept, in octets.
pub const NAME_OCTETS_MAX: usize = 255;

/// An exchange under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    mechanism: Mechanism,
    has_response: bool,
    name: Option<String>,
}

/// How the first response shows the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mechanism {
    /// PLAIN (RFC 4616): behind the first NUL.
    Plain,
    /// LOGIN: it is the name.
    Login,
    /// CRAM-MD5 (RFC 2195): before the last space.
    CramMd5,
    /// SCRAM (RFC 5802): the attribute `n`.
    Scram,
    /// XOAUTH2: the field `user`.
    Xoauth2,
    /// Any other: it is not looked for.
    Other,
}

impl Exchange {
    /// Begins with what stands behind AUTH: the mechanism, and perhaps a response.
    pub fn begin(argument: &str) -> Self {
        let (mechanism, response) = argument.split_once(' ').unwrap_or((argument, ""));
        let mechanism = match mechanism.to_ascii_uppercase().as_str() {
            "PLAIN" => Mechanism::Plain,
            "LOGIN" => Mechanism::Login,
            "CRAM-MD5" => Mechanism::CramMd5,
            "XOAUTH2" => Mechanism::Xoauth2,
            scram if scram.starts_with("SCRAM-") => Mechanism::Scram,
            _ => Mechanism::Other,
        };
        let mut exchange = Self { mechanism, has_response: false, name: None };
        match response.trim() {
            "" => {}
            // RFC 4954 §4: a response of no octets.
            "=" => exchange.has_response = true,
            response => exchange.response(response.as_bytes()),
        }
        exchange
    }

    /// Takes a response of the client, without its CRLF.
    pub fn response(&mut self, line: &[u8]) {
        if self.has_response {
            return;
        }
        self.has_response = true;
        let decoded = Secret::from(BASE64_STANDARD.decode(line).unwrap_or_default());
        let Ok(text) = std::str::from_utf8(&decoded) else { return };
        let name = match self.mechanism {
            Mechanism::Plain => text.split('\0').nth(1),
            Mechanism::Login => Some(text),
            Mechanism::CramMd5 => text.rsplit_once(' ').map(|(name, _)| name),
            // Behind the two attributes of channel binding and authorization.
            Mechanism::Scram => {
                text.split(',').nth(2).and_then(|attribute| attribute.strip_prefix("n="))
            }
            Mechanism::Xoauth2 => text.split('\x01').find_map(|field| field.strip_prefix("user=")),
            Mechanism::Other => None,
        };
        self.name = name.filter(|name| is_name(name)).map(|name| match self.mechanism {
            // RFC 5802 §5.1: the two characters that cannot stand in a name.
            Mechanism::Scram => name.replace("=2C", ",").replace("=3D", "="),
            _ => name.into(),
        });
    }

    /// The name, as far as it was shown.
    pub fn into_name(self) -> Option<String> {
        self.name
    }
}

/// Can a line be a response? Such are base64, or `*`, which cancels (RFC 4954 §4).
pub fn is_response(line: &[u8]) -> bool {
    let is_base64 = |octet: &u8| octet.is_ascii_alphanumeric() || b"+/=".contains(octet);
    line == b"*" || line.iter().all(is_base64)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= NAME_OCTETS_MAX && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests;
