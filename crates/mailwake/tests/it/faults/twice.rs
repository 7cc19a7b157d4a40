//! A message that its sender sends again because it got no reply: those who have accepted
//! it do not get it twice, however the first attempt ended.

use crate::support::{PATIENCE, mailwake::Installation, smtp::Session, wait_for};
use std::{
    collections::BTreeMap,
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

const CONTENT: &str = "Message-ID: <1@shop.example>\r\nSubject: sale\r\n\r\nHello.\r\n";

#[test]
fn a_kill_in_the_middle_of_a_split_sends_to_nobody_twice() {
    let upstream = Hesitant::start("bob@example.com");
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let session = send_to_three(&installation);
    upstream.wait_until_it_hesitates();
    serving.kill();
    drop(session);

    let serving = installation.serve();
    check_second_attempt(&installation, &upstream);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn a_session_that_is_cut_off_when_mailwake_stops_sends_to_nobody_twice() {
    let upstream = Hesitant::start("bob@example.com");
    let installation = Installation::new(upstream.port);
    installation.set_gateway("drain_timeout_seconds = 1");
    let serving = installation.serve();
    let session = send_to_three(&installation);
    upstream.wait_until_it_hesitates();
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    drop(session);

    let serving = installation.serve();
    check_second_attempt(&installation, &upstream);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// RFC 1047: the sender gave up, and upstream had the message all the same.
#[test]
fn a_client_that_left_before_its_reply_sends_nothing_twice() {
    let upstream = Hesitant::start("ann@example.com");
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let session = send(&installation, &["ann@example.com"]);
    upstream.wait_until_it_hesitates();
    drop(session);
    upstream.decide();
    wait_for("the end of the session", PATIENCE, || {
        (installation.metric("mailwake_gateway_sessions_open") == 0.0).then_some(())
    });
    for told in ["accepted when it came before", "Ok"] {
        let mut session = send(&installation, &["ann@example.com"]);
        let reply = session.reply().expect("a reply");
        assert!(reply.code == 250 && reply.text.contains(told), "{reply:?}");
    }
    // The last one came when all was said about the first, so it is another message.
    assert_eq!(upstream.accepted(), [("ann@example.com".to_owned(), 2)]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

fn send_to_three(installation: &Installation) -> Session {
    send(installation, &["ann@example.com", "bob@example.com", "cid@example.com"])
}

/// Sends a message up to its final dot.
fn send(installation: &Installation, recipients: &[&str]) -> Session {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    session.command("MAIL FROM:<news@shop.example>").expect("a reply");
    for recipient in recipients {
        session.command(&format!("RCPT TO:<{recipient}>")).expect("a reply");
    }
    assert_eq!(session.command("DATA").expect("a reply").code, 354);
    session.push(format!("{CONTENT}.\r\n").as_bytes()).expect("a connection");
    session
}

fn check_second_attempt(installation: &Installation, upstream: &Hesitant) {
    upstream.decide();
    let reply = send_to_three(installation).reply().expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let each_once = ["ann@example.com", "bob@example.com", "cid@example.com"]
        .map(|recipient| (recipient.to_owned(), 1));
    assert_eq!(upstream.accepted(), each_once);
}

/// An upstream that does not say, for a while, whether it takes a message for one
/// recipient.
struct Hesitant {
    port: u16,
    state: Arc<(Mutex<State>, Condvar)>,
}

struct State {
    undecided: Option<String>,
    hesitates: bool,
    accepted: BTreeMap<String, usize>,
}

impl Hesitant {
    fn start(recipient: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = State {
            undecided: Some(recipient.into()),
            hesitates: false,
            accepted: BTreeMap::new(),
        };
        let state = Arc::new((Mutex::new(state), Condvar::new()));
        let shared = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = shared.clone();
                // A connection that breaks off has nothing more to say.
                thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { port, state }
    }

    fn wait_until_it_hesitates(&self) {
        let (state, changed) = &*self.state;
        let state = state.lock().expect("sessions do not panic");
        let waited = changed.wait_timeout_while(state, PATIENCE, |state| !state.hesitates);
        assert!(!waited.expect("sessions do not panic").1.timed_out(), "no message came");
    }

    fn decide(&self) {
        let (state, changed) = &*self.state;
        state.lock().expect("sessions do not panic").undecided = None;
        changed.notify_all();
    }

    /// How many messages were accepted for whom.
    fn accepted(&self) -> Vec<(String, usize)> {
        let state = self.state.0.lock().expect("sessions do not panic");
        state.accepted.iter().map(|(recipient, count)| (recipient.clone(), *count)).collect()
    }
}

fn serve(stream: TcpStream, shared: &(Mutex<State>, Condvar)) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    writer.write_all(b"220 upstream.example\r\n")?;
    let mut recipient = String::new();
    let mut is_data = false;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let reply = match (&*line, is_data) {
            (".", true) => {
                is_data = false;
                wait_for_decision(&recipient, shared);
                if is_gone(&writer)? {
                    return Ok(());
                }
                writer.write_all(b"250 2.0.0 Ok\r\n")?;
                let mut state = shared.0.lock().expect("sessions do not panic");
                *state.accepted.entry(recipient.clone()).or_default() += 1;
                continue;
            }
            (_, true) => continue,
            ("DATA", _) => {
                is_data = true;
                "354 go ahead\r\n"
            }
            (line, _) => {
                if let Some(path) = line.strip_prefix("RCPT TO:<") {
                    recipient = path.trim_end_matches('>').to_owned();
                }
                "250 2.0.0 Ok\r\n"
            }
        };
        writer.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// Who asks may be gone meanwhile, and then nothing was accepted.
fn is_gone(stream: &TcpStream) -> io::Result<bool> {
    stream.set_nonblocking(true)?;
    let is_gone = matches!(stream.peek(&mut [0]), Ok(0));
    stream.set_nonblocking(false)?;
    Ok(is_gone)
}

fn wait_for_decision(recipient: &str, (state, changed): &(Mutex<State>, Condvar)) {
    let mut state = state.lock().expect("sessions do not panic");
    if state.undecided.as_deref() == Some(recipient) {
        state.hesitates = true;
        changed.notify_all();
        drop(changed.wait_while(state, |state| state.undecided.is_some()));
    }
}
