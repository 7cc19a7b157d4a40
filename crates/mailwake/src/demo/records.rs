//! What the demo's MTA writes down of each mail: accounting records in CSV, as PowerMTA does.

use super::upstream::Arrived;
use anyhow::Result;
use jiff::Timestamp;
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

/// The columns that the demo has of PowerMTA's.
const COLUMNS: &str = "type,timeLogged,rcpt,dsnAction,dsnStatus,dsnDiag,header_X-Sp-Message-Id";

/// The file of the records.
pub(super) struct Records(File);

impl Records {
    /// Begins a file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut file = File::create_new(path)?;
        writeln!(file, "{COLUMNS}")?;
        Ok(Self(file))
    }

    /// Writes down that a mail was delivered (`d`), or that it was given up (`b`).
    pub(super) fn tell(&mut self, mail: &Arrived) -> Result<()> {
        let (kind, action, status, reply) = match mail.refusal {
            None => ("d", "relayed", "2.0.0", "250 2.0.0 Ok"),
            Some(reply) => ("b", "failed", "5.1.1", reply),
        };
        let (now, message_id) = (Timestamp::now(), mail.message_id()?);
        // It may have commas.
        let recipient = mail.recipient.replace('"', "\"\"");
        let line = format!(
            "{kind},{now:.0},\"{recipient}\",{action},{status} ({reply}),smtp;{reply},{message_id}\n"
        );
        // In one piece, so that nobody reads half a line.
        Ok(self.0.write_all(line.as_bytes())?)
    }
}
