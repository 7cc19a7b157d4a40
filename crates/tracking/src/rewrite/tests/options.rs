//! What can be decided beyond opens and clicks, and what senders say of single links.

use super::{Fake, ID, copied, decision, html};
use crate::{
    decision::{Decision, Exclusions},
    rewrite::{IdOutcome, LinkReport, LinkRequest, Links, Reason, rewrite},
};

/// What becomes of an HTML body.
fn check_body(body: &str, decision: &Decision, expected: &str) {
    let (copy, _) = copied(&html(body), decision);
    assert_eq!(copy.split_once("\n\n").expect("there is a body").1, expected);
}

/// Links alone, so that bodies stay short.
fn clicks() -> Decision {
    Decision { open: false, ..decision() }
}

#[test]
fn link_is_broken_out_of_a_line_that_has_no_room() {
    let before = "x".repeat(960);
    for (quote, value) in [("'", "'http://a.b'"), ("\"", "http://a.b")] {
        check_body(
            &format!("{before}<a href={value}>"),
            &clicks(),
            &format!("{before}<a href={quote}\nhttps://t.example/c0?a&amp;b{quote}>"),
        );
    }
    let behind = "x".repeat(970);
    check_body(
        &format!("<a href='http://a.b'>{behind}"),
        &clicks(),
        &format!("<a href='https://t.example/c0?a&amp;b\n'>{behind}"),
    );
    let (before, behind) = ("x".repeat(900), "x".repeat(970));
    check_body(
        &format!("{before}{before}\n{before}<a href='http://a.b/\n'>{behind}\n"),
        &clicks(),
        &format!("{before}{before}\n{before}<a href='https://t.example/c0?a&amp;b\n'>{behind}\n"),
    );
}

#[test]
fn encoded_part_needs_no_broken_lines() {
    let body =
        format!("Content-Transfer-Encoding: quoted-printable\n{}", html(&"x=\n".repeat(500)));
    let (copy, _) = copied(&format!("{body}<a href=3D'http://a.b'>"), &clicks());
    assert!(copy.replace("=\n", "").contains("<a href=3D'https://t.example/c0?a&amp;b'>"));
}

#[test]
fn control_stays_unless_it_is_to_be_taken_out() {
    let body = "<a data-msys-linkname=\"n\" href='http://a.b' data-pm-no-track>x</a>";
    check_body(body, &clicks(), body);
    let remove = Decision { remove_link_attributes: true, ..clicks() };
    check_body(body, &remove, "<a href='http://a.b'>x</a>");
    let (copy, report) = copied("\n\nhttp://a.b[[data-msys-clicktrack=\"0\"]] x", &remove);
    assert_eq!((&*copy, report.links_tracked()), ("\n\nhttp://a.b x", 0));
}

#[test]
fn control_is_taken_out_where_links_are_not_tracked_too() {
    let remove = Decision { click: false, remove_link_attributes: true, ..clicks() };
    check_body("<a data-msys-clicktrack=0 href='http://a.b'>", &remove, "<a href='http://a.b'>");
}

#[test]
fn unsubscribe_link_is_asked_for_as_one() {
    check_body(
        "<a data-msys-unsubscribe='1' data-msys-sublink='app/x' href='http://a.b'>",
        &Decision { remove_link_attributes: true, ..clicks() },
        "<a href='https://t.example/f/app/x/u0?a&amp;b'>",
    );
    let (_, report) = copied(&html("<a data-msys-unsubscribe='1' href='http://a.b'>"), &clicks());
    assert!(report.links[0].is_unsubscribe);
}

#[test]
fn an_unsubscribe_link_is_one_only_where_clicks_are_tracked() {
    let untracked = Decision { click: false, ..clicks() };
    let body = "<a data-msys-unsubscribe='1' href='http://a.b'>";
    check_body(body, &untracked, body);
}

#[test]
fn link_has_the_name_that_its_sender_gave() {
    let body = html("<a data-msys-linkname='B&amp;B' href='http://a.b'><a href='http://a.b'>");
    let (_, report) = copied(&body, &clicks());
    let names: Vec<_> = report.links.iter().map(LinkReport::name).collect();
    assert_eq!(names, ["B&B", "Raw URL"]);
}

#[test]
fn notrack_is_taken_out_of_a_scheme() {
    check_body(
        "<a href=' https+notrack://a.b/'><a href=HTTP+NoTrack://a.b>",
        &clicks(),
        "<a href=' https://a.b/'><a href=HTTP://a.b>",
    );
    let (copy, report) = copied("\n\n(https+notrack://a.b/x) c+notrack://d", &clicks());
    assert_eq!(copy, "\n\n(https://a.b/x) c+notrack://d");
    assert_eq!(&*report.links[0].target, "https://a.b/x");
    assert_eq!(report.reasons().collect::<Vec<_>>(), [Reason::OptedOut]);
}

#[test]
fn excluded_link_is_left_alone() {
    let exclusions = Exclusions {
        domains: vec!["a.b".parse().expect("a domain")],
        links: vec!["*/out".parse().expect("a pattern")],
    };
    let decision = Decision { exclusions, ..clicks() };
    let body = "<a href='http://x.a.b/'><a href='http://c.d/out'>";
    check_body(body, &decision, body);
    assert_eq!(copied(&html(body), &decision).1.reasons().count(), 3);
    let (_, report) = copied("\n\nhttp://a.b http://c.d", &decision);
    assert_eq!(report.reasons().collect::<Vec<_>>(), [Reason::Excluded]);
}

#[test]
fn link_that_is_shown_as_a_url_may_be_left_alone() {
    let skip = Decision { skip_links_shown_as_urls: true, ..clicks() };
    check_body(
        "<a href='http://a.b'>http://a.b</a><a href='http://c.d'>www</a><a href='http://e.f'>www.e.f",
        &skip,
        "<a href='http://a.b'>http://a.b</a><a href='https://t.example/c1?a&amp;b'>www</a>\
         <a href='http://e.f'>www.e.f",
    );
    let (_, report) = copied(&html("<a href='http://a.b'>http://a.b"), &skip);
    assert_eq!(report.reasons().last(), Some(Reason::ShownAsUrl));
}

#[test]
fn outlook_has_links_of_its_own() {
    let body = "<!--[if mso]><v:rect href=\"http://a.b\"></v:rect><a href=http://c.d><![endif]-->\
                <!--<a href='http://no'>--><!--[if !mso]><!--><a href='http://e.f'><!--<![endif]-->";
    let tracked = body.replace("http://e.f", "https://t.example/c0?a&amp;b");
    check_body(body, &clicks(), &tracked);
    let tracked = body
        .replace("http://a.b", "https://t.example/c0?a&amp;b")
        .replace("http://c.d", "\"https://t.example/c1?a&amp;b\"")
        .replace("http://e.f", "https://t.example/c2?a&amp;b");
    check_body(body, &Decision { vml_links: true, ..clicks() }, &tracked);
}

#[test]
fn amp_part_has_links_and_pixels_of_its_own() {
    let body = "<body><a href=\"http://a.b\"><a href=\"http://a.b/{{id}}\"></body>";
    let message = format!("Content-Type: text/x-amp-html\n\n{body}");
    let amp = Decision { amp: true, initial_open: true, ..decision() };
    let (copy, report) = copied(&message, &amp);
    let pixel = |name: &str| {
        let url = format!("https://t.example/amp-{name}");
        format!("<amp-img src=\"{url}\" alt=\"\" width=\"1\" height=\"1\"></amp-img>")
    };
    let tracked = message
        .replace("http://a.b\"", "https://t.example/amp-c0?a&amp;b\"")
        .replace("<body>", &format!("<body>{}", pixel("i")))
        .replace("</body>", &format!("{}</body>", pixel("o")));
    assert_eq!(copy, tracked);
    assert_eq!(report.reasons().collect::<Vec<_>>(), [Reason::Placeholder]);
    assert_eq!(copied(&message, &decision()).0, message);
}

/// The rules of AMP allow https alone, and one mistake hides the whole part.
#[test]
fn amp_part_has_no_pixel_without_tls() {
    struct Plain;
    impl Links for Plain {
        fn click(&mut self, _: &LinkRequest<'_>, url: &mut String) -> bool {
            url.push_str("http://t.example/c");
            true
        }
        fn open(&mut self, _: bool, url: &mut String) -> bool {
            url.push_str("http://t.example/o");
            true
        }
        fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool {
            self.open(is_amp, url)
        }
    }
    let message = "Content-Type: text/x-amp-html\r\n\r\n<body><a href=\"http://a.b\"></body>";
    let amp = Decision { amp: true, initial_open: true, ..decision() };
    let copy = rewrite(message.as_bytes(), &amp, None, &mut Plain);
    let expected = message.replace("http://a.b", "http://t.example/c");
    assert_eq!(copy.octets, expected.as_bytes());
    assert_eq!(copy.report.pixels(), 0);
}

#[test]
fn escapes_of_braces_are_undone_where_enabled() {
    let body = "{{opening_double_curly()}}<a href='http://a.b/{{closing_double_curly()}}'>{{x}}";
    let escapes = Decision { substitution_escapes: true, ..decision() };
    let (copy, _) = copied(&html(body), &escapes);
    assert!(copy.contains("\n\n{{<a href='https://t.example/c0?a&amp;b'>{{x}}<img"), "{copy}");
    let mut fake = Fake::default();
    let refused = html(&body.replace("a.b", "refused"));
    let copy = rewrite(refused.as_bytes(), &Decision { open: false, ..escapes }, None, &mut fake);
    assert_eq!(fake.targets, ["http://refused/}}"]);
    assert!(copy.octets.ends_with(b"{{<a href='http://refused/}}'>{{x}}"));
    let off = copied(&html(body), &decision()).0;
    assert!(off.contains("{{opening_double_curly()}}"));
}

#[test]
fn escapes_are_undone_in_what_is_not_tracked_too() {
    let escapes = Decision { substitution_escapes: true, ..Decision::off() };
    check_body("{{opening_double_curly()}} http://a.b", &escapes, "{{ http://a.b");
    assert_eq!(
        copied("\n\n{{opening_double_curly()}} http://a.b", &escapes).0,
        "\n\n{{ http://a.b"
    );
}

#[test]
fn pixel_stands_before_an_escape_at_the_same_place() {
    let escapes = Decision { substitution_escapes: true, initial_open: true, ..decision() };
    let (copy, report) = copied(&html("<body>{{closing_double_curly()}}</body>"), &escapes);
    assert_eq!(report.pixels(), 2);
    assert!(copy.contains("border:0\">}}<img"), "{copy}");
}

#[test]
fn large_message_goes_through_with_its_id_alone() {
    let message = html("<a href='http://a.b'>x</a>");
    let small = Decision { message_octets_rewritten_max: message.len() - 1, ..decision() };
    let copy = rewrite(message.as_bytes(), &small, Some(ID), &mut Fake::default());
    assert_eq!(copy.report.untouched, Some(Reason::TooLarge));
    assert_eq!(copy.report.id_field, IdOutcome::Added);
    assert!(copy.octets.ends_with(message.as_bytes()));
    let fits = Decision { message_octets_rewritten_max: message.len(), ..decision() };
    let copy = rewrite(message.as_bytes(), &fits, None, &mut Fake::default());
    assert_eq!(copy.report.links_tracked(), 1);
}

#[test]
fn field_that_was_read_goes_from_any_message() {
    let read = Decision { removes_smtpapi: true, ..decision() };
    for kind in ["text/html", "multipart/signed; boundary=b", "image/png"] {
        let rest = format!("Content-Type: {kind}\n\n--b\n\nx\n--b--\n");
        let message = format!("X-MSYS-API: {{}}\n{rest}");
        let copy = rewrite(message.as_bytes(), &read, Some(ID), &mut Fake::default());
        let copy = String::from_utf8_lossy(&copy.octets).into_owned();
        assert!(!copy.contains("X-MSYS-API") && copy.contains(&rest[..20]), "{copy}");
        assert_eq!(copy.contains("X-Sp-Message-Id"), !kind.contains("signed"));
    }
}

#[test]
fn link_for_scanners_stands_in_front_of_the_pixel_and_nobody_meets_it() {
    let honeypot = Decision { honeypot: true, ..decision() };
    check_body(
        "<body><a href='http://a.b'>x</a></body>",
        &honeypot,
        "<body><a href='https://t.example/c0?a&amp;b'>x</a><a href=\"https://t.example/h\" \
         aria-hidden=\"true\" tabindex=\"-1\" style=\"display:none\"></a><img \
         src=\"https://t.example/o\" alt=\"\" width=\"1\" height=\"1\" style=\"border:0\"></body>",
    );
    check_body(
        "<body>x</body>",
        &Decision { click: false, open: false, ..honeypot.clone() },
        "<body>x</body>",
    );
    let (text, _) = copied("\n\nhttp://a.b", &honeypot);
    assert!(!text.contains("/h"), "{text}");
}

#[test]
fn link_for_scanners_is_broken_where_its_line_has_no_room() {
    let honeypot = Decision { honeypot: true, ..clicks() };
    let before = "x".repeat(960);
    check_body(
        &before,
        &honeypot,
        &format!(
            "{before}<a\nhref=\"https://t.example/h\" aria-hidden=\"true\" tabindex=\"-1\" \
             style=\"display:none\"\n></a>"
        ),
    );
}
