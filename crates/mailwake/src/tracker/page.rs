//! The page for what is no link of ours. It says nothing of the request, nor whose
//! tracker this is, but for what the operator has written.

use super::config::NotFoundPage;
use bytes::Bytes;

const OWN: &str = include_str!("not_found.html");
const HEAD: &str = "<!DOCTYPE html>\n<html lang=\"\">\n<head>\n<meta charset=\"utf-8\">\n\
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
const STYLE: &str = "</title>\n<style>body{font:1.125rem/1.5 sans-serif;max-width:36rem;\
    margin:4rem auto;padding:0 1rem}</style>\n</head>\n<body>\n<main>\n<h1>";

/// The content of the page.
pub(super) fn not_found(page: &NotFoundPage) -> Bytes {
    match page {
        NotFoundPage::Own => Bytes::from_static(OWN.as_bytes()),
        NotFoundPage::Html(content) => content.clone(),
        NotFoundPage::Text(text) => of_text(text).into(),
    }
}

/// A page with a heading and paragraphs. Its language is not known.
fn of_text(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let heading = escaped(lines.next().unwrap_or_default());
    let paragraphs: String = lines.map(|line| format!("<p>{}</p>\n", escaped(line))).collect();
    format!("{HEAD}{heading}{STYLE}{heading}</h1>\n{paragraphs}</main>\n</body>\n</html>\n")
}

/// The text as content of an element (HTML Standard §13.3).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
