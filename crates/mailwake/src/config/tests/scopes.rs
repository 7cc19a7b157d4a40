//! Scopes: which of them counts, and what is wrong with them.

use super::*;
use crate::gateway::scopes::ClientScope;
use std::net::IpAddr;

/// The gateway of a configuration with these tables besides the least one.
fn gateway(tables: &str) -> Gateway {
    let config = Config::of(&format!("{LEAST}{tables}").parse().expect("TOML"));
    config.expect("right").gateway.expect("a gateway")
}

fn listener<'g>(gateway: &'g Gateway, name: &str) -> &'g Listener {
    let named = gateway.listeners.iter().find(|listener| listener.config.name == name);
    named.expect("a listener of that name")
}

fn scope<'l>(listener: &'l Listener, socket: &str, client: &str) -> &'l ClientScope {
    let client: IpAddr = client.parse().expect("an address");
    listener.scopes.of(socket.parse().expect("a socket"), Some(client))
}

/// The value of a key, and where it comes from.
fn explained(scope: &ClientScope, pathway: Option<&str>, key: &str) -> (String, String) {
    let lines = scope.effective(pathway.or(scope.pathway()), &[]).explain();
    let line = lines.into_iter().find(|line| line.key == key).expect("it is a key");
    (line.value, line.origin)
}

/// The example of the documentation: two sockets, opens off and clicks on.
#[test]
fn documented_example_has_two_sockets() {
    let gateway = gateway(
        "[gateway.listener.smtp]\nlisten = [\"127.0.0.1:8650\", \"[::1]:8650\"]\n\
         engagement = { open_tracking = false, click_tracking = true }\n",
    );
    let listener = listener(&gateway, "smtp");
    assert_eq!(listener.listen.len(), 2);
    for (socket, client) in [("127.0.0.1:8650", "127.0.0.1"), ("[::1]:8650", "::1")] {
        let decision = &scope(listener, socket, client).settings(None).expect("settings").decision;
        assert_eq!((decision.open, decision.click), (false, true));
    }
}

const TREE: &str = "[gateway.listener.a]\n\
    context = { k = \"listener\", l = \"listener\" }\n\
    pathway = \"of_listener\"\n\
    [gateway.listener.a.engagement]\nlink_expiry_days = 3\n\
    [gateway.listener.a.listen.\"127.0.0.1:1\"]\n\
    pathway = \"of_listen\"\ncontext = { k = \"listen\" }\n\
    [gateway.listener.a.listen.\"127.0.0.1:1\".engagement]\nlink_expiry_days = 4\n\
    [gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.0.0.0/8\"]\n\
    pathway = \"of_peer\"\ncontext = { k = \"peer\", p = \"peer\" }\n\
    [gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.0.0.0/8\".engagement]\n\
    link_expiry_days = 5\n\
    [gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.1.0.0/16\"]\n\
    [gateway.listener.a.listen.\"[::1]:1\"]\n\
    [pathway.of_listener]\nclick_tracking = false\nlink_expiry_days = 13\n\
    [pathway.of_listen]\n\
    [pathway.of_peer]\ntext_links = false\nlink_expiry_days = 15\n\
    [pathway_group.g]\nlink_expiry_days = 20\nparts = \"top\"\n\
    [pathway_group.g.pathway.of_peer]\namp = true\nlink_expiry_days = 25\n";

#[test]
fn most_specific_scope_counts() {
    let gateway = gateway(TREE);
    let listener = listener(&gateway, "a");
    let check = |socket: &str, client: &str, key: &str, value: &str, origin: &str| {
        let seen = explained(scope(listener, socket, client), None, key);
        assert_eq!(seen, (value.to_owned(), origin.to_owned()), "{socket} {client} {key}");
    };
    let days = "link_expiry_days";
    let socket = "[gateway.listener.a.listen.\"127.0.0.1:1\"";
    check(
        "127.0.0.1:1",
        "10.9.9.9",
        days,
        "5",
        &format!("{socket}.peer.\"10.0.0.0/8\"].engagement"),
    );
    check("127.0.0.1:1", "10.1.9.9", days, "4", &format!("{socket}].engagement"));
    check("127.0.0.1:1", "192.0.2.1", days, "4", &format!("{socket}].engagement"));
    check(
        "127.0.0.1:1",
        "::ffff:10.9.9.9",
        days,
        "5",
        &format!("{socket}.peer.\"10.0.0.0/8\"].engagement"),
    );
    // The pathway of the listener goes before what the listener says itself.
    check("[::1]:1", "10.9.9.9", days, "13", "[pathway.of_listener]");
    check("[::1]:1", "10.9.9.9", "click_tracking", "false", "[pathway.of_listener]");
    check("127.0.0.1:1", "192.0.2.1", "click_tracking", "true", "default");
    // That of a peer, and what is said of a group.
    check("127.0.0.1:1", "10.9.9.9", "amp", "true", "[pathway_group.g.pathway.of_peer]");
    check("127.0.0.1:1", "10.9.9.9", "text_links", "false", "[pathway.of_peer]");
    check("127.0.0.1:1", "10.9.9.9", "parts", "\"top\"", "[pathway_group.g]");
    check("127.0.0.1:1", "10.1.9.9", "parts", "\"all\"", "default");
    check("127.0.0.1:1", "10.9.9.9", "tracking_domain", "\"t.example\"", "[engagement]");
}

#[test]
fn context_of_the_most_specific_scope_counts_key_by_key() {
    let gateway = gateway(TREE);
    let presets = |socket: &str, client: &str| {
        let scope = scope(listener(&gateway, "a"), socket, client);
        let presets = scope.presets().iter().map(|(name, value)| format!("{name}={value}"));
        presets.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(presets("127.0.0.1:1", "10.9.9.9"), "k=peer l=listener p=peer");
    assert_eq!(presets("127.0.0.1:1", "10.1.9.9"), "k=listen l=listener");
    assert_eq!(presets("[::1]:1", "10.9.9.9"), "k=listener l=listener");
}

#[test]
fn another_pathway_may_be_chosen() {
    let gateway = gateway(TREE);
    let scope = scope(listener(&gateway, "a"), "[::1]:1", "::1");
    let days = |pathway| scope.settings(pathway).map(|settings| settings.link_expiry_days);
    assert_eq!(days(None), Ok(13));
    assert_eq!(days(Some("of_listener")), Ok(13));
    assert_eq!(days(Some("of_peer")), Ok(25));
    assert_eq!(days(Some("of_listen")), Ok(3));
    assert!(days(Some("none")).is_err());
    let first = scope.settings(Some("of_peer")).expect("it is there");
    let again = scope.settings(Some("of_peer")).expect("it is there");
    assert!(Arc::ptr_eq(first, again), "a message costs no merge");
}

/// Every combination of the places that may say something, with the pathway attached at
/// each place where one can be.
#[test]
fn order_of_the_scopes_is_that_of_the_documentation() {
    let places = [
        ("gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.0.0.0/8\".engagement", ".engagement"),
        ("gateway.listener.a.listen.\"127.0.0.1:1\".engagement", ".engagement"),
        ("pathway_group.g.pathway.p", ""),
        ("pathway.p", ""),
        ("pathway_group.g", ""),
        ("gateway.listener.a.engagement", ".engagement"),
        ("gateway.engagement", ".engagement"),
        ("engagement", ""),
    ];
    let attached = [
        "gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.0.0.0/8\"",
        "gateway.listener.a.listen.\"127.0.0.1:1\"",
        "gateway.listener.a",
        "gateway",
    ];
    for said in 0_u32..1 << places.len() {
        for attached in attached {
            let mut table: Table = LEAST.parse().expect("TOML");
            set(&mut table, &format!("{attached}.pathway"), "p".into());
            // Each is there, whether it says something or not.
            set(
                &mut table,
                "gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"10.0.0.0/8\".context.x",
                "y".into(),
            );
            set(&mut table, "pathway_group.g.pathway.p.text_links", true.into());
            for (index, (place, _)) in places.iter().enumerate() {
                if said >> index & 1 == 1 {
                    let days = i64::try_from(index + 1).expect("small");
                    set(&mut table, &format!("{place}.link_expiry_days"), days.into());
                }
            }
            let config = Config::of(&table).expect("right");
            let gateway = config.gateway.expect("a gateway");
            let scope = scope(listener(&gateway, "a"), "127.0.0.1:1", "10.0.0.1");
            let wanted = match said.trailing_zeros() as usize {
                first if first < places.len() => {
                    let (place, suffix) = places[first];
                    let table = place.strip_suffix(suffix).expect("it ends so");
                    ((first + 1).to_string(), format!("[{table}]{suffix}"))
                }
                _ => ("365".to_owned(), "default".to_owned()),
            };
            assert_eq!(explained(scope, None, "link_expiry_days"), wanted, "{said:08b} {attached}");
            let settings = scope.settings(None).expect("settings");
            assert_eq!(settings.link_expiry_days.to_string(), wanted.0);
        }
    }
}

/// Sets a key in a table of tables.
fn set(table: &mut Table, path: &str, value: toml::Value) {
    let names: Vec<&str> =
        path.split('"').enumerate().fold(Vec::new(), |mut names, (at, piece)| {
            match at % 2 {
                0 => names.extend(piece.split('.').filter(|name| !name.is_empty())),
                _ => names.push(piece),
            }
            names
        });
    let (last, tables) = names.split_last().expect("a path");
    let inside = tables.iter().fold(table, |table, name| {
        let entry = table.entry((*name).to_owned()).or_insert_with(|| Table::new().into());
        entry.as_table_mut().expect("it is a table")
    });
    inside.insert((*last).to_owned(), value);
}

#[test]
fn each_client_must_find_where_links_lead() {
    let base = LEAST.replace("tracking_url = \"https://t.example\"\n", "");
    let check = |tables: &str, wanted: &[&str]| {
        let told = mistakes(&format!("{base}{tables}"));
        let right = ".tracking_url: is missing; must be the base URL of links, like \
                     \"https://track.example.com/\"";
        let wanted: Vec<_> = wanted.iter().map(|place| format!("{place}{right}")).collect();
        assert_eq!(told, wanted, "{tables}");
    };
    check("", &["engagement"]);
    check(
        "[gateway.listener.a]\nlisten = \"[::1]:1\"\n",
        &["engagement", "gateway.listener.a.engagement"],
    );
    check("[gateway.engagement]\ntracking_domain = \"t.example\"\n", &[]);
    let url = "tracking_url = \"https://t.example/\"\n";
    let own = format!("[gateway.engagement]\n{url}[gateway.listener.a.listen.\"[::1]:1\"]\n");
    check(&own, &[]);
    let by_pathway = format!(
        "[gateway.listener.a.listen.\"[::1]:1\"]\npathway = \"p\"\n\
         [gateway.listener.a.listen.\"[::1]:1\".peer.\"::2\"]\npathway = \"q\"\n\
         [gateway.listener.a.listen.\"[::1]:2\"]\n\
         [pathway.p]\n{url}[pathway.q]\n"
    );
    check(
        &by_pathway,
        &[
            "engagement",
            "gateway.listener.a.listen.\"[::1]:1\".peer.\"::2/128\".engagement",
            "gateway.listener.a.listen.\"[::1]:2\".engagement",
        ],
    );
}

/// A pathway that leaves links without a place to lead to is as one that is not there.
#[test]
fn pathway_without_a_tracking_url_is_not_taken() {
    let text = LEAST
        .replace("[engagement]\ntracking_url = \"https://t.example\"\n", "pathway = \"p\"\n")
        + "[pathway.p]\ntracking_domain = \"p.example\"\n[pathway.q]\nopen_tracking = false\n";
    let config = Config::of(&text.parse().expect("TOML")).expect("right");
    let gateway = config.gateway.expect("a gateway");
    let scope = scope(&gateway.listeners[0], "127.0.0.1:0", "::1");
    assert!(scope.settings(Some("q")).is_err());
    let settings = scope.settings(None).expect("settings");
    assert_eq!(settings.tracking_urls.click.as_str(), "http://p.example/");
}

/// What one has tracked, the others leave alone, whichever scope it is.
#[test]
fn links_of_every_scope_are_left_alone() {
    let gateway = gateway(
        "[pathway.p]\ntracking_url = \"https://p.example/x/\"\n\
         [gateway.engagement]\ntracking_domain_by_customer = { a = \"c.example\" }\n\
         [gateway.listener.a.listen.\"127.0.0.1:1\".peer.\"::\".engagement]\n\
         open_tracking_scheme = \"http\"\n",
    );
    let own = &settings(listener(&gateway, "default")).decision.tracking_urls;
    for url in
        ["https://t.example/", "https://p.example/x/", "https://c.example/", "http://t.example/"]
    {
        assert!(own.iter().any(|known| known == url), "{url} in {own:?}");
    }
}
