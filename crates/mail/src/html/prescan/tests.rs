use super::*;
use proptest::prelude::*;

fn check(html: &str, expected: Option<&str>) {
    let label = charset_label(html.as_bytes());
    assert_eq!(label, expected.map(str::as_bytes), "{html}");
}

#[test]
fn charset_attribute_is_read() {
    check("<meta charset=koi8-r>", Some("koi8-r"));
    check("<!DOCTYPE html><html><head><META CHARSET=' Big5 '/>", Some("Big5"));
    check("<meta/charset=\"big5\">", Some("big5"));
    check("<meta name=x\ncharset\t=\r\nbig5>", Some("big5"));
    check("<meta charset=a charset=b>", Some("a"));
}

#[test]
fn content_counts_with_its_pragma() {
    let pragma = "http-equiv=\"Content-Type\"";
    check(&format!("<meta {pragma} content='text/html; charset=big5'>"), Some("big5"));
    check(&format!("<meta content='text/html;charset = \"big5\" ;x' {pragma}>"), Some("big5"));
    check(&format!("<meta {pragma} content='charset charset=big5;x=y'>"), Some("big5"));
    check(&format!("<meta {pragma} content='charset=big5 x'>"), Some("big5"));
    check("<meta content='text/html; charset=big5'>", None);
    check("<meta http-equiv=refresh content='0; charset=big5'>", None);
    check(&format!("<meta {pragma} content='charset=\"big5'>"), None);
    check(&format!("<meta {pragma} content='text/html; charset'>"), None);
}

#[test]
fn charset_attribute_goes_before_content() {
    check("<meta http-equiv=content-type content='charset=a' charset=b>", Some("b"));
}

#[test]
fn first_label_counts_and_empty_ones_do_not() {
    check("<meta charset=a><meta charset=b>", Some("a"));
    check("<meta charset><meta charset=''><meta charset=b>", Some("b"));
    check("<meta name=viewport content=x><meta charset=b>", Some("b"));
}

#[test]
fn comments_declarations_and_other_tags_are_passed() {
    check("<!-- <meta charset=a> --><meta charset=b>", Some("b"));
    check("<!--><meta charset=b>-->", Some("b"));
    check("<!--->x<meta charset=b>", Some("b"));
    check("<?xml version='1.0' encoding='a'?></!x><meta charset=b>", Some("b"));
    check("<p title='<meta charset=a>'><meta charset=b>", Some("b"));
    check("</p title=\"<meta charset=a>\"><meta charset=b>", Some("b"));
    check("< meta charset=a><metal charset=a><xmeta charset=a>", None);
    check("<meta>charset=a", None);
}

#[test]
fn raw_text_is_not_known_yet() {
    check("<title><meta charset=a></title>", Some("a"));
    check("<script>'<meta charset=a>'</script>", Some("a"));
}

#[test]
fn what_the_end_cuts_off_declares_nothing() {
    for html in [
        "<meta charset=a",
        "<meta charset='a",
        "<meta charset='a'",
        "<!-- <meta charset=a>",
        "<p title='<meta charset=a>",
        "<meta",
        "<",
        "</",
        "<!",
        "",
    ] {
        check(html, None);
    }
}

#[test]
fn only_the_start_is_looked_at() {
    let tag = "<meta charset=a>";
    let at_end = " ".repeat(1024 - tag.len());
    check(&format!("{at_end}{tag}"), Some("a"));
    check(&format!("{at_end} {tag}"), None);
}

proptest! {
    #[test]
    fn any_html_is_read(
        html in "(<|>|</|<!--|--|-->|!|\\?|=|'|\"| |/|meta|charset|content|http-equiv|;|a){0,30}",
    ) {
        if let Some(label) = charset_label(html.as_bytes()) {
            prop_assert!(!label.is_empty() && label == label.trim_ascii());
        }
    }
}
