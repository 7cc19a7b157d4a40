use super::*;
use mail::html::tokenizer::Tokenizer;

/// Is the link that this HTML follows shown as a URL?
fn check(html: &str, expected: bool) {
    let mut shown = ShownLink::new(0);
    let mut tokens = Tokenizer::new(html.as_bytes());
    tokens.find(|token| shown.is_over(html.as_bytes(), token));
    assert_eq!(shown.is_url(Charset::UTF_8), expected, "{html}");
}

#[test]
fn url_is_one() {
    check("https://a.example/x?a=1&amp;b=2</a> more", true);
    check("\n HTTP://a.example\n</a>", true);
    check("www.a.example", true);
    check("<b>https://</b>a<wbr>.example<a>x", true);
    check("&nbsp;https://a.example&#8203;</a>", true);
}

#[test]
fn other_text_is_none() {
    for text in ["", "here</a> https://a.example", "see https://a.example", "a.example", "https://"]
    {
        check(text, false);
    }
    check("https://a.example/ now</a>", false);
    check(&format!("https://a.example/{}</a>", "x".repeat(5000)), false);
}
