//! Edits of the message header: the field with the message id, DKIM signatures, X-MSYS-API
//! where it was read, and the fields that a caller wants.
//! All other fields keep their octets, their order and their folds.

use super::{FieldAction, FieldEdit, IdField, IdOutcome};
use crate::smtpapi;
use mail::message::{
    edit::EditList,
    encoding::LineEnd,
    header::{Field, fields},
    part::Part,
};
use std::{ops::Range, sync::Arc};

#[cfg(test)]
mod tests;

/// The longest field that is put in without folding it (RFC 5322 §2.1.1).
pub(super) const FIELD_MAX: usize = 998;

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
    wanted: &[FieldEdit],
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
    let line_end = LineEnd::of(message).unwrap_or_default().octets();
    let has_top = has_top(message, root);
    let mut wanted: Vec<&FieldEdit> =
        wanted.iter().filter(|edit| has_top && edit.is_fit()).collect();
    let mut edits = EditList::new(message.len());
    let mut push = |range, field: &[u8]| {
        edits.push(range, field).expect("fields of a header are in order");
    };
    if let Some(IdField { name, value }) = id {
        push(0..0, &[name.as_bytes(), b": ", value.as_bytes(), line_end].concat());
    }
    for FieldEdit { name, action } in &wanted {
        let is_there = || fields(block).any(|field| field.is(name));
        let value = match action {
            FieldAction::Put(value) => value,
            FieldAction::Extend(value) if !is_there() => value,
            FieldAction::Extend(_) | FieldAction::Remove | FieldAction::Splice(..) => continue,
        };
        let mut field = [name.as_bytes(), b": "].concat();
        write_folded(value, line_end, &mut field);
        field.extend_from_slice(line_end);
        push(0..0, &field);
    }
    for field in fields(block) {
        let is_other_id = id.is_some_and(|id| field.is(id.name));
        let edit = wanted.iter().position(|edit| field.is(&edit.name));
        match edit.map(|at| (at, &wanted[at].action)) {
            _ if is_other_id || removals.cover(&field) => push(field.range, b""),
            Some((_, FieldAction::Put(_) | FieldAction::Remove)) => push(field.range, b""),
            Some((_, FieldAction::Splice(range, text))) => {
                let mut replacement = Vec::new();
                write_folded(text, line_end, &mut replacement);
                push(range.clone(), &replacement);
            }
            Some((at, FieldAction::Extend(value))) => {
                let is_empty = field.raw_value.trim_ascii().is_empty();
                let end = field.range.start + block[field.range].trim_ascii_end().len();
                let mut more = if is_empty { b" ".to_vec() } else { b",".to_vec() };
                if !is_empty {
                    more.extend_from_slice(line_end);
                    more.push(b' ');
                }
                write_folded(value, line_end, &mut more);
                push(end..end, &more);
                // The first of several has them all.
                wanted.remove(at);
            }
            None => {}
        }
    }
    (edits, outcome)
}

/// Writes a value with the line ends of the message.
fn write_folded(value: &str, line_end: &[u8], out: &mut Vec<u8>) {
    for (number, line) in value.split('\n').enumerate() {
        if number > 0 {
            out.extend_from_slice(line_end);
        }
        out.extend_from_slice(line.as_bytes());
    }
}

impl FieldEdit {
    /// A field with this value, in the place of any that are there. `\n ` is a fold.
    pub fn put(name: &str, value: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), action: FieldAction::Put(value.into()) }
    }

    /// A list made longer, or begun where there is none.
    pub fn extend(name: &str, value: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), action: FieldAction::Extend(value.into()) }
    }

    /// Another text in the place of a range of the header, inside the only field of the name.
    pub(super) fn splice(name: &str, range: Range<usize>, text: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), action: FieldAction::Splice(range, text.into()) }
    }

    /// No field of this name.
    pub fn remove(name: &str) -> Self {
        Self { name: name.into(), action: FieldAction::Remove }
    }

    /// RFC 5322 §3.6.8 and §2.2.3: nothing in it begins another field or ends the header.
    /// The value may be UTF-8 (RFC 6532).
    fn is_fit(&self) -> bool {
        if let FieldAction::Splice(_, text) = &self.action {
            let mut lines = text.split('\n').enumerate();
            return lines.all(|(number, line)| {
                (number == 0 || line.starts_with(' ')) && !line.contains(char::is_control)
            });
        }
        let name = self.name.as_bytes();
        let is_name = |octet: &u8| octet.is_ascii_graphic() && *octet != b':';
        let value = match &self.action {
            FieldAction::Put(value) | FieldAction::Extend(value) => value,
            FieldAction::Splice(..) | FieldAction::Remove => "",
        };
        let mut lines = value.split('\n').enumerate();
        let is_value = lines.all(|(number, line)| {
            let is_fold = number == 0 || line.starts_with(' ') && !line.trim().is_empty();
            is_fold && !line.contains(char::is_control) && name.len() + line.len() + 2 <= FIELD_MAX
        });
        !name.is_empty() && name.iter().all(is_name) && is_value
    }
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
