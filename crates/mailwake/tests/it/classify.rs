//! `mailwake classify`: what an operator asks about a reply, and what is said.

use crate::support::{free_port, mailwake::Installation};
use serde_json::Value;
use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

const SITE: &str = r#"
[[text]]
name = "partner"
class = 25
domains = ["partner.example"]
any = ["mailbox full"]
"#;

#[test]
fn class_category_and_rule_are_told() {
    let installation = Installation::new(free_port());
    let said = installation.run(&["classify", "550 5.1.1 <ann@example.com>: User unknown"]);
    assert_eq!(said, "10 Invalid Recipient (Hard), by text/invalid-recipient\n");
    let said = installation.run(&["classify", "--category", "spam-related", "550 no"]);
    assert_eq!(said, "51 Spam Block (Block), by category/powermta-spam\n");
    let said = installation.run(&["classify", "--json", "552 mailbox full"]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!(said["bounce_class"], 22);
    assert_eq!(said["name"], "Mailbox Full");
    assert_eq!(said["category"], "Soft");
    assert_eq!(said["rule"], "text/over-quota");
}

#[test]
fn rules_of_the_site_are_asked_first() {
    let installation = Installation::new(free_port());
    let rules = installation.folder().join("site.rules");
    fs::write(&rules, SITE).expect("write rules");
    let overrides = installation.folder().join("overrides");
    fs::write(&overrides, ",51,mailbox full\n").expect("write rules");
    let table = format!("[bounces]\nrules_file = {rules:?}\nmomentum_rules_file = {overrides:?}\n");
    installation.set("[tracker]\n", &format!("{table}[tracker]\n"));
    let reply = "552 mailbox full";
    let said = installation.run(&["classify", "--domain", "partner.example", reply]);
    assert_eq!(said, "25 Admin Failure (Admin), by site/text/partner\n");
    let said = installation.run(&["classify", "--domain", "example.com", reply]);
    assert_eq!(said, "51 Spam Block (Block), by site/momentum-1\n");
}

#[test]
fn each_line_of_standard_input_is_a_reply() {
    let installation = Installation::new(free_port());
    let mut command = Command::new(crate::support::mailwake::BINARY);
    command.args(["classify", "--config"]).arg(installation.folder().join("mailwake.toml"));
    let mut child = command
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("mailwake runs");
    let mut input = child.stdin.take().expect("standard input");
    input.write_all(b"550 no such user\r\n\xff\n\n421 try again later").expect("write");
    drop(input);
    let said = child.wait_with_output().expect("it ends").stdout;
    let wanted = "10 Invalid Recipient (Hard), by text/invalid-recipient\n\
                  1 Undetermined (Undetermined), by none\n\
                  1 Undetermined (Undetermined), by none\n\
                  70 Transient Failure (Soft), by text/transient\n";
    assert_eq!(String::from_utf8(said).expect("text"), wanted);
}
