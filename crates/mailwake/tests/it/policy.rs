//! Policy in the running program: it is checked, tried by hand, loaded again, and stops no
//! mail when it is wrong.

use crate::{
    layering::crates,
    support::{
        PATIENCE,
        mailwake::{BINARY, Installation},
        smtp::Session,
        upstream::Upstream,
        wait_for,
    },
};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
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

/// As in a session, what is set for a message before there is one does not count.
#[test]
fn a_trial_forgets_what_is_set_before_mail() {
    let (_upstream, installation) = installed(&[]);
    let script = installation.folder().join("early.lua");
    let early = "local mod = {} function mod:validate_ehlo(name, accept, vctx)\n\
                 vctx:set(msys.core.VCTX_CONN, 'stays', '1')\n\
                 vctx:set(msys.core.VCTX_MESS, 'goes', '1')\n\
                 return msys.core.VALIDATE_CONT end\n\
                 msys.registerModule('early', mod)\n";
    fs::write(&script, early).expect("a file");
    set_scripts(&installation, &[script]);
    let told = test_by_hand(&installation, &["--rcpt", "ann@rcpt.example"], "\r\n");
    assert_eq!(
        told,
        "validate_ehlo localhost\n  connection stays = \"1\"\n  message goes = \"1\"\n  \
         message goes is forgotten\n  tracks opens: yes, clicks: yes\n"
    );
}

/// What scripts set for a client and a message is part of what counts, for each copy by itself,
/// and what they refuse is told as the client would be told it.
#[test]
fn what_policy_sets_is_explained() {
    let (_upstream, installation) = installed(&[]);
    let script = installation.folder().join("private.lua");
    fs::write(&script, PRIVATE).expect("a file");
    set_scripts(&installation, &[script]);
    let explain = ["check-config", "--explain", "--policy", "--from", "news@sender.example"];
    let ask = |more: &[&str], message: &str| {
        run_by_hand(&installation, &[&explain[..], more].concat(), message)
    };
    let message = "X-MSYS-API: {\"options\":{\"open_tracking\":true}}\r\n\r\nHi\r\n";
    let recipients = ["--rcpt", "ann@private.example", "--rcpt", "bo@rcpt.example"];
    let told = ask(&[&recipients[..], &["--client", "192.0.2.1"]].concat(), message);
    let wanted = "  validate_data_spool_each_rcpt ann@private.example\n    \
                  message smtpapi_open_tracking = \"0\"\n  for ann@private.example:\n  \
                  with context variable smtpapi_open_tracking = \"0\", set by policy\n";
    assert!(told.contains(wanted), "{told}");
    let (ann, bo) = told.split_once("  for bo@rcpt.example:\n").expect("both are told");
    let has = |told: &str, value: &str, origin: &str| {
        let line = format!("  {:<48} # {origin}\n", format!("open_tracking = {value}"));
        assert!(told.contains(&line), "{line}{told}");
    };
    has(ann, "false", "context variable smtpapi_open_tracking");
    has(bo, "true", "X-MSYS-API");
    assert!(!bo.contains("context variable"), "{bo}");
    // Behind what the command line says stands nothing but policy.
    let told = ask(&[&recipients[..2], &["--set", "smtpapi_open_tracking=1"]].concat(), "");
    has(&told, "false", "context variable smtpapi_open_tracking");
    let file = installation.folder().join("message.eml");
    fs::write(&file, "X-MSYS-API: {\"metadata\":1}\r\n\r\n").expect("a file");
    let told = ask(&["--rcpt", "bo@rcpt.example", "--message", &file.to_string_lossy()], "");
    assert!(told.ends_with(
        "  for bo@rcpt.example:\n  \
         refused: 550 5.6.0 X-MSYS-API 'metadata' must be of type 'json object'\n"
    ));
    let told = ask(&["--rcpt", "bo@rcpt.example", "--client", "198.51.100.1"], message);
    assert!(told.ends_with(":\n  validate_connect\n    refused: 554 not you\n"), "{told}");
    let told = installation.run_failing(&explain);
    assert!(told.contains("--rcpt <ADDRESS>"), "{told}");
}

const PRIVATE: &str = "\
local mod = {}
function mod:validate_connect(accept, vctx)
  if string.sub(accept.remote_addr or '', 1, 7) == '198.51.' then vctx:set_code(554, 'not you') end
  return msys.core.VALIDATE_CONT
end
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  if string.match(msg:rcptto(), '@private%.') then
    msg:context_set(msys.core.VCTX_MESS, 'smtpapi_open_tracking', '0')
  end
  return msys.core.VALIDATE_CONT
end
msys.registerModule('private', mod)
";

/// A copy that a script refuses when it is to be made is one that reports count, with the data
/// of its message.
#[test]
fn refused_copies_are_reported() {
    let (upstream, installation) = installed(&[refuse_one()]);
    let serving = installation.serve();
    let content = b"X-MSYS-API: {\"campaign_id\":\"spring\"}\r\nSubject: sale\r\n\r\nHi\r\n";
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for (recipient, code) in [("bo@rcpt.example", 550), ("dee@rcpt.example", 450)] {
        let reply = session.send("news@sender.example", recipient, content).expect("a reply");
        assert_eq!(reply.code, code, "{reply:?}");
    }
    assert!(upstream.messages().is_empty());
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    let refused = installation.events(&["--type", "policy_rejection"]);
    let [refused] = &refused[..] else { panic!("one was refused: {refused:?}") };
    assert_eq!(refused["error_code"], 550);
    assert_eq!(refused["raw_reason"], "5.7.1 not for Bo");
    assert_eq!(refused["campaign_id"], "spring");
    let receptions = installation.events(&["--type", "reception"]);
    let reception = receptions.iter().find(|event| event["message_id"] == refused["message_id"]);
    let reception = reception.expect("the message that was refused");
    assert_eq!(reception["rcpt_to"], "bo@rcpt.example");
    assert_eq!(reception["subject"], "sale");
    let report = installation.report();
    let counters = &report["counters"];
    assert_eq!((&counters["refused"], &counters["delayed"]), (&json!(1), &json!(1)), "{report}");
}

/// What a script writes into Subject and From is what events tell, of each copy its own.
#[test]
fn receptions_tell_what_the_copy_shows() {
    let (_upstream, installation) = installed(&[]);
    let script = installation.folder().join("greeting.lua");
    fs::write(&script, GREETING).expect("a file");
    set_scripts(&installation, &[script]);
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for recipient in ["ann@rcpt.example", "bo@rcpt.example"] {
        let content = b"From: shop@sender.example\r\nSubject: sale\r\n\r\nHi\r\n";
        let reply = session.send("news@sender.example", recipient, content).expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    let receptions = installation.events(&["--type", "reception"]);
    let told: Vec<_> = receptions
        .iter()
        .map(|event| (&event["rcpt_to"], &event["subject"], &event["friendly_from"]))
        .collect();
    let from = json!("Shop <shop@sender.example>");
    let wanted = [
        (&json!("ann@rcpt.example"), &json!("For Ann"), &from),
        (&json!("bo@rcpt.example"), &json!("sale"), &from),
    ];
    assert_eq!(told, wanted);
}

const GREETING: &str = "\
local mod = {}
function mod:validate_data_spool(msg, accept, vctx)
  msg:header('From', 'Shop <shop@sender.example>', 'replace')
  return msys.core.VALIDATE_CONT
end
function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  if msg:rcptto() == 'ann@rcpt.example' then msg:header('Subject', 'For Ann', 'replace') end
  return msys.core.VALIDATE_CONT
end
msys.registerModule('greeting', mod)
";

fn refuse_one() -> PathBuf {
    crates().join("mailwake/tests/policy/refuse_one.lua")
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
    run_by_hand(installation, &[&["policy", "test"], arguments].concat(), message)
}

/// Runs a command with a message on its standard input.
fn run_by_hand(installation: &Installation, arguments: &[&str], message: &str) -> String {
    let mut command = Command::new(BINARY);
    command.args(arguments).arg("--config").arg(configuration(installation));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut running = command.spawn().expect("mailwake runs");
    let mut input = running.stdin.take().expect("its input");
    input.write_all(message.as_bytes()).expect("it reads");
    drop(input);
    let output = running.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}
