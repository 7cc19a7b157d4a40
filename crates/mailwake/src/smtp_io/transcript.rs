//! The dialogue of one client's sessions, for an operator who has to see what client and
//! upstream really say. Lines come in as they pass, and go to the log at debug, target
//! `mailwake::transcript`; credentials and message content never do. What may stand in
//! the log is known, everything else is told as a number of octets: what a client sends
//! where a command belongs may be a password or the line of a message.

use super::wire::Line;
use crate::net::network::Network;
use std::net::SocketAddr;

/// Commands whose arguments are told: names and addresses.
const TOLD: &[&str] = &["EHLO", "HELO", "LHLO", "MAIL", "RCPT"];

/// Commands whose arguments are not told.
const KNOWN: &[&str] = &[
    "DATA",
    "BDAT",
    "RSET",
    "NOOP",
    "QUIT",
    "VRFY",
    "EXPN",
    "HELP",
    "ETRN",
    "STARTTLS",
    "AUTH",
    "XCLIENT",
    "XFORWARD",
    "XSETCONTEXT",
    "XDUMPCONTEXT",
    "XREMOTEIP",
];

/// Mechanisms of AUTH (RFC 4954 §4) that are told by name.
const MECHANISMS: &[&str] = &[
    "PLAIN",
    "LOGIN",
    "CRAM-MD5",
    "DIGEST-MD5",
    "EXTERNAL",
    "ANONYMOUS",
    "GSSAPI",
    "NTLM",
    "OAUTHBEARER",
    "XOAUTH2",
    "SCRAM-SHA-1",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-256-PLUS",
];

/// Writes down one side of a session.
#[derive(Debug, Clone)]
pub struct Transcript {
    client: SocketAddr,
    side: Side,
    /// The last reply asked for credentials (334).
    asks_for_credentials: bool,
    /// What was written since the last line end.
    written: Vec<u8>,
}

/// Whose socket it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Client,
    Upstream,
}

impl Transcript {
    /// The client's side of a session, if this client's sessions are written down.
    pub fn of_client(wanted: Option<Network>, client: SocketAddr) -> Option<Self> {
        wanted.filter(|network| network.contains(client.ip())).map(|_| Self {
            client,
            side: Side::Client,
            asks_for_credentials: false,
            written: Vec::new(),
        })
    }

    /// Upstream's side of the same session.
    pub(super) fn of_upstream(self) -> Self {
        Self { side: Side::Upstream, ..self }
    }

    /// A line came in.
    pub(super) fn received(&mut self, line: &Line) {
        let told = match (line, self.side) {
            (Line::Malformed(wrong), _) => format!("({wrong})"),
            (Line::Whole(line), Side::Client) => self.command(line),
            (Line::Whole(line), Side::Upstream) => self.reply(line),
        };
        self.tell(if self.side == Side::Client { "C" } else { "u" }, &told);
    }

    /// Octets were written: lines, or parts of them.
    pub(super) fn sent(&mut self, octets: &[u8]) {
        self.written.extend_from_slice(octets);
        while let Some(end) = memchr::memchr(b'\n', &self.written) {
            let line: Vec<u8> = self.written.drain(..=end).collect();
            let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
            let (letter, told) = match self.side {
                Side::Client => ("S", self.reply(line)),
                Side::Upstream => ("U", self.command(line)),
            };
            self.tell(letter, &told);
        }
    }

    /// So many octets of message content came in or were sent.
    pub(super) fn content(&mut self, octets: usize) {
        let letter = if self.side == Side::Client { "C" } else { "U" };
        self.tell(letter, &format!("({octets} octets of content)"));
    }

    fn tell(&self, letter: &str, line: &str) {
        tracing::debug!(target: "mailwake::transcript", client = %self.client, "{letter}: {line}");
    }

    /// What may be told of a command.
    fn command(&self, line: &[u8]) -> String {
        if self.asks_for_credentials {
            return format!("({} octets of credentials)", line.len());
        }
        let text = String::from_utf8_lossy(line);
        let (verb, arguments) = text.split_once(' ').unwrap_or((&text, ""));
        let is_one_of = |verbs: &[&str]| verbs.iter().any(|known| verb.eq_ignore_ascii_case(known));
        if is_one_of(TOLD) {
            return printable(&text);
        }
        if !is_one_of(KNOWN) {
            return format!("({} octets that are no known command)", line.len());
        }
        let mechanism = arguments.split(' ').next().unwrap_or_default();
        let is_mechanism = |known: &&str| {
            verb.eq_ignore_ascii_case("AUTH") && mechanism.eq_ignore_ascii_case(known)
        };
        match MECHANISMS.iter().find(|known| is_mechanism(known)) {
            _ if arguments.is_empty() => verb.to_owned(),
            Some(known) if arguments.len() == known.len() => format!("{verb} {known}"),
            Some(known) => format!("{verb} {known} ({} octets)", arguments.len() - known.len()),
            None => format!("{verb} ({} octets)", arguments.len()),
        }
    }

    /// What may be told of a reply: all but a challenge, which may have to do with the
    /// credentials.
    fn reply(&mut self, line: &[u8]) -> String {
        self.asks_for_credentials = line.starts_with(b"334");
        match self.asks_for_credentials {
            true => format!("334 ({} octets)", line.len() - 3),
            false => printable(&String::from_utf8_lossy(line)),
        }
    }
}

/// The text without what would move a terminal's cursor or end the line.
fn printable(text: &str) -> String {
    let escaped = |c: char| match c.is_control() {
        true => c.escape_default().collect::<String>(),
        false => c.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests;
