use super::*;
use tracking::copy::Settings;

const REFERENCE: &str = include_str!("../../../../etc/mailwake.toml");

fn mistakes(text: &str) -> Vec<String> {
    match Config::of(&text.parse().expect("TOML")) {
        Err(ConfigError::Mistakes(mistakes)) => mistakes.iter().map(ToString::to_string).collect(),
        Err(error) => panic!("{error}"),
        Ok(_) => Vec::new(),
    }
}

const LEAST: &str = "[gateway]\nlisten = \"127.0.0.1:0\"\nupstream = \"mx.example:25\"\n\
                     [engagement]\ntracking_url = \"https://t.example\"\n\
                     [tracker]\nlisten = \"[::1]:0\"\n";

/// The settings of clients of whom nothing in particular is said.
fn settings(listener: &Listener) -> Arc<Settings> {
    let scope = listener.scopes.of(listener.listen[0], None);
    scope.settings(None).expect("they are there").clone()
}

/// Those of the first listener.
fn settings_of(text: &str) -> Arc<Settings> {
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    settings(&config.gateway.expect("a gateway").listeners[0])
}

#[test]
fn reference_is_right_as_it_stands() {
    assert_eq!(mistakes(REFERENCE), Vec::<String>::new());
}

/// The examples of further listeners and of pathways, with their comments taken off.
#[test]
fn examples_of_scopes_are_right_as_they_stand() {
    let (before, examples) = REFERENCE.split_once("# [gateway.listener.").expect("an example");
    let examples: String = format!("# [gateway.listener.{examples}")
        .split_inclusive('\n')
        .take_while(|line| !(line.starts_with("# ---") && line.ends_with(" policy\n")))
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with('[') || line.contains(" = "))
        .collect();
    let text = before.to_owned() + &examples;
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let listeners = config.gateway.expect("a gateway").listeners;
    let sockets: Vec<_> = listeners.iter().map(|listener| listener.listen.len()).collect();
    assert_eq!(sockets, [1, 2, 1], "{examples}");
}

/// The examples of feeders, with their comments taken off: each is right, and says the defaults.
#[test]
fn examples_of_feeders_are_right_and_have_every_key() {
    let (_, examples) = REFERENCE.split_once("--- feeders\n").expect("a chapter");
    let (examples, _) = examples.split_once("\n# ---").expect("another one behind it");
    let lines = examples.lines().filter_map(|line| line.strip_prefix("# "));
    let is_key = |line: &&str| {
        let key = line.split_once(" = ").map_or("", |(key, _)| key);
        let is_name = |octet: u8| octet.is_ascii_lowercase() || octet == b'_';
        (!key.is_empty() && key.bytes().all(is_name) && !line.ends_with('.'))
            || line.starts_with('[')
    };
    let text: Vec<_> = lines.filter(is_key).collect();
    let table = text.join("\n").parse().expect("TOML");
    let (findings, of_feeder) = (Findings::default(), |key: &str| key.starts_with("feeder."));
    assert!(read(&Section::root(&table, &findings)).is_some());
    let keys = findings.known().into_iter().filter(|known| of_feeder(&known.key));
    for key in keys.filter_map(|known| known.key.rsplit('.').next().map(str::to_owned)) {
        assert!(examples.contains(&format!("\n# {key} = ")), "no example has {key}");
    }
    let read = Config::of(&table).expect("right").feeders;
    // The same with nothing but what has no default.
    let least = "[feeder.archive]\nkind = \"ndjson\"\n[feeder.sparkpost]\nkind = \"ingest\"\n\
                 api_key_file = \"/etc/mailwake/sparkpost.key\"\n\
                 ca_file = \"/etc/mailwake/ca.pem\"\n[feeder.crm]\nkind = \"webhook\"\n\
                 url = \"https://crm.example.com/hooks/mail\"\n\
                 [feeder.central]\nkind = \"redis\"\nservers = [\"redis://10.0.0.1:6379\"]\n";
    let least = Config::of(&least.parse().expect("TOML")).expect("right").feeders;
    assert_eq!(read.feeders, least.feeders);
}

/// The example of a source in Redis, with its comments taken off.
#[test]
fn example_of_a_redis_source_is_right_and_has_every_key() {
    let (_, example) = REFERENCE.split_once("--- events from Redis\n").expect("a chapter");
    let (example, _) = example.split_once("\n# ---").expect("another one behind it");
    let lines = example.lines().filter_map(|line| line.strip_prefix("# "));
    let lines = lines.filter(|line| line.starts_with('[') || line.contains(" = "));
    let table = lines.collect::<Vec<_>>().join("\n").parse().expect("TOML");
    let findings = Findings::default();
    assert!(read(&Section::root(&table, &findings)).is_some());
    let known = findings.known().into_iter().map(|known| known.key);
    for key in known.filter_map(|key| Some(key.strip_prefix("redis_source.nodes.")?.to_owned())) {
        assert!(example.contains(&format!("\n# {key} = ")), "the example lacks {key}");
    }
    let read = Config::of(&table).expect("right").redis_sources;
    let least = "[redis_source.nodes]\nservers = [\"redis://10.0.0.1:6379\"]\n";
    let least = Config::of(&least.parse().expect("TOML")).expect("right").redis_sources;
    assert_eq!(read, least);
}

/// The reference with its comments taken off the keys, as `table.key = value`.
fn keys_of_the_reference() -> Vec<Known> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in REFERENCE.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            table = format!("{name}.");
        } else if let Some((key, default)) = line.split_once(" = ")
            && key.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'_')
        {
            keys.push(Known { key: format!("{table}{key}"), default: default.into() });
        }
    }
    keys
}

#[test]
fn reference_has_every_key_with_its_default() {
    let without_default = [
        "engagement.tracking_url",
        "gateway.listen",
        "gateway.upstream",
        "tracker.listen",
        "delivery.http.listen",
        "admin.listen",
    ];
    let wanted: Vec<_> = Config::known_keys();
    let mut seen = keys_of_the_reference();
    // Examples, which have a test of their own.
    let examples = [
        "gateway.listener.",
        "pathway.",
        "pathway_group.",
        "tracker.listener.",
        "tracker.domain.",
        "feeder.",
        "delivery.source.",
        "redis_source.",
    ];
    seen.retain(|known| !examples.iter().any(|example| known.key.starts_with(example)));
    let names = |keys: &[Known]| keys.iter().map(|known| known.key.clone()).collect::<Vec<_>>();
    assert_eq!(names(&seen), names(&wanted));
    for (seen, wanted) in seen.iter().zip(&wanted) {
        if !without_default.contains(&wanted.key.as_str()) {
            assert_eq!(
                seen.default.trim_matches('"'),
                wanted.default.trim_matches('"'),
                "{}",
                seen.key
            );
        }
    }
}

#[test]
fn least_configuration_has_the_defaults() {
    let config = Config::of(&LEAST.parse().expect("TOML")).expect("right");
    let gateway = config.gateway.expect("a gateway");
    let [listener] = &gateway.listeners[..] else { panic!("{gateway:?}") };
    assert_eq!(listener.config.name, "default");
    assert_eq!(listener.config.limits.message_octets_max, 25 << 20);
    assert_eq!(gateway.accepted_file, Path::new("/var/lib/mailwake/accepted"));
    assert_eq!(config.event_log.directory, Path::new("/var/lib/mailwake/log"));
    assert_eq!(
        config.tracker.expect("a tracker").config.redirect_status,
        crate::tracker::RedirectStatus::Found
    );
    let settings = settings(listener);
    assert_eq!(settings.decision.tracking_urls, ["https://t.example/"]);
    assert!(settings.decision.open && !settings.decision.initial_open);
}

#[test]
fn text_links_go_with_click_tracking() {
    let text = LEAST.replace("[tracker]", "click_tracking = false\n[tracker]");
    assert!(!settings_of(&text).decision.tracks_text());
}

#[test]
fn senders_are_told_where_a_scope_or_a_variable_says_proxy() {
    let is_proxied = |lines: &str| {
        let text = LEAST.replace("[engagement]", lines);
        Config::of(&text.parse().expect("TOML")).expect("right").unsubscribe.is_proxied
    };
    assert!(!is_proxied("[engagement]\nlist_unsubscribe = \"add\""));
    assert!(is_proxied("[engagement]\nlist_unsubscribe = \"proxy\""));
    assert!(is_proxied("context = { smtpapi_list_unsubscribe = \"Proxy\" }\n[engagement]"));
}

#[test]
fn exclusions_are_read() {
    let keys = "excluded_domains = [\"bank.example\"]\nexcluded_links = [\"*/logout*\"]\n";
    let text = LEAST.replace("[tracker]", &format!("{keys}[tracker]"));
    let exclusions = settings_of(&text).decision.exclusions.clone();
    assert!(exclusions.cover("https://www.bank.example/"));
    assert!(exclusions.cover("https://shop.example/logout?now"));
    assert!(!exclusions.cover("https://shop.example/"));
}

#[test]
fn wrong_exclusions_are_told() {
    let keys = "excluded_domains = [\"https://a.example/\"]\nexcluded_links = \"*\"\n";
    let text = LEAST.replace("[tracker]", &format!("{keys}[tracker]"));
    assert_eq!(
        mistakes(&text),
        [
            "engagement.excluded_domains = \"https://a.example/\": must be a domain like \
             example.com, without scheme, port or path",
            "engagement.excluded_links = \"*\": must be a list; each of it must be a URL with * \
             for any characters, like https://example.com/unsubscribe*",
        ]
    );
}

#[test]
fn all_mistakes_are_told_at_once() {
    let text = "data_dir = \"x\"\n[gateway]\nlisten = \"2525\"\nmessage_mib_max = 0\n\
                multi_recipient = \"both\"\n[tracker]\nlisten = 5\nredirect_status = 301\n\
                [engagement]\nopen_tracking = \"yes\"\n[stor]\nx = 1\n";
    assert_eq!(
        mistakes(text),
        [
            "engagement.open_tracking = \"yes\": must be true or false",
            "gateway.listen = \"2525\": must be an address and port, like \"127.0.0.1:2525\", or a \
             list of them",
            "gateway.upstream: is missing; must be a host and port, like \"127.0.0.1:25\", or a \
             list of them",
            "gateway.multi_recipient = \"both\": must be one of \"split\", \"one_at_a_time\"",
            "gateway.message_mib_max = 0: must be a whole number of MiB from 1 to 1024",
            "engagement.tracking_url: is missing; must be the base URL of links, like \
             \"https://track.example.com/\"",
            "tracker.listen = 5: must be an address and port, like \"127.0.0.1:2525\"",
            "tracker.redirect_status = 301: must be one of 302, 303, 307",
            "data_dir = \"x\": is no key of mailwake; known here are admin, bounces, data_directory, delivery, engagement, \
             event_log, feeder, gateway, keys, log, pathway, pathway_group, policy, redis_source, store, tags, tracker, unsubscribe",
            "stor: is no key of mailwake; did you mean \"store\"?",
        ]
    );
}

#[test]
fn quota_must_hold_two_segments() {
    let text = format!("{LEAST}[event_log]\nsegment_mib = 64\ndisk_quota_mib = 100\n");
    assert_eq!(
        mistakes(&text),
        ["event_log.disk_quota_mib = 100: must be at least 128, twice segment_mib"]
    );
}

#[test]
fn gateway_is_not_its_own_upstream() {
    let text =
        LEAST.replace("127.0.0.1:0", "127.0.0.1:25").replace("mx.example:25", "127.0.0.1:25");
    assert_eq!(
        mistakes(&text),
        ["gateway.upstream: must not be the gateway itself, gateway.listen"]
    );
}

#[test]
fn names_that_could_break_a_header_are_refused() {
    for (key, value) in [
        ("message_id_field", "X Id"),
        ("message_id_field", "X:"),
        ("message_id_field", "Ä"),
        ("ip_pool_field", "X Pool"),
        ("ip_pool_field", "subject"),
        ("list_id_field", "Content-Type"),
        ("sandbox_field", "X-Msys-Api"),
    ] {
        let text = LEAST.replace("[tracker]", &format!("{key} = \"{value}\"\n[tracker]"));
        assert_eq!(mistakes(&text).len(), 1, "{value:?}");
    }
    let text = LEAST.replace("[engagement]", "host_name = \"a b\"\n[engagement]");
    assert_eq!(mistakes(&text).len(), 1);
}

#[test]
fn upstream_is_a_host_and_a_port() {
    let is_right = |text: &str| text.parse::<HostPort>().is_ok();
    for right in ["127.0.0.1:25", "mx.example:2525", "[::1]:25"] {
        assert!(is_right(right), "{right}");
    }
    for wrong in ["mx.example", ":25", "::1:25", "mx.example:0", "mx.example:99999", "mx.example:"]
    {
        assert!(!is_right(wrong), "{wrong}");
    }
}

mod listeners;
mod scopes;
