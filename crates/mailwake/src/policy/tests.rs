use super::*;
use mail::smtp::reply::Reply;
use std::fs;
use tempfile::TempDir;
use tracking::context::{Context, Lifetime};

mod api;
mod containment;

/// Scripts of a test, in files that are there as long as it.
struct Stagehand {
    directory: TempDir,
    counters: Arc<Counters>,
    config: PolicyConfig,
}

impl Stagehand {
    fn new(sources: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let scripts = sources.iter().map(|(name, source)| {
            let path = directory.path().join(name);
            fs::write(&path, source).expect("a file");
            path
        });
        let config = PolicyConfig { scripts: scripts.collect(), ..PolicyConfig::default() };
        Self { directory, counters: Arc::default(), config }
    }

    fn load(&self) -> Result<Scripts, PolicyError> {
        Scripts::load(&self.config, &self.counters)
    }

    /// How often scripts have failed.
    fn failures(&self) -> u64 {
        self.counters.errors().iter().map(|(_, count)| count).sum()
    }
}

/// A script with one function, whose body this is.
fn script(stage: Stage, body: &str) -> String {
    let arguments = match stage {
        Stage::Connect => "accept, vctx",
        Stage::Ehlo | Stage::MailFrom => "str, accept, vctx",
        Stage::RcptTo => "msg, str, accept, vctx",
        Stage::Data | Stage::DataSpool | Stage::DataSpoolEachRcpt => "msg, accept, vctx",
    };
    let callout = stage.callout();
    format!(
        "require(\"msys.core\")\nrequire(\"msys.extended.message\")\nlocal mod = {{}}\n\
         function mod:{callout}({arguments})\ndo {body} end\nreturn msys.core.VALIDATE_CONT\nend\n\
         msys.registerModule(\"test\", mod)\n"
    )
}

fn subject() -> Subject {
    Subject {
        client: Some("192.0.2.1:2525".parse().expect("an address")),
        mailfrom: "news@sender.example".into(),
        rcptto: "Ann@Example.COM".into(),
        message_id: "00112233445566778899".into(),
        header: Some(Header::of(
            b"From: Ann <ann+x@a.example>, bo@b.example\r\nX-A: 1\r\nX-A: =?UTF-8?Q?=C3=B6?=\r\n\
              Subject: Hi\r\n\r\nbody\r\n",
        )),
        ..Subject::default()
    }
}

/// Runs a body in the last stage, which must not fail, and gives the variable `out`.
#[track_caller]
fn eval(body: &str) -> String {
    let body = format!("{body}\nmsg:context_set(msys.core.ECMESS_CTX_MESS, 'out', out)");
    let (stagehand, subject, refusal) = run(Stage::DataSpoolEachRcpt, &body);
    assert_eq!(refusal, None);
    assert_eq!(stagehand.failures(), 0, "{body}");
    subject.context.get(Lifetime::Message, "out").unwrap_or_default().to_owned()
}

#[track_caller]
fn run(stage: Stage, body: &str) -> (Stagehand, Subject, Option<Refusal>) {
    let stagehand = Stagehand::new(&[("test.lua", &script(stage, body))]);
    let scripts = stagehand.load().unwrap_or_else(|error| panic!("{error}"));
    let mut subject = subject();
    let refusal = scripts.ask(stage, "text", &mut subject);
    (stagehand, subject, refusal)
}

#[test]
fn stages_without_a_function_are_not_asked() {
    let stagehand = Stagehand::new(&[("test.lua", &script(Stage::Connect, ""))]);
    let scripts = stagehand.load().expect("a script");
    assert!(scripts.has(Stage::Connect) && !scripts.has(Stage::Data));
}

#[test]
fn a_script_that_does_not_load_is_told_with_its_line() {
    let check = |source: &str, text: &str| {
        let stagehand = Stagehand::new(&[("good.lua", ""), ("bad.lua", source)]);
        let error = stagehand.load().expect_err("a mistake").to_string();
        assert!(error.contains("/bad.lua: ") && error.contains(text), "{error}");
    };
    check("local x = \n\n= 3", "bad.lua:3: unexpected symbol near '='");
    check("\nfoo()", "bad.lua:2: attempt to call global 'foo' (a nil value)");
    check("require('msys.db')", "bad.lua:1: module \"msys.db\" is not there");
    check("msys.registerModule('x', {init = function() return false end})", "init");
    check("msys.registerModule('x', {validate_data = 5})", "bad.lua");
    check("while true do end", "took more than");
    check("\u{1b}LJ\u{2}", "bad.lua");
}

#[test]
fn modules_are_asked_in_order_until_one_is_done() {
    let append = |letter: &str, answer: &str| {
        format!(
            "local mod = {{}} function mod:validate_connect(accept, vctx)
             local so_far = vctx:get(msys.core.VCTX_CONN, 'order')
             vctx:set(msys.core.VCTX_CONN, 'order', so_far .. '{letter}')
             return msys.core.{answer} end msys.registerModule('{letter}', mod)\n"
        )
    };
    let (a, b) = (append("a", "VALIDATE_CONT"), append("b", "VALIDATE_CONT"));
    let (c, d) = (append("c", "VALIDATE_DONE"), append("d", "VALIDATE_CONT"));
    let stagehand = Stagehand::new(&[("1.lua", &(a + &b)), ("2.lua", &(c + &d))]);
    let scripts = stagehand.load().expect("scripts");
    let mut subject = subject();
    assert_eq!(scripts.ask(Stage::Connect, "", &mut subject), None);
    assert_eq!(subject.context.get(Lifetime::Connection, "order"), Some("abc"));
}

#[test]
fn files_that_change_are_loaded_again_and_mistakes_keep_the_old_ones() {
    let stagehand = Stagehand::new(&[("test.lua", &script(Stage::Connect, ""))]);
    let policy = Policy::load(stagehand.config.clone(), Arc::default()).expect("a policy");
    let has = |stage| policy.current().is_some_and(|scripts| scripts.has(stage));
    assert!(has(Stage::Connect));
    fs::write(stagehand.directory.path().join("test.lua"), "nonsense").expect("a file");
    policy.reload(stagehand.config.clone());
    assert!(has(Stage::Connect));
    let other = script(Stage::Data, "");
    fs::write(stagehand.directory.path().join("test.lua"), other).expect("a file");
    policy.reload(stagehand.config.clone());
    assert!(has(Stage::Data) && !has(Stage::Connect));
    policy.reload(PolicyConfig::default());
    assert!(policy.current().is_none());
}

fn reply(code: u16, text: &str) -> Reply {
    Reply::of_lines(code, [text])
}

fn get<'s>(subject: &'s Subject, name: &str) -> Option<&'s str> {
    subject.context.get(Lifetime::Message, name)
}

#[test]
fn variables_of_the_subject_are_seen_and_set() {
    let (_, subject, _) = run(
        Stage::RcptTo,
        "vctx:set(msys.core.VCTX_CONN, 'mo_customer_id', 42)
         msg:context_set(msys.core.ECMESS_CTX_MESS, 'str', str)",
    );
    assert_eq!(get(&subject, "str"), Some("text"));
    assert_eq!(subject.context.get(Lifetime::Connection, "mo_customer_id"), Some("42"));
    let mut context = Context::default();
    context.set(Lifetime::Connection, "mo_customer_id", "42").expect("there is room");
    context.set(Lifetime::Message, "str", "text").expect("there is room");
    assert_eq!(subject.context, context);
}
