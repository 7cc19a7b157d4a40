//! Places in decoded content where a copy differs from the message, and what is put
//! there for a link or pixel.

use super::{Reason, control::LinkControl};
use crate::decision::Decision;
use mail::html::attribute;
use std::{ops::Range, sync::Arc};

/// How many links of a message are tracked. The others would cost more memory than the
/// message, and nobody sends so many.
pub(super) const LINKS_MAX: usize = 10_000;

/// A place that is edited in each copy.
#[derive(Debug)]
pub(super) struct Site {
    /// What is replaced, in the decoded content.
    pub(super) range: Range<usize>,
    pub(super) kind: SiteKind,
}

impl Site {
    /// What sites are sorted by. Pixels stand before what they are put in before.
    pub(super) fn order(&self) -> (usize, usize) {
        let rank = match self.kind {
            SiteKind::InitialOpen => 0,
            SiteKind::Honeypot => 1,
            SiteKind::Open => 2,
            SiteKind::Link { .. } => 3,
            SiteKind::Words(_) => 4,
        };
        (self.range.start, rank)
    }
}

/// What is put in at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SiteKind {
    /// A tracked link, by its index among the links of the message.
    Link { index: usize, form: LinkForm },
    /// The pixel at the end.
    Open,
    /// The link that no person sees, in front of it.
    Honeypot,
    /// The pixel at the start.
    InitialOpen,
    /// These words, in every copy. It is left out where a link that was put in covers it.
    Words(&'static str),
}

/// How the URL of a link is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkForm {
    /// As it is.
    Text,
    /// As an attribute value whose quotes stay.
    Quoted,
    /// As an attribute value that gets quotes.
    Unquoted,
    /// As an attribute value in a comment: its quotes stay, and it holds no line break,
    /// since Outlook is no browser.
    InComment,
}

/// A link of the message, tracked or not.
#[derive(Debug)]
pub(super) struct PlannedLink {
    pub(super) target: Arc<str>,
    /// What its sender says of it.
    pub(super) control: LinkControl,
    /// Why it is left alone in every copy.
    pub(super) left_alone: Option<Reason>,
}

/// Adds a link to those of the message, and its site if it is tracked. The first link
/// beyond the limit stands in the report for all of them.
pub(super) fn add_link(
    links: &mut Vec<PlannedLink>,
    sites: &mut Vec<Site>,
    (range, form): (Range<usize>, LinkForm),
    target: &str,
    control: LinkControl,
    left_alone: Option<Reason>,
) {
    let index = links.len();
    let left_alone = match index {
        LINKS_MAX.. => Some(Reason::TooManyLinks),
        _ => left_alone,
    };
    if left_alone.is_none() {
        sites.push(Site { range, kind: SiteKind::Link { index, form } });
    }
    if index <= LINKS_MAX {
        links.push(PlannedLink { target: target.into(), control, left_alone });
    }
}

impl LinkForm {
    /// Writes the octets of a URL in this form, between line breaks or nothing. The URL
    /// standard (4.4) strips white space around the value of an attribute.
    pub(super) fn write(self, url: &str, [before, behind]: [&[u8]; 2], octets: &mut Vec<u8>) {
        let quote = if self == Self::Unquoted { &b"\""[..] } else { b"" };
        octets.extend_from_slice(quote);
        octets.extend_from_slice(before);
        match self {
            Self::Text => octets.extend_from_slice(url.as_bytes()),
            _ => attribute::escape_into(url, octets),
        }
        octets.extend_from_slice(behind);
        octets.extend_from_slice(quote);
    }

    /// May line breaks stand around the URL?
    pub(super) fn may_be_broken(self) -> bool {
        matches!(self, Self::Quoted | Self::Unquoted)
    }
}

/// How a pixel is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PixelForm {
    /// `img`.
    Html,
    /// `amp-img`, the only image that AMP for Email knows. Its rules allow https alone, no
    /// style of its own, and the end tag must be there.
    Amp,
}

impl PixelForm {
    /// May a pixel be fetched from there? What AMP does not allow makes a mail client show
    /// the HTML part in place of the whole AMP part.
    pub(super) fn takes(self, url: &str) -> bool {
        let is_secure = url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
        self == Self::Html || is_secure
    }

    /// Writes its tag. `space` separates its words; where it is a line break, the first line
    /// and the last are short.
    pub(super) fn write(self, url: &str, space: &[u8], octets: &mut Vec<u8>) {
        let last = if space == b" " { &b""[..] } else { space };
        let (name, style, end): (&[u8], &[u8], &[u8]) = match self {
            Self::Html => (b"<img", b" style=\"border:0\"", b">"),
            Self::Amp => (b"<amp-img", b"", b"></amp-img>"),
        };
        octets.extend_from_slice(name);
        octets.extend_from_slice(space);
        octets.extend_from_slice(b"src=\"");
        attribute::escape_into(url, octets);
        octets.extend_from_slice(b"\" alt=\"\" width=\"1\" height=\"1\"");
        octets.extend_from_slice(style);
        octets.extend_from_slice(last);
        octets.extend_from_slice(end);
    }
}

/// Writes a link that no person sees: it has nothing in it, is not drawn, cannot be reached
/// with the keyboard, and screen readers pass it over (WAI-ARIA, aria-hidden).
pub(super) fn write_honeypot(url: &str, space: &[u8], octets: &mut Vec<u8>) {
    let last = if space == b" " { &b""[..] } else { space };
    octets.extend_from_slice(b"<a");
    octets.extend_from_slice(space);
    octets.extend_from_slice(b"href=\"");
    attribute::escape_into(url, octets);
    octets.extend_from_slice(b"\" aria-hidden=\"true\" tabindex=\"-1\" style=\"display:none\"");
    octets.extend_from_slice(last);
    octets.extend_from_slice(b"></a>");
}

/// Is it fit to stand in a message? A URL that is not plain ASCII would break a 7-bit
/// part, and one with white space its own attribute or text.
pub(super) fn is_url(url: &str) -> bool {
    // Without an early end, so that many octets are looked at a time.
    let is_fit = url.bytes().fold(true, |is_fit, octet| is_fit & octet.is_ascii_graphic());
    is_fit && !url.is_empty()
}

/// What http and https URLs are told by: the length of the scheme with its colon.
pub(super) fn scheme_len(url: &str) -> Option<usize> {
    fn starts<const N: usize>(url: &str, scheme: &[u8; N]) -> bool {
        url.as_bytes().first_chunk::<N>().is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    }
    match url.as_bytes() {
        // As nearly all are written.
        [b'h', b't', b't', b'p', b's', b':', ..] => Some(6),
        [b'h', b't', b't', b'p', b':', ..] => Some(5),
        _ if starts(url, b"http:") => Some(5),
        _ if starts(url, b"https:") => Some(6),
        _ => None,
    }
}

/// What Postal's senders put into the scheme of a link that is not to be tracked.
const NOTRACK: &str = "+notrack";

/// Where the scheme of this URL says `+notrack`. No mail client knows such a scheme, so
/// the word is taken out, and the link is not tracked.
pub(super) fn notrack(url: &str) -> Option<Range<usize>> {
    let start = url.find(|c: char| !c.is_ascii_alphanumeric())?;
    let range = start..start + NOTRACK.len();
    let has_word = url.get(range.clone())?.eq_ignore_ascii_case(NOTRACK);
    let scheme = url[..start].to_ascii_lowercase();
    let is_ours = matches!(scheme.as_str(), "http" | "https");
    (has_word && is_ours && url[range.end..].starts_with("://")).then_some(range)
}

/// Why a target is not tracked, if it is not. One that only a browser's repair makes a
/// URL would lead elsewhere as the answer of a redirect.
pub(super) fn refusal(target: &str, decision: &Decision) -> Option<Reason> {
    let rest = &target[scheme_len(target)?..];
    let is_slash = |character: char| matches!(character, '/' | '\\');
    let has_slashes = rest.chars().take(2).filter(|character| is_slash(*character)).count() == 2;
    let begins_host = |character: char| !matches!(character, '/' | '\\' | '?' | '#' | ':' | ' ');
    if !has_slashes || !rest.chars().nth(2).is_some_and(begins_host) {
        return Some(Reason::MalformedUrl);
    }
    let is_own = |own: &String| {
        let start = target.as_bytes().get(..own.len());
        !own.is_empty() && start.is_some_and(|start| start.eq_ignore_ascii_case(own.as_bytes()))
    };
    match () {
        () if decision.tracking_urls.iter().any(is_own) => Some(Reason::OwnUrl),
        () if decision.exclusions.cover(target) => Some(Reason::Excluded),
        () => None,
    }
}
