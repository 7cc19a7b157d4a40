//! Which parts of a message are rewritten: text/html and text/plain that a mail client
//! shows, text/x-amp-html where wanted, and of these what may change without harm.

use super::Reason;
use crate::decision::{Decision, Parts};
use mail::{
    message::{
        content_type::TransferEncoding,
        part::{Part, PartTree},
    },
    text::charset::Charset,
};

#[cfg(test)]
mod tests;

/// What a part holds that is rewritten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Html,
    Text,
    /// HTML by the rules of AMP for Email: tags of its own, and templates inside.
    Amp,
}

/// Picks the parts of a message, from first to last.
#[derive(Debug)]
pub(super) struct Selection<'a> {
    tree: &'a PartTree,
    decision: &'a Decision,
    /// Which kinds were seen.
    seen: [bool; 3],
}

impl<'a> Selection<'a> {
    /// Picks by this decision.
    pub(super) fn new(tree: &'a PartTree, decision: &'a Decision) -> Self {
        Self { tree, decision, seen: [false; 3] }
    }

    /// What this part is rewritten as, and the charset that its header tells. Refuses one
    /// that is to be left untouched.
    pub(super) fn pick(&mut self, index: usize) -> Result<(Kind, Option<Charset>), Reason> {
        let part = &self.tree.parts()[index];
        self.tree.ancestors(index).chain([part]).find_map(protection).map_or(Ok(()), Err)?;
        let kind = shown_kind(part, self.decision)?;
        let seen = &mut self.seen[kind as usize];
        if std::mem::replace(seen, true) && self.decision.parts == Parts::Top {
            return Err(Reason::NotTop);
        }
        let is_tracked = match kind {
            Kind::Html | Kind::Amp => self.decision.is_tracked(),
            Kind::Text => self.decision.tracks_text(),
        };
        if !is_tracked && !self.decision.cleans_up() {
            return Err(Reason::NotTracked);
        }
        label(part).map(|label| (kind, label))
    }
}

/// Why nothing may change in here (RFC 1847 §2, RFC 8551 §3, RFC 2046 §5.1.5).
fn protection(part: &Part) -> Option<Reason> {
    match part.content.media_type.essence.as_str() {
        "multipart/signed" | "multipart/x-pkcs7-signature" => Some(Reason::Signed),
        "multipart/encrypted" => Some(Reason::Encrypted),
        "application/pkcs7-mime" | "application/x-pkcs7-mime" => Some(Reason::Encrypted),
        "multipart/digest" => Some(Reason::ContentType),
        _ => None,
    }
}

/// What of the part is shown inline. RFC 2183 §2.8: a disposition that is not known is
/// that of an attachment. A part with a file name may be shown as one.
fn shown_kind(part: &Part, decision: &Decision) -> Result<Kind, Reason> {
    let content = &part.content;
    let kind = match content.media_type.essence.as_str() {
        "text/html" => Kind::Html,
        "text/plain" => Kind::Text,
        "text/x-amp-html" if decision.amp => Kind::Amp,
        _ if content.media_type.is_multipart() => return Err(Reason::Boundary),
        _ => return Err(Reason::ContentType),
    };
    let disposition = content.disposition.as_ref();
    let is_attached =
        disposition.is_some_and(|found| !matches!(found.essence.as_str(), "" | "inline"));
    let file_name = disposition.and_then(|found| found.parameter("filename"));
    let name = content.media_type.parameter("name").or(file_name);
    if is_attached || name.is_some_and(|name| !name.is_empty()) {
        return Err(Reason::Attachment);
    }
    Ok(kind)
}

/// The charset that the header of a part tells. Refuses one whose octets cannot be edited.
fn label(part: &Part) -> Result<Option<Charset>, Reason> {
    let content = &part.content;
    if content.has_digest {
        return Err(Reason::ContentMd5);
    }
    if content.is_ambiguous || !part.has_blank_line {
        return Err(Reason::AmbiguousHeader);
    }
    if content.encoding == TransferEncoding::Unknown {
        return Err(Reason::UnknownEncoding);
    }
    let label = content.media_type.parameter("charset").filter(|label| !label.is_empty());
    label.map(|label| Charset::of_label(label).ok_or(Reason::Charset)).transpose()
}
