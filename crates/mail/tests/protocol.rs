//! Sessions of a client that says anything, in front of an upstream that answers anything
//! that is a reply. A model of upstream, which knows nothing of the session, holds the order
//! of commands; what the client is told is counted. Each session comes of a number, its
//! seed, which is told when it fails; `MAILWAKE_SEQUENCES=1000000` runs a million of them,
//! `MAILWAKE_FIRST_SEQUENCE` says with which seed they begin.

use mail::smtp::{
    chunking::Assembly,
    client::Client,
    command::Command,
    context,
    data::{BareNewlines, DataReader, DotStuffer},
    reply::{Reply, ReplyParser},
    session::{
        COMMAND_OCTETS_MAX, Chunk, Limits, Rules, Session, Starttls, Step, Transaction, Trust,
    },
};
use std::io::Write;

/// Sessions in a run of all tests.
const SEQUENCES: u64 = 50_000;

/// Lines of a client in one session.
const LINES_MAX: u64 = 60;

const LIMITS: Limits = Limits { message_octets_max: 200, recipients_max: 3, errors_max: 6 };

#[test]
fn no_session_falls_out_of_step() {
    let number = |name| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let first = number("MAILWAKE_FIRST_SEQUENCE").unwrap_or(0);
    let sequences = number("MAILWAKE_SEQUENCES").unwrap_or(SEQUENCES);
    let mut seen = Seen::default();
    for seed in first..first + sequences {
        Play::new(seed).run(&mut seen);
    }
    // Nothing was shown if the interesting things did not happen.
    let Seen { accepted, refused, chunks, exchanges, ended, encrypted, begun_anew } = seen;
    let each = [accepted, refused, chunks, exchanges, ended, encrypted, begun_anew];
    assert!(each.iter().all(|count| *count > sequences / 1_000), "{each:?}");
}

/// What happened in all sessions, so that a run can tell that it has seen something.
#[derive(Debug, Default)]
struct Seen {
    accepted: u64,
    refused: u64,
    chunks: u64,
    exchanges: u64,
    ended: u64,
    encrypted: u64,
    begun_anew: u64,
}

/// Numbers that a seed gives (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).expect("31 bits") % sides
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())]
    }
}

/// What an upstream knows of its own session, from what it was told and what it said.
#[derive(Debug, Default)]
struct Upstream {
    has_mail: bool,
    recipients: Vec<String>,
    is_in_auth: bool,
}

struct Play {
    seed: u64,
    dice: Dice,
    session: Session,
    upstream: Upstream,
    newlines: BareNewlines,
    is_encrypted: bool,
    assembly: Option<Assembly>,
    /// Refused in a row, by the session itself.
    errors: usize,
}

/// A session that fails tells which it was.
impl Drop for Play {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let told = format!("MAILWAKE_FIRST_SEQUENCE={} MAILWAKE_SEQUENCES=1", self.seed);
            // There is nobody left to tell when stderr is closed.
            writeln!(std::io::stderr(), "{told}").ok();
        }
    }
}

impl Play {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let starttls = [Starttls::Unknown, Starttls::Offered, Starttls::Required];
        let rules = Rules {
            is_one_at_a_time: dice.roll(4) == 0,
            starttls: dice.one_of(&starttls),
            is_encrypted: false,
            auth_requires_tls: dice.roll(4) == 0,
            is_client_told: dice.roll(4) == 0,
            trust: Trust {
                xclient: dice.roll(2) == 0,
                xforward: dice.roll(2) == 0,
                xsetcontext: dice.roll(2) == 0,
                xdumpcontext: dice.roll(2) == 0,
                xremoteip: dice.roll(2) == 0,
            },
        };
        let newlines = dice.one_of(&[BareNewlines::Refuse, BareNewlines::Repair]);
        Self {
            seed,
            dice,
            session: Session::new(LIMITS, rules, Client::default()),
            upstream: Upstream::default(),
            newlines,
            is_encrypted: false,
            assembly: None,
            errors: 0,
        }
    }

    fn run(mut self, seen: &mut Seen) {
        for _ in 0..LINES_MAX {
            let is_response = self.session.awaits_response();
            assert_eq!(is_response, self.upstream.is_in_auth);
            let line = if is_response { self.response() } else { self.command() };
            let is_secret = self.session.is_secret(&line);
            let step = match line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
                true => self.session.malformed("bare CR or NUL in command"),
                false if is_response => self.session.response(&line),
                false => self.session.command(&line),
            };
            if matches!(step, Step::PassSecret) {
                assert!(is_secret, "a password that is not wiped");
            }
            if !self.obey(&line, step, is_response, seen) {
                return;
            }
            if !self.session.is_chunked() {
                self.assembly = None;
            }
            assert_eq!(self.session.is_in_transaction(), self.upstream.has_mail);
            assert!(self.upstream.recipients.len() <= LIMITS.recipients_max);
        }
    }

    /// Does what a gateway does. False at the end of the session.
    fn obey(&mut self, line: &[u8], step: Step, is_response: bool, seen: &mut Seen) -> bool {
        match step {
            Step::Pass | Step::Greet => return self.pass(line),
            Step::Begin(None) => return self.pass(line),
            Step::Begin(Some(line)) => return self.pass(line.as_bytes()),
            Step::BeginAnew => {
                assert!(!self.upstream.has_mail, "XCLIENT in a transaction");
                seen.begun_anew += 1;
                let xclient = self.dice.roll(2) == 0;
                self.session.trust(Trust { xclient, xforward: true, ..Trust::default() });
                self.upstream = Upstream::default();
                self.assembly = None;
            }
            Step::PassAndEnd => return false,
            Step::PassSecret => {
                assert!(is_response || line[..4].eq_ignore_ascii_case(b"AUTH"));
                assert!(!self.upstream.has_mail, "AUTH in a transaction");
                seen.exchanges += 1;
                let reply = self.auth_reply();
                self.upstream.is_in_auth = reply.is_intermediate();
                return self.told_by_upstream(reply);
            }
            Step::Cancel(reply) => {
                assert!(is_response);
                check_reply(&reply);
                self.upstream.is_in_auth = false;
                self.session.upstream_replied(Reply::new(501, "5.7.0", "cancelled"));
            }
            Step::Answer(reply) if reply.is_positive() => {
                assert!(is_of_a_peer(line), "nobody but upstream says yes");
                check_reply(&reply);
                self.errors = 0;
            }
            Step::SetContext(variables) => self.dump_context(&variables),
            Step::DumpContext => self.dump_context(&[]),
            Step::Answer(reply) => return self.answered(&reply, seen),
            Step::StartTls(reply) => {
                check_reply(&reply);
                assert!(!self.is_encrypted, "TLS in TLS");
                self.is_encrypted = true;
                seen.encrypted += 1;
                self.session.encrypted();
                // The next EHLO has upstream forget its transaction; nothing comes before it.
                self.upstream = Upstream::default();
                self.assembly = None;
            }
            Step::TakeContent(reply, transaction) => {
                assert_eq!(reply.code(), 354);
                self.check_transaction(&transaction);
                let content = self.content();
                self.bring(content, seen);
            }
            Step::TakeChunk(chunk) => self.take_chunk(&chunk, seen),
            Step::Swallow(_, reply) => {
                assert!(self.upstream.recipients.is_empty(), "a message is swallowed");
                return self.answered(&reply, seen);
            }
            Step::End(reply) => {
                seen.ended += 1;
                check_reply(&reply);
                assert!(!reply.is_positive());
                return false;
            }
        }
        true
    }

    fn dump_context(&mut self, variables: &[(String, String)]) {
        let pairs = || variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        check_reply(&context::dump(pairs(), pairs()));
        self.errors = 0;
    }

    fn pass(&mut self, line: &[u8]) -> bool {
        let text = std::str::from_utf8(line).expect("nothing else is passed on");
        assert!(line.len() <= COMMAND_OCTETS_MAX + 32 && !self.upstream.is_in_auth);
        assert!(!line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)));
        let command = Command::parse(text);
        let reply = match command {
            Command::Data | Command::Bdat(_) | Command::Auth(_) | Command::StartTls { .. } => {
                panic!("{text:?} was passed on")
            }
            Command::Rcpt(_) if !self.upstream.has_mail => panic!("RCPT without MAIL"),
            Command::Mail(_) if self.upstream.has_mail => Reply::new(503, "5.5.1", "nested"),
            _ => self.reply(),
        };
        self.upstream.heard(text, &command, &reply);
        self.told_by_upstream(reply)
    }

    /// The client is told what upstream said, with the same code.
    fn told_by_upstream(&mut self, reply: Reply) -> bool {
        let code = reply.code();
        if reply.is_positive() {
            self.errors = 0;
        }
        let told = self.session.upstream_replied(reply);
        check_reply(&told);
        assert_eq!(told.code(), code);
        code != 421
    }

    fn answered(&mut self, reply: &Reply, seen: &mut Seen) -> bool {
        check_reply(reply);
        assert!(!reply.is_positive(), "nobody but upstream says yes");
        seen.refused += 1;
        self.errors += usize::from(!reply.is_transient());
        // An exchange that was cancelled counts as well, and may have made them more.
        assert!(self.errors < LIMITS.errors_max, "too many errors");
        true
    }

    fn take_chunk(&mut self, chunk: &Chunk, seen: &mut Seen) {
        seen.chunks += 1;
        assert_eq!(chunk.is_first, self.assembly.is_none());
        let mut assembly = self
            .assembly
            .take()
            .unwrap_or_else(|| Assembly::new(LIMITS.message_octets_max, self.newlines));
        // Sizes beyond what is sent are those that no client can send in time.
        let octets = self.wild(usize::try_from(chunk.octets.min(300)).expect("300"));
        assembly.take(&octets);
        match &chunk.last {
            Some(transaction) => {
                self.check_transaction(transaction);
                let content = assembly.finish(transaction.is_binary).ok();
                match content {
                    Some(content) if transaction.is_binary => {
                        assert!(content.len() <= LIMITS.message_octets_max);
                        self.upstream = Upstream::default();
                    }
                    content => self.bring(content, seen),
                }
            }
            None if assembly.error().is_some() => {
                self.session.chunk_refused();
                self.upstream = Upstream::default();
            }
            None => self.assembly = Some(assembly),
        }
        assert_eq!(self.session.is_chunked(), self.assembly.is_some());
    }

    /// Upstream has accepted whoever gets a copy, and nobody else.
    fn check_transaction(&self, transaction: &Transaction) {
        assert!(self.upstream.has_mail && !self.upstream.recipients.is_empty());
        let recipients = transaction.recipients.iter().map(|recipient| &*recipient.line);
        assert!(recipients.eq(self.upstream.recipients.iter().map(|line| &**line)));
    }

    /// Content as DATA brings it, to its end.
    fn content(&mut self) -> Option<Vec<u8>> {
        let mut reader = DataReader::new(LIMITS.message_octets_max, self.newlines);
        while !reader.is_done() {
            let length = self.dice.roll(80);
            let wire = self.wild(length);
            reader.take(&wire);
            if self.dice.roll(3) == 0 {
                reader.take(b"\r\n.\r\n");
            }
        }
        reader.finish().ok()
    }

    /// The transaction is over, and upstream has seen one message at most.
    fn bring(&mut self, content: Option<Vec<u8>>, seen: &mut Seen) {
        self.upstream = Upstream::default();
        let Some(content) = content else { return };
        seen.accepted += 1;
        assert!(content.len() <= LIMITS.message_octets_max);
        let (mut stuffer, mut sent) = (DotStuffer::default(), Vec::new());
        stuffer.push(&content, &mut sent);
        stuffer.finish(&mut sent);
        let mut reader = DataReader::new(sent.len(), BareNewlines::Refuse);
        assert_eq!(reader.take(&sent), sent.len(), "{}", sent.escape_ascii());
        assert!(reader.is_done() && reader.finish().is_ok());
    }

    /// A reply of upstream to a command.
    fn reply(&mut self) -> Reply {
        let code = self.dice.one_of(&[250, 250, 250, 250, 250, 252, 450, 451, 550, 500, 421]);
        let size = format!("SIZE {}", self.dice.one_of(&[0, 1, 150, 100_000]));
        let lines = [
            "mx.example",
            &size,
            "CHUNKING",
            "BINARYMIME",
            "8BITMIME",
            "AUTH PLAIN LOGIN SCRAM-SHA-1-PLUS",
            "STARTTLS",
            "XCLIENT",
            "x",
        ];
        let count = self.dice.roll(lines.len()) + 1;
        Reply::of_lines(code, lines.into_iter().take(count))
    }

    fn auth_reply(&mut self) -> Reply {
        let code = self.dice.one_of(&[334, 334, 235, 535, 454, 421]);
        Reply::of_lines(code, ["b2s="])
    }

    fn command(&mut self) -> Vec<u8> {
        const COMMANDS: &[&str] = &[
            "EHLO a.example",
            "EHLO a.example",
            "HELO a.example",
            "MAIL FROM:<a@a.example>",
            "MAIL FROM:<a@a.example>",
            "MAIL FROM:<a@a.example> BODY=BINARYMIME",
            "MAIL FROM:<>",
            "MAIL FROM:<a@a.example> SIZE=100",
            "MAIL FROM:<a@a.example> SIZE=99999999999",
            "RCPT TO:<b@b.example>",
            "RCPT TO:<b@b.example>",
            "RCPT TO:<c@b.example>",
            "RCPT TO:<d@b.example> NOTIFY=NEVER",
            "RCPT TO:<e@b.example>",
            "DATA",
            "DATA",
            "DATA x",
            "BDAT 10",
            "BDAT 0",
            "BDAT 30 LAST",
            "BDAT 0 LAST",
            "BDAT 250",
            "BDAT 250 LAST",
            "BDAT 18446744073709551615",
            "BDAT",
            "BDAT x",
            "RSET",
            "NOOP",
            "QUIT",
            "VRFY a",
            "HELP",
            "STARTTLS",
            "STARTTLS x",
            "AUTH PLAIN",
            "AUTH LOGIN",
            "AUTH PLAIN AGEAYg==",
            "AUTH",
            "AUTH XOAUTH2 =",
            "XCLIENT ADDR=192.0.2.1",
            "XFORWARD NAME=x",
            "XSETCONTEXT a=+20 b=",
            "XDUMPCONTEXT",
            "XREMOTEIP 192.0.2.1",
            "XREMOTEIP x",
            "TURN",
            "",
            " ",
            "X",
            "MAIL",
            "RCPT",
            "mail from:a@a.example",
            "rcpt to:b@b.example",
            "bdat 5 last",
        ];
        match self.dice.roll(12) {
            0 => {
                let length = self.dice.roll(20);
                self.wild(length)
            }
            1 => {
                let mut line = self.dice.one_of(COMMANDS).as_bytes().to_vec();
                let at = self.dice.roll(line.len() + 1);
                let other = self.wild(1);
                line.splice(at..at, other);
                line
            }
            2 if self.dice.roll(20) == 0 => vec![b'N'; COMMAND_OCTETS_MAX + 1],
            _ => self.dice.one_of(COMMANDS).as_bytes().to_vec(),
        }
    }

    fn response(&mut self) -> Vec<u8> {
        let responses: &[&[u8]] =
            &[b"AGEAYg==", b"*", b"", b"YQ==", b"RCPT TO:<x@b.example>", b"a\0"];
        self.dice.one_of(responses).to_vec()
    }

    /// Octets that mean something, in any order.
    fn wild(&mut self, length: usize) -> Vec<u8> {
        let octets = b"\r\n.\0ab \xff:<>\r\n\r\n.";
        (0..length).map(|_| self.dice.one_of(octets)).collect()
    }
}

impl Upstream {
    fn heard(&mut self, line: &str, command: &Command<'_>, reply: &Reply) {
        match command {
            _ if !reply.is_positive() => {}
            Command::Helo | Command::Ehlo | Command::Rset => *self = Self::default(),
            Command::Mail(_) => self.has_mail = true,
            Command::Rcpt(_) if self.recipients.iter().any(|known| known == line) => {}
            Command::Rcpt(_) => self.recipients.push(line.to_owned()),
            _ => {}
        }
    }
}

/// Does a peer tell of a client, which the gateway takes itself?
fn is_of_a_peer(line: &[u8]) -> bool {
    let is_verb =
        |verb: &[u8]| line.get(..verb.len()).is_some_and(|it| it.eq_ignore_ascii_case(verb));
    is_verb(b"XFORWARD") || is_verb(b"XREMOTEIP")
}

/// What the client is told is one reply, whole.
fn check_reply(reply: &Reply) {
    let mut parser = ReplyParser::default();
    let mut lines = reply.octets().split_inclusive(|octet| *octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.strip_suffix(b"\r\n").expect("a line ends in CRLF");
        let whole = parser.line(line).expect("a reply");
        assert_eq!(whole.is_some(), lines.peek().is_none());
    }
}
