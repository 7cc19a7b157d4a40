//! What KumoMTA writes of mail: its log records, a JSON object each, or an array of them as its
//! webhooks batch them.

mod object;

use super::{LineError, Parser, Reading, Record, value::reply};
use crate::{
    event::{Attempt, Complaint, Occurrence},
    ids::{MessageId, Timestamp},
};
use object::{Object, response};
use serde_json::{Map, Value};

/// Octets that a line may have: a report of feedback has the whole message in it.
pub(super) const LINE_OCTETS_MAX: usize = 16 * 1024 * 1024;

/// Recipients that one record may have, and records of one array.
const RECIPIENTS_MAX: usize = 1_000;
const ARRAY_MAX: usize = 100_000;

/// Octets that an event may have of its record, and those behind the first of a record all
/// together, in one line.
const EVENT_OCTETS_MAX: usize = 512 << 10;
const REPEATED_OCTETS_MAX: usize = LINE_OCTETS_MAX;

/// Reads KumoMTA's log records.
#[derive(Debug)]
pub(super) struct KumoMta {
    message_id_header: String,
    subaccount_header: String,
}

impl KumoMta {
    pub(super) fn new(reading: &Reading) -> Self {
        let Reading { message_id_header, subaccount_header, .. } = reading.clone();
        Self { message_id_header, subaccount_header }
    }

    /// Adds what a record says to `line`.
    fn record(&self, fields: Map<String, Value>, line: &mut Line<'_>) -> Result<(), LineError> {
        let mut object = Object::new(fields);
        let kind = object.text("type");
        let Some(kind) = Kind::of(&kind) else {
            return Err(LineError::new("type is none of a log record of KumoMTA"));
        };
        if kind == Kind::Nothing {
            return Ok(());
        }
        let at = object
            .time("event_time", "timestamp")
            .ok_or_else(|| LineError::new("has neither event_time nor timestamp"))?;
        let recipients = object.texts("recipient", RECIPIENTS_MAX).ok_or_else(|| {
            LineError::new(format!("recipient is no text, and no list of up to {RECIPIENTS_MAX}"))
        })?;
        if line.records.len() + recipients.len() > ARRAY_MAX {
            return Err(LineError::new(format!("its line has more than {ARRAY_MAX} recipients")));
        }
        let mut message_id = object.header(&self.message_id_header);
        let subaccount = object.header(&self.subaccount_header).unwrap_or_default();
        let report = object.take("feedback_report");
        if message_id.is_none() {
            message_id = report.as_ref().and_then(|report| self.reported(report));
        }
        let message_id = message_id.as_deref().and_then(super::value::message_id);
        let told = Told { kind, at, message_id, subaccount, report };
        told.records(object, recipients, line)
    }

    /// Our field in the header of the message that a report is about.
    fn reported(&self, report: &Value) -> Option<String> {
        let message = report.get("original_message")?;
        let octets = match message {
            Value::String(text) => text.as_bytes().to_vec(),
            Value::Array(octets) => {
                let octet =
                    |value: &Value| value.as_u64().and_then(|octet| u8::try_from(octet).ok());
                octets.iter().map(octet).collect::<Option<Vec<_>>>()?
            }
            _ => return None,
        };
        let mut fields = mail::message::header::fields(&octets);
        let field = fields.find(|field| field.is(&self.message_id_header))?;
        Some(String::from_utf8_lossy(&field.value()).trim().to_owned())
    }
}

impl Parser for KumoMta {
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if line.len() > LINE_OCTETS_MAX {
            return Err(LineError::new(format!("has more than {LINE_OCTETS_MAX} octets")));
        }
        let is_no_json = |error: serde_json::Error| {
            LineError::new(format!("is no JSON: at octet {}", error.column()))
        };
        let is_no_record = || LineError::new("is no JSON object, and no array of them");
        let parsed = serde_json::from_slice(line).map_err(is_no_json)?;
        let mut line =
            Line { octets: line.len(), repeated_octets_left: REPEATED_OCTETS_MAX, records };
        match parsed {
            Value::Object(fields) => self.record(fields, &mut line),
            Value::Array(values) if values.len() <= ARRAY_MAX => {
                let mut told = Ok(());
                for (index, value) in values.into_iter().enumerate() {
                    let read = match value {
                        Value::Object(fields) => self.record(fields, &mut line),
                        _ => Err(is_no_record()),
                    };
                    if let (Ok(()), Err(error)) = (&told, read) {
                        told = Err(LineError::new(format!("record {}: {error}", index + 1)));
                    }
                }
                told
            }
            _ => Err(is_no_record()),
        }
    }
}

/// A line, and the records that it gives.
struct Line<'r> {
    octets: usize,
    /// What is left of `REPEATED_OCTETS_MAX`.
    repeated_octets_left: usize,
    records: &'r mut Vec<Record>,
}

impl Line<'_> {
    /// Is there room for events of so many recipients, with so much in each? A thousand
    /// recipients and a megabyte of metadata would be a gigabyte.
    fn has_room(&mut self, recipients: usize, octets: usize) -> bool {
        let repeated = recipients.saturating_sub(1).saturating_mul(octets);
        let left = self.repeated_octets_left.checked_sub(repeated);
        let has_room = octets <= EVENT_OCTETS_MAX && left.is_some();
        self.repeated_octets_left = left.filter(|_| has_room).unwrap_or(self.repeated_octets_left);
        has_room
    }
}

/// What a record is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Delivery,
    Bounce,
    Expiration,
    AdminBounce,
    Delay,
    OutOfBand,
    Feedback,
    /// The gateway has told it already, or it is no business of the message's sender: mail came
    /// in or was refused, or it was moved to another queue or node, which tells what comes of it.
    Nothing,
}

impl Kind {
    fn of(kind: &str) -> Option<Self> {
        Some(match kind {
            "Delivery" => Self::Delivery,
            "Bounce" => Self::Bounce,
            "Expiration" => Self::Expiration,
            "AdminBounce" => Self::AdminBounce,
            "TransientFailure" => Self::Delay,
            "OOB" => Self::OutOfBand,
            "Feedback" => Self::Feedback,
            "Reception"
            | "Rejection"
            | "Delayed"
            | "AdminRebind"
            | "DeferredInjectionRebind"
            | "XferOut"
            | "XferIn" => Self::Nothing,
            _ => return None,
        })
    }
}

/// What all recipients of a record have in common.
struct Told {
    kind: Kind,
    at: Timestamp,
    message_id: Option<MessageId>,
    subaccount: String,
    report: Option<Value>,
}

impl Told {
    /// Adds an event for each recipient.
    fn records(
        self,
        mut object: Object,
        recipients: Vec<String>,
        line: &mut Line<'_>,
    ) -> Result<(), LineError> {
        let Self { kind, at, message_id, subaccount, report } = self;
        // The id of a report that came by mail is not that of the message which it is about.
        let is_report = matches!(kind, Kind::OutOfBand | Kind::Feedback);
        let queue_id = (!is_report).then(|| object.text("id")).filter(|id| !id.is_empty());
        let response = response(object.take("response"));
        object.keep("response", response.rest);
        let mut attempt = object.attempt(at, is_report);
        attempt.subaccount_id = subaccount;
        attempt.enhanced_status = response.status;
        match kind {
            Kind::AdminBounce => attempt.bounce_class = Some(25),
            Kind::Expiration if matches!(&*attempt.bounce_category, "" | "Uncategorized") => {
                attempt.bounce_category = "Expiration".into();
            }
            _ => {}
        }
        let (mut recipients, mut complained) = (recipients, None);
        if kind == Kind::Feedback {
            let (original, mut complaint) = complaint(report, &mut attempt);
            // The report went to the address for reports.
            complaint.report_to = recipients.join(", ");
            (recipients, complained) = (vec![original], Some(complaint));
        }
        attempt.other.extend(object.rest());
        let told = fit(&mut attempt, response.text.len(), recipients.len(), line)?;
        for recipient in recipients {
            let attempt = Attempt { rcpt_to: recipient, ..attempt.clone() };
            let answered = |attempt| {
                reply(response.code, response.text.as_str(), queue_id.as_deref(), attempt)
            };
            let occurrence = match (kind, &complained) {
                (_, Some(complaint)) => {
                    let attempt = Some(Box::new(attempt));
                    Occurrence::SpamComplaint(Box::new(Complaint { attempt, ..complaint.clone() }))
                }
                (Kind::Delivery, _) => Occurrence::Delivery(answered(attempt)),
                (Kind::Delay, _) => Occurrence::Delay(answered(attempt)),
                (Kind::OutOfBand, _) => Occurrence::OutOfBand(answered(attempt)),
                _ => Occurrence::Bounce(answered(attempt)),
            };
            line.records.push(Record { at, message_id, occurrence });
        }
        told.map_or(Ok(()), Err)
    }
}

/// Has what all recipients have in common fit into events: without what is in `other`, which is
/// then told, or not at all.
fn fit(
    attempt: &mut Attempt,
    text_octets: usize,
    recipients: usize,
    line: &mut Line<'_>,
) -> Result<Option<LineError>, LineError> {
    // It is measured only where it can be too much.
    if recipients <= 1 && line.octets <= EVENT_OCTETS_MAX {
        return Ok(None);
    }
    let octets = |attempt: &Attempt| {
        serde_json::to_vec(attempt).map_or(usize::MAX, |json| json.len() + text_octets)
    };
    let all = octets(attempt);
    if line.has_room(recipients, all) {
        return Ok(None);
    }
    attempt.other.clear();
    let told = format!("{all} octets for each of {recipients} recipients are too many");
    match line.has_room(recipients, octets(attempt)) {
        true => Ok(Some(LineError::new(format!("{told}: metadata is left out")))),
        false => Err(LineError::new(told)),
    }
}

/// What a report of feedback says (RFC 5965), and the recipient who complains, where it tells
/// that. The message in it is not kept.
fn complaint(report: Option<Value>, attempt: &mut Attempt) -> (String, Complaint) {
    attempt.msg_from.clear();
    let Some(Value::Object(report)) = report else { return Default::default() };
    let mut report = Object::new(report);
    report.take("original_message");
    let reporter = report.take("reporting_mta");
    let named = reporter.as_ref().and_then(|mta| mta.get("name")).and_then(Value::as_str);
    let complaint = Complaint {
        fbtype: report.text("feedback_type"),
        report_by: named.unwrap_or_default().into(),
        user_agent: report.text("user_agent"),
        ..Complaint::default()
    };
    attempt.msg_from = report.text("original_mail_from");
    let mut recipients = report.texts("original_rcpto_to", RECIPIENTS_MAX).unwrap_or_default();
    recipients.truncate(1);
    let rest = report.rest();
    if !rest.is_empty() {
        attempt.other.insert("feedback_report".into(), Value::Object(rest));
    }
    (recipients.pop().unwrap_or_default(), complaint)
}

#[cfg(test)]
mod tests;
