//! What Momentum writes of mail: mainlog, bouncelog and fbllog, whose fields are parted by `@`.
//! The rest of a line is the reason, which may have `@` in it.
//!
//! The mainlog tells recipients where mail comes in (R) and not where it leaves (D, T, P): what
//! R says is remembered by Momentum's message id, which is the queue id of its events. What is
//! refused in a session stands in the mainlog (T, P) and again in the bouncelog (T, B): it is
//! told by the mainlog, or, where only the bouncelog is read, by that one.

mod line;
mod remembered;

use super::{
    LineError, Parser, Record,
    status::split_reply,
    value::{address, message_id, milliseconds, reply, text},
};
use crate::{
    event::{Attempt, Complaint, Occurrence},
    ids::Timestamp,
};
use line::{Line, Refusal};
use remembered::Remembered;
use serde_json::Value;

/// Octets that a line may have.
const LINE_OCTETS_MAX: usize = 64 * 1024;

/// The stage of a connection that stands for a report by mail.
const OUT_OF_BAND: &str = "21";

/// Which logs tell of refusals in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusals {
    /// The mainlog: those of the bouncelog are passed over.
    OfMainlog,
    /// The bouncelog: those of the mainlog are passed over.
    OfBouncelog,
}

/// Reads Momentum's logs.
#[derive(Debug)]
pub(super) struct Momentum {
    refusals: Refusals,
    remembered: Remembered,
}

impl Momentum {
    pub(super) fn new(refusals: Refusals) -> Self {
        Self { refusals, remembered: Remembered::default() }
    }

    fn take(&mut self, at: Timestamp, id: &str, line: Line<'_>, records: &mut Vec<Record>) {
        let occurrence = match line {
            Line::Heartbeat | Line::Transfer => return,
            Line::Reception { rcpt_to, msg_from } => {
                self.remembered.keep(id, &rcpt_to, &msg_from);
                return;
            }
            Line::Delivery(attempt) => {
                let attempt = self.attempt(at, id, attempt);
                self.remembered.forget(id);
                Occurrence::Delivery(reply(0, "", Some(id), attempt))
            }
            Line::Refusal(refusal) => match self.refusal(at, id, refusal) {
                Some(occurrence) => occurrence,
                None => return,
            },
            Line::Feedback(complaint) => Occurrence::SpamComplaint(complaint),
        };
        let told = match &occurrence {
            // Senders may have Momentum write our message id into its own field.
            Occurrence::SpamComplaint(complaint) => message_id(&complaint.user_str),
            _ => None,
        };
        records.push(Record { at, message_id: told, occurrence });
    }

    fn refusal(&mut self, at: Timestamp, id: &str, refusal: Refusal<'_>) -> Option<Occurrence> {
        let Refusal { is_of_bouncelog, is_final, stage, class, attempt, reason } = refusal;
        let is_out_of_band = is_of_bouncelog && stage == OUT_OF_BAND;
        let told_by = match is_of_bouncelog {
            true => Refusals::OfBouncelog,
            false => Refusals::OfMainlog,
        };
        if !is_out_of_band && told_by != self.refusals {
            return None;
        }
        let mut attempt = self.attempt(at, id, attempt);
        if is_final && !is_out_of_band {
            self.remembered.forget(id);
        }
        attempt.bounce_class = class.parse().ok();
        if !stage.is_empty() {
            attempt.other.insert("stage".into(), Value::String(stage.into()));
        }
        let parts = split_reply(reason);
        if let Some(status) = parts.status {
            attempt.enhanced_status = status.to_string();
        }
        let said = reply(parts.code, parts.text, Some(id), attempt);
        Some(match (is_out_of_band, is_final) {
            (true, _) => Occurrence::OutOfBand(said),
            (false, true) => Occurrence::Bounce(said),
            (false, false) => Occurrence::Delay(said),
        })
    }

    /// With what is remembered of the message.
    fn attempt(&self, at: Timestamp, id: &str, mut attempt: Attempt) -> Attempt {
        if let (Some((rcpt_to, msg_from)), true) =
            (self.remembered.of(id), attempt.rcpt_to.is_empty())
        {
            (attempt.rcpt_to, attempt.msg_from) = (rcpt_to.into(), msg_from.into());
        }
        let queued_for = attempt.queue_time.and_then(|time| i64::try_from(time).ok());
        attempt.queued_at = queued_for.map(|time| Timestamp(at.0.saturating_sub(time)));
        attempt
    }
}

impl Parser for Momentum {
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError> {
        let line = text(line, LINE_OCTETS_MAX)?;
        if line.trim().is_empty() {
            return Ok(());
        }
        let (at, rest) = line.split_once('@').unwrap_or((&line, ""));
        let at = milliseconds(at).ok_or_else(|| LineError::new("does not begin with a time"))?;
        let (id, rest) = rest.split_once('@').unwrap_or((rest, ""));
        let line = Line::read(rest)?;
        self.take(Timestamp(at), id, line, records);
        Ok(())
    }

    fn state(&self) -> Option<String> {
        self.remembered.state()
    }

    fn restore(&mut self, state: &str) {
        self.remembered.restore(state);
    }
}

/// A complaint of the fbllog.
fn complaint(rcpt_to: String, fields: &[&str; 5]) -> Complaint {
    let [binding, bgroup, fbtype, report_by, user_str] = fields;
    let attempt = Attempt {
        rcpt_to,
        binding: (*binding).into(),
        ip_pool: (*bgroup).into(),
        ..Attempt::default()
    };
    Complaint {
        fbtype: (*fbtype).into(),
        report_by: (*report_by).into(),
        user_str: (*user_str).into(),
        attempt: Some(Box::new(attempt)),
        ..Complaint::default()
    }
}

#[cfg(test)]
mod tests;
