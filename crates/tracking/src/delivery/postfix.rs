//! What Postfix logs of mail, from syslog, its own file (`maillog_file`) or the journal.
//!
//! Each line about mail names a queue id. What the line of a delivery does not say (reverse-path,
//! size, our message id where `header_checks` has it logged) other lines have said before. Mail
//! that went through a content filter has a queue id for each of its ways through the queue:
//! what is said of the last one is said of those before as well, as the gateway may know any.

mod line;
mod mail;
mod reply;

use super::{LineError, Parser, Reading, Record, syslog::Syslog};
use crate::{
    event::{Attempt, Occurrence, UpstreamReply},
    ids::Timestamp,
};
use line::{Delivery, Line, Status};
use mail::{Known, Mail, Tried};
use serde_json::Value;

/// Queue ids that mail may have had before, for which its records are told as well.
const CHAIN_MAX: usize = 4;

/// Reads Postfix' lines.
#[derive(Debug)]
pub(super) struct Postfix {
    syslog: Syslog,
    message_id_header: String,
    mail: Mail,
}

impl Postfix {
    pub(super) fn new(reading: &Reading) -> Self {
        Self {
            syslog: Syslog::new(reading.time_zone.clone(), reading.now),
            message_id_header: reading.message_id_header.clone(),
            mail: Mail::default(),
        }
    }

    fn take(&mut self, at: Timestamp, said: Line<'_>, records: &mut Vec<Record>) {
        let Line { queue_id, what } = said;
        match what {
            line::What::Sender { from, size } => {
                let known = self.mail.of(queue_id);
                (known.msg_from, known.msg_size) = (from.into(), size);
            }
            line::What::MessageId(message_id) => {
                self.mail.of(queue_id).message_id = Some(message_id);
            }
            line::What::Client { sasl_username, original } => {
                let known = self.mail.of(queue_id);
                known.sasl_username = sasl_username.into();
                if let Some(original) = original {
                    self.mail.link(original, queue_id);
                }
            }
            line::What::Seen => {
                self.mail.of(queue_id);
            }
            line::What::Notification(of_ours) => self.mail.of(of_ours).is_notification = true,
            line::What::Expired => self.expire(at, queue_id, records),
            line::What::Removed => self.mail.leave(at, queue_id),
            line::What::Delivery(delivery) => self.deliver(at, queue_id, &delivery, records),
        }
    }

    fn deliver(
        &mut self,
        at: Timestamp,
        queue_id: &str,
        delivery: &Delivery<'_>,
        records: &mut Vec<Record>,
    ) {
        // What was asked about addresses is no mail (`verify(8)`).
        if matches!(delivery.status, Status::Probe) {
            return;
        }
        let reply = reply::read(delivery.text);
        // Handed to a content filter, and back in the queue under another id.
        if matches!(delivery.status, Status::Sent)
            && let Some(next) = reply.queued_as
            && next != queue_id
            && self.mail.has(next)
        {
            let told = self.mail.link(queue_id, next);
            let ids = self.mail.chain(queue_id);
            records.extend(told.iter().flat_map(|told| copies(told, &ids)));
            return;
        }
        let known = self.mail.of(queue_id);
        let num_retries = known.retries(delivery.to);
        let attempt = attempt(at, delivery, known, num_retries, &reply);
        let told = UpstreamReply {
            error_code: reply.code,
            raw_reason: reply.text,
            queue_id: Some(queue_id.into()),
            attempt: Some(Box::new(attempt)),
        };
        let occurrence = match delivery.status {
            Status::Deferred => {
                let tried = Tried { rcpt_to: delivery.to.into(), retries: 0, last: told.clone() };
                known.deferred(tried);
                Occurrence::Delay(told)
            }
            Status::Sent => Occurrence::Delivery(told),
            Status::Bounced | Status::Expired | Status::Probe => Occurrence::Bounce(told),
        };
        if !matches!(delivery.status, Status::Deferred) {
            known.tried.retain(|tried| tried.rcpt_to != delivery.to);
        }
        self.tell(at, queue_id, occurrence, records);
    }

    /// The queue manager has given up all who were deferred; their last reply is the reason.
    fn expire(&mut self, at: Timestamp, queue_id: &str, records: &mut Vec<Record>) {
        let known = self.mail.of(queue_id);
        let mut replies: Vec<_> =
            std::mem::take(&mut known.tried).into_iter().map(|tried| tried.last).collect();
        if replies.is_empty() {
            let attempt = Attempt { msg_from: known.msg_from.clone(), ..Attempt::default() };
            replies.push(UpstreamReply {
                error_code: 0,
                raw_reason: "message expired in the queue".into(),
                queue_id: Some(queue_id.into()),
                attempt: Some(Box::new(attempt)),
            });
        }
        for mut reply in replies {
            if let Some(attempt) = reply.attempt.as_deref_mut() {
                let since = attempt.queued_at.and_then(|since| at.0.checked_sub(since.0));
                attempt.queue_time = since.and_then(|since| since.try_into().ok());
                attempt.other.insert("status".into(), "expired".into());
            }
            self.tell(at, queue_id, Occurrence::Bounce(reply), records);
        }
    }

    fn tell(
        &mut self,
        at: Timestamp,
        queue_id: &str,
        occurrence: Occurrence,
        records: &mut Vec<Record>,
    ) {
        let known = self.mail.of(queue_id);
        if known.is_notification {
            return;
        }
        let record = Record { at, message_id: known.message_id, occurrence };
        // Its id is the same whether a chain is known or not: it comes first.
        records.push(record.clone());
        if record.message_id.is_none() {
            known.told(&record);
            let ids = self.mail.chain(queue_id);
            records.extend(copies(&record, &ids[1..]));
        }
    }
}

/// The record under each of these queue ids.
fn copies(record: &Record, ids: &[String]) -> Vec<Record> {
    let under = |id: &String| {
        let mut copy = record.clone();
        match &mut copy.occurrence {
            Occurrence::Delivery(reply) | Occurrence::Delay(reply) | Occurrence::Bounce(reply) => {
                reply.queue_id = Some(id.clone());
            }
            _ => {}
        }
        copy
    };
    ids.iter().map(under).collect()
}

fn attempt(
    at: Timestamp,
    delivery: &Delivery<'_>,
    known: &Known,
    num_retries: u32,
    reply: &reply::Reply<'_>,
) -> Attempt {
    let (remote_mta, ip_address) = match delivery.relay {
        Some(relay) => reply::host(relay),
        None => reply.host.map(reply::host).unwrap_or_default(),
    };
    let mut attempt = Attempt {
        rcpt_to: delivery.to.into(),
        msg_from: known.msg_from.clone(),
        enhanced_status: delivery.dsn.into(),
        remote_mta: remote_mta.into(),
        ip_address,
        delv_method: delivery.method.into(),
        msg_size: known.msg_size,
        num_retries: Some(num_retries),
        queue_time: delivery.delay_ms,
        queued_at: delivery
            .delay_ms
            .and_then(|delay| Some(Timestamp(at.0.checked_sub_unsigned(delay)?))),
        ..Attempt::default()
    };
    let others = [
        ("orig_to", delivery.orig_to),
        ("delays", delivery.delays),
        ("in_reply_to", reply.in_reply_to),
        ("instance", delivery.instance),
        ("sasl_username", &*known.sasl_username),
    ];
    let others = others.into_iter().filter(|(_, value)| !value.is_empty());
    attempt.other.extend(others.map(|(name, value)| (name.to_owned(), Value::from(value))));
    attempt
}

impl Parser for Postfix {
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError> {
        let Some(said) = self.syslog.line(line)? else { return Ok(()) };
        self.mail.forget(said.at);
        if let Some(line) = line::read(&said.tag, &said.text, &self.message_id_header)? {
            self.take(said.at, line, records);
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
        self.mail.state(self.syslog.near())
    }

    fn restore(&mut self, state: &str) {
        if let Some((mail, near)) = Mail::of_state(state) {
            self.mail = mail;
            near.into_iter().for_each(|near| self.syslog.go_on(near));
        }
    }
}

#[cfg(test)]
mod tests;
