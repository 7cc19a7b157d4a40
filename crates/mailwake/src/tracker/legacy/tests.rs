use super::*;
use proptest::prelude::*;

fn links() -> LegacyLinks {
    let patterns = |names: &[&str]| {
        names.iter().map(|name| name.parse().expect("a pattern")).collect::<Vec<_>>()
    };
    LegacyLinks {
        hosts: patterns(&["old.example"]),
        target_hosts: patterns(&["shop.example", ".news.example"]),
    }
}

fn token(act: &str, t_url: &str, msg_id: &str) -> String {
    legacy::encode(&LegacyLink {
        act: act.into(),
        t_url: t_url.into(),
        msg_id: msg_id.into(),
        rcpt: "ann@example.com".into(),
    })
}

const ID: &str = "0000123456789abcdef0";

fn leads_to(target_url: &str) -> bool {
    links().read(&token("c", target_url, ID), "old.example").is_some()
}

#[test]
fn opens_and_clicks_are_read_with_their_message() {
    let target_url = "https://shop.example/boots".to_owned();
    let cases = [
        ("o", Engagement::Open),
        ("i", Engagement::InitialOpen),
        ("c", Engagement::Click { target_url: target_url.clone() }),
    ];
    for (act, engagement) in cases {
        let token = token(act, &target_url, ID);
        let read = links().read(&token, "OLD.example").expect("a link");
        assert_eq!((read.link.engagement, read.is_identified), (engagement, true));
        assert_eq!(read.link.message_id.to_string(), ID);
    }
    assert_eq!(links().read(&token("u", &target_url, ID), "old.example"), None);
}

#[test]
fn an_id_of_another_shape_is_followed_and_names_no_message() {
    let read = |id| links().read(&token("o", "", id), "old.example").expect("a link");
    // The one in the reference's own documentation has 21 characters.
    for id in ["00000deadbeeff00d1337", "", "my-message"] {
        assert!(!read(id).is_identified, "{id}");
    }
    assert_eq!(read(&ID.to_ascii_uppercase()).link.message_id.to_string(), ID);
}

#[test]
fn other_hosts_read_no_such_links() {
    let token = token("o", "", ID);
    for host in ["", "new.example", "old.example.evil.example", "very-old.example"] {
        assert_eq!(links().read(&token, host), None, "{host}");
    }
    assert_eq!(LegacyLinks::default().read(&token, "old.example"), None);
}

#[test]
fn targets_on_the_list_are_followed() {
    for url in [
        "https://shop.example",
        "http://SHOP.example:8080/a?b=//evil.example#c",
        "https://shop.example.?x",
        "https://www.news.example/m\u{fc}nchen",
        "HTTPS://a.b.news.example",
    ] {
        assert!(leads_to(url), "{url}");
    }
}

#[test]
fn targets_that_are_read_in_two_ways_are_not() {
    for url in [
        "",
        "shop.example",
        "//shop.example/",
        "https:shop.example",
        "https:/shop.example",
        "https:///shop.example",
        "https:\\\\shop.example",
        "javascript:alert(1)//://shop.example/",
        "javascript://shop.example/%0aalert(1)",
        "data://shop.example/,x",
        " https://shop.example/",
        "\thttps://shop.example/",
        "https://evil.example/",
        "https://news.example/",
        "https://evilnews.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:443@evil.example/",
        "https://shop.example:x/",
        "https://evil.example\\.shop.example/",
        "https://evil.example\\@shop.example/",
        "https://evil.example\t.news.example/",
        "https://evil.example\r\nX: .news.example/",
        "https://evil.example%2f.news.example/",
        "https://evil.example\u{ff0f}.news.example/",
        "https://[::1].news.example/",
        "https://.news.example.evil.example/",
    ] {
        assert!(!leads_to(url), "{url:?}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_in_leads_to_a_host_on_the_list_or_nowhere(
        scheme in "(https?|javascript)?:?[/\\\\]{0,3}",
        authority in "[a-z.@:\\\\%\t#?/]{0,10}(shop|evil|a\\.news)\\.example[a-z.@:\\\\/?#]{0,10}",
    ) {
        let url = format!("{scheme}{authority}");
        if leads_to(&url) {
            let after = url.split_once("://").expect("a scheme").1.to_owned();
            let end = after.find(['/', '?', '#', '\\']).unwrap_or(after.len());
            let host = after[..end].split(':').next().unwrap_or_default().trim_end_matches('.');
            prop_assert!(host == "shop.example" || host.ends_with(".news.example"), "{}", url);
            prop_assert!(!after[..end].contains('@'), "{}", url);
        }
    }
}
