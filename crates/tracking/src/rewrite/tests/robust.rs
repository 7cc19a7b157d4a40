//! Any octets are a message: none panics, none is caught by the safety net, and with
//! the links taken out again each is what it was.

use super::{Fake, ID, decision};
use crate::{
    decision::{Decision, Parts, SignedMail},
    rewrite::{IdOutcome, Plan, rewrite},
};
use proptest::prelude::*;
use std::borrow::Cow;

const LINES: [&str; 34] = [
    "Content-Type: multipart/mixed; boundary=a",
    "Content-Type: multipart/signed; boundary=b",
    "Content-Type: text/html; charset=utf-8",
    "Content-Type: text/html; charset=shift_jis",
    "Content-Type: text/plain; format=flowed; delsp=yes",
    "Content-Transfer-Encoding: quoted-printable",
    "Content-Transfer-Encoding: base64",
    "DKIM-Signature: x",
    "X-Sp-Message-Id: other",
    " folded",
    "",
    "--a",
    "--b",
    "--a--",
    "<html><body>",
    "<p><a href=\"https://a.example/?a=1&amp;b=2\">x",
    "<a href=3D'https://a.example/=C3=A9'> =",
    "https://a.example/ (http://b.example/x) ",
    "PGEgaHJlZj0iaHR0cHM6Ly9hLmV4YW1wbGUvIj54PC9hPgo=",
    "<script><!--",
    "</body></html>",
    "<svg><a href=https://c.example/>",
    "é=20 ",
    "<!-- ",
    "Content-Type: text/x-amp-html",
    "<a data-msys-linkname=\"n\" href=\"https://d.example/\" data-pm-no-track>",
    "<a href=http+notrack://e.example/ data-msys-sublink=x",
    "https+notrack://a.example/[[data-msys-clicktrack=\"0\"]]",
    "https://a.example/[[data-msys-sublink=\"x\"]][[data-msys-unsubscribe=\"1\"]].",
    "{{opening_double_curly()}}",
    "<a href='https://f.example/{{closing_double_curly()}}'>www.f.example</a>",
    "<!--[if mso]><v:rect href=\"https://g.example/\"><![endif]-->",
    "X-MSYS-API: {}",
    "> https://h.example/ ",
];

fn message() -> impl Strategy<Value = Vec<u8>> {
    let lines = prop::collection::vec(prop::sample::select(LINES.to_vec()), 0..24);
    let line_end = prop::sample::select(vec!["\r\n", "\n"]);
    (lines, line_end).prop_map(|(lines, line_end)| lines.join(line_end).into_bytes())
}

fn any_decision() -> impl Strategy<Value = Decision> {
    any::<[bool; 12]>().prop_map(|is_on| Decision {
        open: is_on[0],
        initial_open: is_on[1],
        click: is_on[2],
        text_links: is_on[3],
        parts: if is_on[4] { Parts::Top } else { Parts::All },
        signed_mail: if is_on[5] { SignedMail::Strip } else { SignedMail::Rewrite },
        skip_links_shown_as_urls: is_on[6],
        vml_links: is_on[7],
        amp: is_on[8],
        remove_link_attributes: is_on[9],
        substitution_escapes: is_on[10],
        removes_smtpapi: is_on[11],
        ..decision()
    })
}

proptest! {
    #[test]
    fn safety_net_catches_nothing(message in message(), decision in any_decision()) {
        let copy = rewrite(&message, &decision, Some(ID), &mut Fake::default());
        prop_assert!(!copy.report.safety_net, "{}", String::from_utf8_lossy(&message));
    }

    #[test]
    fn any_octets_are_a_message(message in prop::collection::vec(any::<u8>(), 0..300)) {
        let copy = rewrite(&message, &decision(), Some(ID), &mut Fake::default());
        prop_assert!(!copy.report.safety_net);
    }

    #[test]
    fn untracked_message_is_what_it_was_but_for_its_id(message in message()) {
        let plan = Plan::new(&message, &Decision::off());
        let plain = plan.copy(None, &mut Fake::default());
        prop_assert!(matches!(plain.octets, Cow::Borrowed(octets) if octets == message));
        let copy = plan.copy(Some(ID), &mut Fake::default());
        if copy.report.id_field == IdOutcome::Added {
            prop_assert!(copy.octets.ends_with(&message));
        }
    }

    #[test]
    fn copy_of_a_copy_has_the_same_links(message in message()) {
        let first = rewrite(&message, &decision(), Some(ID), &mut Fake::default());
        let mut asked = Fake::default();
        rewrite(&first.octets, &Decision { open: false, ..decision() }, Some(ID), &mut asked);
        let refused = asked.targets.iter().filter(|url| url.starts_with("https://t.example/"));
        prop_assert_eq!(refused.count(), 0);
    }
}
