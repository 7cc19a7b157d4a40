//! A transaction (RFC 5321 §3.3), as far as upstream has accepted it.

use crate::smtp::client::Client;

/// A chunk of a message (RFC 3030).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    /// How many octets follow.
    pub octets: u64,
    /// No chunk came before it.
    pub is_first: bool,
    /// It is the last, and the transaction ends with it.
    pub last: Option<Transaction>,
}

/// A line of the envelope as the client wrote it, and the mailbox in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvelopeLine {
    /// The whole line without its CRLF, with all parameters.
    pub line: String,
    /// The mailbox without angle brackets.
    pub mailbox: String,
}

/// What upstream has accepted of a transaction so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// MAIL.
    pub reverse_path: EnvelopeLine,
    /// Each RCPT that upstream accepted, in order, with upstream's reply code.
    pub recipients: Vec<EnvelopeLine>,
    /// A recipient was named twice, so upstream knows of more than there are here.
    pub has_repetition: bool,
    /// The content may have any octets, and goes upstream with BDAT (RFC 3030 §3).
    pub is_binary: bool,
    /// Who sends it.
    pub client: Client,
    /// A trusted peer has told of the client for this message, by XFORWARD.
    pub is_forwarded: bool,
}
