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
mod unsubscribe;

pub use report::{
    IdOutcome, LinkOutcome, LinkReport, PartOutcome, PartReport, Reason, Report, Signature,
};
pub use unsubscribe::{UnsubscribeOutcome, UnsubscribeReason};

use crate::decision::{Decision, SignedMail};
use head::Removals;
use mail::{
    message::{
        edit::EditList,
        encoding::{Decoded, EditableBody, LineEnd},
        part::{PartTree, SplitError, split, whole},
        splice::Splicer,
    },
    text::charset::Charset,
};
use safety_net::EditedPart;
use select::{Kind, Selection};
use site::{PlannedLink, Site};
use std::{borrow::Cow, ops::Range, sync::Arc};
use unsubscribe::Unsubscribe;

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
    /// It stands in an AMP part.
    pub is_amp: bool,
}

/// What stands in the place of a link or pixel in one copy.
pub trait Links {
    /// Appends the whole tracked URL for a link. False if it cannot be signed: then the
    /// link goes out as it was, and the reason is counted.
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool;
    /// Appends the URL of the pixel at the end of an HTML part, or of an AMP part; false for
    /// no pixel.
    fn open(&mut self, is_amp: bool, url: &mut String) -> bool;
    /// The same for the pixel at the start.
    fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool;
    /// Appends the URL of a link that no person sees; false for no such link.
    fn honeypot(&mut self, _url: &mut String) -> bool {
        false
    }
    /// Appends the URL for the List-Unsubscribe field, in `octets_max` at most; false if
    /// there is none. `target_url` is the sender's own, which is empty where there is none.
    fn list_unsubscribe(&mut self, _target_url: &str, _octets_max: usize, _: &mut String) -> bool {
        false
    }
    /// The URI of mailto that stands beside it, if there is one.
    fn list_unsubscribe_mailto(&self) -> Option<String> {
        None
    }
}

/// The header field that carries the message id of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdField<'a> {
    /// Its name, such as `X-Sp-Message-Id`.
    pub name: &'a str,
    /// Its value. One that is not printable ASCII is refused.
    pub value: &'a str,
}

/// What is to become of the fields of one name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldEdit {
    pub(crate) name: String,
    pub(crate) action: FieldAction,
}

/// What is done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FieldAction {
    /// There is one with this value.
    Put(Arc<str>),
    /// The list in it is made longer.
    Extend(Arc<str>),
    /// This range of the header, inside the one field of the name, becomes that text.
    Splice(Range<usize>, Arc<str>),
    /// There is none.
    Remove,
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
    parts: Vec<PlannedPart>,
    links: Vec<PlannedLink>,
    is_signed: bool,
    removals: Removals,
    unsubscribe: Unsubscribe,
}

/// A part that holds no others, and what is to be done with it.
#[derive(Debug)]
struct PlannedPart {
    index: usize,
    path: Arc<str>,
    content_type: Arc<str>,
    work: Result<Work, Reason>,
}

/// A part that is rewritten, and where. Its content is not kept.
#[derive(Debug)]
struct Work {
    kind: Kind,
    body: EditableBody,
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
        let header = tree.root().header.clone();
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
            unsubscribe: Unsubscribe::plan(&message[header], decision),
        }
    }

    /// Makes the copy for one recipient.
    pub fn copy(&self, id: Option<IdField<'_>>, links: &mut dyn Links) -> TrackedCopy<'m> {
        self.copy_with(id, &[], links)
    }

    /// The same, with other edits of the header. They are made in every message that has a
    /// header, also where nothing else may be touched: they are what its sender asks for.
    pub fn copy_with(
        &self,
        id: Option<IdField<'_>>,
        fields: &[FieldEdit],
        links: &mut dyn Links,
    ) -> TrackedCopy<'m> {
        let mut report = self.report();
        let edited = self.fill(links, &mut report);
        let is_protected = edited.is_empty() && self.is_protected();
        let (unsubscribe, outcome) = self.unsubscribe.edits(
            &self.message[self.tree.root().header.clone()],
            is_protected,
            links,
        );
        report.list_unsubscribe = outcome;
        let breaks_signature =
            !edited.is_empty() || !unsubscribe.is_empty() && self.unsubscribe.is_signed();
        let signatures = self.removals.signatures && breaks_signature;
        report.signature = match () {
            () if !self.is_signed => Signature::Absent,
            () if !breaks_signature => Signature::Kept,
            () if signatures => Signature::Stripped,
            () => Signature::Broken,
        };
        let is_withheld = id.is_some() && is_protected;
        let id = id.filter(|_| !is_withheld);
        let removals = Removals { signatures, ..self.removals };
        let all = [fields, &unsubscribe].concat();
        let (header, id_field) = head::edits(self.message, self.tree.root(), id, &all, removals);
        report.id_field = if is_withheld { IdOutcome::Withheld } else { id_field };
        match self.made(&header, &edited) {
            Some(octets) => TrackedCopy { octets, report },
            None => self.caught(id, fields, report),
        }
    }

    /// Is there nothing in the message that may be touched? What is signed, encrypted or
    /// not understood goes through as the very input.
    fn is_protected(&self) -> bool {
        if let Some(reason) = self.untouched {
            return reason.is_protective();
        }
        let is_protective = |part: &PlannedPart| match part.work {
            Ok(_) => false,
            Err(reason) => reason.is_protective() || part.content_type.starts_with("message/"),
        };
        let is_readable = |part: &PlannedPart| matches!(part.work, Ok(_) | Err(Reason::Empty));
        let has_protected_link =
            self.links.iter().any(|link| link.left_alone.is_some_and(Reason::is_protective));
        let has_protected_part = self.parts.is_empty() || self.parts.iter().any(is_protective);
        has_protected_link || has_protected_part && !self.parts.iter().any(is_readable)
    }

    /// The message with these edits made, if the safety net lets it pass.
    fn made(&self, header: &EditList, parts: &[EditedPart<'_>]) -> Option<Cow<'m, [u8]>> {
        if header.is_empty() && parts.is_empty() {
            return Some(Cow::Borrowed(self.message));
        }
        let growth: usize = parts.iter().map(|part| part.body.growth(&part.edits)).sum();
        let copy_len = self.message.len() + header.replacement_octets() + growth;
        let splices = parts.iter().map(|part| part.edits.len()).sum::<usize>() + header.len();
        let mut splicer = Splicer::new(self.message, copy_len, splices);
        for edit in header {
            splicer.replace(edit.range, |out| out.extend_from_slice(edit.replacement)).ok()?;
        }
        for part in parts {
            let place = self.tree.parts()[part.index].body.clone();
            part.body.splice(place, &part.edits, self.line_end, &mut splicer).ok()?;
        }
        let (copy, splices) = splicer.finish();
        safety_net::holds(self.message, &self.tree, (&copy, &splices), header, parts)
            .then_some(Cow::Owned(copy))
    }

    /// What goes out when the safety net has caught a copy: the message as it came,
    /// with its id if that does no harm.
    fn caught(
        &self,
        id: Option<IdField<'_>>,
        fields: &[FieldEdit],
        mut report: Report,
    ) -> TrackedCopy<'m> {
        report.fall_back(self.is_signed);
        let removals = Removals { signatures: false, ..self.removals };
        let (header, id_field) = head::edits(self.message, self.tree.root(), id, fields, removals);
        let with_id = self.made(&header, &[]);
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
            pixels_left_out: 0,
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
fn planned_parts(
    message: &[u8],
    tree: &PartTree,
    decision: &Decision,
) -> (Vec<PlannedPart>, Vec<PlannedLink>) {
    let mut selection = Selection::new(tree, decision);
    let mut links = Vec::new();
    let mut parts = Vec::new();
    for (index, part) in tree.parts().iter().enumerate().filter(|(_, part)| !part.is_split) {
        let work = selection.pick(index).and_then(|(kind, label)| {
            let body = &message[part.body.clone()];
            let decoded =
                Decoded::new(body, part.content.encoding).map_err(|_| Reason::BrokenEncoding)?;
            let content = decoded.content();
            if content.trim_ascii().is_empty() {
                return Err(Reason::Empty);
            }
            if text::has_armor(content) {
                return Err(Reason::Signed);
            }
            let charset = match kind {
                Kind::Html | Kind::Amp => Charset::of_html(content, label),
                Kind::Text => Charset::of_text(content, label),
            };
            let charset = charset.ok_or(Reason::Charset)?;
            let media_type = &part.content.media_type;
            let mut sites = match kind {
                Kind::Html | Kind::Amp => html::sites(content, charset, kind, decision, &mut links),
                Kind::Text => text::sites(content, charset, media_type, decision, &mut links),
            };
            if decision.substitution_escapes {
                escape::add_sites(content, charset, &mut sites);
            }
            sites.sort_by_key(Site::order);
            sites.shrink_to_fit();
            let edited: Vec<_> = sites.iter().map(|site| site.range.clone()).collect();
            let body = decoded.editable(&edited).ok_or(Reason::SafetyNet)?;
            Ok(Work { kind, body, sites })
        });
        parts.push(PlannedPart {
            index,
            path: tree.path(index).into(),
            content_type: part.content.media_type.essence.as_str().into(),
            work,
        });
    }
    links.shrink_to_fit();
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
