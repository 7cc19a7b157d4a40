//! AUTH by swaks, which knows nothing of ours, before an upstream that knows one password.

use crate::support::{PATIENCE, is_left_out, mailwake::Installation, swaks, wait_for};
use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

const MESSAGE: &[u8] = b"From: news@shop.example\nSubject: sale\n\nSale.\n";
const NAME: &str = "ann";
const PASSWORD: &str = "secret-of-ann";

/// What a client has to say for each mechanism, line by line; upstream's challenges stand
/// between the lines. The digest is HMAC-MD5 of the challenge, by the password.
const EXCHANGES: [(&str, &[&str], &[&str]); 3] = [
    ("PLAIN", &["AUTH PLAIN AGFubgBzZWNyZXQtb2YtYW5u"], &[]),
    ("LOGIN", &["AUTH LOGIN", "YW5u", "c2VjcmV0LW9mLWFubg=="], &["VXNlcm5hbWU6", "UGFzc3dvcmQ6"]),
    (
        "CRAM-MD5",
        &["AUTH CRAM-MD5", "YW5uIGMyY2Y2NDMxMmEyN2ExNWJmMTZjZTdjZDM5NjM2YTdj"],
        &["PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UuZXhhbXBsZT4="],
    ),
];

#[test]
fn every_mechanism_of_swaks_goes_through() {
    if is_left_out("e2e: AUTH") {
        return;
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let accepted = Arc::new(Mutex::new(Vec::new()));
    let mechanisms = accepted.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            serve(&stream, &mechanisms).expect("a session that goes on");
        }
    });
    let installation = Installation::new(port);
    let serving = installation.serve();
    for (mechanism, ..) in EXCHANGES {
        let options = ["--auth", mechanism, "--auth-user", NAME, "--auth-password", PASSWORD];
        let gateway = installation.gateway_port;
        let to = ["bob@example.com"];
        let said = swaks::send_with(&options, gateway, "news@shop.example", &to, MESSAGE);
        assert!(said.contains("<-  235 2.7.0 welcome"), "{said}");
    }
    assert_eq!(*accepted.lock().expect("sessions do not panic"), ["PLAIN", "LOGIN", "CRAM-MD5"]);
    let receptions = wait_for("every reception in the store", PATIENCE, || {
        let events = installation.events(&["--type", "reception"]);
        (events.len() == EXCHANGES.len()).then_some(events)
    });
    for reception in receptions {
        assert_eq!(reception["customer_id"], NAME, "{reception}");
    }
    let log = serving.log();
    assert!(!log.contains(PASSWORD) && !log.contains(EXCHANGES[1].1[2]), "{log}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// One session of an upstream that takes mail behind AUTH alone.
fn serve(stream: &TcpStream, accepted: &Mutex<Vec<&'static str>>) -> io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let say = |line: &str| {
        let mut stream = stream;
        stream.write_all(format!("{line}\r\n").as_bytes())
    };
    let mut is_authenticated = false;
    say("220 upstream.example")?;
    while let Some(line) = lines.next().transpose()? {
        match line.split(' ').next().unwrap_or_default() {
            "EHLO" => say("250-upstream.example\r\n250 AUTH PLAIN LOGIN CRAM-MD5")?,
            "AUTH" => {
                let known = EXCHANGES.iter().find(|(_, lines, _)| lines[0] == line);
                let Some((mechanism, said, challenges)) = known else {
                    say("535 5.7.8 wrong")?;
                    continue;
                };
                let mut is_right = true;
                for (said, challenge) in said[1..].iter().zip(*challenges) {
                    say(&format!("334 {challenge}"))?;
                    is_right &= lines.next().transpose()?.as_deref() == Some(said);
                }
                is_authenticated = is_right;
                say(if is_right { "235 2.7.0 welcome" } else { "535 5.7.8 wrong" })?;
                accepted.lock().expect("sessions do not panic").push(*mechanism);
            }
            "MAIL" if !is_authenticated => say("530 5.7.0 authentication required")?,
            "DATA" => {
                say("354 go ahead")?;
                while lines.next().transpose()?.is_some_and(|line| line != ".") {}
                say("250 2.0.0 Ok")?;
            }
            "QUIT" => return say("221 2.0.0 Bye"),
            _ => say("250 2.0.0 Ok")?,
        }
    }
    Ok(())
}
