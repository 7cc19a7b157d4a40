//! `kind = "webhook"`: batches in the form of SparkPost, to a URL of the operator's.

use super::{form, limits, secret};
use crate::{
    config::{NETWORK, reader::Section},
    feeders::{
        http::{HttpConfig, Reach, Url},
        sink::Limits,
        webhook::{
            Authentication, BATCH_ID_FIELD, ClientAuthentication, ID_FIELD, IdentityConfig,
            SIGNATURE_FIELD, TIMESTAMP_FIELD, TokenServer, WebhookConfig,
        },
    },
    net::tls::client::{OwnCertificate, Verification},
};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderName, HeaderValue},
};
use std::{path::PathBuf, str::FromStr, time::Duration};
use toml::Value;

/// Octets of a batch, at most. Servers take 1 MiB as a rule.
const OCTETS_MOST: usize = 64 << 20;

/// How the receiver is told who sends batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    None,
    Basic,
    Bearer,
    OAuth2,
}

pub(super) fn read(table: &Section<'_>) -> Option<WebhookConfig> {
    let url: Option<Url> = table.required("url", "must be a URL like \"https://example.com/in\"");
    let allows_http = table.boolean("allow_http", false);
    if let Some(url) = &url {
        check_scheme(table, "url", url, allows_http);
    }
    let private_networks = table.list("to_private_networks", NETWORK);
    let authorities: Option<PathBuf> =
        table.parsed("ca_file", "", "must be the path of a file of authorities, in PEM");
    let own_certificate = own_certificate(table);
    let timeout = table.integer("timeout_seconds", 10, 1..=300, "seconds");
    let authentication = authentication(table, allows_http);
    let webhook_token = secret(table, "webhook_token_file", "webhook_token_variable");
    let signing_secrets = secret(table, "signing_secret_file", "signing_secret_variable");
    let headers = headers(table);
    let refused = table.integer("refused_minutes", 10, 0..=10_080, "minutes");
    let defaults = Limits {
        events_max: 350,
        octets_max: 1_000 << 10,
        age_max: Duration::from_secs(5),
        event_age_max: None,
    };
    Some(WebhookConfig {
        limits: limits(table, defaults, OCTETS_MOST),
        form: form(table),
        url: url?,
        http: HttpConfig {
            allows_http,
            reach: Reach::Internet(private_networks),
            verification: authorities.map_or(Verification::System, Verification::Authorities),
            own_certificate,
            timeout: Duration::from_secs(timeout),
        },
        refused_patience: Duration::from_secs(60 * refused),
        identity: IdentityConfig {
            authentication: authentication?,
            headers,
            webhook_token,
            signing_secrets,
        },
    })
}

fn check_scheme(table: &Section<'_>, key: &str, url: &Url, allows_http: bool) {
    if !url.is_https() && !allows_http {
        let right = "must be one of https, or allow_http = true: events would go in clear";
        table.mistake(key, Some(&Value::from(url.to_string())), right);
    }
}

fn own_certificate(table: &Section<'_>) -> Option<OwnCertificate> {
    let right = "must be the path of a file, in PEM";
    let certificate: Option<PathBuf> = table.parsed("tls_certificate_file", "", right);
    let key: Option<PathBuf> = table.parsed("tls_key_file", "", right);
    if certificate.is_some() != key.is_some() {
        let right = "goes with tls_key_file, and neither without the other";
        table.mistake("tls_certificate_file", None, right);
    }
    certificate.zip(key).map(|(certificate, key)| OwnCertificate { certificate, key })
}

/// Reads the keys of every kind, so that those of another one are told.
fn authentication(table: &Section<'_>, allows_http: bool) -> Option<Authentication> {
    let words = [
        ("none", Auth::None),
        ("basic", Auth::Basic),
        ("bearer", Auth::Bearer),
        ("oauth2", Auth::OAuth2),
    ];
    let auth = table.choice("auth", &words);
    let user: Option<String> = table.parsed("user", "", "must be a name");
    let password = secret(table, "password_file", "password_variable");
    let token = secret(table, "token_file", "token_variable");
    let token_server = token_server(table, auth == Auth::OAuth2, allows_http);
    let needs = |name: &'static str, has: bool, kind: Auth, word: &str| {
        if auth == kind && !has && !table.has(name) {
            table.mistake(name, None, format!("is missing; auth = {word:?} needs it"));
        }
        if auth != kind && has {
            table.mistake(name, None, format!("goes with auth = {word:?}"));
        }
    };
    needs("user", user.is_some(), Auth::Basic, "basic");
    needs("password_file", password.is_some(), Auth::Basic, "basic");
    needs("token_file", token.is_some(), Auth::Bearer, "bearer");
    match auth {
        Auth::None => Some(Authentication::None),
        Auth::Basic => Some(Authentication::Basic { user: user?, password: password? }),
        Auth::Bearer => Some(Authentication::Bearer(token?)),
        Auth::OAuth2 => Some(Authentication::OAuth2(token_server?)),
    }
}

fn token_server(table: &Section<'_>, is_needed: bool, allows_http: bool) -> Option<TokenServer> {
    let url: Option<Url> = table.parsed("oauth2_url", "", "must be a URL of https");
    if let Some(url) = &url {
        check_scheme(table, "oauth2_url", url, allows_http);
    }
    let client_id: Option<String> = table.parsed("oauth2_client_id", "", "must be a name");
    let client_secret = secret(table, "oauth2_client_secret_file", "oauth2_client_secret_variable");
    let words = [("basic", ClientAuthentication::Basic), ("body", ClientAuthentication::Body)];
    let authentication = table.choice("oauth2_client_auth", &words);
    let right = ("must be a name", "must be a text");
    let parameters = table.map("oauth2_parameters", right);
    let there = [
        ("oauth2_url", url.is_some()),
        ("oauth2_client_id", client_id.is_some()),
        ("oauth2_client_secret_file", client_secret.is_some()),
    ];
    for (name, is_there) in there {
        match (is_needed, is_there) {
            (true, false) if !table.has(name) => {
                table.mistake(name, None, "is missing; auth = \"oauth2\" needs it");
            }
            (false, true) => table.mistake(name, None, "goes with auth = \"oauth2\""),
            _ => {}
        }
    }
    let (url, client_id, client_secret) = (url?, client_id?, client_secret?);
    Some(TokenServer { url, client_id, client_secret, authentication, parameters })
}

/// Fields of the operator's own.
fn headers(table: &Section<'_>) -> HeaderMap {
    let right_name = "must be that of a field which mailwake does not set itself";
    let right = "must be the value of a field: visible letters of ASCII, and spaces";
    let fields: Vec<(FieldName, FieldValue)> = table.map("headers", (right_name, right));
    fields.into_iter().map(|(name, value)| (name.0, value.0)).collect()
}

/// The name of a field that is not ours.
struct FieldName(HeaderName);

impl FromStr for FieldName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let name: HeaderName = text.parse().map_err(|_| ())?;
        let ours = [
            AUTHORIZATION.as_str(),
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "expect",
            "host",
            "te",
            "transfer-encoding",
            "upgrade",
            BATCH_ID_FIELD,
            "x-messagesystems-webhook-token",
            ID_FIELD,
            TIMESTAMP_FIELD,
            SIGNATURE_FIELD,
        ];
        if ours.contains(&name.as_str()) { Err(()) } else { Ok(Self(name)) }
    }
}

/// The value of a field, which is not shown: it may be a key.
struct FieldValue(HeaderValue);

impl FromStr for FieldValue {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_right = |octet: u8| octet == b' ' || octet.is_ascii_graphic();
        let mut value: HeaderValue = text.parse().map_err(|_| ())?;
        value.set_sensitive(true);
        text.bytes().all(is_right).then_some(Self(value)).ok_or(())
    }
}
