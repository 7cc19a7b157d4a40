//! What PowerMTA writes of mail: accounting records in CSV (RFC 4180), to a file or a pipe.
//!
//! The first field of a row is the type of the record. A row that begins with `type` names the
//! columns of those behind it; it comes at the start, and again wherever PowerMTA was started
//! again. Rows before the first one have PowerMTA's default columns.

mod columns;
mod csv;

use super::{
    LineError, Parser, Reading, Record,
    status::split_reply,
    value::{address, message_id, milliseconds, reply, time},
};
use crate::{
    event::{Attempt, Complaint, Occurrence},
    ids::{MessageId, Timestamp},
};
use columns::{Column, Columns};
use csv::{Row, Rows};
use serde_json::Value;

/// How far from now the time of a message id may be, to be believed.
const UNTOLD_MS_MAX: i64 = 60 * 86_400_000;

/// Reads PowerMTA's accounting records.
#[derive(Debug)]
pub(super) struct PowerMta {
    rows: Rows,
    columns: Columns,
}

impl PowerMta {
    pub(super) fn new(reading: &Reading) -> Self {
        Self { rows: Rows::default(), columns: Columns::new(reading) }
    }
}

impl Columns {
    fn row(&mut self, row: &Row<'_>, records: &mut Vec<Record>) -> Result<(), LineError> {
        let kind = row.first();
        if kind.eq_ignore_ascii_case("type") {
            return self.header(row);
        }
        let kind = Kind::of(kind).ok_or_else(|| {
            LineError::new("the first field is none of the types d, b, t, tq, r, f, rb, rs")
        })?;
        if kind.says_nothing_new() {
            return Ok(());
        }
        if row.len() != self.len() {
            let (fields, columns) = (row.len(), self.len());
            let of = if self.are_named() { "the header row" } else { "PowerMTA's default" };
            return Err(LineError::new(format!("has {fields} fields, {of} has {columns}")));
        }
        let read = Read::new(row, self, kind);
        let message_id = read.message_id;
        let at = match read.time_logged {
            "" => self.time_untold(message_id),
            told => time(told).ok_or_else(|| {
                LineError::new("timeLogged is no time with an offset, and no number")
            })?,
        };
        if let Some(occurrence) = read.occurrence(kind, at.0) {
            records.push(Record { at, message_id, occurrence });
        }
        Ok(())
    }

    fn header(&mut self, row: &Row<'_>) -> Result<(), LineError> {
        if row.len() > columns::COLUMNS_MAX {
            let most = columns::COLUMNS_MAX;
            return Err(LineError::new(format!("a header row has at most {most} columns")));
        }
        self.name(row.fields());
        Ok(())
    }

    /// When it was, where the record does not say so: a pipe with `record-fields` for an older
    /// program has the message id alone, which tells when the message was made. With an id that
    /// is not of our making, the time now.
    fn time_untold(&self, message_id: Option<MessageId>) -> Timestamp {
        let now = self.now();
        let made_at = message_id.map(|id| id.made_at());
        let is_likely =
            |at: &Timestamp| (now.0 - UNTOLD_MS_MAX..=now.0 + UNTOLD_MS_MAX).contains(&at.0);
        made_at.filter(is_likely).unwrap_or(now)
    }
}

impl Parser for PowerMta {
    fn line(&mut self, line: &[u8], records: &mut Vec<Record>) -> Result<(), LineError> {
        let Self { rows, columns } = self;
        rows.line(line, |row| columns.row(row, records))
    }

    fn is_within_record(&self) -> bool {
        self.rows.is_within_field()
    }

    fn set_now(&mut self, now: Timestamp) {
        self.columns.set_now(now);
    }

    fn end(&mut self, records: &mut Vec<Record>) -> Result<(), LineError> {
        let Self { rows, columns } = self;
        rows.end(|row| columns.row(row, records))
    }

    fn state(&self) -> Option<String> {
        self.columns.are_named().then(|| self.columns.names())
    }

    fn restore(&mut self, state: &str) {
        let names: Vec<_> = state.split('\n').collect();
        if names[0].eq_ignore_ascii_case("type") && names.len() <= columns::COLUMNS_MAX {
            self.columns.name(names.into_iter());
        }
    }
}

/// The types of records, also by their long names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Delivered,
    Bounced,
    Transient,
    TransientQueue,
    Received,
    FeedbackLoop,
    RemoteBounce,
    RemoteStatus,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "d" | "delivered" | "delivery" => Self::Delivered,
            "b" | "bounced" | "bounce" => Self::Bounced,
            "t" | "transient" => Self::Transient,
            "tq" | "transient-queue" => Self::TransientQueue,
            "r" | "received" | "receipt" => Self::Received,
            "f" | "feedback-loop" => Self::FeedbackLoop,
            "rb" | "remote-bounce" => Self::RemoteBounce,
            "rs" | "remote-status" => Self::RemoteStatus,
            _ => return None,
        })
    }

    /// That PowerMTA has received mail, the gateway has told already, and the trouble of a queue
    /// is not that of a message.
    fn says_nothing_new(self) -> bool {
        matches!(self, Self::Received | Self::TransientQueue)
    }
}

/// A row, by the names of its fields.
#[derive(Debug, Default)]
struct Read<'a> {
    time_logged: &'a str,
    message_id: Option<MessageId>,
    dsn_action: &'a str,
    dsn_diag: &'a str,
    feedback_type: &'a str,
    user_agent: &'a str,
    reporting_mta: &'a str,
    time_queued: &'a str,
    seconds_queued: &'a str,
    attempt: Attempt,
}

impl<'a> Read<'a> {
    fn new(row: &'a Row<'_>, columns: &'a Columns, kind: Kind) -> Self {
        let mut read = Self::default();
        let fields = columns.iter().zip(row.fields());
        for ((column, name), field) in fields.filter(|(_, field)| !field.is_empty()) {
            read.take(kind, column, name, field);
        }
        read
    }

    fn take(&mut self, kind: Kind, column: Column, name: &str, field: &'a str) {
        let is_feedback = kind == Kind::FeedbackLoop;
        let attempt = &mut self.attempt;
        match column {
            Column::Type => {}
            Column::TimeLogged => self.time_logged = field,
            Column::TimeQueued => self.time_queued = field,
            Column::SecondsQueued => self.seconds_queued = field,
            Column::Orig => attempt.msg_from = field.into(),
            Column::Rcpt => attempt.rcpt_to = field.into(),
            Column::DsnAction => self.dsn_action = field,
            // `5.1.1 (bad destination mailbox address)`
            Column::DsnStatus => {
                attempt.enhanced_status = field.split(' ').next().unwrap_or_default().into();
            }
            Column::DsnDiag => self.dsn_diag = field,
            Column::DsnMta => {
                let (host, address) = host_and_address(field);
                attempt.remote_mta = host.into();
                attempt.ip_address = attempt.ip_address.or(address);
            }
            Column::BounceCat => attempt.bounce_category = field.into(),
            Column::DlvType => {
                attempt.delv_method = if field == "smtp" { String::new() } else { field.into() };
            }
            Column::DlvSourceIp => match address(field) {
                Some(address) => attempt.sending_ip = Some(address),
                None => self.keep(name, field),
            },
            Column::DlvDestinationIp => match address(field) {
                Some(address) => attempt.ip_address = Some(address),
                None => self.keep(name, field),
            },
            Column::DlvSize => match field.parse() {
                Ok(octets) => attempt.msg_size = Some(octets),
                Err(_) => self.keep(name, field),
            },
            Column::Vmta => attempt.binding = field.into(),
            Column::VmtaPool => attempt.ip_pool = field.into(),
            Column::Queue => {
                attempt.routing_domain = field.split('/').next().unwrap_or_default().into();
                self.keep(name, field);
            }
            Column::FeedbackType if is_feedback => self.feedback_type = field,
            Column::UserAgent if is_feedback => self.user_agent = field,
            Column::ReportingMta if is_feedback => self.reporting_mta = field,
            Column::MessageId => match message_id(field) {
                Some(id) => self.message_id = Some(id),
                // Somebody else's is kept, to be seen.
                None => self.keep(name, field),
            },
            Column::SubaccountId => attempt.subaccount_id = field.trim().into(),
            Column::FeedbackType | Column::UserAgent | Column::ReportingMta | Column::Other => {
                self.keep(name, field);
            }
        }
    }

    fn keep(&mut self, name: &str, field: &str) {
        self.attempt.other.insert(name.into(), Value::String(field.into()));
    }

    /// What it tells of the message; nothing where another record has told it.
    fn occurrence(mut self, kind: Kind, at: i64) -> Option<Occurrence> {
        let queued_at = time(self.time_queued);
        self.attempt.queued_at = queued_at;
        let told = milliseconds(self.seconds_queued);
        let queue_time = told.or_else(|| Some(at - queued_at?.0));
        self.attempt.queue_time = queue_time.and_then(|time| u64::try_from(time).ok());
        if kind == Kind::FeedbackLoop {
            return Some(Occurrence::SpamComplaint(Box::new(self.complaint())));
        }
        let parts = split_reply(self.dsn_diag);
        if let (true, Some(status)) = (self.attempt.enhanced_status.is_empty(), parts.status) {
            self.attempt.enhanced_status = status.to_string();
        }
        let is = |action: &str| self.dsn_action.eq_ignore_ascii_case(action);
        let kind_of = match kind {
            Kind::Delivered => Occurrence::Delivery,
            Kind::Bounced => Occurrence::Bounce,
            Kind::Transient => Occurrence::Delay,
            Kind::RemoteBounce => Occurrence::OutOfBand,
            // Of a delivery PowerMTA has told when it was made.
            _ if is("failed") => Occurrence::OutOfBand,
            _ if is("delayed") => Occurrence::Delay,
            _ => return None,
        };
        let text = parts.text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Some(kind_of(reply(parts.code, text, None, self.attempt)))
    }

    fn complaint(self) -> Complaint {
        let reporter = self.reporting_mta.rsplit(';').next().unwrap_or_default().trim();
        Complaint {
            fbtype: self.feedback_type.into(),
            report_by: reporter.into(),
            report_to: String::new(),
            user_str: String::new(),
            user_agent: self.user_agent.into(),
            queue_id: None,
            attempt: Some(Box::new(self.attempt)),
        }
    }
}

/// `mx.example.com (192.0.2.25)`: the name, and the address where there is one.
fn host_and_address(text: &str) -> (&str, Option<std::net::IpAddr>) {
    match text.split_once(" (") {
        Some((host, rest)) => (host.trim(), address(rest.trim_end_matches(')'))),
        None => (text, address(text)),
    }
}

#[cfg(test)]
mod tests;
