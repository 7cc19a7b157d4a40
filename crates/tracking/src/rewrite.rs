//! The tracked copy of a message. A message and a decision come in, and for each
//! recipient a copy goes out with its own links, pixels and id. The message is
//! edited by splicing octet ranges; what stands outside an edit is the octets that
//! came (RFC 5322 and RFC 2045 say how they are found). What the links are made of
//! is the caller's: here nothing is sealed, sent or stored.

mod control;
mod escape;
mod fill;
mod head;
mod html;
mod report;
mod safety_net;
mod select;
mod site;
#[cfg(test)]
mod tests;
mod text;

pub use report::{
    IdOutcome, LinkOutcome, LinkReport, PartOutcome, PartReport, Reason, Report, Signature,
};

use crate::decision::{Decision, SignedMail};
use head::Removals;
use mail::message::{
    edit::EditList,
    encoding::{LineEnd, decode, encode_edits},
    part::{PartTree, SplitError, split, whole},
};
use safety_net::EditedPart;
use select::{Kind, Selection};
use site::{PlannedLink, Site};
use std::{borrow::Cow, sync::Arc};

/// What is asked of [`Links`] for one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRequest<'a> {
    /// Where it leads, decoded.
    pub target_url: &'a str,
    /// Its place among the links of the message, from 0.
    pub link_index: u32,
    /// What its sender calls it, in 63 octets at most.
    pub name: Option<&'a str>,
    /// Following it is an unsubscription.
    pub is_unsubscribe: bool,
    /// The path under which apps know it, fit to stand in a URL as it is.
    pub sublink: Option<&'a str>,
}

/// What stands in the place of a link or pixel in one copy.
pub trait Links {
    /// The whole tracked URL for a link, or `None` if it cannot be signed: then
    /// the link goes out as it was, and the reason is counted.
    fn click(&mut self, link: &LinkRequest<'_>) -> Option<String>;
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
    /// Its value. One that is not printable ASCII is refused.
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
    line_end: LineEnd,
    tree: PartTree,
    untouched: Option<Reason>,
    parts: Vec<PlannedPart<'m>>,
    links: Vec<PlannedLink>,
    is_signed: bool,
    removals: Removals,
}

/// A part that holds no others, and what is to be done with it.
#[derive(Debug)]
struct PlannedPart<'m> {
    index: usize,
    path: Arc<str>,
    content_type: Arc<str>,
    work: Result<Work<'m>, Reason>,
}

/// The content of a part that is rewritten, and where.
#[derive(Debug)]
struct Work<'m> {
    decoded: Cow<'m, [u8]>,
    sites: Vec<Site>,
}

impl<'m> Plan<'m> {
    /// Plans the rewrite of a message. Takes any octets: what cannot be understood
    /// is left untouched, with a reason in the report.
    pub fn new(message: &'m [u8], decision: &Decision) -> Self {
        let split = split(message);
        let beyond_limits = split.as_ref().err().map(|error| match error {
            SplitError::TooDeep => Reason::TooDeep,
            SplitError::TooManyParts => Reason::TooManyParts,
        });
        let tree = split.unwrap_or_else(|_| whole(message));
        let is_signed = head::is_signed(message, tree.root());
        let untouched = match () {
            () if !decision.is_tracked() && !decision.cleans_up() => Some(Reason::NotTracked),
            () if message.len() > decision.message_octets_rewritten_max => Some(Reason::TooLarge),
            () if is_signed && decision.signed_mail == SignedMail::Bypass => {
                Some(Reason::DkimSigned)
            }
            () => beyond_limits,
        };
        let (parts, links) = match untouched {
            Some(_) => (Vec::new(), Vec::new()),
            None => planned_parts(message, &tree, decision),
        };
        Self {
            message,
            line_end: LineEnd::of(message).unwrap_or_default(),
            tree,
            untouched,
            parts,
            links,
            is_signed,
            removals: Removals {
                signatures: decision.signed_mail == SignedMail::Strip,
                smtpapi: decision.removes_smtpapi,
            },
        }
    }

    /// Makes the copy for one recipient.
    pub fn copy(&self, id: Option<IdField<'_>>, links: &mut dyn Links) -> TrackedCopy<'m> {
        let mut report = self.report();
        let edited = self.fill(links, &mut report);
        let signatures = self.removals.signatures && !edited.is_empty();
        report.signature = match () {
            () if !self.is_signed => Signature::Absent,
            () if edited.is_empty() => Signature::Kept,
            () if signatures => Signature::Stripped,
            () => Signature::Broken,
        };
        let is_withheld = id.is_some() && edited.is_empty() && self.is_protected();
        let id = id.filter(|_| !is_withheld);
        let removals = Removals { signatures, ..self.removals };
        let (mut edits, id_field) = head::edits(self.message, self.tree.root(), id, removals);
        report.id_field = if is_withheld { IdOutcome::Withheld } else { id_field };
        for part in &edited {
            let node = &self.tree.parts()[part.index];
            let body = &self.message[node.body.clone()];
            let encoding = node.content.encoding;
            let of_body = encode_edits(body, part.decoded, encoding, &part.edits, self.line_end);
            // Parts are in order; were they not, the net would have caught it.
            if edits.append(node.body.start, of_body).is_err() {
                return self.caught(id, report);
            }
        }
        match self.applied(edits, &edited) {
            Some(octets) => TrackedCopy { octets, report },
            None => self.caught(id, report),
        }
    }

    /// Is there nothing in the message that may be touched? What is signed, encrypted or
    /// not understood goes through as the very input.
    fn is_protected(&self) -> bool {
        if let Some(reason) = self.untouched {
            return reason.is_protective();
        }
        let is_protective = |part: &PlannedPart<'_>| match part.work {
            Ok(_) => false,
            Err(reason) => reason.is_protective() || part.content_type.starts_with("message/"),
        };
        let is_readable = |part: &PlannedPart<'_>| matches!(part.work, Ok(_) | Err(Reason::Empty));
        let has_protected_link =
            self.links.iter().any(|link| link.left_alone.is_some_and(Reason::is_protective));
        let has_protected_part = self.parts.is_empty() || self.parts.iter().any(is_protective);
        has_protected_link || has_protected_part && !self.parts.iter().any(is_readable)
    }

    /// The message with these edits, if the safety net lets them pass.
    fn applied(&self, edits: EditList, parts: &[EditedPart<'_>]) -> Option<Cow<'m, [u8]>> {
        if edits.is_empty() {
            return Some(Cow::Borrowed(self.message));
        }
        let copy = edits.apply(self.message);
        safety_net::holds(self.message, &self.tree, &copy, edits, parts).then_some(Cow::Owned(copy))
    }

    /// What goes out when the safety net has caught a copy: the message as it came,
    /// with its id if that does no harm.
    fn caught(&self, id: Option<IdField<'_>>, mut report: Report) -> TrackedCopy<'m> {
        report.fall_back(self.is_signed);
        let removals = Removals { signatures: false, ..self.removals };
        let (edits, id_field) = head::edits(self.message, self.tree.root(), id, removals);
        let with_id = self.applied(edits, &[]);
        report.id_field = if with_id.is_some() { id_field } else { IdOutcome::Refused };
        let octets = with_id.unwrap_or(Cow::Borrowed(self.message));
        TrackedCopy { octets, report }
    }

    /// What is known of every copy before it is made.
    fn report(&self) -> Report {
        let parts = self.parts.iter().map(|part| PartReport {
            path: Arc::clone(&part.path),
            content_type: Arc::clone(&part.content_type),
            outcome: PartOutcome::Untouched(match part.work {
                Ok(_) => Reason::NothingToTrack,
                Err(reason) => reason,
            }),
        });
        let links = self.links.iter().zip(0..).map(|(link, index)| LinkReport {
            index,
            target: Arc::clone(&link.target),
            name: link.control.name.clone(),
            is_unsubscribe: link.control.is_unsubscribe,
            outcome: LinkOutcome::LeftAlone(link.left_alone.unwrap_or(Reason::NotSigned)),
        });
        Report {
            untouched: self.untouched,
            parts: parts.collect(),
            links: links.collect(),
            ..Report::default()
        }
    }
}

/// Plans the parts of a message that hold no others, and finds the links in them.
fn planned_parts<'m>(
    message: &'m [u8],
    tree: &PartTree,
    decision: &Decision,
) -> (Vec<PlannedPart<'m>>, Vec<PlannedLink>) {
    let mut selection = Selection::new(tree, decision);
    let mut links = Vec::new();
    let mut parts = Vec::new();
    for (index, part) in tree.parts().iter().enumerate().filter(|(_, part)| !part.is_split) {
        let work = selection.pick(index).and_then(|(kind, charset)| {
            let body = &message[part.body.clone()];
            let decoded =
                decode(body, part.content.encoding).map_err(|_| Reason::BrokenEncoding)?;
            if decoded.trim_ascii().is_empty() {
                return Err(Reason::Empty);
            }
            if text::has_armor(&decoded) {
                return Err(Reason::Signed);
            }
            let media_type = &part.content.media_type;
            let mut sites = match kind {
                Kind::Html | Kind::Amp => {
                    html::sites(&decoded, charset, kind, decision, &mut links)
                }
                Kind::Text => text::sites(&decoded, charset, media_type, decision, &mut links),
            };
            if decision.substitution_escapes {
                escape::add_sites(&decoded, charset, &mut sites);
            }
            sites.sort_by_key(Site::order);
            Ok(Work { decoded, sites })
        });
        parts.push(PlannedPart {
            index,
            path: tree.path(index).into(),
            content_type: part.content.media_type.essence.as_str().into(),
            work,
        });
    }
    (parts, links)
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
