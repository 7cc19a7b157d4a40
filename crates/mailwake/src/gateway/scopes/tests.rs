use super::*;
use tracking::scope::{Layer, Origin};

fn place(days: u32) -> Place {
    let layer = Layer { link_expiry_days: Some(days), ..Layer::default() };
    let origin = Origin::Table(days.to_string());
    Place { scope: Some(Arc::new(Scope { origin, layer })), ..Place::default() }
}

fn socket(listen: &str, days: u32, peers: &[(&str, u32)]) -> Socket {
    let peer = |(network, days): &(&str, u32)| (network.parse().expect("right"), place(*days));
    let peers = peers.iter().map(peer).collect();
    Socket { listen: listen.parse().expect("an address"), place: place(days), peers }
}

fn days(scopes: &Scopes, listen: &str, client: Option<&str>) -> u32 {
    let client = client.map(|client| client.parse().expect("an address"));
    let scope = scopes.of(listen.parse().expect("an address"), client);
    scope.settings(None).expect("settings").link_expiry_days
}

#[test]
fn longest_prefix_counts_in_whatever_order() {
    let peers =
        [("10.0.0.0/8", 2), ("10.1.2.3", 3), ("10.1.0.0/16", 4), ("0.0.0.0/0", 5), ("::/0", 6)];
    for turn in 0..peers.len() {
        let mut peers = peers;
        peers.rotate_left(turn);
        let scopes = Scopes::new(&[socket("127.0.0.1:1", 1, &peers)], &Surroundings::default());
        let check = |client, wanted| assert_eq!(days(&scopes, "127.0.0.1:1", client), wanted);
        check(Some("10.9.9.9"), 2);
        check(Some("10.1.2.3"), 3);
        check(Some("::ffff:10.1.9.9"), 4);
        check(Some("192.0.2.1"), 5);
        check(Some("2001:db8::1"), 6);
        check(None, 1);
    }
}

#[test]
fn socket_that_is_gone_goes_on_as_it_was() {
    let none = Surroundings::default();
    let before = Scopes::new(&[socket("127.0.0.1:1", 1, &[]), socket("[::1]:1", 2, &[])], &none);
    let now = Scopes::new(&[socket("127.0.0.1:1", 3, &[]), socket("[::1]:9", 4, &[])], &none);
    let now = now.or_before(&before);
    assert_eq!(days(&now, "127.0.0.1:1", None), 3);
    assert_eq!(days(&now, "[::1]:1", None), 2);
    assert_eq!(days(&now, "[::1]:9", None), 4);
}

#[test]
fn unknown_pathway_is_told_once() {
    let unknown = UnknownPathways::default();
    assert!(unknown.is_new("a") && !unknown.is_new("a") && unknown.is_new("b"));
    for number in 2..NAMES_MAX {
        assert!(unknown.is_new(&number.to_string()));
    }
    assert!(!unknown.is_new("one too many"), "what is remembered has a limit");
}
