//! What MTAs say about the mail that they took over: their replies, and their records.

mod exim;
mod format;
mod kumomta;
mod lines;
mod momentum;
mod one_line;
mod postfix;
mod powermta;
mod record;
pub mod status;
mod syslog;
mod value;

pub use format::Format;
pub use lines::Lines;
pub use record::{LineError, Parser, Reading, Record};

/// The queue id in the text of upstream's reply to a message: the name under which its
/// records speak of it. Known are Postfix, Sendmail and most others that write
/// `queued as ID`, Exim (`id=ID`), KumoMTA (`ids=ID`), OpenSMTPD (`ID Message accepted
/// for delivery`) and Momentum (`OK 00/00-25004-31B987F3`). PowerMTA tells none.
pub fn queue_id(text: &str) -> Option<&str> {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let before =
        |mark: &str| text.split_once(mark).and_then(|(rest, _)| rest.split(' ').next_back());
    if let Some(id) = text.rsplit(' ').next().filter(|word| is_of_momentum(word)) {
        return Some(id);
    }
    let found = after("queued as ")
        .or_else(|| after("id="))
        .or_else(|| after("ids="))
        .or_else(|| before(" Message accepted for delivery"))?;
    let end = found.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let id = &found[..end.unwrap_or(found.len())];
    (!id.is_empty()).then_some(id)
}

/// Two, two, five and eight hexadecimal digits.
fn is_of_momentum(word: &str) -> bool {
    let is_of = |(index, octet): (usize, u8)| match index {
        2 => octet == b'/',
        5 | 11 => octet == b'-',
        _ => octet.is_ascii_hexdigit(),
    };
    word.len() == 20 && word.bytes().enumerate().all(is_of)
}

#[cfg(test)]
mod tests;
