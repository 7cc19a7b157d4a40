//! Scopes: what each place of the configuration says of engagement, and what senders and
//! policy say of one message. Layers come in, the most specific first; the settings that
//! count go out, option by option, and where each of them comes from.

mod domains;

pub use domains::{
    SenderDomains, SenderPattern, SenderPatternError, TrackingDomains, sender_domain,
};

use crate::{
    context::Context,
    copy::{LinkPayload, Settings},
    decision::{Domain, LinkPattern, Parts, SignedMail},
    link::{Scheme, TrackingDomain, TrackingUrl, TrackingUrls},
    smtpapi::{HandOn, Request},
    unsubscribe::{ListUnsubscribe, MailtoUri},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

#[cfg(test)]
mod tests;

/// What one scope says. What it says nothing of is `None`, and is left to those that are
/// less specific. The fields are named as the keys of `[engagement]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// The base URL of links and pixels: their scheme, host and path at once.
    pub tracking_url: Option<TrackingUrl>,
    /// Their host, in place of that of the URL.
    pub tracking_domain: Option<TrackingDomain>,
    /// Their host for mail of these senders.
    pub tracking_domain_by_sender: Option<Arc<SenderDomains>>,
    /// Their host for mail of these customers.
    pub tracking_domain_by_customer: Option<Arc<BTreeMap<String, TrackingDomain>>>,
    /// The scheme of links, in place of that of the URL.
    pub click_tracking_scheme: Option<Scheme>,
    /// The scheme of pixels, in place of that of the URL.
    pub open_tracking_scheme: Option<Scheme>,
    /// Whether there is a pixel at the end. Without pixels there is none at the top either,
    /// unless the same scope wants it.
    pub open_tracking: Option<bool>,
    /// Whether there is one at the top.
    pub initial_open_tracking: Option<bool>,
    /// Whether links are tracked.
    pub click_tracking: Option<bool>,
    /// Whether URLs in text are tracked as well.
    pub text_links: Option<bool>,
    /// Which parts are covered.
    pub parts: Option<Parts>,
    /// Whether links in AMP parts are tracked.
    pub amp: Option<bool>,
    /// Whether links for Outlook alone are tracked.
    pub vml_links: Option<bool>,
    /// A link that no person sees.
    pub honeypot_link: Option<bool>,
    /// Links to these domains are left alone.
    pub excluded_domains: Option<Vec<Domain>>,
    /// Links like these are left alone.
    pub excluded_links: Option<Vec<LinkPattern>>,
    /// Whether links are left alone whose text is a URL.
    pub skip_links_shown_as_urls: Option<bool>,
    /// Whether what is said to the tracker alone is taken out.
    pub remove_link_attributes: Option<bool>,
    /// Whether Momentum's escapes of braces are undone.
    pub substitution_escapes: Option<bool>,
    /// What becomes of mail with a DKIM signature.
    pub signed_mail: Option<SignedMail>,
    /// Largest message that is rewritten, in octets.
    pub message_octets_rewritten_max: Option<usize>,
    /// Whether X-MSYS-API is read.
    pub x_msys_api: Option<bool>,
    /// The header fields in which options of X-MSYS-API are handed on, each by itself.
    pub hand_on: HandOn,
    /// From where engagements have what is known of their message.
    pub link_payload: Option<LinkPayload>,
    /// Most octets of metadata that engagements tell.
    pub max_metadata_len: Option<usize>,
    /// Whether clicks tell it as well as opens.
    pub click_tracking_include_metadata: Option<bool>,
    /// Whether links work on their host alone.
    pub bind_links_to_host: Option<bool>,
    /// For how many days an engagement is reported.
    pub link_expiry_days: Option<u32>,
    /// The header field that carries the message id.
    pub message_id_field: Option<String>,
    /// Whether the mail was asked for, so that there is no list to leave.
    pub transactional: Option<bool>,
    /// What becomes of the List-Unsubscribe field.
    pub list_unsubscribe: Option<ListUnsubscribe>,
    /// The operator's own address in one that is put in.
    pub list_unsubscribe_mailto: Option<MailtoUri>,
}

impl Layer {
    /// Has the settings say what this layer says, and gives the keys of all that it has
    /// settled. A URL settles scheme and host as well, and a domain goes before what less
    /// specific scopes have for some senders.
    pub fn apply(&self, settings: &mut Settings) -> Vec<&'static str> {
        let mut keys = Vec::new();
        self.apply_places(settings, &mut keys);
        let decision = &mut settings.decision;
        if self.open_tracking == Some(false) {
            put(&mut keys, INITIAL_OPEN_TRACKING, &mut decision.initial_open, &Some(false));
        }
        let mut flag =
            |key, target: &mut bool, said: &Option<bool>| put(&mut keys, key, target, said);
        flag(OPEN_TRACKING, &mut decision.open, &self.open_tracking);
        flag(INITIAL_OPEN_TRACKING, &mut decision.initial_open, &self.initial_open_tracking);
        flag(CLICK_TRACKING, &mut decision.click, &self.click_tracking);
        flag("text_links", &mut decision.text_links, &self.text_links);
        flag("amp", &mut decision.amp, &self.amp);
        flag("vml_links", &mut decision.vml_links, &self.vml_links);
        flag("honeypot_link", &mut decision.honeypot, &self.honeypot_link);
        let skips = &mut decision.skip_links_shown_as_urls;
        flag("skip_links_shown_as_urls", skips, &self.skip_links_shown_as_urls);
        let removes = &mut decision.remove_link_attributes;
        flag("remove_link_attributes", removes, &self.remove_link_attributes);
        let escapes = &mut decision.substitution_escapes;
        flag("substitution_escapes", escapes, &self.substitution_escapes);
        flag("x_msys_api", &mut settings.reads_smtpapi, &self.x_msys_api);
        let in_clicks = &mut settings.metadata_in_clicks;
        flag(CLICK_METADATA, in_clicks, &self.click_tracking_include_metadata);
        flag("bind_links_to_host", &mut settings.bind_links_to_host, &self.bind_links_to_host);
        put(&mut keys, "link_payload", &mut settings.link_payload, &self.link_payload);
        put(&mut keys, METADATA_MAX, &mut settings.metadata_octets_max, &self.max_metadata_len);
        let fields = settings.hand_on.keys_mut().into_iter().zip(self.hand_on.keys());
        for ((key, field), (_, said)) in fields.filter(|(_, (_, said))| said.is_some()) {
            put(&mut keys, key, field, &Some(said.clone()));
        }
        put(&mut keys, "parts", &mut decision.parts, &self.parts);
        let exclusions = &mut decision.exclusions;
        put(&mut keys, "excluded_domains", &mut exclusions.domains, &self.excluded_domains);
        put(&mut keys, "excluded_links", &mut exclusions.links, &self.excluded_links);
        put(&mut keys, "signed_mail", &mut decision.signed_mail, &self.signed_mail);
        let octets_max = &mut decision.message_octets_rewritten_max;
        put(&mut keys, REWRITTEN_MAX, octets_max, &self.message_octets_rewritten_max);
        put(&mut keys, LINK_EXPIRY, &mut settings.link_expiry_days, &self.link_expiry_days);
        let field = &mut settings.message_id_field;
        put(&mut keys, "message_id_field", field, &self.message_id_field);
        put(&mut keys, TRANSACTIONAL, &mut decision.is_transactional, &self.transactional);
        let unsubscribe = &mut decision.list_unsubscribe;
        put(&mut keys, LIST_UNSUBSCRIBE, unsubscribe, &self.list_unsubscribe);
        let mailto = self.list_unsubscribe_mailto.clone().map(Some);
        put(&mut keys, UNSUBSCRIBE_MAILTO, &mut settings.list_unsubscribe_mailto, &mailto);
        keys
    }

    /// Where links and pixels lead.
    fn apply_places(&self, settings: &mut Settings, keys: &mut Vec<&'static str>) {
        let (urls, domains) = (&mut settings.tracking_urls, &mut settings.tracking_domains);
        if let Some(url) = &self.tracking_url {
            *urls = TrackingUrls::both(url.clone());
            keys.extend([TRACKING_URL, CLICK_SCHEME, OPEN_SCHEME]);
        }
        if let Some(domain) = &self.tracking_domain {
            urls.set_domain(domain);
        }
        if self.tracking_url.is_some() || self.tracking_domain.is_some() {
            *domains = TrackingDomains::default();
            keys.extend([TRACKING_DOMAIN, BY_SENDER, BY_CUSTOMER]);
        }
        put(keys, BY_SENDER, &mut domains.by_sender, &self.tracking_domain_by_sender);
        put(keys, BY_CUSTOMER, &mut domains.by_customer, &self.tracking_domain_by_customer);
        let schemes = [
            (CLICK_SCHEME, &mut urls.click, self.click_tracking_scheme),
            (OPEN_SCHEME, &mut urls.open, self.open_tracking_scheme),
        ];
        for (key, url, said) in schemes {
            put(keys, key, url, &said.map(|scheme| url.with_scheme(scheme)));
        }
        if !keys.is_empty() {
            settings.leave_own_links_alone();
        }
    }
}

/// Puts what a layer says in its place.
fn put<T: Clone>(
    keys: &mut Vec<&'static str>,
    key: &'static str,
    target: &mut T,
    said: &Option<T>,
) {
    if let Some(said) = said {
        target.clone_from(said);
        keys.push(key);
    }
}

const TRACKING_URL: &str = "tracking_url";
const TRACKING_DOMAIN: &str = "tracking_domain";
const BY_SENDER: &str = "tracking_domain_by_sender";
const BY_CUSTOMER: &str = "tracking_domain_by_customer";
const CLICK_SCHEME: &str = "click_tracking_scheme";
const OPEN_SCHEME: &str = "open_tracking_scheme";
const OPEN_TRACKING: &str = "open_tracking";
const INITIAL_OPEN_TRACKING: &str = "initial_open_tracking";
const CLICK_TRACKING: &str = "click_tracking";
const REWRITTEN_MAX: &str = "message_mib_rewritten_max";
const LINK_EXPIRY: &str = "link_expiry_days";
const METADATA_MAX: &str = "max_metadata_len";
const CLICK_METADATA: &str = "click_tracking_include_metadata";
const TRANSACTIONAL: &str = "transactional";
const LIST_UNSUBSCRIBE: &str = "list_unsubscribe";
const UNSUBSCRIBE_MAILTO: &str = "list_unsubscribe_mailto";

impl From<&Request> for Layer {
    /// What a sender says in X-MSYS-API.
    fn from(request: &Request) -> Self {
        Self {
            open_tracking: request.open_tracking,
            initial_open_tracking: request.initial_open,
            click_tracking: request.click_tracking,
            transactional: request.options.transactional,
            ..Self::default()
        }
    }
}

/// A context variable whose value is none that it may have. It counts as not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("context variable {name} must be {expected}")]
pub struct WrongVariable {
    /// What it is called.
    pub name: &'static str,
    /// What it must be.
    pub expected: &'static str,
}

impl Layer {
    /// What context variables say, and those that say nothing that could be understood.
    pub fn of_context(context: &Context) -> (Self, Vec<WrongVariable>) {
        let mut wrong = Vec::new();
        let layer = Self {
            open_tracking: read(context, OPEN_TRACKING, BOOLEAN, boolean, &mut wrong),
            click_tracking: read(context, CLICK_TRACKING, BOOLEAN, boolean, &mut wrong),
            open_tracking_scheme: read(context, OPEN_SCHEME, SCHEME, parsed, &mut wrong),
            click_tracking_scheme: read(context, CLICK_SCHEME, SCHEME, parsed, &mut wrong),
            tracking_domain: read(context, TRACKING_DOMAIN, DOMAIN, parsed, &mut wrong),
            link_expiry_days: read(context, LINK_EXPIRY, SECONDS, expiry_days, &mut wrong),
            transactional: read(context, TRANSACTIONAL, BOOLEAN, boolean, &mut wrong),
            list_unsubscribe: read(context, LIST_UNSUBSCRIBE, UNSUBSCRIBE, parsed, &mut wrong),
            ..Self::default()
        };
        (layer, wrong)
    }
}

const UNSUBSCRIBE: &str = "\"off\", \"add\" or \"proxy\"";
const BOOLEAN: &str = "\"1\", \"0\", \"true\" or \"false\"";
const SCHEME: &str = "\"http\" or \"https\"";
const DOMAIN: &str = "a host, or a host and port";
const SECONDS: &str = "a number of seconds from 1 to 3153600000";

/// Reads the variable that goes before a key. An empty one says nothing: scripts cannot tell
/// it from a variable that is not set.
fn read<T>(
    context: &Context,
    key: &'static str,
    expected: &'static str,
    of: fn(&str) -> Option<T>,
    wrong: &mut Vec<WrongVariable>,
) -> Option<T> {
    let name = variable(key)?;
    let text = context.variable(name).map(str::trim).filter(|text| !text.is_empty());
    let value = of(text?);
    if value.is_none() {
        wrong.push(WrongVariable { name, expected });
    }
    value
}

/// The context variable that goes before a key, if there is one.
fn variable(key: &str) -> Option<&'static str> {
    Some(match key {
        OPEN_TRACKING | INITIAL_OPEN_TRACKING => "smtpapi_open_tracking",
        CLICK_TRACKING => "smtpapi_click_tracking",
        OPEN_SCHEME => "smtpapi_open_tracking_scheme",
        CLICK_SCHEME => "smtpapi_click_tracking_scheme",
        TRACKING_DOMAIN | BY_SENDER | BY_CUSTOMER => "smtpapi_tracking_domain",
        LINK_EXPIRY => "smtpapi_tracking_link_expiry",
        // Momentum has none for these.
        TRANSACTIONAL => "smtpapi_transactional",
        LIST_UNSUBSCRIBE => "smtpapi_list_unsubscribe",
        _ => return None,
    })
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn parsed<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// Seconds as days, the last of which counts whole: a link says no more.
fn expiry_days(text: &str) -> Option<u32> {
    const DAYS_MAX: u64 = 36_500;
    let days = text.parse::<u64>().ok()?.div_ceil(86_400);
    (1..=DAYS_MAX).contains(&days).then(|| u32::try_from(days).ok()).flatten()
}

/// Where a layer stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A table of the configuration, by its name.
    Table(String),
    /// The message's own X-MSYS-API.
    Header,
    /// Context variables.
    Context,
}

/// A layer and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Where it stands.
    pub origin: Origin,
    /// What it says.
    pub layer: Layer,
}

/// What counts where several scopes are one within the other.
#[derive(Debug, Clone)]
pub struct Effective<'s> {
    /// The settings.
    pub settings: Settings,
    /// The scope that has settled a key; none has where the default counts.
    settled_by: BTreeMap<&'static str, &'s Scope>,
}

/// What counts of these scopes, the most specific of which comes first: for each key the
/// first that says something, or else the default.
pub fn effective<'s>(scopes: &[&'s Scope]) -> Effective<'s> {
    let mut settings = Settings::default();
    let mut settled_by = BTreeMap::new();
    for scope in scopes.iter().rev() {
        let keys = scope.layer.apply(&mut settings);
        settled_by.extend(keys.into_iter().map(|key| (key, *scope)));
    }
    Effective { settings, settled_by }
}

/// A key with the value that counts, as the configuration writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The key of `[engagement]`.
    pub key: &'static str,
    /// Its value.
    pub value: String,
    /// Where it comes from.
    pub origin: String,
}

impl Effective<'_> {
    /// Whether some scope says where links lead. The default leads nowhere that a recipient
    /// could reach.
    pub fn has_tracking_domain(&self) -> bool {
        self.settled_by.contains_key(TRACKING_DOMAIN)
    }

    /// Each key, in the order of the reference.
    pub fn explain(&self) -> Vec<Explained> {
        let values = values(&self.settings);
        values.into_iter().map(|(key, value)| self.explained(key, value)).collect()
    }

    fn explained(&self, key: &'static str, value: String) -> Explained {
        let scope = self.settled_by.get(key);
        let said = scope.and_then(|scope| scope.layer.tracking_url.as_ref());
        let value = match said.filter(|_| key == TRACKING_URL) {
            // As it was said: what counts of it is told by the keys behind it.
            Some(url) => quoted(url),
            None => value,
        };
        let origin = match scope.map(|scope| &scope.origin) {
            None => "default".to_owned(),
            Some(Origin::Table(name)) => name.clone(),
            Some(Origin::Header) => crate::smtpapi::FIELD.to_owned(),
            Some(Origin::Context) => match variable(key) {
                Some(name) => format!("context variable {name}"),
                None => "context variables".to_owned(),
            },
        };
        Explained { key, value, origin }
    }
}

/// Each key with its value, as the configuration writes them.
fn values(settings: &Settings) -> Vec<(&'static str, String)> {
    let Settings { decision, tracking_urls: urls, tracking_domains: domains, .. } = settings;
    let exclusions = &decision.exclusions;
    let mailto = settings.list_unsubscribe_mailto.as_ref().map(ToString::to_string);
    let mailto = mailto.unwrap_or_default();
    let handed_on = settings
        .hand_on
        .keys()
        .map(|(key, field)| (key, quoted(field.as_deref().unwrap_or_default())));
    let mut values = vec![
        (TRACKING_URL, quoted(&urls.click)),
        (TRACKING_DOMAIN, quoted(urls.click.domain())),
        (BY_SENDER, table(domains.by_sender.iter())),
        (BY_CUSTOMER, table(domains.by_customer.iter())),
        (CLICK_SCHEME, quoted(urls.click.scheme())),
        (OPEN_SCHEME, quoted(urls.open.scheme())),
        (OPEN_TRACKING, decision.open.to_string()),
        (INITIAL_OPEN_TRACKING, decision.initial_open.to_string()),
        (CLICK_TRACKING, decision.click.to_string()),
        ("text_links", decision.text_links.to_string()),
        ("parts", quoted(decision.parts.name())),
        ("amp", decision.amp.to_string()),
        ("vml_links", decision.vml_links.to_string()),
        ("honeypot_link", decision.honeypot.to_string()),
        ("excluded_domains", list(&exclusions.domains)),
        ("excluded_links", list(&exclusions.links)),
        ("skip_links_shown_as_urls", decision.skip_links_shown_as_urls.to_string()),
        ("remove_link_attributes", decision.remove_link_attributes.to_string()),
        ("substitution_escapes", decision.substitution_escapes.to_string()),
        ("signed_mail", quoted(decision.signed_mail.name())),
        (REWRITTEN_MAX, (decision.message_octets_rewritten_max >> 20).to_string()),
        ("x_msys_api", settings.reads_smtpapi.to_string()),
    ];
    values.extend(handed_on);
    values.extend([
        ("link_payload", quoted(settings.link_payload.name())),
        (METADATA_MAX, settings.metadata_octets_max.to_string()),
        (CLICK_METADATA, settings.metadata_in_clicks.to_string()),
        ("bind_links_to_host", settings.bind_links_to_host.to_string()),
        (LINK_EXPIRY, settings.link_expiry_days.to_string()),
        ("message_id_field", quoted(&settings.message_id_field)),
        (TRANSACTIONAL, decision.is_transactional.to_string()),
        (LIST_UNSUBSCRIBE, quoted(decision.list_unsubscribe.name())),
        (UNSUBSCRIBE_MAILTO, quoted(mailto)),
    ]);
    values
}

fn quoted(value: impl fmt::Display) -> String {
    format!("{:?}", value.to_string())
}

fn list(values: &[impl fmt::Display]) -> String {
    format!("[{}]", values.iter().map(quoted).collect::<Vec<_>>().join(", "))
}

fn table(entries: impl Iterator<Item = (impl fmt::Display, impl fmt::Display)>) -> String {
    let entries: Vec<_> =
        entries.map(|(key, value)| format!("{} = {}", quoted(key), quoted(value))).collect();
    match entries.is_empty() {
        true => "{}".into(),
        false => format!("{{ {} }}", entries.join(", ")),
    }
}

/// Beginnings of all links that may be made where these layers stand: what one scope has
/// tracked, another one leaves alone. The path of a URL is that of its own host alone, which
/// may have other pages besides; a domain that is said alone has any of them.
pub fn own_links<'l>(layers: impl IntoIterator<Item = &'l Layer>) -> Vec<String> {
    let (mut urls, mut domains, mut schemes) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for layer in layers {
        urls.extend(&layer.tracking_url);
        schemes.extend(layer.click_tracking_scheme.map(Scheme::name));
        schemes.extend(layer.open_tracking_scheme.map(Scheme::name));
        let of_senders = layer.tracking_domain_by_sender.iter().flat_map(|map| map.iter());
        let of_customers = layer.tracking_domain_by_customer.iter().flat_map(|map| map.values());
        domains.extend(&layer.tracking_domain);
        domains.extend(of_senders.map(|(_, domain)| domain).chain(of_customers));
    }
    let mut own = BTreeSet::new();
    let mut paths: BTreeSet<_> = urls.iter().map(|url| (url.scheme().name(), url.path())).collect();
    if paths.is_empty() {
        paths.insert((Scheme::Http.name(), "/"));
    }
    let below = |domain: &str, scheme: &str, path: &str| format!("{scheme}://{domain}{path}");
    for url in urls {
        own.insert(url.to_string());
        own.extend(schemes.iter().map(|scheme| below(url.domain(), scheme, url.path())));
    }
    for domain in domains {
        for (scheme, path) in &paths {
            let schemes = schemes.iter().chain([scheme]);
            own.extend(schemes.map(|scheme| below(domain.as_str(), scheme, path)));
        }
    }
    own.into_iter().collect()
}
