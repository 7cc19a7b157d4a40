//! The links of a plain text part.

use super::{
    Reason,
    site::{LinkForm, PlannedLink, Site, add_link, refusal},
};
use crate::decision::Decision;
use mail::{
    message::content_type::ContentType,
    text::{charset::Charset, link::Urls},
};
use memchr::memmem;
use std::ops::Range;

#[cfg(test)]
mod tests;

/// SparkPost's way to say something of the URL that stands before it.
const LINK_OPTION: &[u8] = b"[[data-msys-";
const OPT_OUT: &[u8] = b"[[data-msys-clicktrack=\"0\"]]";

/// Finds the sites of a plain text part, in order, and adds its links to those of the
/// message. Refuses text that PGP has signed or encrypted (RFC 9580 §6.2).
pub(super) fn sites(
    text: &[u8],
    charset: Charset,
    media_type: &ContentType,
    decision: &Decision,
    links: &mut Vec<PlannedLink>,
) -> Result<Vec<Site>, Reason> {
    if has_armor(text) {
        return Err(Reason::Signed);
    }
    // RFC 3676 §4.1: with delsp a soft line break goes, and the space before it, too.
    let joins_words = media_type.has("format", "flowed") && media_type.has("delsp", "yes");
    let mut sites = Vec::new();
    for url in Urls::new(text, charset) {
        let url = before_option(text, url);
        let octets = &text[url.clone()];
        let decoded = charset.decode(octets);
        let is_text = decoded.is_some();
        let target = decoded.unwrap_or_else(|| String::from_utf8_lossy(octets));
        let left_alone = match () {
            () if !is_text => Some(Reason::Undecodable),
            () if text[url.end..].starts_with(OPT_OUT) => Some(Reason::OptedOut),
            () if joins_words && is_cut(text, &url) => Some(Reason::SoftBreak),
            () => refusal(&target, &decision.tracking_urls),
        };
        add_link(links, &mut sites, (url, LinkForm::Text), &target, left_alone);
    }
    Ok(sites)
}

fn has_armor(text: &[u8]) -> bool {
    const KINDS: [&[u8]; 3] = [b"MESSAGE-----", b"SIGNED MESSAGE-----", b"PUBLIC KEY BLOCK-----"];
    memmem::find_iter(text, b"-----BEGIN PGP ")
        .any(|at| KINDS.iter().any(|kind| text[at + 15..].starts_with(kind)))
}

/// The URL without the option that follows it.
fn before_option(text: &[u8], url: Range<usize>) -> Range<usize> {
    let option = memmem::find(&text[url.clone()], LINK_OPTION);
    let end = option.map_or(url.end, |option| url.start + option);
    url.start..end
}

/// Does a soft line break join the URL to the line behind or before it?
fn is_cut(text: &[u8], url: &Range<usize>) -> bool {
    let behind = &text[url.end..];
    if behind.starts_with(b" \r\n") || behind.starts_with(b" \n") {
        return true;
    }
    // Quote marks and a stuffed space are not content (RFC 3676 §4.4, §4.5).
    let is_content = |octet: &u8| !matches!(octet, b'>' | b' ');
    let line_start = text[..url.start].iter().rposition(is_content).map_or(0, |last| last + 1);
    let before = &text[..line_start];
    before.ends_with(b" \r\n") || before.ends_with(b" \n")
}
