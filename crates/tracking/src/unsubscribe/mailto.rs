//! The operator's own address for those who unsubscribe by mail, as a URI (RFC 6068).

use crate::ids::MessageId;
use std::{fmt, str::FromStr};

#[cfg(test)]
mod tests;

/// Longest URI, in octets: it fits into a line of its own.
const OCTETS_MAX: usize = 500;

/// Stands for the message id.
const MESSAGE_ID: &str = "{message_id}";

/// A URI of mailto, in which `{message_id}` stands for the id of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailtoUri(String);

/// Why a text is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be a URI like \"mailto:leave@example.com\"; {{message_id}} in it is that of the copy"
)]
pub struct MailtoError;

impl MailtoUri {
    /// As it stands in the copy with that id.
    pub fn of(&self, message_id: MessageId) -> String {
        self.0.replace(MESSAGE_ID, &message_id.to_string())
    }
}

impl fmt::Display for MailtoUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for MailtoUri {
    type Err = MailtoError;

    fn from_str(text: &str) -> Result<Self, MailtoError> {
        let rest = text.strip_prefix("mailto:").ok_or(MailtoError)?.replace(MESSAGE_ID, "");
        let is_uri = |octet: u8| octet.is_ascii_graphic() && !b"<>\"\\^`{|}".contains(&octet);
        let address = rest.split('?').next().unwrap_or_default();
        let domain = address.rsplit_once('@').map(|(_, domain)| domain).unwrap_or_default();
        let is_right = rest.bytes().all(is_uri) && !domain.is_empty() && text.len() <= OCTETS_MAX;
        is_right.then(|| Self(text.into())).ok_or(MailtoError)
    }
}
