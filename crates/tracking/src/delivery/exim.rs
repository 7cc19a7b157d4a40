//! Exim's main log, in a file of its own or by syslog (Exim's specification, chapter 52).
//!
//! Lines name the message by Exim's id, old (`1tEabc-0004Xy-2d`) or new (`1tEabc-00000004Xyz-2dAB`),
//! which is the queue id that its 250 tells. What the line of an attempt does not say, the line of
//! the arrival has said.

mod line;
mod mail;

use super::{LineError, Parser, Reading, Record, one_line, syslog::Syslog};
use crate::{
    event::{Attempt, Occurrence, UpstreamReply},
    ids::Timestamp,
};
use line::{Arrival, Line, Try, Way, What};
use mail::{Known, Mail};
use serde_json::Value;

/// Reads Exim's lines.
#[derive(Debug)]
pub(super) struct Exim {
    syslog: Syslog,
    mail: Mail,
}

impl Exim {
    pub(super) fn new(reading: &Reading) -> Self {
        let syslog = Syslog::new(reading.time_zone.clone(), reading.now);
        Self { syslog, mail: Mail::default() }
    }

    fn take(&mut self, at: Timestamp, line: &Line<'_>, records: &mut Vec<Record>) {
        match &line.what {
            What::Arrival(Arrival { from, size, is_notification, login }) => {
                let known = self.mail.of(line.id);
                known.msg_from = (*from).into();
                (known.msg_size, known.arrived) = (*size, Some(at));
                known.is_notification = *is_notification;
                known.login = (*login).into();
            }
            What::Completed => self.mail.forget(line.id),
            What::Try(attempt) => {
                let known = self.mail.of(line.id);
                if known.is_notification {
                    return;
                }
                records.push(record(at, line.id, attempt, known));
                if attempt.way == Way::Deferred {
                    known.deferred(attempt.recipient());
                }
            }
        }
    }
}

fn record(at: Timestamp, id: &str, attempt: &Try<'_>, known: &Known) -> Record {
    let (error_code, text) = reply(attempt);
    let fields = &attempt.fields;
    let queue_time = fields.queue_time_ms.or_else(|| {
        known.arrived.and_then(|arrived| u64::try_from(at.0.checked_sub(arrived.0)?).ok())
    });
    let others = [
        ("router", fields.router),
        ("transport", fields.transport),
        ("tls", fields.tls),
        ("delivery_time", fields.delivery_time),
        ("address", if attempt.original.is_some() { attempt.address } else { "" }),
        ("login", &*known.login),
    ];
    let others = others.into_iter().filter(|(_, value)| !value.is_empty());
    let from = if fields.from.is_empty() { &known.msg_from } else { fields.from };
    let told = Attempt {
        rcpt_to: attempt.recipient().into(),
        msg_from: from.into(),
        enhanced_status: one_line::enhanced_status(&text).into(),
        sending_ip: fields.interface,
        ip_address: fields.address,
        remote_mta: fields.host.into(),
        delv_method: if fields.host.is_empty() && attempt.way == Way::Delivered {
            "local".into()
        } else {
            String::new()
        },
        msg_size: fields.size.or(known.msg_size),
        num_retries: Some(known.retries(attempt.recipient())),
        queue_time,
        queued_at: known.arrived,
        other: others.map(|(name, value)| (name.to_owned(), Value::from(value))).collect(),
        ..Attempt::default()
    };
    let reply = UpstreamReply {
        error_code,
        raw_reason: text,
        queue_id: Some(id.into()),
        attempt: Some(Box::new(told)),
    };
    let occurrence = match attempt.way {
        Way::Delivered => Occurrence::Delivery(reply),
        Way::Deferred => Occurrence::Delay(reply),
        Way::Failed => Occurrence::Bounce(reply),
    };
    Record { at, message_id: None, occurrence }
}

/// The reply of the next MTA, or 0 and Exim's own words.
fn reply(attempt: &Try<'_>) -> (u16, String) {
    let text = match attempt.way {
        Way::Delivered => attempt.fields.confirmation.as_str(),
        Way::Deferred | Way::Failed => attempt.reason,
    };
    // Line ends of a reply are written so.
    let text = text.replace("\\n", " ");
    let said = match attempt.way {
        Way::Delivered => Some(text.as_str()),
        _ => said(&text),
    };
    let code =
        |said: &str| one_line::code(said).map(|(code, rest)| (code, one_line::joined(code, rest)));
    match said.and_then(code) {
        Some((code, text)) => (code, text),
        None => (0, text),
    }
}

/// What a server has said, in `SMTP error from remote mail server after RCPT TO:<…>: 550 …`.
fn said(reason: &str) -> Option<&str> {
    if !reason.contains(" error from remote mail server") {
        return None;
    }
    let parts = reason.match_indices(": ").map(|(at, mark)| &reason[at + mark.len()..]);
    parts.into_iter().find(|part| one_line::code(part).is_some())
}

impl Parser for Exim {
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError> {
        let text;
        // Within a field of the journal, a line may look like any other.
        let own = match self.syslog.is_within_field() {
            true => None,
            false => line::own_time(line, &self.syslog)?,
        };
        let (at, said) = match own {
            Some((at, rest)) => {
                self.syslog.give_up_entry();
                (at, rest)
            }
            None => {
                let Some(said) = self.syslog.line(line)? else { return Ok(()) };
                if !said.tag.starts_with("exim") {
                    return Ok(());
                }
                text = said.text;
                // With its own time as well, unless `syslog_timestamp` is off.
                match line::own_time(text.as_bytes(), &self.syslog)? {
                    Some(own) => own,
                    None => (said.at, text.as_str().into()),
                }
            }
        };
        if let Some(line) = line::read(&said)? {
            self.take(at, &line, records);
        }
        Ok(())
    }

    fn is_within_record(&self) -> bool {
        self.syslog.is_within_entry()
    }

    fn set_now(&mut self, now: Timestamp) {
        self.syslog.set_now(now);
    }

    fn end(&mut self, _records: &mut Vec<Record>) -> Result<(), LineError> {
        self.syslog.give_up_entry();
        Ok(())
    }

    fn state(&self) -> Option<String> {
        self.mail.state()
    }

    fn restore(&mut self, state: &str) {
        if let Some(mail) = Mail::of_state(state) {
            self.mail = mail;
        }
    }
}

#[cfg(test)]
mod tests;
