//! The columns of accounting records, as a header row names them.

use crate::{delivery::Reading, ids::Timestamp};

/// Columns that a header row may have.
pub(super) const COLUMNS_MAX: usize = 500;

/// What PowerMTA writes where its configuration says nothing else.
pub(super) const DEFAULT: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,\
     dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,\
     dlvEsmtpAvailable,dlvSize,vmta,jobId,envId,queue,vmtaPool";

/// What mailwake makes of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    Type,
    TimeLogged,
    TimeQueued,
    SecondsQueued,
    Orig,
    Rcpt,
    DsnAction,
    DsnStatus,
    DsnDiag,
    DsnMta,
    BounceCat,
    DlvType,
    DlvSourceIp,
    DlvDestinationIp,
    DlvSize,
    Vmta,
    VmtaPool,
    Queue,
    FeedbackType,
    UserAgent,
    ReportingMta,
    MessageId,
    SubaccountId,
    /// Kept under its own name.
    Other,
}

const KNOWN: [(&str, Column); 22] = [
    ("type", Column::Type),
    ("timelogged", Column::TimeLogged),
    ("timequeued", Column::TimeQueued),
    ("totalsecondsqueued", Column::SecondsQueued),
    ("orig", Column::Orig),
    ("rcpt", Column::Rcpt),
    ("dsnaction", Column::DsnAction),
    ("dsnstatus", Column::DsnStatus),
    ("dsndiag", Column::DsnDiag),
    ("dsnmta", Column::DsnMta),
    ("bouncecat", Column::BounceCat),
    ("dlvtype", Column::DlvType),
    ("dlvsourceip", Column::DlvSourceIp),
    ("dlvdestinationip", Column::DlvDestinationIp),
    ("dlvsize", Column::DlvSize),
    ("vmta", Column::Vmta),
    ("vmtapool", Column::VmtaPool),
    ("queue", Column::Queue),
    ("feedbacktype", Column::FeedbackType),
    ("useragent", Column::UserAgent),
    ("reportingmta", Column::ReportingMta),
    ("dsnreportingmta", Column::ReportingMta),
];

/// The columns of the rows that follow.
#[derive(Debug)]
pub(super) struct Columns {
    columns: Vec<(Column, String)>,
    /// Were they named by a header row, or are they the default ones?
    are_named: bool,
    reading: Reading,
}

impl Columns {
    /// The default ones.
    pub(super) fn new(reading: &Reading) -> Self {
        let mut new = Self { columns: Vec::new(), are_named: false, reading: reading.clone() };
        new.name(DEFAULT.split(','));
        new.are_named = false;
        new
    }

    /// Takes their names, in order.
    pub(super) fn name<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let column = |name: &str| {
            let lower = name.trim().to_ascii_lowercase();
            match lower.strip_prefix("header_") {
                Some(header) if header == self.reading.message_id_header => Column::MessageId,
                Some(header) if header == self.reading.subaccount_header => Column::SubaccountId,
                Some(_) => Column::Other,
                None => {
                    let known = KNOWN.iter().find(|(known, _)| *known == lower);
                    known.map_or(Column::Other, |(_, column)| *column)
                }
            }
        };
        // What is remembered of them is one in a line.
        let in_a_line = |name: &str| name.trim().replace(['\r', '\n'], " ");
        self.columns = names.map(|name| (column(name), in_a_line(name))).collect();
        self.are_named = true;
    }

    /// Each column with its name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Column, &str)> {
        self.columns.iter().map(|(column, name)| (*column, name.as_str()))
    }

    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Were they named by a header row?
    pub(super) fn are_named(&self) -> bool {
        self.are_named
    }

    /// The time at which it is read.
    pub(super) fn now(&self) -> Timestamp {
        self.reading.now
    }

    pub(super) fn set_now(&mut self, now: Timestamp) {
        self.reading.now = now;
    }

    /// All names, a line each.
    pub(super) fn names(&self) -> String {
        let names: Vec<_> = self.iter().map(|(_, name)| name).collect();
        names.join("\n")
    }
}
