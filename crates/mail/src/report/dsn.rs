//! Delivery status notifications (RFC 3464, and RFC 6533 for addresses in UTF-8). What
//! became of recipients comes in, the message that tells the sender goes out.

use crate::{message::header, smtp::xtext};

/// Longest text of a server that a notification repeats, in characters: with it, a line
/// stays below the 998 octets of RFC 5322 §2.1.1.
const DIAGNOSTIC_CHARACTERS_MAX: usize = 200;

/// Longest address that a notification repeats, in characters, for the same reason.
/// RFC 5321 §4.5.3.1.3 wants 256.
const ADDRESS_CHARACTERS_MAX: usize = 230;

/// Longest such address in ASCII, in which a character may take ten.
const ENCODED_CHARACTERS_MAX: usize = 900;

/// What a notification is about.
#[derive(Debug, Clone)]
pub struct Notification<'a> {
    /// The host that reports, a domain.
    pub reporting_mta: &'a str,
    /// The reverse-path of the message, to which the notification goes.
    pub reverse_path: &'a str,
    /// When it is made, as a Date field has it (RFC 5322 §3.3).
    pub date: &'a str,
    /// What makes its boundary and its Message-ID unlike all others.
    pub unique: &'a str,
    /// What the sender calls the message, as ENVID has it, in xtext (RFC 3461 §4.4).
    pub envelope_id: Option<&'a str>,
    /// The recipients who will not get the message.
    pub failures: &'a [Failure],
    /// The message that was sent.
    pub original: &'a [u8],
    /// How much of it goes back.
    pub returned: Returned,
    /// It may have UTF-8 in its header, because the message came with SMTPUTF8 (RFC 6531).
    pub is_international: bool,
}

/// How much of a message goes back to its sender: RET (RFC 3461 §4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Returned {
    /// Its header alone.
    Header,
    /// All of it. It has lines, and is not binary.
    Whole,
}

/// A recipient who will not get the message, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recipient's mailbox.
    pub recipient: String,
    /// The type of the address that the sender gave the message first, and that address.
    pub original_recipient: Option<(String, String)>,
    /// The reply code and text of the server that refused it.
    pub diagnostic: String,
    /// The enhanced status code in that text (RFC 3463), or `5.0.0`.
    pub status: String,
}

impl Failure {
    /// A failure as a server's reply tells it: code and text.
    pub fn new(recipient: &str, code: u16, text: &str) -> Self {
        let first_word = text.split(' ').next().unwrap_or_default();
        let status = if is_status(first_word) { first_word } else { "5.0.0" };
        Self {
            recipient: one_line(recipient, ADDRESS_CHARACTERS_MAX),
            original_recipient: None,
            diagnostic: one_line(&format!("{code} {text}"), DIAGNOSTIC_CHARACTERS_MAX),
            status: status.into(),
        }
    }

    /// With the recipient that ORCPT names: a type of address, and the address in xtext (RFC
    /// 3461 §4.2). What is neither is left out.
    #[must_use]
    pub fn originally(mut self, orcpt: Option<&str>) -> Self {
        self.original_recipient = orcpt.and_then(|orcpt| {
            let (kind, address) = orcpt.split_once(';')?;
            let is_atom = |c: u8| c.is_ascii_alphanumeric() || c == b'-';
            let is_kind = !kind.is_empty() && kind.len() <= 32 && kind.bytes().all(is_atom);
            let address = match kind.eq_ignore_ascii_case("utf-8") {
                true => xtext::decode_utf8(address)?,
                false => xtext::decode(address)?,
            };
            is_kind.then(|| (kind.to_owned(), one_line(&address, ADDRESS_CHARACTERS_MAX)))
        });
        self
    }
}

/// The notification as a message with CRLF line ends.
pub fn write(notification: &Notification<'_>) -> Vec<u8> {
    let Notification { reporting_mta, date, unique, .. } = notification;
    let reverse_path = one_line(notification.reverse_path, ADDRESS_CHARACTERS_MAX);
    let boundary = format!("dsn-{unique}");
    let mut text = format!(
        "From: Mail Delivery System <MAILER-DAEMON@{reporting_mta}>\r\n\
         To: <{reverse_path}>\r\n\
         Subject: Undelivered mail: your message did not reach every recipient\r\n\
         Date: {date}\r\n\
         Message-ID: <{unique}@{reporting_mta}>\r\n\
         Auto-Submitted: auto-replied\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status;\r\n\
         \tboundary=\"{boundary}\"\r\n"
    );
    for part in [for_people(notification), for_programs(notification)] {
        text += &format!("\r\n--{boundary}\r\n{part}");
    }
    text += &format!("\r\n--{boundary}\r\n");
    let mut message = text.into_bytes();
    message.extend(returned(notification));
    message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    message
}

fn for_people(notification: &Notification<'_>) -> String {
    let mut text = String::from(
        "Your message was delivered to some of its recipients, and refused for good\r\n\
         for these:\r\n\r\n",
    );
    for failure in notification.failures {
        text += &format!("  <{}>:\r\n    {}\r\n", failure.recipient, failure.diagnostic);
    }
    let encoding = encoding_field(text.as_bytes());
    format!("Content-Type: text/plain; charset=utf-8\r\n{encoding}\r\n{text}")
}

/// The fields of RFC 3464 §2.2 and §2.3.
fn for_programs(notification: &Notification<'_>) -> String {
    let is_international = notification.is_international;
    let mut text = String::new();
    if let Some(id) = notification.envelope_id.and_then(xtext::decode) {
        let id = ascii(&one_line(&id, ADDRESS_CHARACTERS_MAX));
        text += &format!("Original-Envelope-Id: {id}\r\n");
    }
    text += &format!("Reporting-MTA: dns; {}\r\n", notification.reporting_mta);
    for failure in notification.failures {
        text += "\r\n";
        if let Some((kind, address)) = &failure.original_recipient {
            let address = typed_address(kind, address, is_international);
            text += &format!("Original-Recipient: {address}\r\n");
        }
        let recipient = typed_address("rfc822", &failure.recipient, is_international);
        let diagnostic = match is_international {
            true => failure.diagnostic.clone(),
            false => ascii(&failure.diagnostic),
        };
        text += &format!(
            "Final-Recipient: {recipient}\r\nAction: failed\r\nStatus: {}\r\n\
             Diagnostic-Code: smtp; {diagnostic}\r\n",
            failure.status
        );
    }
    // RFC 6533 §4: the same fields, with UTF-8 in them.
    let kind = if text.is_ascii() { "delivery-status" } else { "global-delivery-status" };
    let encoding = encoding_field(text.as_bytes());
    format!("Content-Type: message/{kind}\r\n{encoding}\r\n{text}")
}

/// An address behind its type. One with UTF-8 has a type of its own, and is written in
/// ASCII where the notification must be (RFC 6533 §3).
fn typed_address(kind: &str, address: &str, is_international: bool) -> String {
    match address.is_ascii() {
        true => format!("{kind}; {address}"),
        false if is_international => format!("utf-8; {address}"),
        false => {
            let encoded = one_line(&xtext::encode_utf8(address), ENCODED_CHARACTERS_MAX);
            format!("utf-8; {encoded}")
        }
    }
}

/// The message, or its header, as RFC 6522 §3 wants it to be returned.
fn returned(notification: &Notification<'_>) -> Vec<u8> {
    let header = header_of(notification.original);
    let is_global = notification.is_international && !header.is_ascii();
    let (kind, octets) = match (notification.returned, is_global) {
        (Returned::Header, false) => ("text/rfc822-headers", header),
        (Returned::Header, true) => ("message/global-headers", header),
        (Returned::Whole, false) => ("message/rfc822", notification.original),
        (Returned::Whole, true) => ("message/global", notification.original),
    };
    let encoding = encoding_field(octets);
    let mut part = format!("Content-Type: {kind}\r\n{encoding}\r\n").into_bytes();
    part.extend_from_slice(octets);
    part
}

/// RFC 2045 §6.1: 7bit needs no field.
fn encoding_field(octets: &[u8]) -> &'static str {
    if octets.is_ascii() { "" } else { "Content-Transfer-Encoding: 8bit\r\n" }
}

/// The header of a message, with the line end of its last field.
fn header_of(message: &[u8]) -> &[u8] {
    let mut end = 0;
    while end < message.len() {
        let line_end = header::line_end(message, end);
        if header::is_blank(&message[end..line_end]) {
            break;
        }
        end = line_end;
    }
    &message[..end]
}

fn is_status(word: &str) -> bool {
    let is_number = |part: &str| {
        !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit())
    };
    word.starts_with(['4', '5']) && word.split('.').count() == 3 && word.split('.').all(is_number)
}

/// A text of a foreign host on one line: nothing in it can begin a field of its own.
fn one_line(text: &str, characters_max: usize) -> String {
    let without_ends = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    without_ends.take(characters_max).collect()
}

fn ascii(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests;
