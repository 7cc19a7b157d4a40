//! A sender's own List-Unsubscribe on its whole way in one `serve`: the mail through the gateway,
//! one click at the tracker in TLS, and the sender told at its own endpoint in TLS.

use crate::support::{
    PATIENCE, certificate::Certificate, free_port, is_left_out, mailwake::Installation,
    message::value, process::run, sink::Sink, smtp::Session, wait_for,
};
use serde_json::json;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    path::Path,
    sync::mpsc::{Receiver, sync_channel},
    thread,
};

const DOMAIN: &str = "track.example.com";

/// The sender's endpoint: gives its port, and the first line and the body of each request. It
/// closes the connection behind its answer, as many do.
fn sender(certificate: Certificate) -> (u16, Receiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("a port").port();
    let (told, requests) = sync_channel(16);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let stream = rustls::StreamOwned::new(certificate.server(), stream);
            let mut stream = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(stream.read_line(&mut head).expect("a head") > 0, "{head}");
            }
            let mut body = [0; "List-Unsubscribe=One-Click".len()];
            stream.read_exact(&mut body).expect("a body");
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.get_mut().write_all(answer).expect("an answer");
            stream.get_mut().conn.send_close_notify();
            stream.get_mut().flush().expect("an end");
            let line = head.lines().next().unwrap_or_default().to_owned();
            told.send((line, String::from_utf8_lossy(&body).into())).expect("a test");
        }
    });
    (port, requests)
}

/// Sends a mail of a list to two, and gives the URLs by which they leave.
fn send(installation: &Installation, sink: &Sink, own: &str) -> Vec<String> {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for line in [
        "MAIL FROM:<news@shop.example>",
        "RCPT TO:<ann@example.com>",
        "RCPT TO:<bob@example.com>",
        "DATA",
    ] {
        session.command(line).expect("a reply");
    }
    let content = format!(
        "From: news@shop.example\r\nSubject: sale\r\nList-Unsubscribe: <{own}>\r\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello.\r\n.\r\n"
    );
    session.push(content.as_bytes()).expect("a session");
    assert_eq!(session.reply().expect("a reply").code, 250);
    let mails = wait_for("both copies", PATIENCE, || {
        let mails: Vec<_> = sink.messages().into_iter().filter(|mail| !mail.is_empty()).collect();
        (mails.len() == 2).then_some(mails)
    });
    mails
        .iter()
        .map(|mail| {
            assert_eq!(value(mail, "List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
            value(mail, "List-Unsubscribe").trim_matches(['<', '>']).to_owned()
        })
        .collect()
}

/// Leaves by curl, as a provider's server does; gives the status, the version of HTTP, where
/// it was sent on, and the answer.
fn leave(authority: &Path, url: &str, way: &[&str]) -> String {
    let port = url.split(['/', ':']).nth(4).expect("a port");
    let resolve = format!("{DOMAIN}:{port}:127.0.0.1");
    let authority = authority.display().to_string();
    let told = ["--write-out", " %{http_code} %{http_version} %{redirect_url}", url];
    let fixed = ["--silent", "--show-error", "--max-time", "20", "--cacert", &authority];
    run("curl", "curl", [&fixed[..], &["--resolve", &resolve], way, &told].concat())
}

/// What each test begins with: a sender whose mail has the tracker lead over to its own endpoint, both
/// with certificates.
struct Set {
    sink: Sink,
    installation: Installation,
    /// The sender's.
    own: Certificate,
    tracker: Certificate,
    tracking_url: String,
}

impl Set {
    fn new() -> Self {
        let sink = Sink::start();
        let installation = Installation::new(sink.port);
        let own = Certificate::write(installation.folder(), "127.0.0.1");
        let tracker = Certificate::write(installation.folder(), DOMAIN);
        let tracking_url = configure(&installation, &own.file, &tracker);
        Self { sink, installation, own, tracker, tracking_url }
    }
}

/// Gives the tracking URL.
fn configure(installation: &Installation, authority: &Path, tracker: &Certificate) -> String {
    let port = free_port();
    let url = format!("https://{DOMAIN}:{port}");
    installation.set(
        &format!("tracking_url = \"{}\"\n", installation.tracking_url),
        &format!("tracking_url = \"{url}\"\nlist_unsubscribe = \"proxy\"\n"),
    );
    let tables = format!(
        "[tracker.listener.tls]\nlisten = \"127.0.0.1:{port}\"\ntls = true\n\
         [tracker.domain.\"{DOMAIN}\"]\n\
         tls_certificate_file = {:?}\ntls_key_file = {:?}\n\
         [unsubscribe]\nforward_to_private_networks = [\"127.0.0.0/8\"]\n\
         forward_ca_file = {authority:?}\n[admin]\n",
        tracker.file, tracker.key_file
    );
    installation.set("[admin]\n", &tables);
    url
}

#[test]
fn who_leaves_by_one_click_is_told_to_the_sender() {
    if is_left_out("e2e: unsubscribing over the tracker") {
        return;
    }
    let Set { sink, installation, own, tracker, tracking_url } = Set::new();
    let (port, requests) = sender(own);
    let serving = installation.serve();
    let target = format!("https://127.0.0.1:{port}/leave?list=7&who=42");
    let urls = send(&installation, &sink, &target);
    assert!(urls.iter().all(|url| url.starts_with(&tracking_url)), "{urls:?}");
    assert_ne!(urls[0], urls[1]);
    let urlencoded = ["--http1.1", "--data", "List-Unsubscribe=One-Click"];
    let multipart = ["--http2", "--form-string", "List-Unsubscribe=One-Click"];
    assert_eq!(leave(&tracker.file, &urls[0], &urlencoded), "Unsubscribed.\n 200 1.1 ");
    assert_eq!(leave(&tracker.file, &urls[1], &multipart), "Unsubscribed.\n 200 2 ");
    // Again: the event is one more, and the sender knows already.
    assert_eq!(leave(&tracker.file, &urls[0], &urlencoded), "Unsubscribed.\n 200 1.1 ");
    for _ in &urls {
        let told = requests.recv_timeout(PATIENCE).expect("the sender is told");
        let line = "POST /leave?list=7&who=42 HTTP/1.1".to_owned();
        assert_eq!(told, (line, "List-Unsubscribe=One-Click".to_owned()));
    }
    let events = wait_for("the events in the store", PATIENCE, || {
        let events = installation.events(&["--type", "list_unsubscribe"]);
        (events.len() == 3).then_some(events)
    });
    for event in &events {
        assert_eq!((&event["target_url"], &event["verdict"]), (&json!(target), &json!("human")));
    }
    let unsubscribes = installation.report()["counters"]["unsubscribes"].clone();
    assert_eq!((&unsubscribes["total"], &unsubscribes["unique"]), (&json!(3), &json!(2)));
    wait_for("what came of it", PATIENCE, || {
        (installation.metric("mailwake_unsubscribe_told_total") >= 2.0).then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert!(requests.try_recv().is_err(), "nobody is told twice");
}

#[test]
fn proxying_that_begins_at_sighup_has_senders_told_without_a_restart() {
    if is_left_out("e2e: unsubscribing over the tracker since SIGHUP") {
        return;
    }
    let Set { sink, installation, own, tracker, .. } = Set::new();
    let (port, requests) = sender(own);
    installation.set("list_unsubscribe = \"proxy\"", "list_unsubscribe = \"add\"");
    let serving = installation.serve();
    installation.set("list_unsubscribe = \"add\"", "list_unsubscribe = \"proxy\"");
    serving.reload();
    wait_for("the reload", PATIENCE, || serving.log().contains("were reloaded").then_some(()));
    let urls = send(&installation, &sink, &format!("https://127.0.0.1:{port}/leave"));
    let form = ["--data", "List-Unsubscribe=One-Click"];
    assert_eq!(leave(&tracker.file, &urls[0], &form), "Unsubscribed.\n 200 2 ");
    let (line, _) = requests.recv_timeout(PATIENCE).expect("the sender is told");
    assert_eq!(line, "POST /leave HTTP/1.1");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn who_leaves_while_senders_cannot_be_told_is_told_of_later() {
    if is_left_out("e2e: unsubscribing while senders cannot be told") {
        return;
    }
    let Set { sink, installation, own, tracker, .. } = Set::new();
    let (authority, away) = (own.file.clone(), own.file.with_extension("away"));
    let (port, requests) = sender(own);
    fs::rename(&authority, &away).expect("rename");
    let serving = installation.serve();
    let ready = installation.admin("ready");
    let trouble = String::from_utf8_lossy(&ready.body).into_owned();
    assert!(trouble.contains("unsubscribe is not running"), "{trouble}");
    let urls = send(&installation, &sink, &format!("https://127.0.0.1:{port}/leave"));
    let form = ["--data", "List-Unsubscribe=One-Click"];
    assert_eq!(leave(&tracker.file, &urls[0], &form), "Unsubscribed.\n 200 2 ");
    assert!(installation.data().join("log/unsubscribe.cursor").exists());
    fs::rename(&away, &authority).expect("rename");
    serving.reload();
    let (line, _) = requests.recv_timeout(PATIENCE).expect("the sender is told");
    assert_eq!(line, "POST /leave HTTP/1.1");
    wait_for("the end of the trouble", PATIENCE, || {
        (installation.admin("ready").status == 200).then_some(())
    });
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
