//! The formats of records, by their names in the configuration.

use super::{
    Parser, Reading,
    exim::Exim,
    kumomta::{self, KumoMta},
    momentum::{Momentum, Refusals},
    postfix::Postfix,
    powermta::PowerMta,
};
use std::{fmt, str::FromStr};

/// How an MTA writes its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PowerMTA's accounting records, in CSV.
    PowerMta,
    /// KumoMTA's log records, in JSON.
    KumoMta,
    /// Momentum's mainlog, bouncelog and fbllog; refusals in a session are those of the mainlog.
    Momentum,
    /// The same, with the refusals of the bouncelog.
    MomentumBouncelog,
    /// The lines that Postfix writes to syslog, or to its own file.
    Postfix,
    /// Exim's main log.
    Exim,
}

impl Format {
    /// Every format there is.
    pub const ALL: &'static [Self] = &[
        Self::PowerMta,
        Self::KumoMta,
        Self::Momentum,
        Self::MomentumBouncelog,
        Self::Postfix,
        Self::Exim,
    ];

    /// Its name, as it stands in the configuration and in events.
    pub fn name(self) -> &'static str {
        match self {
            Self::PowerMta => "powermta",
            Self::KumoMta => "kumomta",
            Self::Momentum => "momentum",
            Self::MomentumBouncelog => "momentum_bouncelog",
            Self::Postfix => "postfix",
            Self::Exim => "exim",
        }
    }

    /// One that reads a file or pipe from its start on.
    pub fn parser(self, reading: &Reading) -> Box<dyn Parser> {
        match self {
            Self::PowerMta => Box::new(PowerMta::new(reading)),
            Self::KumoMta => Box::new(KumoMta::new(reading)),
            Self::Momentum => Box::new(Momentum::new(Refusals::OfMainlog)),
            Self::MomentumBouncelog => Box::new(Momentum::new(Refusals::OfBouncelog)),
            Self::Postfix => Box::new(Postfix::new(reading)),
            Self::Exim => Box::new(Exim::new(reading)),
        }
    }

    /// Octets that a line may have where `most` are configured: KumoMTA's have a limit of their own,
    /// as whole messages are in its reports of feedback.
    pub fn line_octets_max(self, most: usize) -> usize {
        match self {
            Self::KumoMta => most.max(kumomta::LINE_OCTETS_MAX),
            _ => most,
        }
    }

    /// Does what one file begins go on in the next one? Otherwise each file is read by itself.
    pub fn spans_files(self) -> bool {
        match self {
            // Each file begins with its header row; records in JSON say all by themselves.
            Self::PowerMta | Self::KumoMta => false,
            Self::Momentum | Self::MomentumBouncelog | Self::Postfix | Self::Exim => true,
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
