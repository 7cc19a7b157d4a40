use super::*;

fn request(uri: &str, hosts: &[&str]) -> Request<()> {
    let mut request = Request::builder().uri(uri);
    for host in hosts {
        request = request.header(HOST, *host);
    }
    request.body(()).expect("a request")
}

fn check(uri: &str, host: &str, expected: Asked<'_>) {
    assert_eq!(read(&request(uri, &[host])), expected);
}

fn link<'a>(token: &'a str, host: &'a str) -> Asked<'a> {
    Asked::Link { token, host }
}

#[test]
fn a_token_is_the_last_segment() {
    check("/abc", "t.example", link("abc", "t.example"));
    check("/a/prefix/abc", "t.example", link("abc", "t.example"));
    check("/abc/", "t.example", link("", "t.example"));
    check("/", "t.example", link("", "t.example"));
}

#[test]
fn a_query_is_passed_over() {
    check("/abc?utm_source=x/y", "t.example", link("abc", "t.example"));
}

#[test]
fn a_port_is_no_part_of_the_host() {
    check("/abc", "t.example:8080", link("abc", "t.example"));
    check("/abc", "[2001:db8::1]:8080", link("abc", "[2001:db8::1]"));
    check("/abc", "[2001:db8::1]", link("abc", "[2001:db8::1]"));
}

#[test]
fn the_authority_of_an_absolute_form_wins() {
    check("http://t.example:80/abc", "other.example", link("abc", "t.example"));
}

#[test]
fn robots_txt_is_at_the_root_only() {
    check("/robots.txt", "t.example", Asked::Robots);
    check("/a/robots.txt", "t.example", link("robots.txt", "t.example"));
}

#[test]
fn a_request_names_one_host() {
    assert_eq!(read(&request("/abc", &[])), Asked::BadHost);
    assert_eq!(read(&request("/abc", &["a.example", "b.example"])), Asked::BadHost);
}

#[test]
fn http_1_0_needs_no_host() {
    let mut old = request("/abc", &[]);
    *old.version_mut() = Version::HTTP_10;
    assert_eq!(read(&old), link("abc", ""));
}

#[test]
fn only_get_and_head_ask_for_links() {
    let link = link("abc", "t.example");
    for (method, expected) in [
        ("GET", link),
        ("HEAD", link),
        ("OPTIONS", Asked::Options),
        ("POST", Asked::Form { token: "abc", host: "t.example" }),
        ("PUT", Asked::OtherMethod),
        ("get", Asked::OtherMethod),
    ] {
        let mut other = request("/abc", &["t.example"]);
        *other.method_mut() = method.parse().expect("a method");
        assert_eq!(read(&other), expected, "{method}");
    }
}

#[test]
fn the_icon_is_at_the_root_only() {
    check("/favicon.ico", "t.example", Asked::Favicon);
    check("/favicon.ico?v=2", "t.example", Asked::Favicon);
    check("/a/favicon.ico", "t.example", link("favicon.ico", "t.example"));
}

#[test]
fn what_cannot_be_a_host_is_refused() {
    for host in ["t.example/", "t.example#", "user@t.example", "a b", "t.example?x", "<t>", "t\\"] {
        check("/abc", host, Asked::BadHost);
    }
    check("/abc", "", link("abc", ""));
    check("/abc", "xn--bcher-kva.example.", link("abc", "xn--bcher-kva.example."));
}

#[test]
fn a_host_is_asked_for_with_every_method() {
    let mut other = request("/abc", &[]);
    *other.method_mut() = Method::POST;
    assert_eq!(read(&other), Asked::BadHost);
}

#[test]
fn a_long_user_agent_is_cut_and_made_utf_8() {
    let mut fields = HeaderMap::new();
    assert_eq!(user_agent(&fields), "");
    fields.insert(
        USER_AGENT,
        [b"x".repeat(1023), vec![0xc3, 0xa9]].concat().try_into().expect("a value"),
    );
    let kept = user_agent(&fields);
    assert_eq!(kept.strip_prefix(&"x".repeat(1023)), Some("\u{fffd}"));
}
