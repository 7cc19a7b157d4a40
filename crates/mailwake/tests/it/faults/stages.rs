//! Upstream fails in every way at every stage, and the client at every stage. The sender then
//! does what senders do, and comes again with what was not refused for good, to an upstream
//! that is well. In the end nobody has a message twice, whoever was promised one has it or is
//! named in a notification, and no part of a message was ever taken for one.

use crate::support::{PATIENCE, mailwake::Installation, smtp::Reply, smtp::Session, wait_for};
use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Lines, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const STAGES: [&str; 6] = ["EHLO", "MAIL", "RCPT", "DATA", "content", "dot"];
const FAULTS: [&str; 6] = ["close", "451", "554", "421", "stall", "nonsense"];

/// How often a stage comes at most in a session with two recipients: RCPT of the client for
/// each, and that of each copy.
const OCCURRENCES: usize = 4;

const SENDER: &str = "news@shop.example";

/// The last line of each message.
const LAST: &str = "This is the end.";

/// Sessions at the same time; most of them wait.
const AT_ONCE: usize = 12;

#[test]
fn upstream_may_fail_at_every_stage() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set_gateway(
        "upstream_reply_timeout_seconds = 1\nupstream_final_reply_timeout_seconds = 1",
    );
    let serving = installation.serve();
    let mut plans = Vec::new();
    for stage in STAGES {
        for fault in FAULTS {
            for occurrence in 1..=OCCURRENCES {
                plans.push(format!("{stage}-{fault}-{occurrence}"));
            }
        }
    }
    let plans = Mutex::new(plans);
    let work = || {
        loop {
            let Some(plan) = plans.lock().expect("nobody panics with it").pop() else { return };
            for recipients in 1..=2 {
                let mut sender = Sender::new(&installation, &plan, recipients);
                sender.send(&plan);
                sender.send("well");
                sender.check(&upstream);
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn the_client_may_leave_at_every_stage() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    for stage in ["connection", "EHLO", "MAIL", "RCPT", "DATA", "content", "dot"] {
        for recipients in 1..=2 {
            let mut sender = Sender::new(&installation, &format!("leaves-{stage}"), recipients);
            sender.leave(stage).expect("a gateway that is well");
            wait_for("the end of the session", PATIENCE, || {
                (installation.metric("mailwake_gateway_sessions_open") == 0.0).then_some(())
            });
            sender.send("well");
            sender.check(&upstream);
        }
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// What a sender knows of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    ToSend,
    Promised,
    Refused,
}

struct Sender<'i> {
    installation: &'i Installation,
    name: String,
    recipients: BTreeMap<String, Known>,
}

impl<'i> Sender<'i> {
    fn new(installation: &'i Installation, plan: &str, recipients: usize) -> Self {
        let name = format!("{plan}-{recipients}");
        let recipients = (0..recipients).map(|number| format!("{number}-{name}@example.com"));
        let recipients = recipients.map(|recipient| (recipient, Known::ToSend)).collect();
        Self { installation, name, recipients }
    }

    fn content(&self) -> String {
        let name = &self.name;
        format!("Message-ID: <{name}@shop.example>\r\nSubject: {name}\r\n\r\nHello.\r\n{LAST}\r\n")
    }

    /// One session, which may break off.
    fn send(&mut self, upstream: &str) {
        let to_send = self.recipients.iter().filter(|(_, known)| **known == Known::ToSend);
        let to_send: Vec<String> = to_send.map(|(recipient, _)| recipient.clone()).collect();
        if to_send.is_empty() {
            return;
        }
        if let Err(error) = self.try_to_send(upstream, &to_send) {
            assert_ne!(upstream, "well", "{}: {error}", self.name);
        }
    }

    fn try_to_send(&mut self, upstream: &str, to_send: &[String]) -> io::Result<()> {
        let mut session = Session::connect(self.installation.gateway_port)?;
        let mut taken = Vec::new();
        for line in [format!("EHLO {upstream}"), format!("MAIL FROM:<{SENDER}>")] {
            let reply = session.command(&line)?;
            if reply.code != 250 {
                self.note(to_send, &reply);
                return Ok(());
            }
        }
        for recipient in to_send {
            let reply = session.command(&format!("RCPT TO:<{recipient}>"))?;
            match reply.code {
                250 => taken.push(recipient.clone()),
                _ => self.note(std::slice::from_ref(recipient), &reply),
            }
        }
        if taken.is_empty() {
            return Ok(());
        }
        let reply = session.command("DATA")?;
        if reply.code == 354 {
            session.push(format!("{}.\r\n", self.content()).as_bytes())?;
            let reply = session.reply()?;
            self.note(&taken, &reply);
        } else {
            self.note(&taken, &reply);
        }
        Ok(())
    }

    fn note(&mut self, recipients: &[String], reply: &Reply) {
        let known = match reply.code / 100 {
            2 => Known::Promised,
            4 => Known::ToSend,
            5 => Known::Refused,
            _ => panic!("{}: {reply:?}", self.name),
        };
        for recipient in recipients {
            self.recipients.insert(recipient.clone(), known);
        }
    }

    /// Goes away without a word behind a stage.
    fn leave(&self, stage: &str) -> io::Result<()> {
        let mut session = Session::connect(self.installation.gateway_port)?;
        let mut lines = vec![("EHLO", "EHLO well".to_owned())];
        lines.push(("MAIL", format!("MAIL FROM:<{SENDER}>")));
        lines.extend(self.recipients.keys().map(|path| ("RCPT", format!("RCPT TO:<{path}>"))));
        lines.push(("DATA", "DATA".to_owned()));
        if stage == "connection" {
            return Ok(());
        }
        let last = lines.iter().rposition(|(of, _)| *of == stage).unwrap_or(lines.len() - 1);
        for (_, line) in &lines[..=last] {
            session.command(line)?;
        }
        match stage {
            "content" => session.push(b"Message-ID: <part@shop.example>\r\nSubject: "),
            "dot" => session.push(format!("{}.\r\n", self.content()).as_bytes()),
            _ => Ok(()),
        }
    }

    fn check(&self, upstream: &Upstream) {
        let accepted = upstream.accepted.lock().expect("sessions do not panic").clone();
        for (recipient, known) in &self.recipients {
            let of_recipient = accepted.iter().filter(|(to, _)| to == recipient);
            let copies = of_recipient
                .inspect(|(_, content)| assert!(content.contains(LAST), "a part: {content}"))
                .count();
            let is_named = || {
                let final_recipient = format!("Final-Recipient: rfc822; {recipient}");
                accepted.iter().any(|(to, text)| to == SENDER && text.contains(&final_recipient))
            };
            match known {
                Known::ToSend => panic!("{recipient}: still to be sent when upstream is well"),
                Known::Refused => assert_eq!(copies, 0, "{recipient} was refused"),
                Known::Promised if copies == 0 => {
                    assert!(is_named(), "{recipient} was promised a message and has none");
                }
                Known::Promised => assert_eq!(copies, 1, "{recipient} has it twice"),
            }
        }
    }
}

/// An upstream that fails as the client's EHLO says: `STAGE-FAULT-OCCURRENCE`, or `well`.
struct Upstream {
    port: u16,
    accepted: Accepted,
}

/// Recipients and contents.
type Accepted = Arc<Mutex<Vec<(String, String)>>>;

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let accepted = Accepted::default();
        let shared = accepted.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let accepted = shared.clone();
                // A connection that breaks off has nothing more to say.
                thread::spawn(move || Dialogue::begin(stream, accepted)?.carry_on());
            }
        });
        Self { port, accepted }
    }
}

struct Dialogue {
    lines: Lines<BufReader<TcpStream>>,
    writer: TcpStream,
    accepted: Accepted,
    plan: String,
    /// How often each stage came.
    stages: BTreeMap<&'static str, usize>,
    recipient: String,
}

impl Dialogue {
    fn begin(stream: TcpStream, accepted: Accepted) -> io::Result<Self> {
        let mut writer = stream.try_clone()?;
        writer.write_all(b"220 upstream.example\r\n")?;
        let lines = BufReader::new(stream).lines();
        let (plan, recipient) = (String::new(), String::new());
        Ok(Self { lines, writer, accepted, plan, stages: BTreeMap::new(), recipient })
    }

    fn carry_on(mut self) -> io::Result<()> {
        while let Some(line) = self.lines.next() {
            let line = line?;
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            let stage = STAGES.into_iter().find(|stage| *stage == verb);
            if verb == "EHLO" {
                self.plan = argument.to_owned();
            }
            if let Some(stage) = stage
                && self.fails_at(stage)?
            {
                continue;
            }
            if verb == "RCPT" {
                let path = argument.strip_prefix("TO:<").unwrap_or_default();
                self.recipient = path.trim_end_matches('>').to_owned();
            }
            match verb {
                "DATA" => self.take_message()?,
                "QUIT" => return self.say("221 2.0.0 bye"),
                _ => self.say("250 2.0.0 Ok")?,
            }
        }
        Ok(())
    }

    fn take_message(&mut self) -> io::Result<()> {
        self.say("354 go ahead")?;
        let mut content = String::new();
        let mut is_failed = None;
        loop {
            let line = self.lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
            if line == "." {
                break;
            }
            content += &line;
            content.push('\n');
            if is_failed.is_none() {
                is_failed = Some(self.fails_at("content")?);
            }
        }
        if is_failed == Some(true) || self.fails_at("dot")? {
            return Ok(());
        }
        let accepted = (self.recipient.clone(), content);
        self.accepted.lock().expect("sessions do not panic").push(accepted);
        self.say("250 2.0.0 Ok")
    }

    /// Fails, if the plan says so. An error ends the connection.
    fn fails_at(&mut self, stage: &'static str) -> io::Result<bool> {
        let count = self.stages.entry(stage).or_default();
        *count += 1;
        let count = *count;
        let Some(fault) =
            FAULTS.into_iter().find(|fault| self.plan == format!("{stage}-{fault}-{count}"))
        else {
            return Ok(false);
        };
        match fault {
            "close" => return Err(io::ErrorKind::ConnectionAborted.into()),
            "421" => {
                self.say("421 4.3.2 going down")?;
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            "stall" => {
                // Until who waits has had enough.
                while self.lines.next().is_some_and(|line| line.is_ok()) {}
                return Err(io::ErrorKind::ConnectionAborted.into());
            }
            "nonsense" => self.say("what a lovely day")?,
            code => self.say(&format!("{code} {}.7.1 no", &code[..1]))?,
        }
        Ok(true)
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        self.writer.write_all(format!("{line}\r\n").as_bytes())
    }
}
