use super::*;

fn page(text: &str) -> String {
    let content = not_found(&NotFoundPage::Text(text.into()));
    String::from_utf8(content.to_vec()).expect("text")
}

#[test]
fn a_text_is_a_heading_and_paragraphs() {
    let page = page("Unbekannter Link\n\nBitte \u{f6}ffnen Sie ihn noch einmal.\r\n Danke. ");
    for part in [
        "<title>Unbekannter Link</title>",
        "<h1>Unbekannter Link</h1>\n<p>Bitte \u{f6}ffnen Sie ihn noch einmal.</p>\n<p>Danke.</p>\n",
    ] {
        assert!(page.contains(part), "{page}");
    }
}

#[test]
fn a_text_is_no_markup() {
    let page = page("</title><script>a&b</script>");
    assert_eq!(page.matches("&lt;/title&gt;&lt;script&gt;a&amp;b&lt;/script&gt;").count(), 2);
    assert!(!page.contains("<script"), "{page}");
}

#[test]
fn a_page_of_the_operator_stays_as_it_is() {
    let html = Bytes::from_static(b"<h1>Nothing here</h1>");
    assert_eq!(not_found(&NotFoundPage::Html(html.clone())), html);
}
