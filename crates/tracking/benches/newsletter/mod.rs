//! The messages that the benches of this folder measure, and the ways to encode them.

use std::fmt::Write as _;

const FONT: &str = "font-family: Arial, 'Helvetica Neue', Helvetica, sans-serif";

/// HTML with so many links, about 19 kB with 30 of them. It is written as composers of
/// mail write it, because mail clients drop style sheets: nested tables, indented, each
/// element with all of its style.
pub(crate) fn html(links: usize) -> String {
    let mut html = format!(
        "<!DOCTYPE html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>News</title>\n\
         </head>\n  <body style=\"margin: 0; {FONT}; background-color: #F2F4F6;\">\n\
         <table role=\"presentation\" width=\"600\" cellpadding=\"0\" cellspacing=\"0\">\n"
    );
    for item in 0..links {
        writeln!(
            html,
            "      <tr>\n        <td class=\"content\" style=\"{FONT}; padding: 12px 24px;\">\n          \
             <p style=\"box-sizing: border-box; color: #74787E; {FONT}; font-size: 16px; line-height: \
             1.5em; margin-top: 0;\" align=\"left\">Artikel {item} für Sie: Lorem ipsum dolor sit amet, \
             consetetur sadipscing elitr, sed diam nonumy.</p>\n          \
             <a href=\"https://shop.example/item?id={item}&amp;utm_source=news&amp;utm_medium=email\" \
             class=\"button\" style=\"background: #3869D4; {FONT}; text-decoration: none;\">Jetzt \
             ansehen</a>\n        </td>\n      </tr>"
        )
        .expect("a string takes what is written");
    }
    html + "    </table>\n  </body>\n</html>\n"
}

/// HTML with so many links, about 18 kB with 30 of them: many short tags, with little
/// style. It is what costs a tokenizer most.
#[allow(dead_code, reason = "not every bench measures it")]
pub(crate) fn dense_html(links: usize) -> String {
    let mut html = String::from(
        "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>News</title></head>\n\
         <body style=\"margin:0\">\n",
    );
    for item in 0..links {
        writeln!(
            html,
            "<table role=\"presentation\" width=\"600\" cellpadding=\"0\" border=\"0\"><tbody><tr>\n\
             <td style=\"padding:12px 24px;font-family:Arial,sans-serif;font-size:14px;color:#333\">\n\
             <img src=\"https://cdn.shop.example/{item}.png\" width=\"80\" alt=\"\"><br>\n\
             <h3 style=\"margin:0\">Artikel {item} für Sie</h3>\n\
             <p>Lorem ipsum dolor sit <b>amet</b>, consetetur sadipscing elitr, sed diam \
             nonumy eirmod tempor invidunt ut labore et dolore magna aliquyam.</p>\n\
             <a href=\"https://shop.example/item?id={item}&amp;utm_source=news&amp;utm_medium=email\" \
             style=\"color:#0066cc\"><span>Jetzt ansehen</span></a>\n\
             </td></tr></tbody></table>"
        )
        .expect("a string takes what is written");
    }
    html + "</body></html>\n"
}

/// Text in quoted-printable (RFC 2045 §6.7).
pub(crate) fn quoted_printable(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 5 / 4);
    for line in text.lines() {
        let mut column = 0;
        for octet in line.bytes() {
            let is_literal = matches!(octet, b' '..=b'~') && octet != b'=';
            let width = if is_literal { 1 } else { 3 };
            if column + width > 75 {
                encoded.push_str("=\r\n");
                column = 0;
            }
            column += width;
            if is_literal {
                encoded.push(char::from(octet));
            } else {
                write!(encoded, "={octet:02X}").expect("a string takes what is written");
            }
        }
        encoded.push_str("\r\n");
    }
    encoded
}

/// Text in base64 (RFC 2045 §6.8).
#[allow(dead_code, reason = "not every bench measures base64")]
pub(crate) fn base64(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encoded = STANDARD.encode(text);
    let lines = encoded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line) + "\r\n");
    lines.collect()
}

/// A message with one part.
pub(crate) fn message(content_type: &str, encoding: &str, body: &str) -> Vec<u8> {
    let header = "From: a@sender.example\r\nTo: b@reader.example\r\nMIME-Version: 1.0\r\n";
    format!(
        "{header}Content-Type: {content_type}; charset=utf-8\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    )
    .into_bytes()
}
