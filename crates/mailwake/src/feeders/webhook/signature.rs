//! How a receiver knows that a batch is ours and no older than minutes: the signatures of
//! Standard Webhooks (standardwebhooks.com, specification 1.0.0), which libraries in most
//! languages check. Secrets and a body come in, the value of a header field goes out.

use aws_lc_rs::hmac;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The field with the id of the batch.
pub const ID_FIELD: &str = "webhook-id";
/// The field with the time of the attempt, in seconds since the Unix epoch.
pub const TIMESTAMP_FIELD: &str = "webhook-timestamp";
/// The field with the signatures.
pub const SIGNATURE_FIELD: &str = "webhook-signature";

/// What a secret begins with.
const PREFIX: &str = "whsec_";
/// Octets of a secret: no fewer, so that nobody guesses it.
const OCTETS_MIN: usize = 24;
/// And no more, which the specification says.
const OCTETS_MAX: usize = 64;

/// The secrets that batches are signed with: while one takes the place of another, both.
#[derive(Clone)]
pub struct SigningSecrets(Vec<hmac::Key>);

impl std::fmt::Debug for SigningSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningSecrets({})", self.0.len())
    }
}

/// Why a text holds no secrets. Nothing of the text is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// There is nothing in it.
    #[error("no secret in it")]
    Empty,
    /// One of them is something else.
    #[error(
        "secret {number} of it must be {PREFIX} and {OCTETS_MIN} to {OCTETS_MAX} random octets in \
         base64, such as those of: echo {PREFIX}$(head -c 32 /dev/urandom | base64)"
    )]
    Malformed {
        /// The which it is, from 1 on.
        number: usize,
    },
}

impl SigningSecrets {
    /// Reads secrets, with spaces between them.
    pub fn parse(text: &str) -> Result<Self, SecretsError> {
        let secrets = text.split_ascii_whitespace().enumerate();
        let keys: Result<Vec<_>, _> = secrets
            .map(|(index, text)| key(text).ok_or(SecretsError::Malformed { number: index + 1 }))
            .collect();
        keys.and_then(
            |keys| if keys.is_empty() { Err(SecretsError::Empty) } else { Ok(Self(keys)) },
        )
    }

    /// The value of the field: a signature with each secret, of the id, the time of the attempt
    /// in seconds since the Unix epoch, and the body.
    pub fn sign(&self, id: &str, at_seconds: i64, body: &[u8]) -> String {
        let signed = self.0.iter().map(|key| {
            let mut context = hmac::Context::with_key(key);
            context.update(format!("{id}.{at_seconds}.").as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

fn key(text: &str) -> Option<hmac::Key> {
    let octets = STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
    let is_right = (OCTETS_MIN..=OCTETS_MAX).contains(&octets.len());
    is_right.then(|| hmac::Key::new(hmac::HMAC_SHA256, &octets))
}

#[cfg(test)]
mod tests;
