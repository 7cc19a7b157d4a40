//! The notification of recipients who refused a message for good, while others accepted
//! it. Outcomes come in, the message for the reverse-path goes out; nothing is sent here.

use super::outcome::Outcome;
use mail::{
    report::dsn::{self, Failure, Notification},
    smtp::{
        command::Command,
        session::{EnvelopeLine, Transaction},
    },
};
use tracking::ids::TransmissionId;

/// The notification, made now; `None` where nobody is to be told.
pub(super) fn of_failures(
    transaction: &Transaction,
    outcomes: &[Outcome],
    original: &[u8],
    host_name: &str,
    transmission_id: TransmissionId,
) -> Option<Vec<u8>> {
    let failures = failures(transaction, outcomes);
    let reverse_path = &transaction.reverse_path.mailbox;
    // RFC 5321 §6.1: nobody is told of what became of a notification.
    if failures.is_empty() || reverse_path.is_empty() {
        return None;
    }
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
    Some(dsn::write(&Notification {
        reporting_mta: host_name,
        reverse_path,
        date: &date,
        unique: &transmission_id.to_string(),
        failures: &failures,
        original,
    }))
}

/// Recipients who refused for good and whose failure is to be told.
fn failures(transaction: &Transaction, outcomes: &[Outcome]) -> Vec<Failure> {
    let refusal = |outcome: &Outcome| match outcome {
        Outcome::Answered(reply) if outcome.is_refused() => Some((reply.code(), reply.text())),
        _ => None,
    };
    let recipients = transaction.recipients.iter().zip(outcomes);
    recipients
        .filter(|(recipient, _)| is_notified(recipient))
        .filter_map(|(recipient, outcome)| {
            let (code, text) = refusal(outcome)?;
            Some(Failure::new(&recipient.mailbox, code, &text))
        })
        .collect()
}

/// Is the sender to be told of a failure (RFC 3461 §4.1)? Without NOTIFY it is; with it,
/// only when FAILURE is among its values.
fn is_notified(recipient: &EnvelopeLine) -> bool {
    let Command::Rcpt(envelope) = Command::parse(&recipient.line) else { return true };
    envelope
        .parameter("NOTIFY")
        .is_none_or(|notify| notify.split(',').any(|value| value.eq_ignore_ascii_case("FAILURE")))
}
