//! Policy in the running program: it is checked, tried by hand, loaded again, and stops no
//! mail when it is wrong.

use crate::{
    layering::crates,
    support::{PATIENCE, mailwake::Installation, upstream::Upstream, wait_for},
};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

#[test]
fn check_config_tells_what_scripts_are_asked() {
    let (_upstream, installation) = installed(&[example("senders"), example("content")]);
    let told = installation.run(&["check-config"]);
    let wanted = "  policy: 2 scripts, asked validate_ehlo, validate_mailfrom, validate_data, \
                  validate_data_spool\n";
    assert!(told.contains(wanted), "{told}");
}

#[test]
fn a_script_with_a_mistake_is_one_of_the_configuration() {
    let (_upstream, installation) = installed(&[]);
    let script = installation.folder().join("broken.lua");
    fs::write(&script, "local mod = {}\nfunction mod:validate_data(\n").expect("a file");
    set_scripts(&installation, &[script]);
    let told = installation.run_failing(&["check-config"]);
    assert!(told.contains("broken.lua: broken.lua:3: "), "{told}");
}

#[test]
fn scripts_are_tried_by_hand() {
    let scripts = ["senders", "recipients", "content", "campaign_from_header"].map(example);
    let (_upstream, installation) = installed(&scripts);
    let message = "From: ann@sender.example\r\nX-Campaign: spring\r\nX-Internal: x\r\n\r\nHi\r\n";
    let arguments = ["--helo", "client.example", "--from", "news@sender.example"];
    let recipients = ["--rcpt", "gone@rcpt.example", "--rcpt", "old@rcpt.example"];
    let told = test_by_hand(&installation, &[&arguments[..], &recipients].concat(), message);
    assert_eq!(
        told,
        "validate_ehlo client.example\n\
         validate_mailfrom news@sender.example\n  \
           message sender_domain = \"sender.example\"\n\
         validate_rcptto gone@rcpt.example\n  \
           refused: 550 5.1.1 recipient wants no mail\n\
         validate_rcptto old@rcpt.example\n\
         validate_data\n  \
           message from_domain = \"sender.example\"\n\
         validate_data_spool\n  \
           - X-Internal: x\n  \
           + X-Policy: passed for sender.example\n\
         validate_data_spool_each_rcpt old@rcpt.example\n  \
           message smtpapi_campaign_id = \"spring\"\n  \
           - X-Campaign: spring\n  \
           MAIL FROM:<news+moved@sender.example>\n  \
           RCPT TO:<new@rcpt.example>\n  \
           tracks opens: yes, clicks: yes\n"
    );
}

/// A script that changes is asked from the next session or message on, also when it was
/// changed without a signal; while it is wrong the old one stays.
#[test]
fn scripts_are_loaded_again() {
    let (_upstream, installation) = installed(&[]);
    let script = installation.folder().join("policy.lua");
    fs::write(&script, refusing("one")).expect("a file");
    set_scripts(&installation, std::slice::from_ref(&script));
    let serving = installation.serve();
    let told = || first_line(installation.gateway_port);
    assert_eq!(told(), "554 one");
    fs::write(&script, "nonsense").expect("a file");
    serving.reload();
    assert_eq!(told(), "554 one");
    fs::write(&script, refusing("two")).expect("a file");
    wait_for("the script to be loaded again", PATIENCE, || (told() == "554 two").then_some(()));
    set_scripts(&installation, &[]);
    serving.reload();
    wait_for("no policy", PATIENCE, || told().starts_with("220").then_some(()));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

fn refusing(text: &str) -> String {
    format!(
        "local mod = {{}} function mod:validate_connect(accept, vctx)\n\
         vctx:set_code(554, '{text}') return msys.core.VALIDATE_DONE end\n\
         msys.registerModule('refusing', mod)\n"
    )
}

fn installed(scripts: &[PathBuf]) -> (Upstream, Installation) {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("[tracker]\n", "[policy]\nscripts = []\n[tracker]\n");
    set_scripts(&installation, scripts);
    (upstream, installation)
}

fn set_scripts(installation: &Installation, scripts: &[PathBuf]) {
    let text = fs::read_to_string(configuration(installation)).expect("a file");
    let line = text.lines().find(|line| line.starts_with("scripts = ")).expect("a line");
    installation.set(line, &format!("scripts = {scripts:?}"));
}

fn configuration(installation: &Installation) -> PathBuf {
    installation.folder().join("mailwake.toml")
}

/// What a client is told when it connects.
fn first_line(port: u16) -> String {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the gateway listens");
    let line = BufReader::new(stream).lines().next();
    line.expect("a line").expect("text")
}

fn example(name: &str) -> PathBuf {
    crates().join("../etc/policy").join(name).with_extension("lua")
}

fn test_by_hand(installation: &Installation, arguments: &[&str], message: &str) -> String {
    let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_mailwake")));
    command.args(["policy", "test", "--config"]).arg(configuration(installation));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("mailwake runs");
    let mut input = running.stdin.take().expect("its input");
    input.write_all(message.as_bytes()).expect("it reads");
    drop(input);
    let output = running.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}
