use super::{site::LINKS_MAX, *};
use crate::decision::{Parts, SignedMail};
use std::{fs, path::Path};

mod golden;
mod options;
mod robust;

pub(super) const ID: IdField<'_> =
    IdField { name: "X-Sp-Message-Id", value: "00000123456789abcdef" };

/// Links that say what they stand for, and count what was asked.
#[derive(Default)]
pub(super) struct Fake {
    pub(super) targets: Vec<String>,
}

impl Links for Fake {
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool {
        self.targets.push(link.target_url.to_owned());
        let is_refused = link.target_url.contains("refused");
        let action = if link.is_unsubscribe { "u" } else { "c" };
        let sublink = link.sublink.map(|path| format!("f/{path}/")).unwrap_or_default();
        let index = link.link_index;
        let amp = if link.is_amp { "amp-" } else { "" };
        url.push_str(&format!("https://t.example/{sublink}{amp}{action}{index}?a&b"));
        !is_refused
    }

    fn open(&mut self, is_amp: bool, url: &mut String) -> bool {
        url.push_str(if is_amp { "https://t.example/amp-o" } else { "https://t.example/o" });
        true
    }

    fn honeypot(&mut self, url: &mut String) -> bool {
        url.push_str("https://t.example/h");
        true
    }

    fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool {
        url.push_str(if is_amp { "https://t.example/amp-i" } else { "https://t.example/i" });
        true
    }
}

pub(super) fn decision() -> Decision {
    Decision { tracking_urls: vec!["https://t.example/".to_owned()], ..Decision::default() }
}

/// The report of a message after rewriting it, with its copy as text.
fn copied(message: &str, decision: &Decision) -> (String, Report) {
    let message = message.replace('\n', "\r\n");
    let copy = rewrite(message.as_bytes(), decision, None, &mut Fake::default());
    assert!(!copy.report.safety_net);
    let text = String::from_utf8(copy.octets.into_owned()).expect("a message of a test is UTF-8");
    (text.replace("\r\n", "\n"), copy.report)
}

fn html(body: &str) -> String {
    format!("Content-Type: text/html\n\n{body}")
}

fn outcomes(message: &str, decision: &Decision) -> Vec<PartOutcome> {
    copied(message, decision).1.parts.into_iter().map(|part| part.outcome).collect()
}

/// The reasons why links of an HTML body were left alone.
fn check_links(body: &str, expected: &[Option<Reason>]) {
    let (_, report) = copied(&html(body), &decision());
    let reasons = report.links.iter().map(|link| match link.outcome {
        LinkOutcome::Tracked => None,
        LinkOutcome::LeftAlone(reason) => Some(reason),
    });
    assert_eq!(reasons.collect::<Vec<_>>(), expected);
}

#[test]
fn message_without_edit_is_borrowed() {
    for message in
        ["", "Subject: x\r\n\r\nhello\r\n", "Content-Type: image/png\r\n\r\nhttps://x.example/"]
    {
        let copy = rewrite(message.as_bytes(), &decision(), None, &mut Fake::default());
        assert!(matches!(copy.octets, Cow::Borrowed(octets) if octets == message.as_bytes()));
    }
}

#[test]
fn link_is_escaped_and_pixel_set() {
    let (copy, report) =
        copied(&html("<body><a href='https://a.example/'>x</a></body>"), &decision());
    let body = copy.split_once("\n\n").expect("there is a body").1;
    assert!(body.starts_with(
        "<body><a href='https://t.example/c0?a&amp;b'>x</a><img src=\"https://t.example/o\""
    ));
    assert!(body.ends_with("></body>"));
    assert_eq!(report.parts[0].outcome, PartOutcome::Rewritten { links: 1, pixels: 1 });
    assert_eq!((&*report.parts[0].path, &*report.parts[0].content_type), ("1", "text/html"));
    assert_eq!((report.links_tracked(), report.pixels()), (1, 1));
}

#[test]
fn decision_tells_what_is_tracked() {
    let message = html("<body>\n<a href='https://a.example/'>x</a></body>");
    let off = Decision::off();
    let cases = [
        (Decision { click: false, ..decision() }, 0, 1),
        (Decision { open: false, ..decision() }, 1, 0),
        (Decision { initial_open: true, ..decision() }, 1, 2),
        (Decision { initial_open: true, ..off.clone() }, 0, 1),
    ];
    for (decision, links, pixels) in cases {
        assert_eq!(outcomes(&message, &decision), [PartOutcome::Rewritten { links, pixels }]);
    }
    assert_eq!(copied(&message, &off).1.untouched, Some(Reason::NotTracked));
}

#[test]
fn text_links_have_a_switch_of_their_own() {
    let message = "\n\nhttps://a.example/";
    assert_eq!(outcomes(message, &decision()), [PartOutcome::Rewritten { links: 1, pixels: 0 }]);
    let off = Decision { text_links: false, ..decision() };
    assert_eq!(outcomes(message, &off), [PartOutcome::Untouched(Reason::NotTracked)]);
}

#[test]
fn only_the_topmost_parts_may_be_covered() {
    let part = |kind: &str| format!("--b\nContent-Type: text/{kind}\n\nhttps://a.example/\n");
    let parts = ["plain", "html", "plain", "html"].map(part).concat();
    let message = format!("Content-Type: multipart/mixed; boundary=b\n\n{parts}--b--\n");
    let top = Decision { parts: Parts::Top, ..decision() };
    let is_touched = |outcome: &PartOutcome| *outcome != PartOutcome::Untouched(Reason::NotTop);
    let touched: Vec<_> = outcomes(&message, &top).iter().map(is_touched).collect();
    assert_eq!(touched, [true, true, false, false]);
    assert!(outcomes(&message, &decision()).iter().all(is_touched));
}

#[test]
fn links_are_counted_over_the_whole_message() {
    let part = "--b\n\nhttps://a.example/ https://t.example/ours https://a.example/refused\n";
    let message = format!("Content-Type: multipart/mixed; boundary=b\n\n{part}{part}--b--\n");
    let (copy, report) = copied(&message, &decision());
    let indexes: Vec<_> = report.links.iter().map(|link| link.index).collect();
    assert_eq!(indexes, [0, 1, 2, 3, 4, 5]);
    assert!(
        copy.contains("https://t.example/c3?a&b https://t.example/ours https://a.example/refused")
    );
    let reasons: Vec<_> = report.reasons().map(Reason::name).collect();
    assert_eq!(reasons, ["own_url", "not_signed", "own_url", "not_signed"]);
}

#[test]
fn reason_is_told_for_each_link() {
    use Reason::{LongLine, MalformedUrl, NotSigned, OptedOut, OwnUrl};
    check_links("<a href='https://a.example/'><a href='mailto:x'><a href='#'>", &[None]);
    check_links("<a href='https://T.example/x'>", &[Some(OwnUrl)]);
    check_links(
        "<a href='https:a'><a href='http:///'><a href='http://?'>",
        &[Some(MalformedUrl); 3],
    );
    check_links("<a data-msys-clicktrack='0' href='https://a.example/'>", &[Some(OptedOut)]);
    check_links("<a href='https://a.example/refused'>", &[Some(NotSigned)]);
    let text = format!("\n\n{} http://a.example", "x".repeat(970));
    assert_eq!(copied(&text, &decision()).1.reasons().last(), Some(LongLine));
}

#[test]
fn links_have_a_limit() {
    let text = "http://a.example/\n".repeat(LINKS_MAX + 2);
    let (_, report) = copied(&format!("\n\n{text}"), &decision());
    assert_eq!((report.links.len(), report.links_tracked()), (LINKS_MAX + 1, LINKS_MAX));
    assert_eq!(report.reasons().collect::<Vec<_>>(), [Reason::TooManyLinks]);
}

#[test]
fn dkim_signature_follows_the_decision() {
    let body = html("<a href='https://a.example/'>x</a>");
    let message = format!("DKIM-Signature: v=1;\n b=x\n{body}");
    let signed = |signed_mail| copied(&message, &Decision { signed_mail, ..decision() });
    let (copy, report) = signed(SignedMail::Rewrite);
    assert!(copy.starts_with("DKIM-Signature") && report.signature == Signature::Broken);
    let (copy, report) = signed(SignedMail::Strip);
    assert!(copy.starts_with("Content-Type") && report.signature == Signature::Stripped);
    let (copy, report) = signed(SignedMail::Bypass);
    assert_eq!((copy, report.signature), (message.clone(), Signature::Kept));
    assert_eq!(report.untouched, Some(Reason::DkimSigned));
}

#[test]
fn signature_stays_when_the_body_does() {
    let strip = Decision { signed_mail: SignedMail::Strip, ..decision() };
    let (copy, report) = copied("DKIM-Signature: x\n\nhello", &strip);
    assert_eq!((&*copy, report.signature), ("DKIM-Signature: x\n\nhello", Signature::Kept));
}

#[test]
fn copy_that_is_not_faithful_is_caught() {
    let message = |first_line: &str| {
        let header = "Content-Type: text/html\nContent-Transfer-Encoding: quoted-printable";
        format!("{header}\n\n{first_line}\n<a href=3D\"https://a.example/\">x</a>")
    };
    // Edits that belong to another message.
    let other = message("<p>another</p>");
    let message = message("<p>one</p>");
    let mut plan = Plan::new(message.as_bytes(), &decision());
    plan.parts = Plan::new(other.as_bytes(), &decision()).parts;
    let copy = plan.copy(Some(ID), &mut Fake::default());
    let expected = format!("X-Sp-Message-Id: {}\n{message}", ID.value);
    assert_eq!(String::from_utf8_lossy(&copy.octets), expected);
    assert!(copy.report.safety_net);
    assert_eq!(copy.report.links_tracked(), 0);
    assert_eq!(copy.report.parts[0].outcome, PartOutcome::Untouched(Reason::SafetyNet));
    assert_eq!(copy.report.id_field, IdOutcome::Added);
}

#[test]
fn plan_serves_several_recipients() {
    let message = html("<a href=\"https://a.example/\">x</a>");
    let plan = Plan::new(message.as_bytes(), &decision());
    let copies = ["1", "2"].map(|value| {
        let copy = plan.copy(Some(IdField { value, ..ID }), &mut Fake::default());
        String::from_utf8(copy.octets.into_owned()).expect("it is UTF-8")
    });
    assert!(copies[0].starts_with("X-Sp-Message-Id: 1\n"));
    assert_eq!(copies[0].replacen('1', "2", 1), copies[1]);
}

#[test]
fn url_that_is_not_plain_ascii_is_not_put_in() {
    struct Odd(&'static str);
    impl Links for Odd {
        fn click(&mut self, _: &LinkRequest<'_>, url: &mut String) -> bool {
            url.push_str(self.0);
            true
        }
        fn open(&mut self, _: bool, url: &mut String) -> bool {
            url.push_str(self.0);
            true
        }
        fn initial_open(&mut self, _: bool, _: &mut String) -> bool {
            false
        }
    }
    let message = html("<a href=\"https://a.example/\">x</a>");
    for odd in ["", "https://t.example/a b", "https://t.example/\r\n", "https://t.example/é"] {
        let copy = rewrite(message.as_bytes(), &decision(), None, &mut Odd(odd));
        assert_eq!(copy.octets, message.as_bytes(), "{odd:?}");
    }
}

#[test]
fn pixel_takes_lines_of_its_own_where_there_is_no_room() {
    let (copy, report) = copied(&html(&format!("{}</body>", "x".repeat(920))), &decision());
    assert_eq!(report.pixels(), 1);
    assert!(copy.contains("<img\nsrc=\"https://t.example/o\"") && copy.ends_with("\n></body>"));
}

#[test]
fn reasons_have_names_of_their_own() {
    let mut names = Reason::ALL.map(Reason::name);
    assert_eq!((names[0], names[names.len() - 1]), ("not_tracked", "safety_net"));
    assert!(Reason::ALL.is_sorted());
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    for page in ["rewriting.md", "events.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(page);
        let page = fs::read_to_string(path).expect("the page is there");
        for name in names {
            assert!(page.contains(&format!("`{name}`")), "{name} has no line");
        }
    }
    assert_eq!(Reason::Charset.to_string(), "charset unknown or not compatible with ASCII");
}
