//! One copy of a message for one recipient: the settings of the sender's scope and
//! the facts of the moment come in, the tracked copy goes out. The gateway and
//! `mailwake rewrite` both make their copies here, so they give the same octets.

use crate::{
    context::Context,
    decision::Decision,
    ids::{MessageId, Timestamp},
    link::{CopyFacts, SealedLinks, TrackingUrl, TrackingUrls},
    rewrite::{IdField, Plan, TrackedCopy},
    scope::{Layer, TrackingDomains},
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
    /// Where tracked links and pixels lead.
    pub tracking_urls: TrackingUrls,
    /// Below which hosts they lead instead, for some mail.
    pub tracking_domains: TrackingDomains,
    /// Whether a link works on its host alone.
    pub bind_links_to_host: bool,
    /// For how many days after the copy was made an engagement is reported.
    pub link_expiry_days: u32,
    /// The name of the header field that carries the message id.
    pub message_id_field: String,
    /// Whether senders may decide for a message in X-MSYS-API.
    pub reads_smtpapi: bool,
}

impl Default for Settings {
    /// Pixel and links tracked, below Momentum's default, which is for a trial alone.
    fn default() -> Self {
        let tracking_url = "http://localhost:8080/".parse().expect("it is a tracking URL");
        Self {
            decision: Decision::default(),
            tracking_urls: TrackingUrls::both(tracking_url),
            tracking_domains: TrackingDomains::default(),
            bind_links_to_host: false,
            link_expiry_days: LINK_EXPIRY_DAYS,
            message_id_field: MESSAGE_ID_FIELD.into(),
            reads_smtpapi: true,
        }
    }
}

impl Settings {
    /// Pixel and links tracked, everything else as by default.
    pub fn new(tracking_url: TrackingUrl) -> Self {
        let tracking_urls = TrackingUrls::both(tracking_url);
        let mut settings = Self { tracking_urls, ..Self::default() };
        settings.leave_own_links_alone();
        settings
    }

    /// The settings for mail of this customer whose sender has this domain, either of which
    /// may be empty: links lead below the host that is theirs.
    pub fn for_sender(self: &Arc<Self>, sender_domain: &str, customer_id: &str) -> Arc<Self> {
        let mut settings = self.clone();
        if let Some(domain) = self.tracking_domains.of(sender_domain, customer_id) {
            let settings = Arc::make_mut(&mut settings);
            settings.tracking_urls.set_domain(domain);
            settings.leave_own_links_alone();
        }
        settings
    }

    /// The settings of a message of which a more specific layer says something.
    pub fn under(self: &Arc<Self>, layer: &Layer) -> Arc<Self> {
        let mut settings = self.clone();
        if *layer != Layer::default() {
            layer.apply(Arc::make_mut(&mut settings));
        }
        settings
    }

    /// Links below the tracking URLs are not tracked again.
    pub(crate) fn leave_own_links_alone(&mut self) {
        let own = &mut self.decision.tracking_urls;
        for url in [&self.tracking_urls.click, &self.tracking_urls.open] {
            if !own.iter().any(|known| known == url.as_str()) {
                own.push(url.as_str().into());
            }
        }
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
        context: &Context,
    ) -> Result<Self, Refusal> {
        let mut settings = settings.clone();
        if let Some(request) = request {
            let decision = request.apply(&settings.decision);
            Arc::make_mut(&mut settings).decision = decision;
        }
        let (variables, _wrong) = Layer::of_context(context);
        let settings = settings.under(&variables);
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
        tracking_urls: &settings.tracking_urls,
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
