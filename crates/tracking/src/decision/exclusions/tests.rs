use super::*;

/// Is a URL excluded by this domain?
fn check_domain(domain: &str, url: &str, expected: bool) {
    let domains = vec![domain.parse().expect("a domain")];
    let exclusions = Exclusions { domains, links: Vec::new() };
    assert_eq!(exclusions.cover(url), expected, "{domain} and {url}");
}

/// Is a URL excluded by this pattern?
fn check_pattern(pattern: &str, url: &str, expected: bool) {
    let links = vec![pattern.parse().expect("a pattern")];
    let exclusions = Exclusions { domains: Vec::new(), links };
    assert_eq!(exclusions.cover(url), expected, "{pattern} and {url}");
}

#[test]
fn nothing_is_excluded_by_default() {
    assert!(!Exclusions::default().cover("https://a.example/"));
}

#[test]
fn domain_covers_itself_and_what_is_below_it() {
    check_domain("a.example", "https://a.example/x", true);
    check_domain("A.Example.", "HTTPS://B.a.EXAMPLE?x", true);
    check_domain("*.a.example", "https://a.example#x", true);
    check_domain("a.example", "https://ba.example/", false);
    check_domain("a.example", "https://example/a.example", false);
}

#[test]
fn domain_is_that_of_the_host_alone() {
    check_domain("a.example", "https://user:a@a.example:8443/", true);
    check_domain("a.example", "https://a.example@b.example/", false);
    check_domain("a.example", "https://b.example/@a.example", false);
    check_domain("a.example", "https://a.example./", true);
    check_domain("a.example", "https:\\\\a.example\\x", true);
    check_domain("[::1]", "http://[::1]:80/", true);
    check_domain("bücher.example", "https://www.bücher.example/", true);
}

#[test]
fn what_is_no_domain_is_refused() {
    for wrong in ["", ".", "https://a.example", "a.example/", "a.example:80", "a b", ".a", "*"] {
        assert_eq!(wrong.parse::<Domain>(), Err(DomainError), "{wrong:?}");
    }
}

#[test]
fn star_stands_for_any_characters() {
    check_pattern("https://a.example/*", "https://a.example/", true);
    check_pattern("https://a.example/*", "https://a.example/b/c", true);
    check_pattern("*/unsubscribe?*", "https://a.example/UNSUBSCRIBE?u=1", true);
    check_pattern("*a*b*c*", "xaybzc", true);
    check_pattern("*a*b*c*", "xaycz", false);
    check_pattern("*", "http://x", true);
    check_pattern("*.pdf", "https://a.example/x.pdf?y", false);
    check_pattern("a*ab", "aab", true);
    check_pattern("ab*ba", "aba", false);
}

#[test]
fn pattern_without_a_star_is_the_whole_url() {
    check_pattern("https://a.example/x", "https://a.example/x", true);
    check_pattern("https://a.example/x", "https://a.example/xy", false);
}

#[test]
fn what_is_no_pattern_is_refused() {
    for wrong in ["", " ", "a b"] {
        assert_eq!(wrong.parse::<LinkPattern>(), Err(LinkPatternError), "{wrong:?}");
    }
}
