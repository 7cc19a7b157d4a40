//! `[engagement]`: how messages are tracked.

use super::{mebibytes, reader::Section};
use tracking::{
    copy::{LINK_EXPIRY_DAYS, MESSAGE_ID_FIELD, Settings},
    decision::{
        Decision, DomainError, Exclusions, LinkPatternError, MESSAGE_MIB_REWRITTEN_MAX, Parts,
        SignedMail,
    },
    link::{TrackingUrl, TrackingUrls},
    scope::TrackingDomains,
};

/// Reads the table; `None` where something without a default is missing.
pub(super) fn read(section: &Section<'_>, is_required: bool) -> Option<Settings> {
    let right = "must be the base URL of links, like \"https://track.example.com/\"";
    let tracking_url: Option<TrackingUrl> = match is_required {
        true => section.required("tracking_url", right),
        false => section.parsed("tracking_url", "", right),
    };
    let decision = read_decision(section, tracking_url.as_ref());
    let reads_smtpapi = section.boolean("x_msys_api", true);
    let bind_links_to_host = section.boolean("bind_links_to_host", false);
    let link_expiry_days =
        section.integer("link_expiry_days", LINK_EXPIRY_DAYS.into(), 1..=36_500, "days");
    let message_id_field: Option<FieldName> = section.parsed(
        "message_id_field",
        MESSAGE_ID_FIELD,
        "must be the name of a header field, like \"X-Sp-Message-Id\"",
    );
    Some(Settings {
        decision,
        tracking_urls: TrackingUrls::both(tracking_url?),
        tracking_domains: TrackingDomains::default(),
        bind_links_to_host,
        link_expiry_days: u32::try_from(link_expiry_days).unwrap_or(LINK_EXPIRY_DAYS),
        message_id_field: message_id_field?.0,
        reads_smtpapi,
    })
}

/// What is tracked, key by key in the order of the reference.
fn read_decision(section: &Section<'_>, tracking_url: Option<&TrackingUrl>) -> Decision {
    Decision {
        open: section.boolean("open_tracking", true),
        initial_open: section.boolean("initial_open_tracking", false),
        click: section.boolean("click_tracking", true),
        text_links: section.boolean("text_links", true),
        parts: section.choice("parts", &[("all", Parts::All), ("top", Parts::Top)]),
        amp: section.boolean("amp", false),
        vml_links: section.boolean("vml_links", false),
        exclusions: Exclusions {
            domains: section.list("excluded_domains", &DomainError.to_string()),
            links: section.list("excluded_links", &LinkPatternError.to_string()),
        },
        skip_links_shown_as_urls: section.boolean("skip_links_shown_as_urls", false),
        remove_link_attributes: section.boolean("remove_link_attributes", false),
        substitution_escapes: section.boolean("substitution_escapes", false),
        signed_mail: section.choice(
            "signed_mail",
            &[
                ("rewrite", SignedMail::Rewrite),
                ("strip", SignedMail::Strip),
                ("bypass", SignedMail::Bypass),
            ],
        ),
        message_octets_rewritten_max: mebibytes(
            section,
            "message_mib_rewritten_max",
            MESSAGE_MIB_REWRITTEN_MAX as u64,
            1..=1_024,
        ),
        tracking_urls: tracking_url.iter().map(|url| url.as_str().to_owned()).collect(),
        removes_smtpapi: false,
    }
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
