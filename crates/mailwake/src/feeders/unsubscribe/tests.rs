use super::*;
use crate::{
    event_log::{EventLog, LogConfig},
    net::{
        network::Network,
        tls::{
            client::Verification,
            server::{CertificateFiles, ClientCertificates, ServerTls},
        },
    },
};
use rcgen::{CertificateParams, KeyPair};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};
use tempfile::TempDir;
use tracking::{
    event::Unsubscription,
    ids::{EventId, MessageId},
};

/// Longer than anything here takes, so that a mistake fails and does not hang.
const PATIENCE: Duration = Duration::from_secs(30);

/// A sender, on a port of its own, which answers each form with the next of these statuses and
/// keeps its connection open; the last one stays.
struct Sent {
    url: String,
    forms: Receiver<String>,
}

impl Sent {
    fn start(scheme: &str, statuses: &[&'static str], tls: Option<Arc<ServerTls>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let url = format!("{scheme}://127.0.0.1:{}", listener.local_addr().expect("bound").port());
        let (told, forms) = sync_channel(64);
        let statuses = statuses.to_vec();
        thread::spawn(move || {
            let mut statuses = statuses.into_iter().peekable();
            while let Ok((stream, _)) = listener.accept() {
                let status = match statuses.len() {
                    1 => *statuses.peek().expect("one is left"),
                    _ => statuses.next().expect("one is left"),
                };
                match &tls {
                    None => serve(stream, status, &told),
                    Some(tls) => {
                        let session = rustls::ServerConnection::new(tls.current());
                        let session = session.expect("a session");
                        serve(rustls::StreamOwned::new(session, stream), status, &told);
                    }
                }
            }
        });
        Self { url, forms }
    }

    fn form(&self) -> String {
        self.forms.recv_timeout(PATIENCE).expect("a form")
    }
}

/// Reads one form, with its head, and answers.
fn serve(stream: impl Read + Write, status: &str, told: &SyncSender<String>) {
    let mut stream = BufReader::new(stream);
    let mut form = String::new();
    while !form.ends_with("\r\n\r\n") {
        if stream.read_line(&mut form).is_ok_and(|octets| octets > 0) {
            continue;
        }
        return;
    }
    let mut body = [0; 26];
    stream.read_exact(&mut body).expect("a body");
    form.push_str(str::from_utf8(&body).expect("text"));
    let answer = match status.contains("Connection: close") {
        true => format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"),
        false => {
            format!("HTTP/1.1 {status}\r\nLocation: /again\r\nContent-Length: 1000\r\n\r\nx")
        }
    };
    stream.get_mut().write_all(answer.as_bytes()).and_then(|()| stream.get_mut().flush()).ok();
    told.send(form).ok();
}

/// A log, an outbox and a forwarder that runs.
struct Place {
    log: EventLog,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
    thread: Option<JoinHandle<Result<(), ForwardError>>>,
    folder: TempDir,
}

impl Place {
    fn start(client: ClientConfig) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::start_in(folder, client)
    }

    fn start_in(folder: TempDir, client: ClientConfig) -> Self {
        let log_folder = folder.path().join("log");
        let (log, _) = EventLog::open(&LogConfig::new(&log_folder)).expect("a log");
        let cursor = Cursor::open(&log_folder, CURSOR).expect("a cursor");
        let reader = log.reader(cursor.position());
        let outbox = Outbox::open(folder.path()).expect("an outbox");
        let client = Client::load(client).expect("authorities");
        let (counters, shutdown) = (Arc::<Counters>::default(), CancellationToken::new());
        let thread = thread::spawn({
            let (counters, shutdown) = (counters.clone(), shutdown.clone());
            let config = ForwarderConfig::default();
            move || run(config, reader, cursor, outbox, client, counters, &shutdown)
        });
        Self { log, counters, shutdown, thread: Some(thread), folder }
    }

    /// Somebody unsubscribes by the message of this number.
    fn leave(&self, number: u8, target_url: &str) {
        self.leave_at(now(), number, target_url);
    }

    fn leave_at(&self, timestamp: Timestamp, number: u8, target_url: &str) {
        let unsubscription =
            Unsubscription { target_url: target_url.into(), ..Unsubscription::default() };
        let event = Event {
            event_id: EventId::new(timestamp, [number; 10]),
            timestamp,
            message_id: MessageId::from_octets([number; 10]),
            occurrence: Occurrence::ListUnsubscribe(unsubscription),
            is_from_elsewhere: false,
        };
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(self.log.writer().append(&[event])).expect("on disk");
    }

    fn eventually(&self, is_so: impl Fn(&Counters) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(&self.counters) {
            assert!(Instant::now() < end, "still not so: {:?}", self.counters);
            thread::yield_now();
        }
    }

    fn stop(mut self) -> (TempDir, Outbox) {
        self.shutdown.cancel();
        let thread = self.thread.take().expect("it runs");
        thread.join().expect("no panic").expect("ended by its shutdown");
        self.log.close();
        let outbox = Outbox::open(self.folder.path()).expect("an outbox");
        (self.folder, outbox)
    }
}

fn client() -> ClientConfig {
    ClientConfig {
        allows_http: true,
        private_networks: vec!["127.0.0.0/8".parse::<Network>().expect("a network")],
        verification: Verification::Nothing,
        timeout: Duration::from_secs(10),
    }
}

#[test]
fn sender_is_told_once_by_the_form() {
    let place = Place::start(client());
    let sent = Sent::start("http", &["200 OK"], None);
    place.leave(1, &format!("{}/u/a?x=1&y#z", sent.url));
    let form = sent.form();
    let host = sent.url.strip_prefix("http://").expect("of http");
    let expected = format!(
        "POST /u/a?x=1&y HTTP/1.1\r\nhost: {host}\r\nuser-agent: mailwake/{}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 26\r\n\r\n\
         List-Unsubscribe=One-Click",
        env!("CARGO_PKG_VERSION")
    );
    assert_eq!(form, expected);
    place.eventually(|counters| counters.told.get() == 1);
    // The same person again; and another one, behind whom nothing is left of the first.
    place.leave(1, &format!("{}/u/a", sent.url));
    place.leave(2, &format!("{}/u/b", sent.url));
    assert!(sent.form().starts_with("POST /u/b "));
    place.eventually(|counters| counters.told.get() == 2);
    let (_folder, outbox) = place.stop();
    assert_eq!(outbox.counts().expect("read"), (0, 0));
}

#[test]
fn sender_that_closes_its_connection_with_the_answer_is_told_once() {
    let place = Place::start(client());
    let sent = Sent::start("http", &["204 No Content\r\nConnection: close"], None);
    for number in 1..=32 {
        place.leave(number, &format!("{}/{number}", sent.url));
        sent.form();
    }
    place.eventually(|counters| counters.told.get() + counters.failed.get() == 32);
    assert_eq!((place.counters.told.get(), place.counters.failed.get()), (32, 0));
    place.stop();
}

#[test]
fn clock_that_was_ahead_holds_nothing_up() {
    let place = Place::start(client());
    let sent = Sent::start("http", &["200 OK"], None);
    place.leave_at(Timestamp(now().0 + Timestamp::DAY_MS), 1, &sent.url);
    place.eventually(|counters| counters.told.get() == 1);
    place.stop();
}

#[test]
fn outbox_that_fails_for_a_while_costs_no_place() {
    let place = Place::start(client());
    let sent = Sent::start("http", &["200 OK"], None);
    let file = place.folder.path().join("unsubscribe.db");
    let database = rusqlite::Connection::open(file).expect("the outbox");
    let trigger = "CREATE TRIGGER broken BEFORE UPDATE ON letters BEGIN
        SELECT RAISE(FAIL, 'disk full'); END";
    database.execute_batch(trigger).expect("broken");
    place.leave(1, &sent.url);
    place.eventually(|counters| counters.retries.get() > 2);
    assert!(place.counters.trouble.get().is_some_and(|trouble| trouble.contains("disk full")));
    database.execute_batch("DROP TRIGGER broken").expect("whole again");
    place.eventually(|counters| counters.told.get() == 1);
    assert_eq!(place.counters.trouble.get(), None);
    place.stop();
}

#[test]
fn many_senders_that_do_not_answer_do_not_hold_up_others() {
    let place = Place::start(ClientConfig { timeout: 2 * PATIENCE, ..client() });
    // Each has as many letters under way as it may, and one that waits.
    let silent: Vec<_> = (1..=15)
        .map(|host| TcpListener::bind(format!("127.0.0.{host}:0")).expect("bound"))
        .collect();
    for (number, listener) in (0..).zip(&silent) {
        let url = format!("http://{}/", listener.local_addr().expect("bound"));
        (0..3).for_each(|letter| place.leave(3 * number + letter, &url));
    }
    let _held: Vec<_> = silent
        .iter()
        .flat_map(|listener| [listener.accept(), listener.accept()])
        .map(|accepted| accepted.expect("a connection"))
        .collect();
    let sent = Sent::start("http", &["200 OK"], None);
    place.leave(255, &sent.url.replace("127.0.0.1", "localhost"));
    sent.form();
    place.stop();
}

#[test]
fn sender_that_fails_is_told_later() {
    let place = Place::start(client());
    let statuses = ["503 Busy", "302 Found", "404 Not Found"];
    let sent = Sent::start("http", &statuses, None);
    for number in 1..=3 {
        place.leave(number, &format!("{}/{number}", sent.url));
        // No redirect is followed.
        assert!(sent.form().starts_with(&format!("POST /{number} ")));
    }
    place.eventually(|counters| counters.failed.get() == 3);
    assert_eq!((place.counters.told.get(), place.counters.given_up.get()), (0, 0));
    let (folder, outbox) = place.stop();
    assert_eq!(outbox.counts().expect("read"), (3, 0));
    let next = outbox.next_due().expect("read").expect("one waits");
    assert!(next.0 > now().0 + 30_000 && next.0 < now().0 + 90_000);
    // It is tried again when its time has come, also by another process.
    outbox.put_off(MessageId::from_octets([2; 10]), now(), 1, "").expect("written");
    drop(outbox);
    let place = Place::start_in(folder, client());
    assert!(sent.form().starts_with("POST /2 "));
    place.eventually(|counters| counters.failed.get() == 1);
    place.stop();
}

#[test]
fn url_that_leads_elsewhere_than_to_the_internet_is_given_up() {
    let sent = Sent::start("http", &["200 OK"], None);
    let place = Place::start(ClientConfig { private_networks: Vec::new(), ..client() });
    place.leave(1, &sent.url);
    place.leave(2, "http://localhost:9/");
    place.leave(3, "http://[::1]:9/");
    place.leave(4, "http://[::ffff:10.0.0.1]/");
    place.leave(5, "ftp://a.example/");
    place.leave(6, "https://");
    place.eventually(|counters| counters.given_up.get() == 6);
    assert!(sent.forms.try_recv().is_err());
    let (_folder, outbox) = place.stop();
    assert_eq!(outbox.counts().expect("read"), (0, 6));
}

#[test]
fn http_is_taken_only_where_it_is_allowed() {
    let sent = Sent::start("http", &["200 OK"], None);
    let place = Place::start(ClientConfig { allows_http: false, ..client() });
    place.leave(1, &sent.url);
    place.eventually(|counters| counters.given_up.get() == 1);
    assert!(sent.forms.try_recv().is_err());
    place.stop();
}

#[test]
fn sender_with_an_address_of_mail_alone_is_left_to_others() {
    let place = Place::start(client());
    place.leave(1, "mailto:leave@a.example");
    place.leave(2, "");
    place.eventually(|counters| counters.by_mail.get() == 1);
    let (_folder, outbox) = place.stop();
    assert_eq!(outbox.counts().expect("read"), (0, 0));
}

#[test]
fn sender_that_does_not_answer_does_not_hold_up_others() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = silent.local_addr().expect("bound").port();
    let sent = Sent::start("http", &["200 OK"], None);
    let place = Place::start(ClientConfig { timeout: Duration::from_secs(1), ..client() });
    for number in 1..=9 {
        place.leave(number, &format!("http://127.0.0.1:{port}/"));
    }
    // Another host, by its name.
    place.leave(10, &sent.url.replace("127.0.0.1", "localhost"));
    sent.form();
    place.eventually(|counters| counters.failed.get() >= 2);
    place.stop();
}

/// A certificate for loopback, which is its own authority.
fn certificate(folder: &Path) -> Arc<ServerTls> {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    let certificate = params.self_signed(&key).expect("a certificate");
    fs::write(folder.join("certificate.pem"), certificate.pem()).expect("write");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("write");
    let files = CertificateFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        clients: ClientCertificates::NotAsked,
    };
    Arc::new(ServerTls::load(files).expect("a certificate"))
}

#[test]
fn certificate_of_the_sender_is_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    let tls = certificate(folder.path());
    let authorities = Verification::Authorities(folder.path().join("certificate.pem"));
    let sent = Sent::start("https", &["200 OK"], Some(tls));
    let place = Place::start(ClientConfig { verification: authorities, ..client() });
    place.leave(1, &format!("{}/u", sent.url));
    assert!(sent.form().starts_with("POST /u "));
    place.eventually(|counters| counters.told.get() == 1);
    place.stop();
    let elsewhere = tempfile::tempdir().expect("a folder");
    let other = Sent::start("https", &["200 OK"], Some(certificate(elsewhere.path())));
    let authorities = Verification::Authorities(folder.path().join("certificate.pem"));
    let place = Place::start(ClientConfig { verification: authorities, ..client() });
    place.leave(1, &other.url);
    place.eventually(|counters| counters.failed.get() == 1);
    assert!(other.forms.try_recv().is_err());
    place.stop();
}
