use super::*;

fn check(text: &str, wanted: Option<(&str, &str)>) {
    let parsed: Result<TrackingUrl, _> = text.parse();
    let seen = parsed.as_ref().ok().map(|url| (url.as_str(), url.host()));
    assert_eq!(seen, wanted, "{text:?}");
}

#[test]
fn base_url_gets_its_final_slash() {
    check("https://t.example", Some(("https://t.example/", "t.example")));
    check("https://t.example/", Some(("https://t.example/", "t.example")));
    check("http://t.example/mail/x", Some(("http://t.example/mail/x/", "t.example")));
}

#[test]
fn host_is_told_without_the_port() {
    check("http://t.example:8080/", Some(("http://t.example:8080/", "t.example")));
    check("http://[::1]:8080", Some(("http://[::1]:8080/", "[::1]")));
}

#[test]
fn what_could_carry_no_token_is_refused() {
    for wrong in ["", "t.example", "ftp://t.example/", "https://", "https:///x", "https://:80/"] {
        check(wrong, None);
    }
    for wrong in
        ["https://t.example/?q=", "https://t.example/#", "https://a@t.example/", "https://t é/"]
    {
        check(wrong, None);
    }
}

#[test]
fn link_is_split_at_its_last_slash() {
    let (base, token) = TrackingUrl::split("https://t.example/mail/abc-_\n").expect("a link");
    assert_eq!((base.as_str(), token), ("https://t.example/mail/", "abc-_"));
    assert_eq!(TrackingUrl::split("abc"), None);
}
