//! Who sends batches: fields that every request has, and secrets, read from where they are.

use super::{
    authorization::{Authorization, ClientAuthentication, TokenRequest},
    signature::{SecretsError, SigningSecrets},
};
use crate::feeders::{
    http::Url,
    secret::{Secret, SecretError},
};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};

/// SparkPost's and Momentum's field for a token (deprecated there).
const WEBHOOK_TOKEN: HeaderName = HeaderName::from_static("x-messagesystems-webhook-token");

/// Who sends batches, and where the secrets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// How the receiver is told.
    pub authentication: Authentication,
    /// Further fields of every request.
    pub headers: HeaderMap,
    /// The token for `X-MessageSystems-Webhook-Token`.
    pub webhook_token: Option<Secret>,
    /// The secrets that batches are signed with.
    pub signing_secrets: Option<Secret>,
}

/// How a receiver is told who sends batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// It is not.
    None,
    /// By a name and a password.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// By a token that is always the same.
    Bearer(Secret),
    /// By a token that a server gives.
    OAuth2(TokenServer),
}

/// A server of tokens (RFC 6749 §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenServer {
    /// Where it is.
    pub url: Url,
    /// Our id there.
    pub client_id: String,
    /// And our secret.
    pub client_secret: Secret,
    /// Where these two stand in a request.
    pub authentication: ClientAuthentication,
    /// What else a request says, such as `scope`.
    pub parameters: Vec<(String, String)>,
}

/// Why secrets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// One cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// No field can hold it.
    #[error("{0} holds octets that no field of HTTP can have")]
    Octets(Secret),
    /// It is none to sign with.
    #[error("{0}: {1}")]
    Signing(Secret, SecretsError),
}

/// Who sends batches.
#[derive(Debug)]
pub(super) struct Identity {
    /// Fields of every request.
    pub(super) headers: HeaderMap,
    /// For what a token has to be had.
    pub(super) authorization: Authorization,
    /// What batches are signed with.
    pub(super) signing_secrets: Option<SigningSecrets>,
}

impl Identity {
    /// Reads the secrets.
    pub(super) fn load(config: &IdentityConfig) -> Result<Self, IdentityError> {
        let mut headers = config.headers.clone();
        let authorization = authorization(&config.authentication)?;
        if let Authorization::Fixed(value) = &authorization {
            headers.insert(AUTHORIZATION, value.clone());
        }
        if let Some(secret) = &config.webhook_token {
            headers.insert(WEBHOOK_TOKEN, sensitive(secret)?);
        }
        let signing_secrets = config.signing_secrets.as_ref().map(|secret| {
            let parsed = SigningSecrets::parse(&secret.load()?);
            parsed.map_err(|error| IdentityError::Signing(secret.clone(), error))
        });
        Ok(Self { headers, authorization, signing_secrets: signing_secrets.transpose()? })
    }
}

fn sensitive(secret: &Secret) -> Result<HeaderValue, IdentityError> {
    let value = HeaderValue::try_from(secret.load()?);
    let mut value = value.map_err(|_| IdentityError::Octets(secret.clone()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn authorization(authentication: &Authentication) -> Result<Authorization, IdentityError> {
    Ok(match authentication {
        Authentication::None => Authorization::None,
        Authentication::Basic { user, password } => {
            Authorization::basic(user, &password.load()?.into_bytes().into())
        }
        Authentication::Bearer(token) => {
            let authorization = Authorization::bearer(&token.load()?.into_bytes().into());
            authorization.map_err(|_| IdentityError::Octets(token.clone()))?
        }
        Authentication::OAuth2(server) => Authorization::Token(TokenRequest {
            url: server.url.clone(),
            client_id: server.client_id.clone(),
            client_secret: server.client_secret.load()?.into_bytes().into(),
            authentication: server.authentication,
            parameters: server.parameters.clone(),
        }),
    })
}
