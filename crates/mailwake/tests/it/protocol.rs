//! Random sessions with the program as it runs: a client that says anything, one line after
//! the other, in front of an upstream that answers anything and holds the order of commands.
//! `crates/mail/tests/protocol.rs` does the same with the state machine alone, and far more
//! often. A session comes of its seed, which is told when it fails;
//! `MAILWAKE_SESSIONS=10000` runs so many.

use crate::support::{mailwake::Installation, smtp::Session};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// Sessions in a run of all tests.
const SESSIONS: u64 = 400;

const LINES_MAX: usize = 40;

/// Sessions at the same time.
const AT_ONCE: usize = 8;

#[test]
fn no_session_falls_out_of_step() {
    let sessions = std::env::var("MAILWAKE_SESSIONS").ok().and_then(|value| value.parse().ok());
    let sessions: u64 = sessions.unwrap_or(SESSIONS);
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set_gateway("tarpit_seconds_max = 0");
    let serving = installation.serve();
    let (next, accepted) = (AtomicU64::new(0), AtomicU64::new(0));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= sessions {
                return;
            }
            let mut client = Client::new(&installation, &upstream, seed);
            client.run().unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            accepted.fetch_add(client.accepted, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert!(accepted.into_inner() > sessions / 10, "too few messages were accepted");
    let told = upstream.told.lock().expect("nobody panics with it");
    assert_eq!(told.out_of_order, Vec::<String>::new());
}

/// Numbers that a seed gives (xorshift64*).
struct Dice(u64);

impl Dice {
    fn of(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33;
        usize::try_from(number).expect("31 bits") % sides
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.roll(choices.len())]
    }
}

struct Client<'i> {
    session: Session,
    upstream: &'i Upstream,
    dice: Dice,
    seed: u64,
    messages: usize,
    has_mail: bool,
    /// Recipients that were accepted since MAIL.
    recipients: usize,
    /// Messages for which it was told 250.
    accepted: u64,
}

impl<'i> Client<'i> {
    fn new(installation: &Installation, upstream: &'i Upstream, seed: u64) -> Self {
        let session = Session::connect(installation.gateway_port).expect("a session");
        let dice = Dice::of(seed);
        Self {
            session,
            upstream,
            dice,
            seed,
            messages: 0,
            has_mail: false,
            recipients: 0,
            accepted: 0,
        }
    }

    fn run(&mut self) -> io::Result<()> {
        let mut code = self.session.command(&format!("EHLO {}", self.seed))?.code;
        for _ in 0..self.dice.roll(LINES_MAX) {
            if code == 421 {
                break;
            }
            code = self.step()?;
        }
        if code != 421 {
            self.session.command("QUIT")?;
        }
        // Were there a reply too many so far, it would have come instead of the last one, and
        // the last one now.
        match self.session.reply() {
            Ok(reply) => Err(io::Error::other(format!("a reply too many: {reply:?}"))),
            Err(_) => Ok(()),
        }
    }

    /// Says something and gives the code of the reply.
    fn step(&mut self) -> io::Result<u16> {
        const LINES: &[&str] = &[
            "MAIL FROM:<a@a.example>",
            "MAIL FROM:<a@a.example>",
            "MAIL FROM:<> SIZE=1000",
            "RCPT TO:<b@b.example>",
            "RCPT TO:<b@b.example>",
            "RCPT TO:<c@b.example>",
            "RCPT TO:<d@b.example>",
            "DATA",
            "DATA",
            "DATA",
            "BDAT",
            "BDAT LAST",
            "BDAT LAST",
            "RSET",
            "NOOP",
            "EHLO",
            "HELO x",
            "VRFY b",
            "HELP",
            "STARTTLS",
            "XCLIENT x",
            "X y",
            "",
            "MAIL FROM:<a\rb>",
            "RCPT TO:<\0>",
            "NOOP \0",
        ];
        // Left to chance alone, few would ever come to a message.
        let line = match (self.dice.roll(2), self.has_mail, self.recipients) {
            (0, _, _) => self.dice.one_of(LINES),
            (_, false, _) => "MAIL FROM:<a@a.example>",
            (_, true, 0) => "RCPT TO:<b@b.example>",
            (_, true, _) => "DATA",
        };
        let reply = match line {
            "BDAT" | "BDAT LAST" => return self.chunk(line == "BDAT LAST"),
            "EHLO" => self.session.command(&format!("EHLO {}", self.seed))?,
            line => self.session.command(line)?,
        };
        match (line.get(..4), reply.code) {
            (Some("DATA"), 354) => return self.content(),
            (Some("RCPT"), 250) => self.recipients += 1,
            (Some("MAIL"), 250) => (self.has_mail, self.recipients) = (true, 0),
            (Some("RSET" | "EHLO" | "HELO"), 250) => (self.has_mail, self.recipients) = (false, 0),
            _ => {}
        }
        Ok(reply.code)
    }

    fn marker(&mut self) -> String {
        self.messages += 1;
        format!("Subject: mark-{}-{}-\r\n\r\n", self.seed, self.messages)
    }

    fn body(&mut self) -> String {
        // Most messages are not refused for what is bare in them.
        let pieces = if self.dice.roll(3) == 0 { BODY } else { &BODY[..BODY.len() - 3] };
        (0..self.dice.roll(12)).map(|_| self.dice.one_of(pieces)).collect()
    }

    fn content(&mut self) -> io::Result<u16> {
        let marker = self.marker();
        let body = self.body();
        // What the body ends by itself would be followed by commands.
        let body = body.replace("\n.\r", "\n..\r");
        self.session.push(format!("{marker}x{body}x\r\n.\r\n").as_bytes())?;
        let code = self.session.reply()?.code;
        self.check(&marker, code)
    }

    fn chunk(&mut self, is_last: bool) -> io::Result<u16> {
        let marker = self.marker();
        let body = self.body();
        let content = format!("{marker}{body}");
        let last = if is_last { " LAST" } else { "" };
        self.session.push(format!("BDAT {}{last}\r\n{content}", content.len()).as_bytes())?;
        let code = self.session.reply()?.code;
        match is_last {
            true => self.check(&marker, code),
            false => Ok(code),
        }
    }

    /// It was told 250 for what upstream has accepted, once for each recipient, and nothing
    /// else of what upstream has not.
    fn check(&mut self, marker: &str, code: u16) -> io::Result<u16> {
        let told = self.upstream.told.lock().expect("nobody panics with it");
        let copies = told.accepted.iter().filter(|content| content.contains(marker.trim_end()));
        let copies = copies.filter(|content| !content.contains("MAILER-DAEMON")).count();
        let is_right = match code {
            250 => (1..=self.recipients).contains(&copies),
            _ => copies == 0 || self.recipients > 1 && copies < self.recipients,
        };
        drop(told);
        let recipients = std::mem::take(&mut self.recipients);
        self.has_mail = false;
        self.accepted += u64::from(code == 250);
        match is_right {
            true => Ok(code),
            false => Err(io::Error::other(format!(
                "told {code} for {copies} copies to {recipients} recipients"
            ))),
        }
    }
}

const BODY: &[&str] = &[
    "\r\n",
    "\r\n",
    ".",
    "a",
    "hello\r\n",
    "\r\n.",
    "MAIL FROM:<e@a.example>\r\n",
    "ä",
    "..",
    "\n",
    "\r",
    "\0",
];

/// An upstream that answers by the seed in EHLO.
struct Upstream {
    port: u16,
    told: Arc<Mutex<Told>>,
}

#[derive(Debug, Default)]
struct Told {
    accepted: Vec<String>,
    /// Commands that should not have come.
    out_of_order: Vec<String>,
}

impl Upstream {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let told = Arc::new(Mutex::new(Told::default()));
        let shared = told.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let told = shared.clone();
                // A connection that breaks off has nothing more to say.
                thread::spawn(move || serve(stream, &told).ok());
            }
        });
        Self { port, told }
    }
}

fn serve(stream: TcpStream, told: &Mutex<Told>) -> io::Result<()> {
    const REPLIES: &[&str] = &[
        "250 ok",
        "250 ok",
        "250 ok",
        "250 ok",
        "250 ok",
        "250 ok",
        "250 ok",
        "250-ok\r\n250 ok",
        "450 4.2.0 later",
        "550 5.1.1 no",
    ];
    let mut writer = stream.try_clone()?;
    writer.write_all(b"220 upstream.example\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut dice = Dice::of(0);
    let (mut has_mail, mut recipients) = (false, 0);
    while let Some(line) = next_line(&mut reader)? {
        let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
        let is_in_order = match verb {
            "RCPT" => has_mail,
            "DATA" => recipients > 0,
            "BDAT" | "STARTTLS" | "XCLIENT" => false,
            _ => !line.contains(['\r', '\n', '\0']) && !line.contains("e@a.example"),
        };
        if !is_in_order {
            told.lock().expect("nobody panics with it").out_of_order.push(line.clone());
        }
        if verb == "EHLO" {
            dice = Dice::of(argument.parse().unwrap_or(0));
        }
        let mut reply = dice.one_of(REPLIES);
        let is_positive = reply.starts_with("250");
        match verb {
            "DATA" if is_positive => {
                writer.write_all(b"354 go ahead\r\n")?;
                let content = content(&mut reader)?;
                if dice.roll(30) == 0 {
                    return Ok(());
                }
                reply = dice.one_of(REPLIES);
                if reply.starts_with("250") {
                    told.lock().expect("nobody panics with it").accepted.push(content);
                }
                (has_mail, recipients) = (false, 0);
            }
            "MAIL" if has_mail => reply = "503 5.5.1 nested",
            "MAIL" => has_mail = is_positive,
            "RCPT" => recipients += usize::from(is_positive),
            "EHLO" | "HELO" | "RSET" if is_positive => (has_mail, recipients) = (false, 0),
            "QUIT" => return writer.write_all(b"221 bye\r\n"),
            _ => {}
        }
        writer.write_all(format!("{reply}\r\n").as_bytes())?;
    }
    Ok(())
}

fn next_line(reader: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    Ok(line.strip_suffix("\r\n").map(str::to_owned))
}

fn content(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut content = String::new();
    loop {
        let line = next_line(reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line == "." {
            return Ok(content);
        }
        content += &line;
        content += "\r\n";
    }
}
