use super::*;
use crate::smtp::command::Command;

fn check(line: &str, upstream_size_max: Option<u64>, wanted: Option<&str>) {
    let Command::Mail(envelope) = Command::parse(line) else { panic!("{line} is MAIL") };
    assert_eq!(enlarge(line, &envelope, upstream_size_max).as_deref(), wanted, "{line}");
}

#[test]
fn size_has_room_for_links() {
    check("MAIL FROM:<a@b.example> SIZE=1000", None, Some("MAIL FROM:<a@b.example> SIZE=17884"));
    check(
        "mail from: <size=1@b.example>  size=0\tBODY=8BITMIME",
        None,
        Some("mail from: <size=1@b.example>  size=16384\tBODY=8BITMIME"),
    );
}

#[test]
fn size_stays_within_upstreams_limit() {
    check("MAIL FROM:<> SIZE=1000", Some(5_000), Some("MAIL FROM:<> SIZE=5000"));
    check("MAIL FROM:<> SIZE=5000", Some(5_000), None);
    check("MAIL FROM:<> SIZE=5001", Some(5_000), None);
}

#[test]
fn what_is_no_size_stays() {
    for line in ["MAIL FROM:<>", "MAIL FROM:<> SIZE", "MAIL FROM:<> SIZE=", "MAIL FROM:<> SIZE=x"] {
        check(line, Some(10_000), None);
    }
    check(&format!("MAIL FROM:<> SIZE={}", u64::MAX), None, None);
    check("MAIL FROM:<> SIZE=18446744073709551616", None, None);
}
