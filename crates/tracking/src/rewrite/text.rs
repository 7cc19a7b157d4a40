//! The links of a plain text part.

use super::{
    Reason,
    control::LinkControl,
    escape,
    site::{LinkForm, PlannedLink, Site, SiteKind, add_link, notrack, refusal},
};
use crate::decision::Decision;
use mail::{
    message::content_type::ContentType,
    text::{
        charset::Charset,
        flowed::Joined,
        link::{Urls, goes_over_lines, has_symbol_in_host},
    },
};
use memchr::{memmem, memrchr};
use std::ops::Range;

#[cfg(test)]
mod tests;

/// SparkPost's way to say something of the URL that stands before it.
const CONTROL: &[u8] = b"[[data-msys-";
/// Longest value of one, in octets.
const VALUE_OCTETS_MAX: usize = 256;

/// Finds the sites of a plain text part, in order, and adds its links to those of the
/// message.
pub(super) fn sites(
    text: &[u8],
    charset: Charset,
    media_type: &ContentType,
    decision: &Decision,
    links: &mut Vec<PlannedLink>,
) -> Vec<Site> {
    // Without delsp the space of a soft break stays, and it ends a URL.
    let joins_words = media_type.has("format", "flowed") && media_type.has("delsp", "yes");
    let joined = if joins_words { Joined::of(text) } else { Joined::plain(text) };
    let text = joined.octets();
    let mut sites = Vec::new();
    for url in Urls::new(text, charset) {
        let url = before_control(text, url);
        let (control, controls_end) = control(text, url.end);
        let octets = &text[url.clone()];
        let decoded = charset.decode(octets);
        let is_text = decoded.is_some();
        let mut target = decoded.unwrap_or_else(|| String::from_utf8_lossy(octets));
        let notrack = notrack(&target);
        if decision.substitution_escapes {
            target = escape::undone(&target).into_owned().into();
        }
        let left_alone = match () {
            () if !is_text => Some(Reason::Undecodable),
            () if notrack.is_some() || control.is_opted_out => Some(Reason::OptedOut),
            () if joins_words && is_cut(text, &url) => Some(Reason::SoftBreak),
            () if goes_over_lines(text, &url) => Some(Reason::SoftBreak),
            () if has_symbol_in_host(&target) => Some(Reason::MalformedUrl),
            () => refusal(&target, decision),
        };
        let words = |range| Site { range: joined.origin(range), kind: SiteKind::Words("") };
        if let Some(word) = notrack {
            sites.push(words(url.start + word.start..url.start + word.end));
            target.to_mut().replace_range(word, "");
        }
        let controls = url.end..controls_end;
        let removes_controls = decision.remove_link_attributes
            && !controls.is_empty()
            && !goes_on(text, &url, controls_end, charset);
        let url = joined.origin(url);
        let url_end = url.end;
        if decision.tracks_text() {
            add_link(links, &mut sites, (url, LinkForm::Text), &target, control, left_alone);
        }
        if removes_controls {
            // With the soft break before it, if there is one: what follows may begin with a
            // space, which at the start of a line is stuffing (RFC 3676 §4.4).
            let range = url_end..joined.origin(controls).end;
            sites.push(Site { range, kind: SiteKind::Words("") });
        }
    }
    sites
}

/// Does it hold something that PGP has signed or encrypted (RFC 9580 §6.2)? Nobody can
/// tell where that begins to be protected, so all of the part is.
pub(super) fn has_armor(text: &[u8]) -> bool {
    const KINDS: [&[u8]; 3] = [b"MESSAGE-----", b"SIGNED MESSAGE-----", b"PUBLIC KEY BLOCK-----"];
    memmem::find_iter(text, b"-----BEGIN PGP ")
        .any(|at| KINDS.iter().any(|kind| text[at + 15..].starts_with(kind)))
}

/// The URL without the controls that follow it.
fn before_control(text: &[u8], url: Range<usize>) -> Range<usize> {
    let control = memmem::find(&text[url.clone()], CONTROL);
    let end = control.map_or(url.end, |control| url.start + control);
    url.start..end
}

/// Would readers take what stands behind the controls of a URL for more of the URL if
/// they were taken out?
fn goes_on(text: &[u8], url: &Range<usize>, controls_end: usize, charset: Charset) -> bool {
    let rest = &text[controls_end..];
    let is_end = |octet: &u8| *octet <= b' ' || *octet == b'"';
    let end = rest.iter().position(is_end).unwrap_or(rest.len());
    let url = &text[url.clone()];
    let joined = [url, &rest[..end]].concat();
    Urls::new(&joined, charset).next() != Some(0..url.len())
}

/// What stands in `[[data-msys-name="value"]]` right behind a URL, and where the last of
/// these ends.
fn control(text: &[u8], mut position: usize) -> (LinkControl, usize) {
    let mut control = LinkControl::default();
    while let Some((name, value, rest)) = control_at(&text[position..]) {
        // A link in text has no name (SparkPost's documentation of link attributes).
        if name != b"data-msys-linkname" {
            control.take(name, || String::from_utf8(value.to_vec()).ok());
        }
        position = text.len() - rest.len();
    }
    (control, position)
}

/// Name and value of the control that the text starts with, and what follows it.
fn control_at(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let words = text.strip_prefix(b"[[").filter(|_| text.starts_with(CONTROL))?;
    let is_name = |octet: &u8| octet.is_ascii_lowercase() || *octet == b'-';
    let (name, rest) = words.split_at(words.iter().position(|octet| !is_name(octet))?);
    let rest = rest.strip_prefix(b"=\"")?;
    let is_end = |octet: &u8| *octet == b'"' || octet.is_ascii_control();
    let end = rest.iter().take(VALUE_OCTETS_MAX).position(is_end)?;
    Some((name, &rest[..end], rest[end..].strip_prefix(b"\"]]")?))
}

/// Does a soft line break stand at the URL? In joined text only such breaks are left
/// over which nobody can tell how the text goes on.
fn is_cut(text: &[u8], url: &Range<usize>) -> bool {
    let is_break = |text: &[u8]| text.starts_with(b" \r\n") || text.starts_with(b" \n");
    // Quote marks and a stuffed space are not content (RFC 3676 §4.4, §4.5).
    let is_content = |octet: &u8| !matches!(octet, b'>' | b' ');
    let line_start = text[..url.start].iter().rposition(is_content).map_or(0, |last| last + 1);
    let line = text[..line_start].strip_suffix(b"\n").unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let line = &line[memrchr(b'\n', line).map_or(0, |newline| newline + 1)..];
    let quotes = line.iter().take_while(|octet| **octet == b'>').count();
    // The line before a signature is no soft one (§4.3).
    let is_signature = matches!(&line[quotes..], b"-- " | b" -- ");
    is_break(&text[url.end..]) || line.ends_with(b" ") && !line.ends_with(b"  ") && !is_signature
}
