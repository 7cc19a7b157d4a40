//! One copy of a message for one recipient: the settings of the sender's scope and
//! the facts of the moment come in, the tracked copy goes out. The gateway and
//! `mailwake rewrite` both make their copies here, so they give the same octets.

use crate::{
    context::Context,
    decision::Decision,
    ids::{MessageId, Timestamp},
    link::{CopyFacts, SealedLinks, TrackingUrl},
    rewrite::{IdField, Plan, TrackedCopy},
    smtpapi::{self, Refusal, Request},
    token::{Day, Sealer},
};

use std::sync::Arc;

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

    /// What the sender asks for in the header of a message, where that is read. An error is
    /// a reason to refuse the message.
    pub fn request(&self, message: &[u8]) -> Result<Option<Request>, Refusal> {
        if self.reads_smtpapi { smtpapi::read(message) } else { Ok(None) }
    }
}

/// The terms of one copy: how it is tracked, and what its sender wants known of it.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How it is tracked.
    pub settings: Arc<Settings>,
    /// What its sender asks for; empty where that is nothing.
    pub request: Request,
}

impl Terms {
    /// The terms in a scope with these settings. What a context variable says goes before
    /// what the sender says in the header, which goes before the settings, each by itself.
    /// An error is a reason to refuse the message.
    pub fn new(
        settings: &Arc<Settings>,
        request: Option<&Request>,
        _context: &Context,
    ) -> Result<Self, Refusal> {
        let mut settings = settings.clone();
        if let Some(request) = request {
            let decision = request.apply(&settings.decision);
            Arc::make_mut(&mut settings).decision = decision;
        }
        Ok(Self { settings, request: request.cloned().unwrap_or_default() })
    }
}

/// The copy that carries `message_id`, made at `now`. A message that is not tracked
/// gets its id all the same: it is counted, and bounces find it.
pub fn make<'m>(
    plan: &Plan<'m>,
    terms: &Terms,
    message_id: MessageId,
    now: Timestamp,
    sealer: &mut Sealer,
) -> TrackedCopy<'m> {
    let settings = &terms.settings;
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
