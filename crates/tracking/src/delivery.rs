//! What MTAs say about the mail that they took over: their replies, and their records.

mod format;
mod lines;
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
/// `queued as ID`, Exim (`id=ID`), KumoMTA (`ids=ID`) and OpenSMTPD (`ID Message accepted
/// for delivery`). PowerMTA tells none.
pub fn queue_id(text: &str) -> Option<&str> {
    let after = |mark: &str| text.split_once(mark).map(|(_, rest)| rest);
    let before =
        |mark: &str| text.split_once(mark).and_then(|(rest, _)| rest.split(' ').next_back());
    let found = after("queued as ")
        .or_else(|| after("id="))
        .or_else(|| after("ids="))
        .or_else(|| before(" Message accepted for delivery"))?;
    let end = found.find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    let id = &found[..end.unwrap_or(found.len())];
    (!id.is_empty()).then_some(id)
}

#[cfg(test)]
mod tests;
