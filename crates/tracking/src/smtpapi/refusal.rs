//! Why a message is refused for its X-MSYS-API field, or for its context variables. The
//! text is that of the reply.

use super::{FIELD, FIELD_OCTETS_MAX, RECIPIENTS_MAX};

/// Why a message is refused. The text is that of the reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The field holds no JSON object (RFC 8259), or one with too many levels.
    #[error("{FIELD} must be of type 'json object'")]
    NoObject,
    /// All fields of the name together are larger than is read.
    #[error("{FIELD} is limited to {FIELD_OCTETS_MAX} bytes")]
    TooLarge,
    /// A part of it is something else than it must be.
    #[error("{FIELD} '{name}' must be of type '{expected}'")]
    WrongType {
        /// What it is called.
        name: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A part of it is longer than it may be.
    #[error("{FIELD} '{name}' is limited to {octets_max} bytes")]
    TooLong {
        /// What it is called.
        name: &'static str,
        /// How many octets it may have.
        octets_max: usize,
    },
    /// A part of it has more levels than it may have.
    #[error("{FIELD} '{name}' is limited to {levels_max} levels")]
    TooDeep {
        /// What it is called.
        name: &'static str,
        /// How many levels it may have.
        levels_max: usize,
    },
    /// A part of it could not stand in a header field.
    #[error("{FIELD} '{name}' must be printable ASCII")]
    NotPrintable {
        /// What it is called.
        name: &'static str,
    },
    /// A recipient in it is no mailbox (RFC 5321 §4.1.2).
    #[error("{FIELD} '{list}' must hold mail addresses")]
    NoMailbox {
        /// Which list it is in.
        list: &'static str,
    },
    /// A recipient in it has an address that only SMTPUTF8 carries (RFC 6531).
    #[error("{FIELD} '{list}' has an address that needs SMTPUTF8")]
    NeedsSmtputf8 {
        /// Which list it is in.
        list: &'static str,
    },
    /// There are more recipients, with those of the envelope, than a message may have.
    #[error(
        "{FIELD}: a message is limited to {RECIPIENTS_MAX} recipients with cc, bcc and archive"
    )]
    TooManyRecipients,
    /// A context variable is something else than it must be.
    #[error("{variable} context must be of type '{expected}'")]
    WrongVariable {
        /// Its name.
        variable: &'static str,
        /// What it must be.
        expected: &'static str,
    },
    /// A context variable has more levels than it may have.
    #[error("{variable} context is limited to {levels_max} levels")]
    DeepVariable {
        /// Its name.
        variable: &'static str,
        /// How many levels it may have.
        levels_max: usize,
    },
    /// A context variable, or what is said of the same in the field, is too long.
    #[error("{variable} context is limited to {octets_max} bytes")]
    LongVariable {
        /// Its name.
        variable: &'static str,
        /// How many octets it may have.
        octets_max: usize,
    },
}

impl Refusal {
    /// The code of the reply to the message.
    pub const CODE: u16 = 550;
    /// The enhanced status code of that reply (RFC 3463).
    pub const ENHANCED: &'static str = "5.6.0";
}
