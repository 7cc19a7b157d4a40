//! `[engagement]`, and every table with its keys: how messages are tracked, as far as that
//! table says so.

use super::{mebibytes, reader::Section};
use std::collections::BTreeMap;
use tracking::{
    copy::{LINK_EXPIRY_DAYS, LinkPayload, MESSAGE_ID_FIELD, METADATA_OCTETS_MAX},
    decision::{
        Decision, DomainError, LinkPatternError, MESSAGE_MIB_REWRITTEN_MAX, Parts, SignedMail,
    },
    link::{Scheme, SchemeError, TrackingDomain, TrackingDomainError, TrackingUrl},
    scope::{Layer, SenderDomains, SenderPatternError},
    smtpapi::HandOn,
    unsubscribe::{ListUnsubscribe, MailtoError},
};

/// What would be a right tracking URL.
pub(super) const TRACKING_URL: &str =
    "must be the base URL of links, like \"https://track.example.com/\"";

/// Reads what the table says, key by key in the order of the reference.
pub(super) fn read(section: &Section<'_>) -> Layer {
    let default = Decision::default();
    let flag = |key, default| said(section, key, section.boolean(key, default));
    let (tracking_url, tracking_domain) = read_place(section);
    let domain = TrackingDomainError.to_string();
    let by_sender = section.map(BY_SENDER, (&SenderPatternError.to_string(), &domain));
    let by_customer = section.map(BY_CUSTOMER, ("must be a text", &domain));
    let scheme = |key| section.parsed::<Scheme>(key, "", &SchemeError.to_string());
    Layer {
        tracking_url,
        tracking_domain,
        tracking_domain_by_sender: said(section, BY_SENDER, by_sender)
            .map(|entries| entries.into_iter().collect::<SenderDomains>().into()),
        tracking_domain_by_customer: said(section, BY_CUSTOMER, by_customer)
            .map(|entries| entries.into_iter().collect::<BTreeMap<_, _>>().into()),
        click_tracking_scheme: scheme("click_tracking_scheme"),
        open_tracking_scheme: scheme("open_tracking_scheme"),
        open_tracking: flag("open_tracking", default.open),
        initial_open_tracking: flag("initial_open_tracking", default.initial_open),
        click_tracking: flag("click_tracking", default.click),
        text_links: flag("text_links", default.text_links),
        parts: choice(section, "parts", [Parts::All, Parts::Top].map(|one| (one.name(), one))),
        amp: flag("amp", default.amp),
        vml_links: flag("vml_links", default.vml_links),
        honeypot_link: flag("honeypot_link", default.honeypot),
        excluded_domains: list(section, "excluded_domains", &DomainError.to_string()),
        excluded_links: list(section, "excluded_links", &LinkPatternError.to_string()),
        skip_links_shown_as_urls: flag("skip_links_shown_as_urls", false),
        remove_link_attributes: flag("remove_link_attributes", false),
        substitution_escapes: flag("substitution_escapes", false),
        signed_mail: choice(
            section,
            "signed_mail",
            [SignedMail::Rewrite, SignedMail::Strip, SignedMail::Bypass]
                .map(|one| (one.name(), one)),
        ),
        message_octets_rewritten_max: read_octets_max(section),
        x_msys_api: flag("x_msys_api", true),
        hand_on: read_hand_on(section),
        link_payload: choice(
            section,
            "link_payload",
            [LinkPayload::Joined, LinkPayload::SelfContained].map(|one| (one.name(), one)),
        ),
        max_metadata_len: read_metadata_max(section),
        click_tracking_include_metadata: flag("click_tracking_include_metadata", true),
        bind_links_to_host: flag("bind_links_to_host", false),
        link_expiry_days: read_expiry(section),
        message_id_field: read_message_id_field(section),
        transactional: flag("transactional", false),
        list_unsubscribe: choice(
            section,
            "list_unsubscribe",
            ListUnsubscribe::ALL.map(|one| (one.name(), one)),
        ),
        list_unsubscribe_mailto: section.parsed(
            "list_unsubscribe_mailto",
            "",
            &MailtoError.to_string(),
        ),
    }
}

const BY_SENDER: &str = "tracking_domain_by_sender";
const BY_CUSTOMER: &str = "tracking_domain_by_customer";

/// A value that was read, if the key is there: otherwise it is only the default.
fn said<T>(section: &Section<'_>, key: &str, value: T) -> Option<T> {
    section.has(key).then_some(value)
}

fn choice<T: Copy, const N: usize>(
    section: &Section<'_>,
    key: &'static str,
    choices: [(&'static str, T); N],
) -> Option<T> {
    said(section, key, section.choice(key, &choices))
}

fn list<T: std::str::FromStr>(
    section: &Section<'_>,
    key: &'static str,
    right: &str,
) -> Option<Vec<T>> {
    said(section, key, section.list(key, right))
}

/// Where links lead. What is wrong was told, and is not missing as well.
fn read_place(section: &Section<'_>) -> (Option<TrackingUrl>, Option<TrackingDomain>) {
    let url: Option<TrackingUrl> = section.parsed("tracking_url", "", TRACKING_URL);
    let right = TrackingDomainError.to_string();
    let domain: Option<TrackingDomain> = section.parsed("tracking_domain", "", &right);
    let instead = || "https://track.example.com/".parse().ok();
    let is_wrong = url.is_none() && section.has("tracking_url")
        || domain.is_none() && section.has("tracking_domain");
    (url.or_else(|| is_wrong.then(instead).flatten()), domain)
}

fn read_octets_max(section: &Section<'_>) -> Option<usize> {
    let (key, default) = ("message_mib_rewritten_max", MESSAGE_MIB_REWRITTEN_MAX as u64);
    let octets_max = mebibytes(section, key, default, 1..=1_024);
    said(section, key, octets_max)
}

/// The fields in which options of X-MSYS-API are handed on to the MTA.
fn read_hand_on(section: &Section<'_>) -> HandOn {
    let field = |name| {
        let right = "must be the name of a header field that messages have for nothing else, like \
                     \"X-Virtual-MTA\"";
        section.parsed::<FurtherField>(name, "", right).map(|field| field.0)
    };
    HandOn {
        ip_pool: field("ip_pool_field"),
        dkim_key: field("dkim_key_field"),
        transactional: field("transactional_field"),
        skip_suppression: field("skip_suppression_field"),
        list_id: field("list_id_field"),
        sandbox: field("sandbox_field"),
    }
}

fn read_metadata_max(section: &Section<'_>) -> Option<usize> {
    let key = "max_metadata_len";
    // More would leave a token no room for a link.
    let octets_max = section.count(key, METADATA_OCTETS_MAX as u64, 0..=4_000, "bytes");
    said(section, key, octets_max)
}

fn read_expiry(section: &Section<'_>) -> Option<u32> {
    let days = section.integer("link_expiry_days", LINK_EXPIRY_DAYS.into(), 1..=36_500, "days");
    said(section, "link_expiry_days", u32::try_from(days).unwrap_or(LINK_EXPIRY_DAYS))
}

fn read_message_id_field(section: &Section<'_>) -> Option<String> {
    let right = "must be the name of a header field, like \"X-Sp-Message-Id\"";
    let key = "message_id_field";
    let field: Option<FieldName> = section.parsed(key, MESSAGE_ID_FIELD, right);
    said(section, key, field?.0)
}

/// The name of a header field (RFC 5322 §3.6.8).
struct FieldName(String);

impl std::str::FromStr for FieldName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name = |octet: u8| octet.is_ascii_graphic() && octet != b':';
        (!text.is_empty() && text.len() <= 64 && text.bytes().all(is_name))
            .then(|| Self(text.into()))
            .ok_or(())
    }
}

/// The name of a header field whose value may be replaced: none of those that say what a
/// message is, who it is from and to, and how it is read (RFC 5322 §3.6, RFC 2045 §3).
struct FurtherField(String);

impl std::str::FromStr for FurtherField {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        const TAKEN: &[&str] = &[
            "bcc",
            "cc",
            "date",
            "dkim-signature",
            "from",
            "in-reply-to",
            "list-unsubscribe",
            "list-unsubscribe-post",
            "message-id",
            "mime-version",
            "received",
            "references",
            "reply-to",
            "return-path",
            "sender",
            "subject",
            "to",
        ];
        let FieldName(name) = text.parse()?;
        let lower = name.to_ascii_lowercase();
        let is_taken = TAKEN.contains(&&*lower) || lower.starts_with("content-");
        let is_read_here = name.eq_ignore_ascii_case(tracking::smtpapi::FIELD);
        if is_taken || is_read_here { Err(()) } else { Ok(Self(name)) }
    }
}
