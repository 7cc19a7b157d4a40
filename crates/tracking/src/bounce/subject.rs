//! A reply as rules look at it.

use crate::{
    delivery::status::{EnhancedStatus, split_reply},
    event::UpstreamReply,
};

/// Octets of a reply that are looked at; the rest of a longer one says nothing new.
const TEXT_OCTETS_MAX: usize = 4_096;

/// A reply as rules look at it.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    /// Its text, in lower case, without codes and addresses, words parted by one space.
    pub(super) text: String,
    /// The reply code; 0 for none.
    pub(super) code: u16,
    pub(super) status: Option<EnhancedStatus>,
    /// What the MTA itself calls it.
    pub(super) category: &'a str,
    /// The recipient's domain, the one mail was routed by, and the name of its MTA.
    hosts: [&'a str; 4],
}

impl<'a> Subject<'a> {
    pub(super) fn new(reply: &'a UpstreamReply, recipient_domain: &'a str) -> Self {
        let attempt = reply.attempt.as_deref();
        let raw = cut(&reply.raw_reason);
        let told = split_reply(raw);
        let own = attempt.and_then(|attempt| attempt.enhanced_status.parse().ok());
        let rcpt_domain = attempt.and_then(|attempt| attempt.rcpt_to.rsplit_once('@'));
        Self {
            text: normal(told.text),
            code: if reply.error_code == 0 { told.code } else { reply.error_code },
            status: own.or(told.status),
            category: attempt.map_or("", |attempt| &attempt.bounce_category),
            hosts: [
                recipient_domain,
                rcpt_domain.map_or("", |(_, domain)| domain),
                attempt.map_or("", |attempt| &attempt.routing_domain),
                attempt.map_or("", |attempt| &attempt.remote_mta),
            ],
        }
    }

    /// May it go better later? The code says so, or the enhanced status where there is none.
    pub(super) fn is_temporary(&self) -> bool {
        match (self.code / 100, self.status) {
            (4, _) => true,
            (0, Some(status)) => status.class == 4,
            _ => false,
        }
    }

    /// Is it about one of these domains? `*.example.com` stands for all below that one.
    pub(super) fn is_of(&self, domains: &[String]) -> bool {
        let is_of = |host: &str, domain: &str| match domain.strip_prefix("*") {
            Some(end) => {
                let start = host.len().checked_sub(end.len());
                start.is_some_and(|start| {
                    start > 0 && host.as_bytes()[start..].eq_ignore_ascii_case(end.as_bytes())
                })
            }
            None => host.eq_ignore_ascii_case(domain),
        };
        domains.iter().any(|domain| self.hosts.iter().any(|host| is_of(host, domain)))
    }
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_OCTETS_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The words of a reply: in lower case, with one space between them, without the codes that
/// begin each line of a longer reply, and without addresses: nobody is refused for being called
/// `spam@example.com`.
pub(super) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_ascii_whitespace() {
        let word = without_code(word);
        if word.is_empty() || word.parse::<EnhancedStatus>().is_ok() {
            continue;
        }
        if !normal.is_empty() {
            normal.push(' ');
        }
        let from = normal.len();
        push_without_addresses(word, &mut normal);
        normal[from..].make_ascii_lowercase();
    }
    normal
}

/// The word without the `550-` that begins a line.
fn without_code(word: &str) -> &str {
    match word.as_bytes() {
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b'-', ..] => &word[4..],
        _ => word,
    }
}

/// Leaves `@` of each address.
fn push_without_addresses(mut word: &str, to: &mut String) {
    while let Some(at) = word.find('@') {
        let before = &word[..at];
        let start = before.rfind(is_delimiter).map_or(0, |index| index + 1);
        to.push_str(&before[..start]);
        to.push('@');
        let after = &word[at + 1..];
        word = &after[after.find(is_delimiter).unwrap_or(after.len())..];
    }
    to.push_str(word);
}

fn is_delimiter(octet: char) -> bool {
    matches!(octet, '<' | '>' | '(' | ')' | '[' | ']' | '"' | '\'' | ':' | ';' | ',')
}
