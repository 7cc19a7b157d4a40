//! What strangers write to unsubscribe, and to be unsubscribed from: List-Unsubscribe, the
//! form that is posted, and Accept-Language. Ranges of URIs lie in their field; a form is the
//! one that there is; a field that leads over the tracker is what it was but for its URI.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::message::header::fields;
use tracking::{
    decision::Decision,
    rewrite::{LinkRequest, Links, Plan, UnsubscribeOutcome},
    unsubscribe::{ListUnsubscribe, is_form, language::preferred, read_field, signs},
};

const MARK: &str = "https://t.example/mark";

/// Links that remember the sender's URI.
struct Marked(String);

impl Links for Marked {
    fn click(&mut self, _: &LinkRequest<'_>, _: &mut String) -> bool {
        false
    }

    fn open(&mut self, _: bool, _: &mut String) -> bool {
        false
    }

    fn initial_open(&mut self, _: bool, _: &mut String) -> bool {
        false
    }

    fn list_unsubscribe(&mut self, target_url: &str, _: usize, url: &mut String) -> bool {
        self.0 = target_url.to_owned();
        url.push_str(MARK);
        true
    }
}

fuzz_target!(|input: (&[u8], Option<&[u8]>, &[u8], &[u8])| {
    let (field, content_type, body, language) = input;
    if let Some(read) = read_field(field) {
        let all = [&read.https, &read.http, &read.mailto, &read.other];
        for uri in all.into_iter().flatten() {
            assert_eq!((field[uri.start - 1], field[uri.end]), (b'<', b'>'));
            assert!(field[uri.clone()].iter().all(u8::is_ascii_graphic));
        }
        assert_eq!(field[read.begins_at], b'<');
    }
    signs(field, "List-Unsubscribe");
    if is_form(content_type, body) {
        let folded = body.to_ascii_lowercase();
        let is_there = |word: &[u8]| folded.windows(word.len()).any(|octets| octets == word);
        assert!(is_there(b"click") || is_there(b"%"), "{:?}", body.escape_ascii().to_string());
    }
    let available = ["en", "de", "pt-br"];
    assert!(preferred(language, &available) < available.len());
    check_proxied(field);
});

/// A message with this field, which leads over the tracker where it may.
fn check_proxied(field: &[u8]) {
    let post = b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nbody";
    let message = [b"List-Unsubscribe: ", field, post].concat();
    let decision = Decision { list_unsubscribe: ListUnsubscribe::Proxy, ..Decision::off() };
    let mut links = Marked(String::new());
    let copy = Plan::new(&message, &decision).copy(None, &mut links);
    assert!(!copy.report.safety_net);
    if copy.report.list_unsubscribe != UnsubscribeOutcome::Proxied {
        assert!(!copy.report.list_unsubscribe.is_made() || fields(&message).count() < 2);
        return;
    }
    assert_eq!(fields(&copy.octets).count(), fields(&message).count());
    let text = String::from_utf8_lossy(&copy.octets).into_owned();
    let original = String::from_utf8_lossy(&message).into_owned();
    assert_eq!(text.matches(MARK).count(), 1 + original.matches(MARK).count());
    if links.0.starts_with("mailto:") || links.0.starts_with("MAILTO:") {
        return;
    }
    let undone = |from: &str, to: &str| text.replacen(from, to, 1) == original;
    let folded = format!("\r\n <{MARK}");
    assert!(undone(MARK, &links.0) || undone(&folded, &format!("<{}", links.0)));
}
