//! The notification of recipients who refused a message for good, while others accepted
//! it. Outcomes come in, the message for the reverse-path goes out; nothing is sent here.

use super::outcome::Outcome;
use mail::{
    report::dsn::{self, Failure, Returned},
    smtp::{
        command::{Command, Envelope},
        session::{EnvelopeLine, Transaction},
    },
};
use tracking::ids::TransmissionId;

/// A larger message goes back without its body, whatever RET says (RFC 3461 §4.3 lets it).
const RETURNED_OCTETS_MAX: usize = 1 << 20;

/// A notification, and how it is sent.
pub(super) struct Notification {
    /// The MAIL of it.
    pub(super) mail: String,
    /// The RCPT of it.
    pub(super) rcpt: String,
    /// The message.
    pub(super) content: Vec<u8>,
}

/// The notification, made now; `None` where nobody is to be told.
pub(super) fn of_failures(
    transaction: &Transaction,
    outcomes: &[Outcome],
    original: &[u8],
    host_name: &str,
    transmission_id: TransmissionId,
) -> Option<Notification> {
    let failures = failures(transaction, outcomes);
    let reverse_path = &transaction.reverse_path.mailbox;
    // RFC 5321 §6.1: nobody is told of what became of a notification.
    if failures.is_empty() || reverse_path.is_empty() {
        return None;
    }
    let envelope = envelope(&transaction.reverse_path);
    let parameter = |keyword| envelope.and_then(|envelope| envelope.parameter(keyword));
    let is_wanted_whole = parameter("RET").is_some_and(|ret| ret.eq_ignore_ascii_case("FULL"));
    // A notification goes by DATA, which takes no binary content.
    let is_whole =
        is_wanted_whole && !transaction.is_binary && original.len() <= RETURNED_OCTETS_MAX;
    let is_international = parameter("SMTPUTF8").is_some();
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    let content = dsn::write(&dsn::Notification {
        reporting_mta: host_name,
        reverse_path,
        date: &date,
        unique: &transmission_id.to_string(),
        envelope_id: parameter("ENVID"),
        failures: &failures,
        original,
        returned: if is_whole { Returned::Whole } else { Returned::Header },
        is_international,
    });
    let mut mail = "MAIL FROM:<>".to_owned();
    // What upstream took for the message it takes for its notification.
    if !content.is_ascii() {
        let has_body = parameter("BODY").is_some_and(|body| !body.eq_ignore_ascii_case("7BIT"));
        mail += if has_body { " BODY=8BITMIME" } else { "" };
        mail += if is_international { " SMTPUTF8" } else { "" };
    }
    Some(Notification { mail, rcpt: format!("RCPT TO:<{reverse_path}>"), content })
}

/// Recipients who refused for good and whose failure is to be told.
fn failures(transaction: &Transaction, outcomes: &[Outcome]) -> Vec<Failure> {
    let refusal = |outcome: &Outcome| match outcome {
        Outcome::Answered(reply) | Outcome::Judged(reply) if outcome.is_refused() => {
            Some((reply.code(), reply.text()))
        }
        _ => None,
    };
    let recipients = transaction.recipients.iter().zip(outcomes);
    recipients
        .filter(|(recipient, _)| is_notified(recipient))
        .filter_map(|(recipient, outcome)| {
            let (code, text) = refusal(outcome)?;
            let orcpt = envelope(recipient).and_then(|envelope| envelope.parameter("ORCPT"));
            Some(Failure::new(&recipient.mailbox, code, &text).originally(orcpt))
        })
        .collect()
}

/// Is the sender to be told of a failure (RFC 3461 §4.1)? Without NOTIFY it is; with it,
/// only when FAILURE is among its values.
fn is_notified(recipient: &EnvelopeLine) -> bool {
    envelope(recipient)
        .and_then(|envelope| envelope.parameter("NOTIFY"))
        .is_none_or(|notify| notify.split(',').any(|value| value.eq_ignore_ascii_case("FAILURE")))
}

fn envelope(line: &EnvelopeLine) -> Option<Envelope<'_>> {
    match Command::parse(&line.line) {
        Command::Mail(envelope) | Command::Rcpt(envelope) => Some(envelope),
        _ => None,
    }
}
