//! The operators' view, as whoever scrapes and watches a running mailwake sees it.

mod documentation;
mod log_lines;
mod metrics;
mod ready;
mod transcript;

use crate::support::{mailwake::Installation, smtp::Reply, smtp::Session};

const REVERSE_PATH: &str = "news@shop.example";

/// Sends a message over a session of its own.
fn send(installation: &Installation, recipients: &[&str], content: &str) -> Reply {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let (last, others) = recipients.split_last().expect("a recipient");
    if others.is_empty() {
        return session.send(REVERSE_PATH, last, content.as_bytes()).expect("a reply");
    }
    let say = |session: &mut Session, line: &str| session.command(line).expect("a reply");
    say(&mut session, &format!("MAIL FROM:<{REVERSE_PATH}>"));
    for recipient in recipients {
        say(&mut session, &format!("RCPT TO:<{recipient}>"));
    }
    say(&mut session, "DATA");
    session.push(format!("{content}.\r\n").as_bytes()).expect("a connection");
    session.reply().expect("a reply")
}

/// A message with this content of HTML, and more header fields.
fn html(fields: &str, content: &str) -> String {
    format!(
        "From: news@shop.example\r\nSubject: a private subject\r\n{fields}\
         MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
         <html><body>{content}</body></html>\r\n"
    )
}
