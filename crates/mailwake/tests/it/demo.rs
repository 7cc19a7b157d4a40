//! `mailwake demo`: what who sees mailwake for the first time is shown.

use crate::support::mailwake::BINARY;
use std::process::Command;

#[test]
fn what_was_sent_delivered_opened_and_clicked_is_counted() {
    let mut demo = Command::new(BINARY);
    let output = demo.args(["demo", "--once"]).output().expect("run the demo");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}{complained}");
    let counters = [("Outbound", 6), ("Sent", 6), ("Failed", 1), ("Opens", 4), ("Clicks", 6)];
    for (name, count) in counters {
        let row = said.lines().find(|line| line.starts_with(name)).expect(name);
        let told = row.split_whitespace().nth(1);
        assert_eq!(told, Some(count.to_string().as_str()), "{row}");
    }
    assert!(said.contains("eve@example.org"), "{said}");
    assert!(said.contains("never got it: 550 5.1.1 no such mailbox"), "{said}");
}
