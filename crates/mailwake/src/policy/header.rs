//! The header of a message as scripts see and change it. Octets of fields that stay are
//! those that came: fields are taken out and put in, at the top or at the end.

use base64::{Engine, engine::general_purpose::STANDARD};
use mail::{
    encoded_word,
    message::{
        edit::EditList,
        encoding::LineEnd,
        header::{Field, fields},
    },
};
use std::{borrow::Cow, ops::Range, sync::Arc};

#[cfg(test)]
mod tests;

/// Octets that scripts may put into one header.
const ADDED_OCTETS_MAX: usize = 256 * 1024;

/// Longest line (RFC 5322 §2.1.1), in octets, without its end.
const LINE_OCTETS_MAX: usize = 998;

/// Octets of text in one encoded word of at most 75 characters (RFC 2047 §2).
const ENCODED_OCTETS_MAX: usize = 45;

/// Where a field is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// At the end, in place of all others of its name.
    Replace,
    /// At the end.
    Append,
    /// At the top.
    Prepend,
}

/// The header of a message, and what scripts have changed in it.
#[derive(Debug, Clone)]
pub struct Header {
    /// The fields as they came, up to the blank line.
    block: Arc<[u8]>,
    line_end: LineEnd,
    /// Fields that were taken out, in order.
    removed: Vec<Range<usize>>,
    /// The last one first.
    prepended: Vec<Vec<u8>>,
    appended: Vec<Vec<u8>>,
}

impl Header {
    /// That of a message.
    pub fn of(message: &[u8]) -> Self {
        let end = fields(message).last().map_or(0, |field| field.range.end);
        Self {
            block: message[..end].into(),
            line_end: LineEnd::of(message).unwrap_or_default(),
            removed: Vec::new(),
            prepended: Vec::new(),
            appended: Vec::new(),
        }
    }

    /// Has a script changed it?
    pub fn is_changed(&self) -> bool {
        !(self.removed.is_empty() && self.prepended.is_empty() && self.appended.is_empty())
    }

    /// The message that this header was made of, with the changes.
    pub fn apply<'m>(&self, message: &'m [u8]) -> Cow<'m, [u8]> {
        if !self.is_changed() {
            return Cow::Borrowed(message);
        }
        let mut edits = EditList::new(message.len());
        let mut push = |range: Range<usize>, octets: &[u8]| {
            edits.push(range, octets).expect("fields of a header are in order");
        };
        let end = self.block.len();
        if !self.prepended.is_empty() {
            let top: Vec<u8> = self.prepended.iter().rev().flatten().copied().collect();
            push(0..0, &top);
        }
        for range in &self.removed {
            push(range.clone(), b"");
        }
        if !self.appended.is_empty() {
            let mut octets = Vec::new();
            // The last line of a message in chunks may have no end.
            if self.block.last().is_some_and(|last| *last != b'\n') {
                octets.extend_from_slice(self.line_end.octets());
            }
            octets.extend(self.appended.iter().flatten());
            push(end..end, &octets);
        }
        Cow::Owned(edits.apply(message))
    }

    /// The values of all fields of that name, in order, decoded (RFC 2047).
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        self.of_name(name).map(|value| encoded_word::decode(&value)).collect()
    }

    /// The same, with encoded words as they are.
    pub(super) fn raw_values(&self, name: &str) -> Vec<String> {
        self.of_name(name).map(|value| String::from_utf8_lossy(&value).into_owned()).collect()
    }

    fn of_name(&self, name: &str) -> impl Iterator<Item = Cow<'_, [u8]>> {
        let top = self.prepended.iter().rev().filter_map(|field| fields(field).next());
        let is_kept = |field: &Field<'_>| {
            let start = field.range.start;
            self.removed.binary_search_by_key(&start, |range| range.start).is_err()
        };
        let kept = fields(&self.block).filter(is_kept);
        let end = self.appended.iter().filter_map(|field| fields(field).next());
        let all = top.chain(kept).chain(end);
        all.filter(move |field| field.is(name)).map(|field| field.value())
    }

    /// Takes all fields of that name out.
    pub(super) fn remove(&mut self, name: &str) {
        let is_other =
            |octets: &Vec<u8>| !fields(octets).next().is_some_and(|field| field.is(name));
        self.prepended.retain(is_other);
        self.appended.retain(is_other);
        let found: Vec<_> =
            fields(&self.block).filter(|field| field.is(name)).map(|field| field.range).collect();
        self.removed.extend(found);
        self.removed.sort_by_key(|range| range.start);
        self.removed.dedup();
    }

    /// Puts fields of that name in. The error says why that cannot be.
    pub(super) fn set(&mut self, name: &str, values: &[String], mode: Mode) -> Result<(), String> {
        let values = values.iter().filter(|value| !value.is_empty());
        let made: Vec<Vec<u8>> =
            values.map(|value| self.field(name, value)).collect::<Result<_, _>>()?;
        let added = self.prepended.iter().chain(&self.appended).chain(&made);
        if added.map(Vec::len).sum::<usize>() > ADDED_OCTETS_MAX {
            return Err(format!("more than {ADDED_OCTETS_MAX} octets of fields"));
        }
        if mode == Mode::Prepend && matches!(self.block.first(), Some(b' ' | b'\t')) {
            return Err("the header begins with the rest of a field".into());
        }
        match mode {
            Mode::Prepend => self.prepended.extend(made),
            Mode::Append => self.appended.extend(made),
            Mode::Replace => {
                self.remove(name);
                self.appended.extend(made);
            }
        }
        Ok(())
    }

    /// A field as it stands in a message, with its line end.
    fn field(&self, name: &str, value: &str) -> Result<Vec<u8>, String> {
        let is_name = |octet: u8| octet.is_ascii_graphic() && octet != b':';
        if name.is_empty() || name.len() > 76 || !name.bytes().all(is_name) {
            return Err(format!("{name:?} is no name of a field"));
        }
        let value = match value.is_ascii() {
            true => value.to_owned(),
            false => encoded(value),
        };
        let mut field = format!("{name}:");
        for (number, line) in value.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let is_fold = line.starts_with([' ', '\t']) && !line.trim().is_empty();
            if line.contains(|c: char| c.is_ascii_control() && c != '\t') || number > 0 && !is_fold
            {
                return Err(format!("the value of {name} would begin another field"));
            }
            match number {
                0 => field.push(' '),
                _ => field.push('\n'),
            }
            field.push_str(line);
        }
        let mut octets = Vec::with_capacity(field.len() + 2);
        for line in field.split('\n') {
            fold(line, self.line_end, &mut octets)
                .ok_or_else(|| format!("the value of {name} has a line that is too long"))?;
        }
        Ok(octets)
    }
}

/// Writes a line, folded where it is longer than a line may be. `None` where it has no place
/// for that.
fn fold(mut line: &str, line_end: LineEnd, to: &mut Vec<u8>) -> Option<()> {
    while line.len() > LINE_OCTETS_MAX {
        let place = line[..LINE_OCTETS_MAX].rfind(' ')?;
        if line[..place].trim().is_empty() || line[..place].ends_with(':') {
            return None;
        }
        to.extend_from_slice(&line.as_bytes()[..place]);
        to.extend_from_slice(line_end.octets());
        line = &line[place..];
    }
    to.extend_from_slice(line.as_bytes());
    to.extend_from_slice(line_end.octets());
    Some(())
}

/// A text in encoded words (RFC 2047), a line each.
fn encoded(text: &str) -> String {
    let mut words = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (word, behind) = rest.split_at(rest.floor_char_boundary(ENCODED_OCTETS_MAX));
        words.push(format!("=?UTF-8?B?{}?=", STANDARD.encode(word)));
        rest = behind;
    }
    words.join("\n ")
}
