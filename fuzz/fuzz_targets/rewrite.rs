//! The whole rewrite: any octets, decided in any way. The safety net catches nothing,
//! undoing the copy gives the message, and a message that needs no edit is borrowed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mailwake_fuzz::{links::MarkedLinks, undo};
use std::borrow::Cow;
use tracking::{
    decision::{Decision, Parts, SignedMail},
    rewrite::{IdField, IdOutcome, Plan, TrackedCopy},
};

const ID: IdField<'_> = IdField { name: "X-Sp-Message-Id", value: "00000123456789abcdef" };

fuzz_target!(|input: &[u8]| {
    let Some((&switches, message)) = input.split_first_chunk() else { return };
    let plan = Plan::new(message, &decision(switches));
    for id in [None, Some(ID)] {
        let mut links = MarkedLinks::default();
        let copy = plan.copy(id, &mut links);
        assert!(!copy.report.safety_net);
        assert!(copy.report.links_tracked() <= links.targets.len());
        check_borrowed(message, &copy);
        undo::check(message, &copy.octets, ID.name, &copy.report, &links);
    }
});

/// The first two octets of an input decide, so that any message can follow them.
fn decision(switches: [u8; 2]) -> Decision {
    let switches = u16::from_le_bytes(switches);
    let is_on = |bit: u16| switches & 1 << bit != 0;
    Decision {
        open: !is_on(0),
        initial_open: is_on(1),
        click: !is_on(2),
        text_links: !is_on(3),
        parts: if is_on(4) { Parts::Top } else { Parts::All },
        signed_mail: match (is_on(5), is_on(6)) {
            (false, _) => SignedMail::Rewrite,
            (true, false) => SignedMail::Strip,
            (true, true) => SignedMail::Bypass,
        },
        tracking_urls: vec!["https://t.example/".to_owned()],
        skip_links_shown_as_urls: is_on(8),
        vml_links: is_on(9),
        amp: is_on(10),
        remove_link_attributes: !is_on(11),
        substitution_escapes: is_on(12),
        removes_smtpapi: is_on(13),
        ..Decision::default()
    }
}

fn check_borrowed(message: &[u8], copy: &TrackedCopy<'_>) {
    let has_id = matches!(copy.report.id_field, IdOutcome::Added | IdOutcome::Replaced);
    let has_edit = has_id || copy.report.links_tracked() > 0 || copy.report.pixels() > 0;
    match &copy.octets {
        Cow::Borrowed(octets) => assert!(!has_edit && *octets == message),
        Cow::Owned(octets) => assert!(has_edit || octets != message),
    }
}
