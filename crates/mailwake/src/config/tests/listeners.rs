//! Several listeners: what they take over from above, and what is wrong with them.

use super::{Config, LEAST, REFERENCE, mistakes, settings};
use crate::{config::Gateway, gateway::ListenerTls};

/// The gateway of a configuration with these tables besides the least one.
fn gateway(tables: &str) -> Gateway {
    let config = Config::of(&format!("{LEAST}{tables}").parse().expect("TOML"));
    config.expect("right").gateway.expect("a gateway")
}

#[test]
fn listener_takes_over_what_it_does_not_set() {
    let text = LEAST
        .replace("[engagement]", "recipients_max = 7\nhost_name = \"a.example\"\n[engagement]")
        + "[gateway.listener.bulk]\nlisten = \"[::1]:2526\"\nhost_name = \"b.example\"\n";
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let gateway = config.gateway.expect("a gateway");
    let [first, bulk] = &gateway.listeners[..] else { panic!("{gateway:?}") };
    assert_eq!((&*first.config.name, &*bulk.config.name), ("default", "bulk"));
    assert_eq!((&*first.config.host_name, &*bulk.config.host_name), ("a.example", "b.example"));
    assert_eq!(bulk.config.limits.recipients_max, 7);
    assert_eq!(bulk.config.upstreams, first.config.upstreams);
    assert_eq!(bulk.listen, ["[::1]:2526".parse().expect("an address")]);
    assert_eq!(bulk.listen_key(), "gateway.listener.bulk.listen");
}

#[test]
fn listener_has_engagement_options_of_its_own() {
    let gateway = gateway(
        "[gateway.listener.quiet]\nlisten = \"127.0.0.1:1\"\n\
         engagement = { click_tracking = false, tracking_url = \"https://q.example/\" }\n\
         [gateway.listener.usual]\nlisten = \"127.0.0.1:2\"\n",
    );
    let settings = |index: usize| settings(&gateway.listeners[index]);
    assert!(settings(0).decision.click && !settings(1).decision.click);
    assert_eq!(settings(1).tracking_urls.click.as_str(), "https://q.example/");
    assert!(settings(1).decision.open, "taken over");
    assert_eq!(settings(0), settings(2));
    // What one has tracked, the others leave alone.
    let urls = ["https://q.example/", "https://t.example/"];
    (0..3).for_each(|index| assert_eq!(settings(index).decision.tracking_urls, urls));
}

#[test]
fn gateway_without_an_address_holds_defaults_alone() {
    let text = "[gateway]\ntls = \"starttls\"\nsessions_max = 5\n\
                [gateway.listener.a]\nlisten = \"127.0.0.1:1\"\nupstream = \"a.example:25\"\n\
                tls_certificate_file = \"c\"\ntls_key_file = \"k\"\n\
                [gateway.listener.a.engagement]\ntracking_url = \"https://t.example/\"\n";
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let gateway = config.gateway.expect("a gateway");
    let [listener] = &gateway.listeners[..] else { panic!("{gateway:?}") };
    assert_eq!(listener.config.listener.tls, ListenerTls::Starttls);
    assert_eq!((gateway.sessions_max, listener.config.sessions_max), (5, 5));
}

#[test]
fn mistake_above_is_told_once_and_where_it_stands() {
    let text = LEAST.replace("[engagement]", "errors_max = 0\ntls = \"implicit\"\n[engagement]")
        + "[gateway.listener.a]\nlisten = \"127.0.0.1:1\"\nupstream = \"a\"\n\
           tls_key_file = \"k\"\nrecipient_max = 5\n\
           [gateway.listener.b]\nlisten = \"127.0.0.1:2\"\ntls = \"none\"\n\
           [gateway.listener.b.engagement]\nlinks = 5\n";
    let told = mistakes(&text);
    let told: Vec<&str> = told.iter().map(|one| one.split(";").next().unwrap_or(one)).collect();
    assert_eq!(
        told,
        [
            "gateway.tls_certificate_file: is missing",
            "gateway.tls_key_file: is missing",
            "gateway.errors_max = 0: must be a whole number of errors from 1 to 10000",
            "gateway.listener.a.tls_certificate_file: is missing",
            "gateway.listener.a.upstream = \"a\": must be a host and port, like \"127.0.0.1:25\", or \
             a list of them",
            "gateway.listener.b.engagement.links = 5: is no key of mailwake",
            "gateway.listener.a.recipient_max = 5: is no key of mailwake",
        ]
    );
}

#[test]
fn names_and_addresses_of_listeners_are_their_own() {
    let text = LEAST.replace("127.0.0.1:0", "127.0.0.1:2525")
        + "[gateway.listener.default]\nlisten = \"127.0.0.1:1\"\n\
           [gateway.listener.\"a b\"]\nlisten = \"127.0.0.1:2\"\n\
           [gateway.listener.same]\nlisten = \"127.0.0.1:2525\"\n\
           [gateway.listener.loop]\nlisten = \"127.0.0.1:3\"\nupstream = \"127.0.0.1:1\"\n\
           [gateway.listener]\nnone = 5\n";
    // A table cannot be there twice.
    let text = text.replace("[gateway.listener]\nnone = 5\n", "[gateway.listener.none]\n");
    let name = "must have a name of at most 64 letters, digits, - and _, other than \"default\", \
                which is the listener of [gateway]";
    assert_eq!(
        mistakes(&text),
        [
            format!("gateway.listener.\"a b\": {name}"),
            format!("gateway.listener.default: {name}"),
            "gateway.listener.none.listen: is missing; must be an address and port, like \
             \"127.0.0.1:2525\", or a list of them"
                .into(),
            "gateway.listener.loop.upstream: must not be the gateway itself, \
             gateway.listener.default.listen"
                .into(),
            "gateway.listener.same.listen = \"127.0.0.1:2525\": must not be that of listener \
             \"default\" as well"
                .into(),
        ]
    );
}

#[test]
fn upstream_may_be_a_list() {
    let text = LEAST.replace("\"mx.example:25\"", "[\"a.example:25\", \"[::1]:26\"]");
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let listener = &config.gateway.expect("a gateway").listeners[0];
    assert_eq!(listener.config.upstreams.addresses(), "a.example:25, [::1]:26");
    for (list, told) in [
        ("[]", "gateway.upstream = []: must be a host and port"),
        ("[\"a.example:25\", \"b\"]", "gateway.upstream = \"b\": must be a host and port"),
        (
            "[\"a.example:25\", \"a.example:25\"]",
            "gateway.upstream = \"a.example:25\": must not be there twice",
        ),
        (
            "[\"a.example:25\", \"127.0.0.1:0\"]",
            "gateway.upstream = \"127.0.0.1:0\": must be a host and port",
        ),
    ] {
        let mistakes = mistakes(&LEAST.replace("\"mx.example:25\"", list));
        assert!(matches!(&mistakes[..], [one] if one.starts_with(told)), "{mistakes:?}");
    }
}

#[test]
fn listener_that_is_no_table_is_told() {
    assert_eq!(
        mistakes(&format!("{LEAST}[gateway.listener]\na = 5\n")),
        [
            "gateway.listener.a = 5: must be a table: [gateway.listener.a]",
            "gateway.listener.a.listen: is missing; must be an address and port, like \
             \"127.0.0.1:2525\", or a list of them",
        ]
    );
}

/// The examples of the tracker's listeners and domains, with their comments taken off.
#[test]
fn examples_of_the_tracker_are_right_as_they_stand() {
    let (_, examples) = REFERENCE.split_once("# [tracker.listener.").expect("an example");
    let examples: String = format!("# [tracker.listener.{examples}")
        .split_inclusive('\n')
        .take_while(|line| line.starts_with('#') && !line.starts_with("# ---"))
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .collect();
    let text = format!("{LEAST}{examples}[tracker.acme]\nterms_of_service_agreed = true\n");
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let tracker = config.tracker.expect("a tracker");
    let listeners: Vec<_> = tracker.listeners.iter().map(|one| (&*one.name, one.is_tls)).collect();
    assert_eq!(listeners, [("default", false), ("public", true)], "{examples}");
    let domains: Vec<_> = tracker.domains.iter().map(|(name, _)| &**name).collect();
    assert_eq!(domains, ["t.shop.example", "track.example.com"]);
    assert_eq!(tracker.acme.expect("one").domains, ["t.shop.example"]);
}
