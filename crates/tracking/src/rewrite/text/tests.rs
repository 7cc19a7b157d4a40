use super::*;

fn check(content_type: &str, text: &str, expected: &[(&str, Option<Reason>)]) {
    let media_type = ContentType::parse(content_type.as_bytes());
    let mut links = Vec::new();
    let sites =
        sites(text.as_bytes(), Charset::UTF_8, &media_type, &Decision::default(), &mut links);
    let found: Vec<_> = links.iter().map(|link| (&*link.target, link.left_alone)).collect();
    assert_eq!(found, expected);
    assert_eq!(sites.len(), links.iter().filter(|link| link.left_alone.is_none()).count());
}

const FLOWED: &str = "text/plain; format=flowed; delsp=yes";

#[test]
fn urls_are_links() {
    check(
        "",
        "x https://a.example/ http://b.example.",
        &[("https://a.example/", None), ("http://b.example", None)],
    );
}

#[test]
fn url_goes_over_a_soft_break_where_the_space_goes() {
    check(FLOWED, "https://a.example/ \r\nb", &[("https://a.example/b", None)]);
    check(FLOWED, "> https://a.ex \n> ample/ y", &[("https://a.example/", None)]);
    check(FLOWED, "> x \n> https://a.example/ y", &[]);
    check(FLOWED, "x\r\n https://a.example/ y", &[("https://a.example/", None)]);
    check("text/plain; format=flowed", "https://a.example/ \r\nb", &[("https://a.example/", None)]);
}

#[test]
fn url_at_a_soft_break_that_joins_nothing_is_left_alone() {
    let cut = Some(Reason::SoftBreak);
    check(FLOWED, "https://a.example/ \r\n> b", &[("https://a.example/", cut)]);
    check(FLOWED, "> x \r\nhttps://a.example/ b", &[("https://a.example/", cut)]);
}

#[test]
fn option_behind_a_url_is_no_part_of_it() {
    check(
        "",
        "https://a.example/[[data-msys-clicktrack=\"0\"]]",
        &[("https://a.example/", Some(Reason::OptedOut))],
    );
    check("", "https://a.example/[[data-msys-sublink=\"x\"]]", &[("https://a.example/", None)]);
}

/// How much of what stands behind a URL is for the tracker alone.
fn check_control(behind: &str, expected: usize, is_opted_out: bool) {
    let (found, end) = control(behind.as_bytes(), 0);
    assert_eq!((end, found.is_opted_out), (expected, is_opted_out), "{behind}");
}

#[test]
fn controls_stand_right_behind_a_url() {
    check_control("[[data-msys-clicktrack=\"0\"]] x", 28, true);
    check_control("[[data-msys-unsubscribe=\"1\"]][[data-msys-clicktrack=\"0\"]]", 57, true);
    check_control("[[data-msys-linkname=\"n\"]]", 26, false);
    check_control(" [[data-msys-clicktrack=\"0\"]]", 0, false);
}

#[test]
fn what_only_looks_like_a_control_stays() {
    for behind in [
        "",
        "[[data-msys-clicktrack=\"0\"",
        "[[data-msys-clicktrack=\"0\" ]]",
        "[[data-msys-clicktrack=\"0\n\"]]",
        "[[data-msys-clicktrack=0]]",
        "[[data-msys-clicktrack]]",
        "[[clicktracking=\"off\"]]",
    ] {
        check_control(behind, 0, false);
    }
    check_control(&format!("[[data-msys-sublink=\"{}\"]]", "x".repeat(300)), 0, false);
}

#[test]
fn armor_of_pgp_is_found() {
    for kind in ["MESSAGE", "SIGNED MESSAGE", "PUBLIC KEY BLOCK"] {
        assert!(has_armor(format!("x\n-----BEGIN PGP {kind}-----\nx").as_bytes()));
    }
    assert!(!has_armor(b"-----BEGIN PGP OTHER-----"));
}

#[test]
fn line_that_only_looks_soft_joins_nothing() {
    let url = "https://a.example/";
    check(FLOWED, "-- \r\nhttps://a.example/", &[(url, None)]);
    check(FLOWED, "> -- \r\n> https://a.example/", &[(url, None)]);
    check(FLOWED, "x  \nhttps://a.example/", &[(url, None)]);
    check(FLOWED, "--- \nhttps://a.example/", &[]);
}
