//! One copy of a message for one recipient: the settings of the sender's scope and
//! the facts of the moment come in, the tracked copy goes out. The gateway and
//! `mailwake rewrite` both make their copies here, so they give the same octets.

use crate::{
    context::Context,
    decision::Decision,
    event::{MetadataReach, RcptType},
    ids::{MessageId, Timestamp},
    link::{CopyFacts, SealedLinks, TrackingUrl, TrackingUrls},
    rewrite::{FieldEdit, IdField, Plan, TrackedCopy},
    scope::{Layer, TrackingDomains, WrongVariable},
    smtpapi::{self, HandOn, Mailbox, Refusal, Request},
    token::{self, Day, Sealer},
    unsubscribe::MailtoUri,
};

use std::sync::Arc;

/// The name of the field that carries the message id, unless it is configured.
pub const MESSAGE_ID_FIELD: &str = "X-Sp-Message-Id";

/// After so many days an engagement is not reported any more, unless configured
/// (Momentum's `tracking_link_expiry` of 31,536,000 seconds).
pub const LINK_EXPIRY_DAYS: u32 = 365;

/// Most octets of metadata that engagements tell, unless configured (Momentum's
/// `max_metadata_len`).
pub const METADATA_OCTETS_MAX: usize = 1_000;

/// From where opens and clicks have what is known of their message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkPayload {
    /// The store knows it, by the message id.
    #[default]
    Joined,
    /// Links carry the campaign id and the metadata, for a tracker that has no store to ask.
    SelfContained,
}

impl LinkPayload {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::SelfContained => "self_contained",
        }
    }
}

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
    /// From where engagements have what is known of their message.
    pub link_payload: LinkPayload,
    /// Most octets of metadata, as JSON, that an engagement tells. Of larger metadata it
    /// tells nothing: half of an object is none.
    pub metadata_octets_max: usize,
    /// Whether clicks tell it as well as opens.
    pub metadata_in_clicks: bool,
    /// How options of X-MSYS-API reach the MTA.
    pub hand_on: HandOn,
    /// The operator's own address in a List-Unsubscribe field that is put in.
    pub list_unsubscribe_mailto: Option<MailtoUri>,
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
            link_payload: LinkPayload::default(),
            metadata_octets_max: METADATA_OCTETS_MAX,
            metadata_in_clicks: true,
            hand_on: HandOn::default(),
            list_unsubscribe_mailto: None,
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
    pub request: Arc<Request>,
    /// The context variables whose values say nothing, so they do not count.
    pub variables_ignored: Vec<WrongVariable>,
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
            let settings = Arc::make_mut(&mut settings);
            Layer::from(request).apply(settings);
            // It was read, and it carries metadata that is nobody's business.
            settings.decision.removes_smtpapi = true;
        }
        let (variables, variables_ignored) = Layer::of_context(context);
        let settings = settings.under(&variables);
        let mut request = request.cloned().unwrap_or_default().under(context)?;
        let is_transactional = settings.decision.is_transactional;
        if is_transactional != (request.options.transactional == Some(true)) {
            // The MTA and events are told what counts.
            request.options.transactional = Some(is_transactional);
        }
        Ok(Self { settings, request: request.into(), variables_ignored })
    }

    /// Octets of the metadata, as JSON; 0 without any.
    pub fn metadata_octets(&self) -> usize {
        match self.request.metadata.is_empty() {
            true => 0,
            false => smtpapi::metadata_octets(&self.request.metadata),
        }
    }

    /// Which engagements tell of the metadata.
    pub fn metadata_reach(&self) -> MetadataReach {
        let Settings { metadata_octets_max, metadata_in_clicks, .. } = *self.settings;
        match () {
            () if self.request.metadata.is_empty() => MetadataReach::Engagement,
            () if self.metadata_octets() > metadata_octets_max => MetadataReach::Reception,
            () if metadata_in_clicks => MetadataReach::Engagement,
            () => MetadataReach::Opens,
        }
    }

    /// What links carry for a tracker without a store: those of pixels, and the others.
    fn contexts(&self) -> (Option<token::Context>, Option<token::Context>) {
        let campaign_id = self.request.campaign_id.clone().unwrap_or_default();
        let is_empty = campaign_id.is_empty() && self.request.metadata.is_empty();
        if self.settings.link_payload == LinkPayload::Joined || is_empty {
            return (None, None);
        }
        let reach = self.metadata_reach();
        let context = |is_told: bool| {
            let told = is_told && !self.request.metadata.is_empty();
            let json = told.then(|| serde_json::to_string(&self.request.metadata));
            let metadata = json.and_then(Result::ok).unwrap_or_default();
            token::Context { campaign_id: campaign_id.clone(), metadata }
        };
        let of_pixels = context(reach != MetadataReach::Reception);
        (Some(of_pixels), Some(context(reach == MetadataReach::Engagement)))
    }

    /// The edits of the header that the sender asks for, in the copy for a recipient of
    /// this type: whom it shows (`cc` is that of [`smtpapi::FurtherRecipients::cc_field`]),
    /// and what is handed on to the MTA.
    pub fn fields(
        &self,
        rcpt_type: RcptType,
        recipient: Option<&Mailbox>,
        cc: Option<&FieldEdit>,
    ) -> Vec<FieldEdit> {
        let mut fields: Vec<FieldEdit> = cc.cloned().into_iter().collect();
        match (rcpt_type, recipient) {
            (RcptType::Bcc, Some(recipient)) => {
                fields.push(FieldEdit::put("Bcc", recipient.shown()));
            }
            (RcptType::Bcc | RcptType::Archive, _) => fields.push(FieldEdit::remove("Bcc")),
            (RcptType::To | RcptType::Cc, _) => {}
        }
        let handed_on = self.settings.hand_on.fields(&self.request.options);
        fields.extend(handed_on.map(|(name, value)| FieldEdit::put(name, value)));
        fields
    }
}

/// Which of the copies of a message one is.
#[derive(Debug, Clone, Copy)]
pub struct Addressed<'a> {
    /// The id of the copy.
    pub message_id: MessageId,
    /// Whose links it carries: its own, as a rule.
    pub links_of: MessageId,
    /// What else is to become of its header.
    pub fields: &'a [FieldEdit],
}

impl From<MessageId> for Addressed<'_> {
    fn from(message_id: MessageId) -> Self {
        Self { message_id, links_of: message_id, fields: &[] }
    }
}

/// One copy, made at `now`. A message that is not tracked gets its id all the same: it is
/// counted, and bounces find it.
pub fn make<'m>(
    plan: &Plan<'m>,
    terms: &Terms,
    addressed: &Addressed<'_>,
    now: Timestamp,
    sealer: &mut Sealer,
) -> TrackedCopy<'m> {
    let settings = &terms.settings;
    let (open_context, click_context) = terms.contexts();
    let facts = CopyFacts {
        tracking_urls: &settings.tracking_urls,
        is_host_bound: settings.bind_links_to_host,
        tenant: 0,
        message_id: addressed.links_of,
        expires_after: Some(Day::of(now).plus(settings.link_expiry_days)),
        open_context,
        click_context,
        list_unsubscribe_mailto: settings.list_unsubscribe_mailto.as_ref(),
    };
    let value = addressed.message_id.to_string();
    let id = IdField { name: &settings.message_id_field, value: &value };
    plan.copy_with(Some(id), addressed.fields, &mut SealedLinks::new(facts, sealer))
}

#[cfg(test)]
mod tests;
