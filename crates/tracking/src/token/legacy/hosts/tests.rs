use super::*;

#[test]
fn a_pattern_is_a_host_or_a_domain() {
    for right in ["shop.example", ".shop.example", "localhost", "192.0.2.1", "XN--A.example"] {
        assert!(right.parse::<HostPattern>().is_ok(), "{right}");
    }
    for wrong in ["", ".", "*.shop.example", "shop.example:80", "https://shop.example", "a..b"] {
        assert_eq!(wrong.parse::<HostPattern>(), Err(HostPatternError), "{wrong}");
    }
}

#[test]
fn a_domain_holds_what_is_below_it() {
    let fits = |pattern: &str, host| pattern.parse::<HostPattern>().expect("right").fits(host);
    assert!(fits("shop.example", "Shop.Example.") && fits(".shop.example", "a.b.SHOP.example"));
    for host in ["shop.example", ".shop.example", "ashop.example", "shop.example.evil", ""] {
        assert!(!fits(".shop.example", host), "{host}");
    }
    assert!(!fits("shop.example", "www.shop.example") && !fits("shop.example", "\u{fc}p.example"));
}

#[test]
fn the_host_of_a_url_is_the_one_that_every_reader_finds() {
    assert_eq!(target_host("https://Shop.example:443/a@b"), Some("Shop.example"));
    assert_eq!(target_host("http://shop.example?//evil.example"), Some("shop.example"));
    for url in ["https://a@b.example", "https:\\\\a.example", "ftp://a.example", "https://a b/"] {
        assert_eq!(target_host(url), None, "{url}");
    }
}
