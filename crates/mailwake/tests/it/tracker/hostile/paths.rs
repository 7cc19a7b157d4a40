//! Paths and hosts that are written to be read in two ways.

use super::{super::load::TARGET, Target, check_no_redirect, statuses};

#[test]
fn path_tricks_lead_nowhere() {
    let target = Target::start("");
    let token = target.path()[1..].to_owned();
    let long = "a".repeat(15_000);
    let paths = [
        "/..".to_owned(),
        "/../../../etc/passwd".into(),
        "/%2e%2e/%2e%2e/etc/passwd".into(),
        "/..%2f..%2fetc%2fpasswd".into(),
        "//evil.example/".into(),
        "//evil.example/%2f..".into(),
        "/\\evil.example".into(),
        "/https://evil.example/".into(),
        "/?url=https://evil.example/".into(),
        "/%00".into(),
        "/%0d%0aLocation:%20https://evil.example/".into(),
        format!("/{token}/"),
        format!("/{token}/.."),
        format!("/{token}%2f"),
        format!("/{token}%00"),
        format!("/{token};a=b"),
        format!("/{token}."),
        format!("/{long}"),
        format!("/?{long}"),
    ];
    for path in &paths {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: t.example\r\nConnection: close\r\n\r\n");
        let answers = target.throw(request.as_bytes());
        check_no_redirect(&answers, path);
        let codes = statuses(&answers);
        assert!(matches!(codes[..], [400 | 404 | 414 | 431]), "{path}: {codes:?}");
    }
    target.end();
}

/// What stands before and behind a token is others': proxies and campaign tools put it there.
#[test]
fn a_token_is_found_whatever_stands_around_it() {
    let target = Target::start("");
    let path = target.path();
    let absolute = format!("http://t.example{path}");
    let ways = [format!("/a/b{path}"), format!("/..{path}"), format!("{path}?a=/../b"), absolute];
    for way in ways {
        let answer = target.connect().get(&way).expect("an answer");
        assert_eq!(answer.field("location"), Some(TARGET), "{way}");
    }
    target.end();
}

#[test]
fn it_is_no_proxy() {
    let target = Target::start("");
    for request in [
        "CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET https://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n",
        "GET ftp://evil.example/a HTTP/1.1\r\nHost: t.example\r\nConnection: close\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: t.example\r\nCookie: secret\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t.example\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: t.example\r\nUpgrade: h2c\r\nConnection: close, Upgrade\r\n\r\n",
    ] {
        let answers = target.throw(request.as_bytes());
        check_no_redirect(&answers, request);
        let codes = statuses(&answers);
        assert!(matches!(codes[..], [400..=499]), "{request}: {codes:?}");
        assert!(!String::from_utf8_lossy(&answers).contains("secret"), "{request}");
    }
    target.end();
}

#[test]
fn host_tricks_are_refused() {
    let target = Target::start("");
    let path = target.path();
    for hosts in [
        "",
        "Host: t.example\r\nHost: evil.example\r\n",
        "Host: t.example, evil.example\r\n",
        "Host: user@evil.example\r\n",
        "Host: t.example/../evil.example\r\n",
        "Host: t.example evil.example\r\n",
        "Host: http://evil.example\r\n",
        "Host: t.example?\r\n",
        "Host: t.example#\r\n",
        "Host: \"t.example\"\r\n",
        "Host : t.example\r\n",
        " Host: t.example\r\n",
        "Host: t.example\r\n evil.example\r\n",
        "Host: t.\0example\r\n",
        "Host: \u{fc}.example\r\n",
    ] {
        let answers = target.throw(format!("GET {path} HTTP/1.1\r\n{hosts}\r\n").as_bytes());
        check_no_redirect(&answers, hosts);
        let refused = statuses(&answers);
        // A list of hosts is no host, and has the characters of one.
        assert!(matches!(refused[..], [400]), "{hosts:?}: {refused:?}");
    }
    target.end();
}
