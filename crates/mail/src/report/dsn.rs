//! Delivery status notifications (RFC 3464). What became of recipients comes in, the
//! message that tells the sender goes out.

use crate::message::header;

/// Longest text of a server that a notification repeats: with it, a line stays below
/// the 998 octets of RFC 5322 §2.1.1.
const DIAGNOSTIC_CHARACTERS_MAX: usize = 200;

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
    /// The recipients who will not get the message.
    pub failures: &'a [Failure],
    /// The message that was sent; its header is returned (RFC 3462).
    pub original: &'a [u8],
}

/// A recipient who will not get the message, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The recipient's mailbox.
    pub recipient: String,
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
            recipient: one_line(recipient),
            diagnostic: one_line(&format!("{code} {text}"))
                .chars()
                .take(DIAGNOSTIC_CHARACTERS_MAX)
                .collect(),
            status: status.into(),
        }
    }
}

/// The notification as a message with CRLF line ends.
pub fn write(notification: &Notification<'_>) -> Vec<u8> {
    let Notification { reporting_mta, reverse_path, date, unique, failures, original } =
        notification;
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
         \tboundary=\"{boundary}\"\r\n\
         \r\n\
         --{boundary}\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\
         \r\n\
         Your message was delivered to some of its recipients, and refused for good\r\n\
         for these:\r\n\r\n"
    );
    for failure in *failures {
        text += &format!("  <{}>: {}\r\n", failure.recipient, failure.diagnostic);
    }
    text += &format!(
        "\r\n--{boundary}\r\n\
         Content-Type: message/delivery-status\r\n\
         \r\n\
         Reporting-MTA: dns; {reporting_mta}\r\n"
    );
    for failure in *failures {
        text += &format!(
            "\r\nFinal-Recipient: rfc822; {}\r\nAction: failed\r\nStatus: {}\r\n\
             Diagnostic-Code: smtp; {}\r\n",
            failure.recipient, failure.status, failure.diagnostic
        );
    }
    text += &format!("\r\n--{boundary}\r\nContent-Type: text/rfc822-headers\r\n\r\n");
    let mut message = text.into_bytes();
    message.extend_from_slice(header_of(original));
    message.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    message
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
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
