//! Takes the links and pixels out of a copy and holds the rest against the message. It
//! shares no code with the rewrite: it finds links by their mark, and what they stand
//! for by reading the message at that place.

use crate::links::{MARK, MarkedLinks, PIXEL_URL, click_url};
use mail::{
    html::attribute,
    message::{
        encoding::decode,
        header::{Field, fields},
        part::{Part, PartTree, split},
    },
    text::charset::Charset,
};
use memchr::memmem;
use tracking::{
    rewrite::{IdOutcome, Report, Signature},
    smtpapi,
};

/// Fails unless the copy is the message but for links, pixels and what the report says
/// of the header.
pub fn check(message: &[u8], copy: &[u8], id_name: &str, report: &Report, links: &MarkedLinks) {
    let (Ok(before), Ok(after)) = (split(message), split(copy)) else {
        // The header of such a message may change, and nothing else.
        assert!(report.untouched.is_some());
        return;
    };
    let (before, after) =
        (Message { octets: message, tree: before }, Message { octets: copy, tree: after });
    assert_eq!(before.tree.parts().len(), after.tree.parts().len());
    assert_eq!(kept_fields(&before, id_name, report), all_fields(&after, id_name, report));
    let mut position = (before.tree.root().header.end, after.tree.root().header.end);
    for (old, new) in before.leaves().zip(after.leaves()) {
        // Delimiters, preambles and part headers.
        assert_eq!(message[position.0..old.body.start], copy[position.1..new.body.start]);
        position = (old.body.end, new.body.end);
        let (old_body, new_body) = (&message[old.body.clone()], &copy[new.body.clone()]);
        if old_body != new_body {
            check_part(old, old_body, new_body, links);
        }
    }
    assert_eq!(message[position.0..], copy[position.1..]);
}

struct Message<'a> {
    octets: &'a [u8],
    tree: PartTree,
}

impl Message<'_> {
    fn leaves(&self) -> impl Iterator<Item = &Part> {
        self.tree.parts().iter().filter(|part| !part.is_split)
    }
}

/// The fields of the message that its copy has, too.
fn kept_fields(message: &Message<'_>, id_name: &str, report: &Report) -> Vec<Vec<u8>> {
    let block = &message.octets[message.tree.root().header.clone()];
    let is_kept = |field: &Field<'_>| {
        let is_replaced = report.id_field == IdOutcome::Replaced && field.is(id_name);
        let is_stripped = report.signature == Signature::Stripped && field.is("DKIM-Signature");
        !is_replaced && !is_stripped && !field.is(smtpapi::FIELD)
    };
    fields(block).filter(is_kept).map(|field| block[field.range].to_vec()).collect()
}

/// The fields of the copy without the id that was put on top.
fn all_fields(copy: &Message<'_>, id_name: &str, report: &Report) -> Vec<Vec<u8>> {
    let block = &copy.octets[copy.tree.root().header.clone()];
    let mut fields = fields(block).peekable();
    if matches!(report.id_field, IdOutcome::Added | IdOutcome::Replaced) {
        assert!(fields.next().is_some_and(|field| field.is(id_name)));
    }
    // Whether this one goes is a decision that the report does not tell.
    let is_kept = |field: &Field<'_>| !field.is(smtpapi::FIELD);
    fields.filter(is_kept).map(|field| block[field.range].to_vec()).collect()
}

fn check_part(part: &Part, old_body: &[u8], new_body: &[u8], links: &MarkedLinks) {
    let old = decode(old_body, part.content.encoding).expect("what was edited was decoded");
    let new = decode(new_body, part.content.encoding).expect("a copy can be decoded");
    if holds_controls(&old) || memmem::find(&old, MARK.as_bytes()).is_some() {
        return;
    }
    let label = part.content.media_type.parameter("charset").filter(|label| !label.is_empty());
    let label = label.map(|label| Charset::of_label(label).expect("what was edited is known"));
    let is_html = part.content.media_type.essence != "text/plain";
    let charset_of = if is_html { Charset::of_html } else { Charset::of_text };
    let charset = charset_of(&old, label);
    let mut undo = Undo {
        is_html,
        charset: charset.expect("what was edited has a known charset"),
        old: &old,
        links,
    };
    undo.check(&new);
}

/// What is said of single links is taken out of a copy, and braces are put in for their
/// escapes, which is more than is undone here.
fn holds_controls(content: &[u8]) -> bool {
    let lower = content.to_ascii_lowercase();
    let words: [&[u8]; 4] = [b"track", b"data-msys-", b"ses:tags", b"_double_curly()"];
    words.iter().any(|word| memmem::find(&lower, word).is_some())
}

/// The content of a part, as far as it was not yet met in the copy.
struct Undo<'a> {
    is_html: bool,
    charset: Charset,
    old: &'a [u8],
    links: &'a MarkedLinks,
}

impl Undo<'_> {
    fn check(&mut self, mut new: &[u8]) {
        while let Some(at) = memmem::find(new, MARK.as_bytes()) {
            let (before, from) = new.split_at(at);
            new = match from[MARK.len()..].starts_with(PIXEL_URL.as_bytes()) {
                true => self.pass_pixel(before, from),
                false => self.pass_link(before, from),
            };
        }
        assert_eq!(self.old, new);
    }

    /// An element of its own, which the message does not have.
    fn pass_pixel<'n>(&mut self, before: &[u8], from: &'n [u8]) -> &'n [u8] {
        let tag = memmem::rfind(before, b"<img").expect("a pixel is an image");
        let between = before[tag + 4..].trim_ascii();
        assert_eq!(between, b"src=\"");
        self.pass(&before[..tag]);
        let end = from.iter().position(|octet| *octet == b'>').expect("a pixel is a whole tag");
        assert!(self.is_html && !from[..end].contains(&b'<'));
        &from[end + 1..]
    }

    fn pass_link<'n>(&mut self, before: &[u8], from: &'n [u8]) -> &'n [u8] {
        let digits = from[MARK.len()..].iter().take_while(|octet| octet.is_ascii_digit()).count();
        let index = std::str::from_utf8(&from[MARK.len()..][..digits]).expect("digits are ASCII");
        let index = index.parse().expect("the index of a link");
        let target = self.links.targets.get(&index).expect("a link that was asked for");
        let url = click_url(index);
        if !self.is_html {
            self.pass(before);
            self.pass_text_url(target);
            return from.strip_prefix(url.as_bytes()).expect("the URL as it was given");
        }
        let url = url.replace('&', "&amp;");
        let behind = from.strip_prefix(url.as_bytes()).expect("the URL, escaped");
        // A line break may stand at either end of a value whose line has no room left.
        let before = without_break_behind(before);
        let behind = without_break_before(behind);
        let quote = *before.last().expect("a value has quotes");
        assert!(matches!(quote, b'"' | b'\'') && behind.first() == Some(&quote));
        if self.old.starts_with(before) {
            self.pass(before);
            self.pass_value(target, |octet| octet == quote);
            return behind;
        }
        // A value without quotes gets them.
        self.pass(&before[..before.len() - 1]);
        self.pass_value(target, |octet| octet.is_ascii_whitespace() || octet == b'>');
        &behind[1..]
    }

    fn pass(&mut self, same: &[u8]) {
        self.old = self.old.strip_prefix(same).expect("octets between links are as they came");
    }

    fn pass_value(&mut self, target: &str, is_end: impl Fn(u8) -> bool) {
        let len = self.old.iter().position(|octet| is_end(*octet)).expect("a value ends");
        let (value, rest) = self.old.split_at(len);
        let text = self.charset.decode(value).expect("a tracked link is text");
        assert_eq!(attribute::url(&attribute::decode(&text)), target);
        self.old = rest;
    }

    /// The shortest octets that are the target in the charset of the part.
    fn pass_text_url(&mut self, target: &str) {
        let lens = 1..=self.old.len().min(4 * target.len());
        let is_target = |len: &usize| {
            let url = &self.old[..*len];
            let is_it = |url: &[u8]| self.charset.decode(url).as_deref() == Some(target);
            is_it(url) || memchr::memchr(b'\n', url).is_some() && is_it(&without_soft_breaks(url))
        };
        let len = lens.clone().find(is_target).expect("the target stands in the message");
        self.old = &self.old[len..];
    }
}

fn without_break_behind(octets: &[u8]) -> &[u8] {
    octets.strip_suffix(b"\n").map_or(octets, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn without_break_before(octets: &[u8]) -> &[u8] {
    octets.strip_prefix(b"\r\n").or(octets.strip_prefix(b"\n")).unwrap_or(octets)
}

/// A URL that goes over soft line breaks (RFC 3676 §4.1, DelSp=yes), in one line.
fn without_soft_breaks(url: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (number, line) in url.split(|octet| *octet == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let quotes = line.iter().take_while(|octet| **octet == b'>' && number > 0).count();
        let line = &line[quotes..];
        let line = if number > 0 { line.strip_prefix(b" ").unwrap_or(line) } else { line };
        joined.extend_from_slice(line);
        joined.pop_if(|octet| *octet == b' ');
    }
    joined
}
