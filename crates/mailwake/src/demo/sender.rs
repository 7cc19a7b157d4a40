//! The programs that send mail in the demo: a shop's newsletter, a receipt, a club's
//! letter in Latin-1.

use anyhow::{Result, ensure};
use mail::smtp::reply::{Reply, ReplyParser};
use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
};

/// A message, and to whom it goes.
struct Sending {
    about: &'static str,
    from: &'static str,
    to: &'static [&'static str],
    /// With LF line ends, as it stands in the source.
    message: &'static str,
}

const SENDINGS: &[Sending] = &[
    Sending {
        about: "a newsletter, multipart/alternative in quoted-printable",
        from: "news@shop.example",
        to: &["ann@example.com", "bob@example.net", "eve@example.org"],
        message: include_str!("messages/newsletter.eml"),
    },
    Sending {
        about: "a receipt, plain text",
        from: "orders@shop.example",
        to: &["ann@example.com"],
        message: include_str!("messages/receipt.eml"),
    },
    Sending {
        about: "a club's letter, HTML in Latin-1 and base64",
        from: "verein@club.example",
        to: &["bob@example.net", "zoe@example.com"],
        message: include_str!("messages/club.eml"),
    },
];

/// Sends everything, and tells how many recipients that were.
pub(super) fn send_all(gateway: SocketAddr, out: &mut impl Write) -> Result<usize> {
    let mut sent = 0;
    for sending in SENDINGS {
        let reply = send(gateway, sending)?;
        writeln!(
            out,
            "  {} to {} recipients: {} {}",
            sending.about,
            sending.to.len(),
            reply.code(),
            reply.text()
        )?;
        sent += sending.to.len();
    }
    Ok(sent)
}

/// Sends one message in one transaction, and gives the reply to it.
fn send(gateway: SocketAddr, sending: &Sending) -> Result<Reply> {
    let mut stream = BufReader::new(TcpStream::connect(gateway)?);
    expect(&mut stream, "", 220)?;
    expect(&mut stream, "EHLO sender.example\r\n", 250)?;
    expect(&mut stream, &format!("MAIL FROM:<{}>\r\n", sending.from), 250)?;
    for recipient in sending.to {
        expect(&mut stream, &format!("RCPT TO:<{recipient}>\r\n"), 250)?;
    }
    expect(&mut stream, "DATA\r\n", 354)?;
    let content = sending.message.replace('\n', "\r\n");
    let reply = expect(&mut stream, &format!("{content}.\r\n"), 250)?;
    expect(&mut stream, "QUIT\r\n", 221)?;
    Ok(reply)
}

/// Says something and reads the reply, which must have this code.
fn expect(stream: &mut BufReader<TcpStream>, said: &str, code: u16) -> Result<Reply> {
    stream.get_mut().write_all(said.as_bytes())?;
    let mut parser = ReplyParser::default();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if let Some(reply) = parser.line(line.trim_end().as_bytes())? {
            ensure!(reply.code() == code, "wanted {code}, got {} {}", reply.code(), reply.text());
            return Ok(reply);
        }
    }
}
