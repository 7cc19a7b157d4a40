//! One copy of a message for one recipient: the settings of the sender's scope and
//! the facts of the moment come in, the tracked copy goes out. The gateway and
//! `mailwake rewrite` both make their copies here, so they give the same octets.

use crate::{
    decision::Decision,
    ids::{MessageId, Timestamp},
    link::{CopyFacts, SealedLinks, TrackingUrl},
    rewrite::{IdField, Plan, TrackedCopy},
    smtpapi::{self, Refusal, Request},
    token::{Day, Sealer},
};

use std::borrow::Cow;

/// The name of the field that carries the message id, unless it is configured.
pub const MESSAGE_ID_FIELD: &str = "X-Sp-Message-Id";

/// After so many days an engagement is not reported any more, unless configured
/// (Momentum's `tracking_link_expiry` of 31,536,000 seconds).
pub const LINK_EXPIRY_DAYS: u32 = 365;

/// How the messages of one scope are tracked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What is tracked.
    pub decision: Decision,
    /// Where tracked links lead.
    pub tracking_url: TrackingUrl,
    /// Whether a link works on the host of the tracking URL alone.
    pub bind_links_to_host: bool,
    /// For how many days after the copy was made an engagement is reported.
    pub link_expiry_days: u32,
    /// The name of the header field that carries the message id.
    pub message_id_field: String,
    /// Whether senders may decide for a message in X-MSYS-API.
    pub reads_smtpapi: bool,
}

impl Settings {
    /// Pixel and links tracked, everything else as by default.
    pub fn new(tracking_url: TrackingUrl) -> Self {
        let mut settings = Self {
            decision: Decision::default(),
            tracking_url,
            bind_links_to_host: false,
            link_expiry_days: LINK_EXPIRY_DAYS,
            message_id_field: MESSAGE_ID_FIELD.into(),
            reads_smtpapi: true,
        };
        settings.decision.tracking_urls = vec![settings.tracking_url.as_str().into()];
        settings
    }

    /// What is tracked in this message, and what its sender asks for, if anything. An
    /// error is a reason to refuse the message.
    pub fn decide(&self, message: &[u8]) -> Result<(Cow<'_, Decision>, Option<Request>), Refusal> {
        let request = if self.reads_smtpapi { smtpapi::read(message)? } else { None };
        let decision = match &request {
            Some(request) => Cow::Owned(request.apply(&self.decision)),
            None => Cow::Borrowed(&self.decision),
        };
        Ok((decision, request))
    }
}

/// The copy that carries `message_id`, made at `now`. A message that is not tracked
/// gets its id all the same: it is counted, and bounces find it.
pub fn make<'m>(
    plan: &Plan<'m>,
    settings: &Settings,
    message_id: MessageId,
    now: Timestamp,
    sealer: &mut Sealer,
) -> TrackedCopy<'m> {
    let facts = CopyFacts {
        tracking_url: &settings.tracking_url,
        is_host_bound: settings.bind_links_to_host,
        tenant: 0,
        message_id,
        expires_after: Some(Day::of(now).plus(settings.link_expiry_days)),
        context: None,
    };
    let value = message_id.to_string();
    let id = IdField { name: &settings.message_id_field, value: &value };
    plan.copy(Some(id), &mut SealedLinks::new(facts, sealer))
}
