//! The account at an authority, and its orders (RFC 8555 §7.3, §7.4).

use super::{AcmeConfig, AcmeError, Challenges, http::Authority, write};
use instant_acme::{
    Account, AccountCredentials, AuthorizationStatus, ChallengeType, Identifier, NewAccount,
    NewOrder, Order, OrderStatus, RetryPolicy,
};
use rcgen::{CertificateParams, DistinguishedName, KeyPair};
use serde::{Deserialize, Serialize};
use std::{fs, io, path::PathBuf, time::Duration};

/// How long the authority may take to look, and to sign.
const PATIENCE: Duration = Duration::from_secs(120);

/// A certificate and its key, in PEM.
pub(super) struct Obtained {
    pub(super) chain: String,
    pub(super) key: String,
}

/// Orders of one account, which is made at the first.
pub(super) struct Orders<'a> {
    config: &'a AcmeConfig,
    challenges: &'a Challenges,
    account: Option<Account>,
}

/// The account as it is kept. One at another authority is no use.
#[derive(Serialize, Deserialize)]
struct Kept<C> {
    directory: String,
    credentials: C,
}

impl<'a> Orders<'a> {
    pub(super) fn new(config: &'a AcmeConfig, challenges: &'a Challenges) -> Self {
        Self { config, challenges, account: None }
    }

    /// Gets a certificate for a domain.
    pub(super) async fn order(&mut self, domain: &str) -> Result<Obtained, AcmeError> {
        let identifiers = [Identifier::Dns(domain.to_owned())];
        let account = self.account().await?;
        let mut order = account.new_order(&NewOrder::new(&identifiers)).await?;
        self.authorize(&mut order, domain).await?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec![domain.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        order.finalize_csr(params.serialize_request(&key)?.der()).await?;
        let chain = order.poll_certificate(&patience()).await?;
        Ok(Obtained { chain, key: key.serialize_pem() })
    }

    /// Has the authority ask, and waits until it is content.
    async fn authorize(&self, order: &mut Order, domain: &str) -> Result<(), AcmeError> {
        let mut offered = Vec::new();
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization?;
            if authorization.status == AuthorizationStatus::Valid {
                continue;
            }
            let challenge = authorization.challenge(ChallengeType::Http01);
            let mut challenge = challenge.ok_or(AcmeError::NoChallenge)?;
            let answer = challenge.key_authorization();
            offered.push(self.challenges.offer(&challenge.token, answer.as_str()));
            challenge.set_ready().await?;
        }
        match order.poll_ready(&patience()).await {
            Ok(OrderStatus::Ready) => Ok(()),
            // Some authorities leave an order as it was when they were not content.
            Ok(_) | Err(instant_acme::Error::Timeout(_)) => {
                Err(AcmeError::Refused { domain: domain.to_owned(), problem: problem(order).await })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn account(&mut self) -> Result<Account, AcmeError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let account = match self.kept()? {
            Some(credentials) => self.builder()?.from_credentials(credentials).await?,
            None => self.register().await?,
        };
        Ok(self.account.insert(account).clone())
    }

    async fn register(&self) -> Result<Account, AcmeError> {
        let contact = self.config.email.as_ref().map(|email| format!("mailto:{email}"));
        let contact: Vec<&str> = contact.iter().map(String::as_str).collect();
        let new = NewAccount {
            contact: &contact,
            terms_of_service_agreed: self.config.terms_of_service_agreed,
            only_return_existing: false,
        };
        let directory = self.config.directory.clone();
        let (account, credentials) = self.builder()?.create(&new, directory.clone(), None).await?;
        let kept = serde_json::to_string(&Kept { directory, credentials });
        write(&self.file(), &kept.map_err(instant_acme::Error::from)?, |_path| Ok(()))?;
        tracing::info!(directory = self.config.directory, "an account for certificates was made");
        Ok(account)
    }

    fn builder(&self) -> Result<instant_acme::AccountBuilder, AcmeError> {
        let authority = Authority::new(self.config.ca_file.clone());
        Ok(Account::builder_with_http(Box::new(authority)))
    }

    fn kept(&self) -> Result<Option<AccountCredentials>, AcmeError> {
        let failed = |error| AcmeError::File { path: self.file(), error };
        let text = match fs::read_to_string(self.file()) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let kept: Kept<AccountCredentials> =
            serde_json::from_str(&text).map_err(|error| failed(error.into()))?;
        Ok((kept.directory == self.config.directory).then_some(kept.credentials))
    }

    fn file(&self) -> PathBuf {
        self.config.folder.join("account.json")
    }
}

fn patience() -> RetryPolicy {
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).timeout(PATIENCE)
}

/// What the authority says of an order that failed.
async fn problem(order: &mut Order) -> String {
    let mut authorizations = order.authorizations();
    while let Some(Ok(mut authorization)) = authorizations.next().await {
        // What is known is from before it asked.
        if authorization.refresh().await.is_err() {
            continue;
        }
        let errors = authorization.challenges.iter().filter_map(|one| one.error.as_ref());
        if let Some(problem) = errors.map(ToString::to_string).next() {
            return problem;
        }
    }
    "it gives no reason".into()
}
