use super::*;

const WORDS: Words<'_> =
    Words { lang: "de", dir: "ltr", title: "<b>&\"", text: "t", button: Some("go") };

fn error(text: &str) -> String {
    text.parse::<PageTemplate>().expect_err("it is wrong").to_string()
}

#[test]
fn words_stand_in_their_places_and_are_no_markup() {
    let template: PageTemplate =
        "<html lang={{lang}} dir={{ dir }}>{{title}}{{title}}{{text}}{{form}}!"
            .parse()
            .expect("right");
    let page = template.fill(&WORDS);
    let title = "&lt;b&gt;&amp;&quot;";
    assert!(page.starts_with(&format!("<html lang=de dir=ltr>{title}{title}t<form ")), "{page}");
    assert!(page.ends_with("<button type=\"submit\">go</button>\n</form>!"), "{page}");
    let done = template.fill(&Words { button: None, ..WORDS });
    assert!(!done.contains("form"), "{done}");
}

#[test]
fn ours_is_right_and_has_nothing_from_elsewhere() {
    let page = PageTemplate::default().fill(&WORDS);
    for word in ["http:", "https:", "src=", "<script", "<link", "url(", "{{", "}}"] {
        assert!(!page.contains(word), "{word}");
    }
}

#[test]
fn mistakes_are_told() {
    let known = "there are {{lang}}, {{dir}}, {{title}}, {{text}}, {{form}}";
    assert_eq!(
        error("{{title}}{{form}}{{token}}"),
        format!("{{{{token}}}} is no placeholder; {known}")
    );
    assert_eq!(error("{{title}} {{form"), "a placeholder is not closed: \"{{\" without \"}}\"");
    assert_eq!(error("{{title}}"), "{{form}} must be there once");
    assert_eq!(error("{{title}}{{form}}{{form}}"), "{{form}} must be there once");
    assert_eq!(error("{{form}}"), "{{title}} must be there");
    assert_eq!(error(""), "{{title}} must be there");
}
