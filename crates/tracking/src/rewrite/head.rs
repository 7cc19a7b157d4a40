//! Edits of the message header: the field with the message id, DKIM signatures, and
//! X-MSYS-API where it was read.
//! All other fields keep their octets, their order and their folds.

use super::{IdField, IdOutcome};
use crate::smtpapi;
use mail::message::{
    edit::EditList,
    encoding::LineEnd,
    header::{Field, fields},
    part::Part,
};

#[cfg(test)]
mod tests;

/// The longest field that is put in without folding it (RFC 5322 §2.1.1).
const FIELD_MAX: usize = 998;

/// Which fields are taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Removals {
    /// DKIM signatures.
    pub(super) signatures: bool,
    /// X-MSYS-API.
    pub(super) smtpapi: bool,
}

impl Removals {
    fn cover(self, field: &Field<'_>) -> bool {
        self.signatures && is_signature(field) || self.smtpapi && smtpapi::is_field(field)
    }
}

/// Is there a DKIM signature (RFC 6376 §3.5)?
pub(super) fn is_signed(message: &[u8], root: &Part) -> bool {
    fields(&message[root.header.clone()]).any(|field| is_signature(&field))
}

fn is_signature(field: &Field<'_>) -> bool {
    field.is("DKIM-Signature")
}

/// The edits of the header, and what becomes of the id field.
pub(super) fn edits(
    message: &[u8],
    root: &Part,
    id: Option<IdField<'_>>,
    removals: Removals,
) -> (EditList, IdOutcome) {
    let block = &message[root.header.clone()];
    let (outcome, id) = match id {
        None => (IdOutcome::NotWanted, None),
        Some(id) => match outcome(message, root, &id) {
            outcome @ (IdOutcome::Kept | IdOutcome::Refused) => (outcome, None),
            outcome => (outcome, Some(id)),
        },
    };
    let mut edits = EditList::new(message.len());
    let mut push = |range, field: &[u8]| {
        edits.push(range, field).expect("fields of a header are in order");
    };
    if let Some(IdField { name, value }) = id {
        let line_end = LineEnd::of(message).unwrap_or_default();
        let field = [name.as_bytes(), b": ", value.as_bytes(), line_end.octets()].concat();
        push(0..0, &field);
    }
    for field in fields(block) {
        let is_other_id = id.is_some_and(|id| field.is(id.name));
        if is_other_id || removals.cover(&field) {
            push(field.range, b"");
        }
    }
    (edits, outcome)
}

/// What becomes of the id field. One field with the very value is kept as it is.
fn outcome(message: &[u8], root: &Part, id: &IdField<'_>) -> IdOutcome {
    let mut others = fields(&message[root.header.clone()]).filter(|field| field.is(id.name));
    match (others.next(), others.next()) {
        (Some(only), None) if *only.value() == *id.value.as_bytes() => IdOutcome::Kept,
        _ if !is_fit(id) || !has_top(message, root) => IdOutcome::Refused,
        (None, _) => IdOutcome::Added,
        (Some(_), _) => IdOutcome::Replaced,
    }
}

/// RFC 5322 §3.6.8, and nothing that could begin another field.
fn is_fit(id: &IdField<'_>) -> bool {
    let is_name = |octet: u8| octet.is_ascii_graphic() && octet != b':';
    let is_value = |octet: u8| octet.is_ascii_graphic() || octet == b' ';
    !id.name.is_empty()
        && id.name.bytes().all(is_name)
        && id.value.bytes().all(is_value)
        && id.name.len() + id.value.len() + 2 <= FIELD_MAX
}

/// Can a field be put on top? Not where the first line would become a fold of it, nor
/// where there is no header at all.
fn has_top(message: &[u8], root: &Part) -> bool {
    let has_header = root.has_blank_line || !root.header.is_empty();
    has_header && !matches!(message.first(), Some(b' ' | b'\t'))
}
