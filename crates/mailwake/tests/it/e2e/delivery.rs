//! One message to two recipients through mailwake and a real Postfix: what arrives, where
//! its links lead, and what is told about it afterwards.

use crate::support::{
    PATIENCE, http, is_left_out,
    mailwake::Installation,
    message::{attributes, fields, name, part, split, urls, value},
    postfix::Postfix,
    swaks, wait_for,
};
use serde_json::Value;
use std::collections::BTreeSet;

const NEWSLETTER: &[u8] = include_bytes!("newsletter.eml");
const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

/// Where the links of the newsletter lead: first the one in its text, then those in its
/// HTML, in order.
const TARGETS: [&str; 5] = [
    "https://shop.example/sale?from=text&page=1",
    "https://shop.example/sale?page=1&color=red",
    "https://shop.example/shoes",
    "https://shop.example/a/path/that/is/so/long/that/the/line/breaks/inside\
     ?utm_source=mail&utm_campaign=november&id=12345#top",
    "https://shop.example/shoes",
];

/// What an MTA on the way puts on top of a message, and what mailwake does.
const ADDED_FIELDS: &[&str] =
    &["return-path", "x-original-to", "delivered-to", "received", "x-sp-message-id"];

/// The harness by itself: without mailwake between, nothing changes.
#[test]
fn postfix_alone_delivers_what_swaks_sends() {
    if is_left_out("e2e: postfix alone") {
        return;
    }
    let postfix = Postfix::start(&[ANN, BOB]);
    swaks::send(postfix.port, "news@shop.example", &[ANN, BOB], NEWSLETTER);
    for recipient in [ANN, BOB] {
        let mail = &postfix.wait_for_mail(recipient, 1)[0];
        assert_eq!(value(mail, "Delivered-To"), recipient);
        check_fields(mail);
        assert_eq!(string(split(mail).1), string(split(NEWSLETTER).1));
    }
}

#[test]
fn message_to_two_recipients_is_tracked_for_each() {
    if is_left_out("e2e: message to two recipients") {
        return;
    }
    let postfix = Postfix::start(&[ANN, BOB]);
    let installation = Installation::new(postfix.port);
    let serving = installation.serve();
    let port = installation.gateway_port;
    let conversation = swaks::send(port, "news@shop.example", &[ANN, BOB], NEWSLETTER);
    assert_eq!(conversation.matches("MAIL FROM:").count(), 1, "{conversation}");

    let mails = [ANN, BOB].map(|recipient| {
        let mail = postfix.wait_for_mail(recipient, 1).remove(0);
        Delivered::read(&mail, recipient, &installation.tracking_url)
    });
    check_all_differ(&mails);
    mails.iter().for_each(Delivered::check_visits);
    check_forged_links_lead_nowhere(&mails[0]);
    // Ann comes back: total, but not unique.
    http::get(&mails[0].pixel);
    http::get(&mails[0].links[2]);

    // Under this id Postfix speaks of the message in its own log.
    let log = serving.log();
    let line = log.lines().find(|line| line.contains("message passed upstream"));
    assert!(line.is_some_and(|line| line.contains(" queue_id=\"")), "{log}");
    check_report(&installation);
    check_timeline(&installation, &mails[0], ANN, &["open", "click"]);
    check_timeline(&installation, &mails[1], BOB, &[]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    // What was recorded is told when nothing runs, too.
    check_report(&installation);
}

/// A tracked mail as it lay in the maildir.
#[derive(Debug)]
struct Delivered {
    message_id: String,
    links: Vec<String>,
    pixel: String,
}

impl Delivered {
    /// Takes the tracked links out, and holds that all else is as it was sent.
    fn read(mail: &[u8], recipient: &str, tracking_url: &str) -> Self {
        assert_eq!(value(mail, "Delivered-To"), recipient);
        check_fields(mail);
        let message_id = value(mail, "X-Sp-Message-Id");
        let is_hex = message_id.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
        assert!(message_id.len() == 20 && is_hex, "message id {message_id}");

        let (text, html) = (part(mail, "text/plain"), part(mail, "text/html"));
        let is_ours = |url: &String| url.starts_with(tracking_url);
        let mut links = urls(&text, tracking_url);
        links.extend(attributes(&html, "href").into_iter().filter(is_ours));
        let pixels: Vec<_> = attributes(&html, "src").into_iter().filter(is_ours).collect();
        assert_eq!(links.len(), TARGETS.len(), "tracked links: {links:?}");
        assert_eq!(pixels.len(), 1, "pixels: {pixels:?}");

        let untracked = replaced(&text, &links[..1], &TARGETS[..1]);
        assert_eq!(untracked, string(&part(NEWSLETTER, "text/plain")));
        let untracked = without_image(&replaced(&html, &links[1..], &TARGETS[1..]), &pixels[0]);
        let sent = string(&part(NEWSLETTER, "text/html"));
        assert_eq!(untracked, sent.replace("\n</body>", "</body>"));
        Self { message_id, links, pixel: pixels[0].clone() }
    }

    /// Opens the mail and follows each of its links once.
    fn check_visits(&self) {
        check_pixel(&http::head(&self.pixel), b"");
        let pixel = http::get(&self.pixel);
        assert_eq!(pixel.body.len(), 43, "a transparent GIF has 43 octets");
        check_pixel(&pixel, b"GIF89a");
        for (link, target) in self.links.iter().zip(TARGETS) {
            // HEAD answers the same and is not counted: the report shows it.
            for answer in [http::head(link), http::get(link)] {
                assert_eq!((answer.status, answer.field("location")), (302, target), "{link}");
            }
        }
    }
}

fn check_pixel(answer: &http::Answer, start: &[u8]) {
    assert_eq!((answer.status, answer.field("content-type")), (200, "image/gif"));
    assert!(answer.field("cache-control").contains("no-store"), "{:?}", answer.fields);
    assert!(answer.body.starts_with(start), "{:?}", answer.body);
}

/// Every field that was sent is there, in order and octet for octet, and no other but
/// those of the way.
fn check_fields(mail: &[u8]) {
    let mut sent = fields(NEWSLETTER).into_iter().peekable();
    for field in fields(mail) {
        if sent.peek() == Some(&field) {
            sent.next();
        } else {
            let is_of_the_way = ADDED_FIELDS.contains(&name(&field).as_str());
            assert!(is_of_the_way, "changed or new: {}", string(&field));
        }
    }
    assert_eq!(sent.next().map(|field| string(&field)), None, "lost or out of order");
}

fn check_all_differ(mails: &[Delivered; 2]) {
    let [ann, bob] = mails;
    assert_ne!(ann.message_id, bob.message_id);
    let of = |mail: &Delivered| -> BTreeSet<String> {
        mail.links.iter().chain([&mail.pixel]).cloned().collect()
    };
    assert_eq!(of(ann).intersection(&of(bob)).count(), 0, "links that two recipients share");
}

fn check_forged_links_lead_nowhere(mail: &Delivered) {
    let link = &mail.links[0];
    let (start, last) = link.split_at(link.len() - 1);
    let forged = format!("{start}{}", if last == "A" { "Q" } else { "A" });
    let truncated = &link[..link.len() - 10];
    for url in [&*forged, truncated] {
        let answer = http::get(url);
        assert_eq!((answer.status, answer.field("location")), (404, ""), "{url}");
    }
    let answer = http::request("POST", link, "mailwake-test/1").expect("an answer to POST");
    assert_eq!((answer.status, answer.field("location")), (405, ""));
}

/// 2 messages; each opened once and each link followed once, one of Ann's again, her
/// pixel too. Unique counts messages.
fn check_report(installation: &Installation) {
    let clicks = u64::try_from(2 * TARGETS.len() + 1).expect("a small number");
    let counted = wait_for("the report to show all visits", PATIENCE, || {
        let counters = installation.report()["counters"].take();
        let is_all = number(&counters["clicks"]["total"]) >= clicks
            && number(&counters["opens"]["total"]) >= 3;
        is_all.then_some(counters)
    });
    assert_eq!(number(&counted["outbound"]), 2, "{counted}");
    assert_eq!(number(&counted["opens"]["total"]), 3, "{counted}");
    assert_eq!(number(&counted["opens"]["unique"]), 2, "{counted}");
    assert_eq!(number(&counted["clicks"]["total"]), clicks, "{counted}");
    assert_eq!(number(&counted["clicks"]["unique"]), 2, "{counted}");
}

/// The events of a message stand in the order in which they happened; `again` is what
/// came after everything had been visited once.
fn check_timeline(installation: &Installation, mail: &Delivered, recipient: &str, again: &[&str]) {
    let events = installation.events(&["--message-id", &mail.message_id]);
    let types: Vec<_> = events.iter().map(|event| text(event, "type")).collect();
    let visits = ["reception", "injection", "open"].into_iter().chain(TARGETS.map(|_| "click"));
    assert_eq!(types, visits.chain(again.iter().copied()).collect::<Vec<_>>());

    let targets: Vec<_> = events
        .iter()
        .filter(|event| text(event, "type") == "click")
        .map(|event| text(event, "target_link_url"))
        .collect();
    assert_eq!(targets[..TARGETS.len()], TARGETS);
    assert_eq!(text(&events[0], "rcpt_to"), recipient);
    assert_eq!(text(&events[0], "msg_from"), "news@shop.example");
    for event in &events {
        assert_eq!(text(event, "message_id"), mail.message_id);
    }
    let times: Vec<_> = events.iter().map(|event| number(&event["timestamp"])).collect();
    assert!(times.is_sorted(), "{times:?}");
}

fn text<'a>(event: &'a Value, key: &str) -> &'a str {
    event[key].as_str().unwrap_or_else(|| panic!("no text {key} in {event}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("no number: {value}"))
}

fn string(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

/// The text with each tracked link put back to what was there, as it was escaped.
fn replaced(octets: &[u8], links: &[String], targets: &[&str]) -> String {
    let is_markup = octets.starts_with(b"<");
    links.iter().zip(targets).fold(string(octets), |text, (link, target)| {
        let escaped = target.replace('&', "&amp;");
        text.replacen(link.as_str(), if is_markup { &escaped } else { target }, 1)
    })
}

/// Takes the image with this address out, and the line ends around it.
fn without_image(html: &str, url: &str) -> String {
    let at = html.find(url).expect("the pixel's address stands in the HTML");
    let start = html[..at].rfind("<img").expect("the pixel is an image");
    let end = at + html[at..].find('>').expect("the image's end") + 1;
    format!("{}{}", html[..start].trim_end(), html[end..].trim_start())
}
