//! What was delivered without what mailwake and the way have put in, to be held against the
//! same mail that went no way through mailwake. Links are undone by following them.

use super::{http, message};

/// Fields that differ between two ways, or between two times.
const OF_THE_WAY: &[&str] = &["received", "delivery-date", "x-sp-message-id"];

/// The message without the fields of the way, with the targets in the place of tracked
/// links, and without pixels. Panics when a link leads nowhere. Its HTML is in no encoding.
pub(crate) fn undone(mail: &[u8], tracking_url: &str) -> String {
    let mut header: Vec<u8> = Vec::new();
    for field in message::fields(mail) {
        if !OF_THE_WAY.contains(&message::name(&field).as_str()) {
            header.extend_from_slice(&field);
            header.push(b'\n');
        }
    }
    let body = escaped(message::split(mail).1);
    let (undone, tracked) = without_tracking(&body, tracking_url);
    assert!(tracked.links > 0 && tracked.pixels > 0, "{tracked:?} in {body}");
    format!("{}\n{undone}", escaped(&header))
}

/// As `undone`, for a mail that went no way through mailwake.
pub(crate) fn untracked(mail: &[u8]) -> String {
    let header: Vec<Vec<u8>> = message::fields(mail)
        .into_iter()
        .filter(|field| !OF_THE_WAY.contains(&message::name(field).as_str()))
        .collect();
    let header = [header.join(&b'\n'), b"\n".to_vec()].concat();
    format!("{}\n{}", escaped(&header), escaped(message::split(mail).1))
}

/// What mailwake had put in.
#[derive(Debug, Default)]
struct Tracked {
    links: usize,
    pixels: usize,
}

fn without_tracking(body: &str, tracking_url: &str) -> (String, Tracked) {
    let mut undone = String::new();
    let mut tracked = Tracked::default();
    let mut rest = body;
    while let Some(at) = rest.find(tracking_url) {
        let end = at + rest[at..].find(|c: char| "\"<> \n".contains(c)).expect("the link's end");
        let (before, url) = (&rest[..at], &rest[at..end]);
        if let Some(start) = before.strip_suffix(" src=\"").and_then(|before| before.rfind("<img"))
        {
            undone += &before[..start];
            tracked.pixels += 1;
            rest = &rest[end + rest[end..].find('>').expect("the image's end") + 1..];
            continue;
        }
        let answer = http::head(url);
        assert_eq!(answer.status, 302, "{url}");
        undone += before;
        undone += answer.field("location");
        tracked.links += 1;
        rest = &rest[end..];
    }
    (undone + rest, tracked)
}

/// Octets as text that shows each of them; line feeds and quotes stay.
fn escaped(octets: &[u8]) -> String {
    let shown = |octet: &u8| match octet {
        b'\n' | b'"' => char::from(*octet).to_string(),
        octet => octet.escape_ascii().to_string(),
    };
    octets.iter().map(shown).collect()
}

#[test]
fn what_was_put_in_is_taken_out_and_nothing_else() {
    let body =
        "<p>a</p> <img width=\"1\" src=\"http://t.example/x\" alt=\"\">\n</body> <img src=\"y\">\n";
    let (undone, tracked) = without_tracking(body, "http://t.example/");
    assert_eq!(undone, "<p>a</p> \n</body> <img src=\"y\">\n");
    assert_eq!((tracked.links, tracked.pixels), (0, 1));
    let mail = b"Received: by\n\tmx\nSubject:  a\nX-Sp-Message-Id: 1\n\n\xfc \\n\"\n";
    assert_eq!(untracked(mail), "Subject:  a\n\n\\xfc \\\\n\"\n");
}
