//! Clients that click, each time on a link of another message, and note what they got.

use crate::support::{
    EndOfLoad, PATIENCE,
    mailwake::{Installation, Serving},
    wait_for,
};
use mailwake::event_log::{
    Position,
    reader::{Entry, Reader},
};
use std::{
    collections::BTreeSet,
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tracking::{
    event::Occurrence,
    ids::{MessageId, Timestamp},
    token::{Engagement, Link, Sealer, key::KeyRing},
};

/// Where every link leads.
pub(super) const TARGET: &str = "https://shop.example/sale?a=1";

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// In lower case, as they came.
    pub(super) fields: Vec<(String, String)>,
    pub(super) content: Vec<u8>,
}

impl Answer {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Does it lead to the target?
    pub(super) fn is_redirect(&self) -> bool {
        self.status == 302 && self.field("location") == Some(TARGET)
    }
}

/// A connection that is kept.
pub(super) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    pub(super) fn connect(installation: &Installation) -> io::Result<Self> {
        let address = installation.tracking_url.trim_start_matches("http://");
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(super) fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: t.example\r\n\r\n").as_bytes())?;
        self.receive()
    }

    pub(super) fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Sends what the other side takes within a second.
    pub(super) fn send_some(&mut self, octets: &[u8]) {
        let stream = self.stream.get_mut();
        stream.set_write_timeout(Some(Duration::from_secs(1))).expect("a socket");
        // What is left over is what nobody reads.
        stream.write_all(octets).ok();
    }

    /// The next answer, with as much content as it says.
    pub(super) fn receive(&mut self) -> io::Result<Answer> {
        let line = self.line()?;
        let status = line.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status line: {line:?}")))?;
        let mut answer = Answer { status, fields: Vec::new(), content: Vec::new() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            answer.fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let octets = answer.field("content-length").and_then(|value| value.parse().ok());
        answer.content.resize(octets.unwrap_or(0), 0);
        self.stream.read_exact(&mut answer.content)?;
        Ok(answer)
    }

    /// Reads until the other side closes, and tells whether it did.
    pub(super) fn is_closed(&mut self) -> bool {
        match self.stream.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

/// The keys of an installation, as its file has them now.
pub(super) fn keys(installation: &Installation) -> Arc<KeyRing> {
    let text = fs::read_to_string(installation.folder().join("keys.toml")).expect("a key ring");
    Arc::new(KeyRing::parse(&text).expect("a key ring"))
}

/// A link of a message that has no other.
pub(super) fn fresh_link(engagement: Engagement) -> Link {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    let nonce = [number[3], number[4], number[5], number[6], number[7]];
    Link::new(MessageId::new(Timestamp(1_795_233_600_000), nonce), engagement)
}

pub(super) fn click() -> Engagement {
    Engagement::Click { target_url: TARGET.into() }
}

/// The message and the path of a fresh link.
pub(super) fn sealed(keys: &Arc<KeyRing>, engagement: Engagement) -> (String, String) {
    let link = fresh_link(engagement);
    let token = Sealer::new(keys.clone()).seal(&link, None).expect("short enough");
    (link.message_id.to_string(), format!("/{token}"))
}

/// What clients have in hand.
#[derive(Default)]
pub(super) struct Load {
    /// The messages whose links led to the target.
    answered: Mutex<BTreeSet<String>>,
    /// Answers that led elsewhere.
    wrong: Mutex<Vec<Answer>>,
    /// Connections that broke off, or were not to be had.
    pub(super) broken: AtomicU64,
    slowest: Mutex<Duration>,
    is_over: AtomicBool,
}

/// Does something while clients click, and gives what they got.
pub(super) fn under_load<T>(
    installation: &Installation,
    clients: usize,
    work: impl FnOnce(&Load) -> T,
) -> (Load, T) {
    let load = Load::default();
    let keys = keys(installation);
    let done = thread::scope(|scope| {
        let over = EndOfLoad(&load.is_over);
        for _ in 0..clients {
            scope.spawn(|| load.click_on(installation, &keys));
        }
        let done = work(&load);
        drop(over);
        done
    });
    (load, done)
}

impl Load {
    /// How many links led to the target.
    pub(super) fn count(&self) -> usize {
        self.answered.lock().expect("clients do not panic").len()
    }

    /// Waits until so many more did.
    pub(super) fn wait_for_more(&self, more: usize) {
        let wanted = self.count() + more;
        wait_for("clicks", PATIENCE, || (self.count() >= wanted).then_some(()));
    }

    /// The longest that an answer took.
    pub(super) fn slowest(&self) -> Duration {
        *self.slowest.lock().expect("clients do not panic")
    }

    /// Checks that each click led to the target, and gives their messages.
    pub(super) fn redirected(self) -> BTreeSet<String> {
        let wrong = self.wrong.into_inner().expect("clients do not panic");
        assert!(wrong.is_empty(), "{wrong:?}");
        self.answered.into_inner().expect("clients do not panic")
    }

    fn click_on(&self, installation: &Installation, keys: &Arc<KeyRing>) {
        while !self.is_over.load(Ordering::Relaxed) {
            if Client::connect(installation).and_then(|client| self.use_up(client, keys)).is_err() {
                self.broken.fetch_add(1, Ordering::Relaxed);
                thread::yield_now();
            }
        }
    }

    fn use_up(&self, mut client: Client, keys: &Arc<KeyRing>) -> io::Result<()> {
        while !self.is_over.load(Ordering::Relaxed) {
            let (message_id, path) = sealed(keys, click());
            let before = Instant::now();
            let answer = client.get(&path)?;
            let waited = before.elapsed();
            let mut slowest = self.slowest.lock().expect("clients do not panic");
            *slowest = waited.max(*slowest);
            let is_last = answer.field("connection") == Some("close");
            if answer.is_redirect() {
                self.answered.lock().expect("clients do not panic").insert(message_id);
            } else {
                self.wrong.lock().expect("clients do not panic").push(answer);
            }
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// The messages of all clicks in the event log, each as often as it was clicked on.
pub(super) fn logged_clicks(installation: &Installation) -> Vec<String> {
    let directory = installation.data().join("log");
    let mut reader = Reader::open(&directory, Position::START).expect("an event log");
    let entries = std::iter::from_fn(|| reader.read().expect("a readable log"));
    let clicks = entries.filter_map(|entry| match entry {
        Entry::Event { event, .. } => {
            let is_click = matches!(event.occurrence, Occurrence::Click(_));
            is_click.then(|| event.message_id.to_string())
        }
        Entry::Damage(damage) => panic!("{damage}"),
    });
    clicks.collect()
}

/// Stops what has served the load, and checks that each click that was answered is in the event
/// log, once.
pub(super) fn check_kept(installation: &Installation, serving: Serving, load: Load) {
    let answered = load.redirected();
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    check_logged(installation, &answered);
}

/// Checks that each of these clicks is in the event log, once.
pub(super) fn check_logged(installation: &Installation, answered: &BTreeSet<String>) {
    let logged = logged_clicks(installation);
    let messages: BTreeSet<_> = logged.iter().cloned().collect();
    assert_eq!(messages.len(), logged.len(), "clicks that were recorded twice");
    let lost: Vec<_> = answered.difference(&messages).take(3).collect();
    assert!(lost.is_empty(), "answered and not recorded: {lost:?} …");
}
