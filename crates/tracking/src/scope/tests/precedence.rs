//! Which scope counts: every option, in every combination of the scopes that say
//! something of it.

use super::*;

/// Ten scopes one within the other: policy, header, peer, listen, pathway of a group,
/// pathway, group, the listener, what listeners share, and the whole installation.
const SCOPES: usize = 10;

/// A layer that says one thing, in one of two ways.
type Say = fn(bool) -> Layer;

/// A key, how it is said in the one and the other way, and how `explain` tells of it.
type Case = (&'static str, Say, [&'static str; 2]);

fn options() -> Vec<Case> {
    let flags = flags().map(|(key, say)| (key, say, ["false", "true"]));
    flags
        .into_iter()
        .chain(places())
        .chain(others())
        .chain(unsubscribe())
        .chain(handed_on())
        .collect()
}

/// One of two values, as text gives them.
fn pick<T>(is_other: bool, [one, other]: [&str; 2]) -> Option<T>
where
    T: std::str::FromStr<Err: fmt::Debug>,
{
    Some(if is_other { other } else { one }.parse().expect("it is right"))
}

fn flags() -> [(&'static str, Say); 14] {
    [
        ("open_tracking", |is| Layer { open_tracking: Some(is), ..Layer::default() }),
        ("initial_open_tracking", |is| Layer {
            initial_open_tracking: Some(is),
            ..Layer::default()
        }),
        ("click_tracking", |is| Layer { click_tracking: Some(is), ..Layer::default() }),
        ("text_links", |is| Layer { text_links: Some(is), ..Layer::default() }),
        ("amp", |is| Layer { amp: Some(is), ..Layer::default() }),
        ("honeypot_link", |is| Layer { honeypot_link: Some(is), ..Layer::default() }),
        ("vml_links", |is| Layer { vml_links: Some(is), ..Layer::default() }),
        ("skip_links_shown_as_urls", |is| Layer {
            skip_links_shown_as_urls: Some(is),
            ..Layer::default()
        }),
        ("remove_link_attributes", |is| Layer {
            remove_link_attributes: Some(is),
            ..Layer::default()
        }),
        ("substitution_escapes", |is| Layer { substitution_escapes: Some(is), ..Layer::default() }),
        ("x_msys_api", |is| Layer { x_msys_api: Some(is), ..Layer::default() }),
        ("click_tracking_include_metadata", |is| Layer {
            click_tracking_include_metadata: Some(is),
            ..Layer::default()
        }),
        ("bind_links_to_host", |is| Layer { bind_links_to_host: Some(is), ..Layer::default() }),
        ("transactional", |is| Layer { transactional: Some(is), ..Layer::default() }),
    ]
}

/// Where links and pixels lead.
fn places() -> [Case; 6] {
    [
        (
            "tracking_url",
            |is| Layer {
                tracking_url: pick(is, ["https://a/", "https://b/p/"]),
                ..Layer::default()
            },
            ["\"https://a/\"", "\"https://b/p/\""],
        ),
        (
            "tracking_domain",
            |is| Layer { tracking_domain: pick(is, ["a.example", "b:80"]), ..Layer::default() },
            ["\"a.example\"", "\"b:80\""],
        ),
        (
            "tracking_domain_by_sender",
            |is| domains(if is { &[("b.example", "b")] } else { &[("*.a.example", "a:1")] }, &[]),
            ["{ \"*.a.example\" = \"a:1\" }", "{ \"b.example\" = \"b\" }"],
        ),
        (
            "tracking_domain_by_customer",
            |is| domains(&[], if is { &[("2", "b")] } else { &[("1", "a")] }),
            ["{ \"1\" = \"a\" }", "{ \"2\" = \"b\" }"],
        ),
        (
            "click_tracking_scheme",
            |is| Layer { click_tracking_scheme: pick(is, ["http", "https"]), ..Layer::default() },
            ["\"http\"", "\"https\""],
        ),
        (
            "open_tracking_scheme",
            |is| Layer { open_tracking_scheme: pick(is, ["http", "https"]), ..Layer::default() },
            ["\"http\"", "\"https\""],
        ),
    ]
}

fn others() -> [Case; 9] {
    [
        (
            "parts",
            |is| Layer {
                parts: Some(if is { Parts::Top } else { Parts::All }),
                ..Layer::default()
            },
            ["\"all\"", "\"top\""],
        ),
        (
            "excluded_domains",
            |is| {
                let domains = pick(is, ["a.example", "b.example"]).map(|one| vec![one]);
                Layer { excluded_domains: domains, ..Layer::default() }
            },
            ["[\"a.example\"]", "[\"b.example\"]"],
        ),
        (
            "excluded_links",
            |is| {
                let links = pick(is, ["a*", "*b"]).map(|one| vec![one]);
                Layer { excluded_links: links, ..Layer::default() }
            },
            ["[\"a*\"]", "[\"*b\"]"],
        ),
        (
            "signed_mail",
            |is| {
                let signed_mail = if is { SignedMail::Bypass } else { SignedMail::Strip };
                Layer { signed_mail: Some(signed_mail), ..Layer::default() }
            },
            ["\"strip\"", "\"bypass\""],
        ),
        (
            "message_mib_rewritten_max",
            |is| {
                let octets_max = if is { 2 << 20 } else { 1 << 20 };
                Layer { message_octets_rewritten_max: Some(octets_max), ..Layer::default() }
            },
            ["1", "2"],
        ),
        (
            "link_payload",
            |is| {
                let payload = if is { LinkPayload::SelfContained } else { LinkPayload::Joined };
                Layer { link_payload: Some(payload), ..Layer::default() }
            },
            ["\"joined\"", "\"self_contained\""],
        ),
        (
            "max_metadata_len",
            |is| Layer { max_metadata_len: Some(if is { 200 } else { 0 }), ..Layer::default() },
            ["0", "200"],
        ),
        (
            "link_expiry_days",
            |is| Layer { link_expiry_days: Some(if is { 2 } else { 1 }), ..Layer::default() },
            ["1", "2"],
        ),
        (
            "message_id_field",
            |is| Layer { message_id_field: pick(is, ["X-A", "X-B"]), ..Layer::default() },
            ["\"X-A\"", "\"X-B\""],
        ),
    ]
}

fn unsubscribe() -> [Case; 2] {
    [
        (
            "list_unsubscribe",
            |is| Layer { list_unsubscribe: pick(is, ["add", "proxy"]), ..Layer::default() },
            ["\"add\"", "\"proxy\""],
        ),
        (
            "list_unsubscribe_mailto",
            |is| Layer {
                list_unsubscribe_mailto: pick(is, ["mailto:a@a.example", "mailto:b@b.example"]),
                ..Layer::default()
            },
            ["\"mailto:a@a.example\"", "\"mailto:b@b.example\""],
        ),
    ]
}

/// The fields in which options of X-MSYS-API are handed on.
fn handed_on() -> [Case; 6] {
    let shown = ["\"X-A\"", "\"X-B\""];
    [
        (
            "ip_pool_field",
            |is| hand_on(HandOn { ip_pool: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
        (
            "dkim_key_field",
            |is| hand_on(HandOn { dkim_key: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
        (
            "transactional_field",
            |is| hand_on(HandOn { transactional: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
        (
            "skip_suppression_field",
            |is| hand_on(HandOn { skip_suppression: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
        (
            "list_id_field",
            |is| hand_on(HandOn { list_id: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
        (
            "sandbox_field",
            |is| hand_on(HandOn { sandbox: pick(is, ["X-A", "X-B"]), ..none() }),
            shown,
        ),
    ]
}

fn none() -> HandOn {
    HandOn::default()
}

fn hand_on(hand_on: HandOn) -> Layer {
    Layer { hand_on, ..Layer::default() }
}

#[test]
fn every_option_has_a_case() {
    let mut cases: Vec<_> = options().iter().map(|(key, ..)| *key).collect();
    let mut keys: Vec<_> = effective(&[]).explain().iter().map(|line| line.key).collect();
    cases.sort_unstable();
    keys.sort_unstable();
    assert_eq!(cases, keys);
}

/// Each option in 1,024 combinations of scopes, each twice: the first scope that says
/// something says the one, and all others the other.
#[test]
fn first_scope_that_says_something_counts() {
    for (key, say, shown) in options() {
        let defaults: Vec<_> = effective(&[]).explain();
        let default = defaults.iter().find(|line| line.key == key).expect("it is a key");
        for said in 0_u32..1 << SCOPES {
            for first in [false, true] {
                let scopes: Vec<Scope> = (0..SCOPES)
                    .map(|place| {
                        let layer = match said >> place & 1 == 1 {
                            true => say(first == (place == said.trailing_zeros() as usize)),
                            false => Layer::default(),
                        };
                        scope(&place.to_string(), layer)
                    })
                    .collect();
                let stack: Vec<&Scope> = scopes.iter().collect();
                let effective = effective(&stack);
                let lines = effective.explain();
                let line = lines.iter().find(|line| line.key == key).expect("it is a key");
                let wanted = match said {
                    0 => (default.value.as_str(), "default".to_owned()),
                    _ => (shown[usize::from(first)], said.trailing_zeros().to_string()),
                };
                let seen = (line.value.as_str(), line.origin.clone());
                assert_eq!(seen, wanted, "{key}, said by {said:010b}");
                // The same when the two that belong to a message come later.
                let settled = Arc::new(super::effective(&stack[2..]).settings);
                let settled = settled.under(&scopes[1].layer).under(&scopes[0].layer);
                assert_eq!(*settled, effective.settings, "{key}, said by {said:010b}");
            }
        }
    }
}
