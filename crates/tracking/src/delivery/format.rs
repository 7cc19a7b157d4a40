//! The formats of records, by their names in the configuration.

use super::{Parser, Reading, postfix::Postfix, powermta::PowerMta};
use std::{fmt, str::FromStr};

/// How an MTA writes its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PowerMTA's accounting records, in CSV.
    PowerMta,
    /// The lines that Postfix writes to syslog, or to its own file.
    Postfix,
}

impl Format {
    /// Every format there is.
    pub const ALL: &'static [Self] = &[Self::PowerMta, Self::Postfix];

    /// Its name, as it stands in the configuration and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerMta => "powermta",
            Self::Postfix => "postfix",
        }
    }

    /// One that reads a file or pipe from its start on.
    pub fn parser(self, reading: &Reading) -> Box<dyn Parser> {
        match self {
            Self::PowerMta => Box::new(PowerMta::new(reading)),
            Self::Postfix => Box::new(Postfix::new(reading)),
        }
    }

    /// Does what one file begins go on in the next one? Otherwise each file is read by itself.
    pub fn spans_files(self) -> bool {
        match self {
            // Each file begins with its header row.
            Self::PowerMta => false,
            Self::Postfix => true,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|format| format.name() == name).ok_or(())
    }
}
