//! Whether a message is taken, and on what terms: where it has come in and what was said of
//! it go in, terms and audience come out, or what its sender is told instead.

use super::audience::Audience;
use crate::gateway::{Gateway, RefusalReason, scopes::ClientScope, stamp::NoRandomness};
use mail::smtp::{reply::Reply, session::Transaction};
use std::sync::Arc;
use tracing::error;
use tracking::{
    account::Account,
    context::Context,
    copy::{Settings, Terms},
    scope::sender_domain,
    smtpapi::Refusal,
};

/// Where a message has come in, and what was said of it on its way.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Scoped<'a> {
    pub(in crate::gateway) scope: &'a ClientScope,
    pub(in crate::gateway) context: &'a Context,
}

impl Scoped<'_> {
    /// How a message is tracked here, as far as the configuration says.
    pub(super) fn settings(
        &self,
        gateway: &Gateway,
        transaction: &Transaction,
        content: &[u8],
    ) -> Arc<Settings> {
        let settings = gateway.settings(self.scope, self.context);
        if settings.tracking_domains.is_empty() {
            return settings;
        }
        let sender = sender_domain(content, &transaction.reverse_path.mailbox);
        settings.for_sender(&sender, &Account::of_context(self.context).customer_id)
    }
}

/// On what terms a message is taken, and who gets it.
pub(super) fn take_up<'t>(
    settings: &Arc<Settings>,
    transaction: &'t Transaction,
    content: &[u8],
    context: &Context,
) -> Result<(Terms, Audience<'t>), Refused> {
    let request = settings.request(content)?;
    let terms = Terms::new(settings, request.as_ref(), context)?;
    let audience = Audience::of(transaction, &terms.request, content)?;
    Ok((terms, audience))
}

/// Why the gateway takes no message, and what its sender is told.
pub(super) struct Refused {
    pub(super) reason: RefusalReason,
    pub(super) reply: Reply,
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let reply = Reply::new(Refusal::CODE, Refusal::ENHANCED, &refusal.to_string());
        Self { reason: RefusalReason::XMsysApi, reply }
    }
}

impl From<NoRandomness> for Refused {
    /// In the words of Momentum, which has senders that know them.
    fn from(error: NoRandomness) -> Self {
        error!(%error, "a message was refused because no id can be made for it");
        let text = "[internal] smtpapi unable to generate unique transmission id";
        Self { reason: RefusalReason::NoId, reply: Reply::new(421, "4.3.3", text) }
    }
}
