//! What scripts are asked about, and what they say of it.

use super::header::Header;
use mail::smtp::{client::Client, reply::Reply};
use std::net::SocketAddr;
use tracking::context::Context;

/// Longest text of a reply that a script sets, in octets.
const REPLY_OCTETS_MAX: usize = 4_096;

/// Longest line of it, in octets, with code and line end (RFC 5321 §4.5.3.1.5).
const REPLY_LINE_OCTETS_MAX: usize = 512;

/// Longest address that a script sets, in octets: a path has no more (RFC 5321 §4.5.3.1.3).
const PATH_OCTETS_MAX: usize = 256 - "<>".len();

/// When scripts are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A client has connected.
    Connect,
    /// It has said EHLO or HELO.
    Ehlo,
    /// It has said MAIL.
    MailFrom,
    /// It has said RCPT.
    RcptTo,
    /// It has sent a message.
    Data,
    /// The message is about to be taken.
    DataSpool,
    /// The copy for a recipient is about to be made.
    DataSpoolEachRcpt,
}

impl Stage {
    /// All of them, in order.
    pub const EVERY: [Self; 7] = [
        Self::Connect,
        Self::Ehlo,
        Self::MailFrom,
        Self::RcptTo,
        Self::Data,
        Self::DataSpool,
        Self::DataSpoolEachRcpt,
    ];

    /// The name of the function that a script has for it.
    pub fn callout(self) -> &'static str {
        match self {
            Self::Connect => "validate_connect",
            Self::Ehlo => "validate_ehlo",
            Self::MailFrom => "validate_mailfrom",
            Self::RcptTo => "validate_rcptto",
            Self::Data => "validate_data",
            Self::DataSpool => "validate_data_spool",
            Self::DataSpoolEachRcpt => "validate_data_spool_each_rcpt",
        }
    }

    pub(super) fn short_name(self) -> &'static str {
        self.callout().trim_start_matches("validate_")
    }

    /// Does the function get the message?
    pub(super) fn has_message(self) -> bool {
        !matches!(self, Self::Connect | Self::Ehlo | Self::MailFrom)
    }

    /// Does the function get a text: a name, or an address?
    pub(super) fn has_text(self) -> bool {
        matches!(self, Self::Ehlo | Self::MailFrom | Self::RcptTo)
    }
}

/// What scripts are asked about, and may change.
#[derive(Debug, Default)]
pub struct Subject {
    /// The variables of connection and message.
    pub context: Context,
    /// The client.
    pub client: Option<SocketAddr>,
    /// What the client called itself; of EHLO.
    pub helo: String,
    /// The reverse-path, without brackets.
    pub mailfrom: String,
    /// The recipient, without brackets. Of a message with several, the first.
    pub rcptto: String,
    /// The id of the copy, when there is one.
    pub message_id: String,
    /// The header, when there is a message.
    pub header: Option<Header>,
    /// What scripts have said so far; nothing, before they are asked.
    pub said: Said,
}

/// What scripts say in place of upstream.
#[derive(Debug, Default)]
pub struct Said {
    pub(super) refusal: Option<Refusal>,
    /// The code that was set last, with its text.
    pub(super) code: Option<String>,
}

/// What the client is told in place of upstream's reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// A reply with 4yz or 5yz.
    pub reply: Reply,
    /// The session ends with it.
    pub ends_session: bool,
}

impl Refusal {
    /// The refusal of a script that has failed.
    pub(super) fn of_failure() -> Self {
        let reply = Reply::new(451, "4.3.0", "policy is not available, try again later");
        Self { reply, ends_session: false }
    }
}

impl Subject {
    /// What a client is about to do, of which nothing is known yet.
    pub fn of_client(client: &Client) -> Self {
        let port = client.port.unwrap_or_default();
        Self {
            client: client.address.map(|address| SocketAddr::new(address, port)),
            helo: client.helo.clone().unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Takes code and text from a script. A code of 0 stands at the start of the text. One
    /// of 2yz refuses nothing, and takes back what refused before.
    pub(super) fn set_code(&mut self, code: &str, text: &str) -> Result<(), String> {
        let (code, text) = match code.trim() {
            "0" | "" => text.trim_start().split_at_checked(3).unwrap_or((text, "")),
            code => (code, text),
        };
        let number: u16 = code.parse().map_err(|_| format!("{code:?} is no code of a reply"))?;
        let text = text.trim_start_matches([' ', '-']);
        let (reply, shown) = (reply(number, text)?, format!("{number} {text}"));
        self.said.refusal = match number {
            200..300 => None,
            400..600 => Some(Refusal { reply, ends_session: number == 421 }),
            _ => return Err(format!("{number} is no code that accepts or refuses")),
        };
        self.said.code = Some(shown);
        Ok(())
    }

    /// As `set_code`, and the session ends.
    pub(super) fn disconnect(&mut self, code: &str, text: &str) -> Result<(), String> {
        self.set_code(code, text)?;
        let refusal =
            self.said.refusal.as_mut().ok_or("a session ends with a code of 4yz or 5yz")?;
        refusal.ends_session = true;
        Ok(())
    }
}

/// A reply of one line or several, as a script has written it.
fn reply(code: u16, text: &str) -> Result<Reply, String> {
    if text.len() > REPLY_OCTETS_MAX {
        return Err(format!("the text of a reply is longer than {REPLY_OCTETS_MAX} octets"));
    }
    let lines: Vec<String> = text
        .trim_end()
        .split('\n')
        .map(|line| line.trim_end_matches('\r').replace(char::is_control, " "))
        .collect();
    let line_max = REPLY_LINE_OCTETS_MAX - "550 \r\n".len();
    if lines.iter().any(|line| line.len() > line_max) {
        return Err(format!("a line of a reply is longer than {line_max} octets"));
    }
    Ok(Reply::of_lines(code, lines.iter().map(String::as_str)))
}

/// Takes an address for the envelope from a script, with or without brackets. Nothing may
/// be in it that would end the path or the line.
pub(super) fn path(address: &str, may_be_null: bool) -> Result<String, String> {
    let address = address.trim();
    let bare = address.strip_prefix('<').and_then(|address| address.strip_suffix('>'));
    let address = bare.unwrap_or(address);
    let is_right = |c: char| c.is_ascii_graphic() && !"<>".contains(c);
    match () {
        () if address.is_empty() && may_be_null => Ok(String::new()),
        () if address.len() > PATH_OCTETS_MAX
            || !address.chars().all(is_right)
            || mail::address::domain(address).is_empty() =>
        {
            Err("no address that an envelope can have".into())
        }
        () => Ok(address.into()),
    }
}
