//! What stands in parentheses behind a status: the reply of another MTA, or Postfix' own words.

use crate::delivery::one_line;
use std::net::IpAddr;

/// A reply, taken apart.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Reply<'t> {
    /// The code; 0 where nobody replied.
    pub(super) code: u16,
    /// Its text, or Postfix' own words.
    pub(super) text: String,
    /// Who said it, as `host[address]`, where it is told.
    pub(super) host: Option<&'t str>,
    /// The command that it was the reply to.
    pub(super) in_reply_to: &'t str,
    /// The queue id at the next MTA.
    pub(super) queued_as: Option<&'t str>,
}

/// Takes it apart.
pub(super) fn read(text: &str) -> Reply<'_> {
    let queued_as = queued_as(text);
    let (host, said) = match text.strip_prefix("host ").and_then(|rest| rest.split_once(' ')) {
        Some((host, rest)) => {
            let marks = ["said: ", "refused to talk to me: "];
            let said = marks.iter().find_map(|mark| rest.strip_prefix(mark));
            (Some(host), said.unwrap_or(text))
        }
        None => (None, text),
    };
    // `connect to HOST[IP]:25: Connection timed out` and the like.
    let host = host.or_else(|| {
        let words = ["connect to ", "connection with ", "conversation with "];
        let after = words.iter().find_map(|word| text.split_once(word))?.1;
        let end = after.find(']').map(|end| end + 1)?;
        after[..end].contains('[').then(|| &after[..end])
    });
    let (said, in_reply_to) = match said.rsplit_once(" (in reply to ") {
        Some((said, command)) => {
            let command = command.strip_suffix(')').unwrap_or(command);
            (said, command.strip_suffix(" command").unwrap_or(command))
        }
        None => (said, ""),
    };
    let (code, text) = match one_line::code(said) {
        Some((code, rest)) => (code, one_line::joined(code, rest)),
        None => (0, said.into()),
    };
    Reply { code, text, host, in_reply_to, queued_as }
}

/// `250 2.0.0 Ok: queued as ID`, also through a filter's own reply, and `forwarded as ID`.
fn queued_as(text: &str) -> Option<&str> {
    let rest = text.rsplit_once("queued as ").or_else(|| text.split_once("forwarded as "))?.1;
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// `host[192.0.2.7]:25`: the name, and the address where it is one.
pub(super) fn host(relay: &str) -> (&str, Option<IpAddr>) {
    let Some((name, rest)) = relay.split_once('[') else { return (relay, None) };
    let address = rest.split(']').next().unwrap_or_default();
    (name, address.parse().ok())
}
