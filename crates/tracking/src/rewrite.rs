//! The tracked copy of a message. A message and a decision come in, and for each
//! recipient a copy goes out with its own links, pixels and id. The message is
//! edited by splicing octet ranges; what stands outside an edit is the octets that
//! came (RFC 5322 and RFC 2045 say how they are found). What the links are made of
//! is the caller's: here nothing is sealed, sent or stored.

mod report;

pub use report::{
    IdOutcome, LinkOutcome, LinkReport, PartOutcome, PartReport, Reason, Report, Signature,
};

use crate::decision::Decision;
use std::borrow::Cow;

/// What stands in the place of a link or pixel in one copy.
pub trait Links {
    /// The whole tracked URL for a target, or `None` if it cannot be signed: then
    /// the link goes out as it was, and the reason is counted.
    fn click(&mut self, target_url: &str, link_index: u32) -> Option<String>;
    /// The URL of the pixel at the end of an HTML part, or `None` for no pixel.
    fn open(&mut self) -> Option<String>;
    /// The URL of the pixel at the start of an HTML part, or `None` for no pixel.
    fn initial_open(&mut self) -> Option<String>;
}

/// The header field that carries the message id of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdField<'a> {
    /// Its name, such as `X-Sp-Message-Id`.
    pub name: &'a str,
    /// Its value. One with a control character is refused.
    pub value: &'a str,
}

/// One copy of a message, and what was done to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedCopy<'m> {
    /// The copy; borrowed when no octet had to change.
    pub octets: Cow<'m, [u8]>,
    /// What was done, part by part and link by link.
    pub report: Report,
}

/// How a message is rewritten: its parts split and decoded and its links located.
/// It is made once for a message and serves every recipient.
#[derive(Debug)]
pub struct Plan<'m> {
    message: &'m [u8],
}

impl<'m> Plan<'m> {
    /// Plans the rewrite of a message. Takes any octets: what cannot be understood
    /// is left untouched, with a reason in the report.
    pub fn new(message: &'m [u8], _decision: &Decision) -> Self {
        Self { message }
    }

    /// Makes the copy for one recipient.
    pub fn copy(&self, _id: Option<IdField<'_>>, _links: &mut dyn Links) -> TrackedCopy<'m> {
        TrackedCopy { octets: Cow::Borrowed(self.message), report: Report::default() }
    }
}

/// Makes one tracked copy of a message: a plan that is used once.
pub fn rewrite<'m>(
    message: &'m [u8],
    decision: &Decision,
    id: Option<IdField<'_>>,
    links: &mut dyn Links,
) -> TrackedCopy<'m> {
    Plan::new(message, decision).copy(id, links)
}
