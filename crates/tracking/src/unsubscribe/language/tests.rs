use super::*;

const AVAILABLE: &[&str] = &["en", "de", "fr", "pt", "pt-br", "zh", "zh-hant", "he", "nb"];

fn check(field: &str, expected: &str) {
    assert_eq!(AVAILABLE[preferred(field.as_bytes(), AVAILABLE)], expected, "{field:?}");
}

#[test]
fn heaviest_language_that_there_is_counts() {
    check("de", "de");
    check("da, en-gb;q=0.8, en;q=0.7", "en");
    check("fr;q=0.5, de;q=0.9", "de");
    check("de;q=0.5,fr;q=0.5", "de");
    check("FR-ca, de;q=0.999", "fr");
    check("xx, yy;q=0.4, fr;q=0.1", "fr");
    check("de ; q=0.3 , fr; q=0.4", "fr");
}

#[test]
fn range_is_made_shorter_until_it_is_found() {
    check("de-AT-1996", "de");
    check("pt-BR", "pt-br");
    check("pt-PT", "pt");
    check("zh-Hant-TW", "zh-hant");
    check("zh-TW", "zh-hant");
    check("zh-CN", "zh");
    check("iw-IL", "he");
    check("iw", "he");
    check("no", "nb");
    check("nn-NO", "nb");
}

#[test]
fn nothing_that_there_is_gives_the_first() {
    for field in ["", ",", "xx", "*", "de;q=0", "de;q=2", "de;q=x", "de;x=1", ";q=1", "de;q=-1"] {
        check(field, "en");
    }
    check("en;q=0, *;q=0.5", "de");
    check(&"x,".repeat(4_000), "en");
    check(&format!("{}fr", "x,".repeat(40)), "en");
}
