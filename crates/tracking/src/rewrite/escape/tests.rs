use super::*;

fn check(text: &str, expected: &str) {
    assert_eq!(undone(text), expected);
    let mut sites = Vec::new();
    add_sites(text.as_bytes(), Charset::UTF_8, &mut sites);
    let mut edited = text.to_owned();
    for site in sites.iter().rev() {
        let SiteKind::Words(braces) = site.kind else { panic!("{site:?}") };
        edited.replace_range(site.range.clone(), braces);
    }
    assert_eq!(edited, expected);
}

#[test]
fn escapes_become_braces() {
    check("a {{opening_double_curly()}}b{{closing_double_curly()}} c", "a {{b}} c");
    check("{{opening_double_curly()}}{{opening_double_curly()}}", "{{{{");
    check("é{{closing_double_curly()}}é", "é}}é");
}

#[test]
fn other_braces_stay() {
    for text in [
        "{{name}} {{{x}}} { } }} {{",
        "{opening_double_curly()}",
        "{{opening_double_curly()}",
        "opening_double_curly()",
        "{{_double_curly()}}",
        "{{Opening_double_curly()}}",
        "{{opening_triple_curly()}}",
        "{{ opening_double_curly() }}",
        "_double_curly()_double_curly()",
    ] {
        check(text, text);
    }
}

#[test]
fn brace_outside_the_escape_stays() {
    check("{{{opening_double_curly()}}}", "{{{}");
}

#[test]
fn second_half_of_a_character_is_no_brace() {
    let charset = Charset::of_label(b"shift_jis").expect("it is known");
    let mut sites = Vec::new();
    add_sites(b"\x83{{opening_double_curly()}} x", charset, &mut sites);
    assert!(sites.is_empty());
}
