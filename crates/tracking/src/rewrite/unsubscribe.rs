//! The List-Unsubscribe field of a copy. A header and a decision come in, and for each copy
//! the edits that give it a URI of its own go out, or the reason why there are none.
//!
//! RFC 8058 §3.1 wants one URI of https in the field, so that of the sender gives way to ours
//! where it promises one click, and is kept in the token; nothing else of the field changes.

use super::{FieldEdit, Links, head::FIELD_MAX, site::is_url};
use crate::{
    decision::{Decision, SignedMail},
    unsubscribe::{FIELD, ListUnsubscribe, ONE_CLICK, POST_FIELD, is_one_click, read_field, signs},
};
use mail::message::header::{Field, fields};
use std::{fmt, ops::Range};

#[cfg(test)]
mod tests;

/// What became of the List-Unsubscribe field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UnsubscribeOutcome {
    /// Nothing was asked for.
    #[default]
    NotWanted,
    /// There was none, and one was put on top, with the word that one click will do.
    Added,
    /// The same, without that word: the tracking URL is one of http.
    AddedWithoutPost,
    /// The sender's own leads over the tracker.
    Proxied,
    /// It is as it came.
    LeftAlone(UnsubscribeReason),
}

impl UnsubscribeOutcome {
    /// Does the copy have a URI of ours?
    pub fn is_made(self) -> bool {
        matches!(self, Self::Added | Self::AddedWithoutPost | Self::Proxied)
    }

    /// Every outcome of a message for which something was asked, for counters.
    pub const EVERY: [Self; 15] = [
        Self::Added,
        Self::AddedWithoutPost,
        Self::Proxied,
        Self::LeftAlone(UnsubscribeReason::Transactional),
        Self::LeftAlone(UnsubscribeReason::Present),
        Self::LeftAlone(UnsubscribeReason::DkimSigned),
        Self::LeftAlone(UnsubscribeReason::Protected),
        Self::LeftAlone(UnsubscribeReason::Several),
        Self::LeftAlone(UnsubscribeReason::Malformed),
        Self::LeftAlone(UnsubscribeReason::NotOneClick),
        Self::LeftAlone(UnsubscribeReason::OwnUrl),
        Self::LeftAlone(UnsubscribeReason::NoHttps),
        Self::LeftAlone(UnsubscribeReason::LongLine),
        Self::LeftAlone(UnsubscribeReason::NotSigned),
        Self::LeftAlone(UnsubscribeReason::SafetyNet),
    ];

    /// A stable name in snake_case, fit for a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotWanted => "not_wanted",
            Self::Added => "added",
            Self::AddedWithoutPost => "added_without_post",
            Self::Proxied => "proxied",
            Self::LeftAlone(reason) => reason.name(),
        }
    }
}

impl fmt::Display for UnsubscribeOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotWanted => f.write_str("not asked for"),
            Self::Added => f.write_str("added, with one click"),
            Self::AddedWithoutPost => f.write_str("added, without one click: no https"),
            Self::Proxied => f.write_str("the sender's own leads over the tracker"),
            Self::LeftAlone(reason) => write!(f, "left alone, {reason}"),
        }
    }
}

/// Why the field is as it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsubscribeReason {
    /// The message is no mail of a list.
    Transactional,
    /// The sender has one, and it is not asked to lead over the tracker.
    Present,
    /// A DKIM signature covers it, or nothing of signed mail may be touched.
    DkimSigned,
    /// Nothing of the message may be touched.
    Protected,
    /// There are several fields or several URIs of the web.
    Several,
    /// It is not a list of URIs.
    Malformed,
    /// Its sender does not promise that one click will do.
    NotOneClick,
    /// It leads to a tracker already.
    OwnUrl,
    /// The tracking URL is not one of https.
    NoHttps,
    /// A line would pass 998 octets (RFC 5322 §2.1.1).
    LongLine,
    /// No link could be made.
    NotSigned,
    /// The rewrite could not be undone to the original.
    SafetyNet,
}

impl UnsubscribeReason {
    /// A stable name in snake_case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Transactional => "transactional",
            Self::Present => "present",
            Self::DkimSigned => "dkim_signed",
            Self::Protected => "protected",
            Self::Several => "several",
            Self::Malformed => "malformed",
            Self::NotOneClick => "not_one_click",
            Self::OwnUrl => "own_url",
            Self::NoHttps => "no_https",
            Self::LongLine => "long_line",
            Self::NotSigned => "not_signed",
            Self::SafetyNet => "safety_net",
        }
    }
}

impl fmt::Display for UnsubscribeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transactional => "the message is transactional",
            Self::Present => "the sender has one",
            Self::DkimSigned => "signed by DKIM",
            Self::Protected => "nothing in this message may be touched",
            Self::Several => "several fields, or several URIs of the web",
            Self::Malformed => "not a list of URIs",
            Self::NotOneClick => "its sender does not promise one click",
            Self::OwnUrl => "a tracking URL already",
            Self::NoHttps => "the tracking URL is not one of https",
            Self::LongLine => "the line would pass 998 octets",
            Self::NotSigned => "no link could be made",
            Self::SafetyNet => "the rewrite could not be undone",
        })
    }
}

/// What is to be done in each copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsubscribe {
    plan: Planned,
    is_signed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Planned {
    NotWanted,
    LeftAlone(UnsubscribeReason),
    /// A field on top.
    Add,
    /// This range of the header is the sender's URI, without its brackets.
    Proxy(Range<usize>),
    /// Ours goes in front of what begins here; the range is the sender's URI of mailto.
    Lead {
        at: usize,
        mailto: Range<usize>,
        has_post: bool,
    },
}

impl Unsubscribe {
    /// Looks at the fields of a header.
    pub(super) fn plan(header: &[u8], decision: &Decision) -> Self {
        let is_signed = is_signed(header);
        let plan = match plan(header, decision, is_signed) {
            Ok(plan) => plan,
            Err(reason) => Planned::LeftAlone(reason),
        };
        Self { plan, is_signed }
    }

    /// Does a signature cover what is to be edited?
    pub(super) fn is_signed(&self) -> bool {
        self.is_signed
    }

    /// The edits for one copy.
    pub(super) fn edits(
        &self,
        header: &[u8],
        is_protected: bool,
        links: &mut dyn Links,
    ) -> (Vec<FieldEdit>, UnsubscribeOutcome) {
        let edits = match self.plan {
            Planned::NotWanted => return (Vec::new(), UnsubscribeOutcome::NotWanted),
            Planned::LeftAlone(reason) => Err(reason),
            _ if is_protected => Err(UnsubscribeReason::Protected),
            Planned::Add => added(links),
            Planned::Proxy(ref uri) => {
                proxied(header, uri, links).map(|edits| (edits, UnsubscribeOutcome::Proxied))
            }
            Planned::Lead { at, ref mailto, has_post } => {
                led(header, (at, mailto, has_post), links)
                    .map(|edits| (edits, UnsubscribeOutcome::Proxied))
            }
        };
        edits.unwrap_or_else(|reason| (Vec::new(), UnsubscribeOutcome::LeftAlone(reason)))
    }
}

fn is_signed(header: &[u8]) -> bool {
    let signatures = fields(header).filter(|field| field.is("DKIM-Signature"));
    let covers =
        |field: Field<'_>| [FIELD, POST_FIELD].into_iter().any(|name| signs(field.raw_value, name));
    signatures.into_iter().any(covers)
}

fn plan(header: &[u8], decision: &Decision, is_signed: bool) -> Result<Planned, UnsubscribeReason> {
    if decision.list_unsubscribe == ListUnsubscribe::Off {
        return Ok(Planned::NotWanted);
    }
    if decision.is_transactional {
        return Err(UnsubscribeReason::Transactional);
    }
    let has_signature = || fields(header).any(|field| field.is("DKIM-Signature"));
    match decision.signed_mail {
        SignedMail::Bypass if has_signature() => return Err(UnsubscribeReason::DkimSigned),
        SignedMail::Rewrite if is_signed => return Err(UnsubscribeReason::DkimSigned),
        SignedMail::Bypass | SignedMail::Rewrite | SignedMail::Strip => {}
    }
    let mut own = fields(header).filter(|field| field.is(FIELD));
    let mut posts = fields(header).filter(|field| field.is(POST_FIELD));
    let (field, post) = (own.next(), posts.next());
    if field.is_some() && decision.list_unsubscribe == ListUnsubscribe::Add {
        return Err(UnsubscribeReason::Present);
    }
    if own.next().is_some() || posts.next().is_some() {
        return Err(UnsubscribeReason::Several);
    }
    let promises = post.as_ref().map(|post| is_one_click(post.raw_value));
    match (field, promises) {
        (Some(field), promises) => of_sender(&field, promises, decision),
        (None, None) => Ok(Planned::Add),
        (None, Some(_)) => Err(UnsubscribeReason::Malformed),
    }
}

/// What becomes of the field that the sender has.
fn of_sender(
    field: &Field<'_>,
    promises: Option<bool>,
    decision: &Decision,
) -> Result<Planned, UnsubscribeReason> {
    let read = read_field(field.raw_value).ok_or(UnsubscribeReason::Malformed)?;
    let value_at = field.range.end - field.raw_value.len();
    let in_header = |range: &Range<usize>| value_at + range.start..value_at + range.end;
    match (&read.https[..], &read.http[..], &read.mailto[..]) {
        ([uri], [], _) => {
            let text = String::from_utf8_lossy(&field.raw_value[uri.clone()]).to_ascii_lowercase();
            let is_own = |url: &String| text.starts_with(&url.to_ascii_lowercase());
            match promises {
                _ if decision.tracking_urls.iter().any(is_own) => Err(UnsubscribeReason::OwnUrl),
                Some(true) => Ok(Planned::Proxy(in_header(uri))),
                Some(false) | None => Err(UnsubscribeReason::NotOneClick),
            }
        }
        ([], [], [mailto, ..]) if promises != Some(false) => Ok(Planned::Lead {
            at: value_at + read.begins_at,
            mailto: in_header(mailto),
            has_post: promises.is_some(),
        }),
        ([] | [_], [] | [_], _) if read.https.len() + read.http.len() < 2 => {
            Err(UnsubscribeReason::NotOneClick)
        }
        _ => Err(UnsubscribeReason::Several),
    }
}

/// Longest URL that has a line for itself: a space, a bracket, it, a bracket and a comma.
const URL_MAX: usize = FIELD_MAX - FIELD.len() - ": <>,".len();

/// A URL of ours for the sender's own.
fn url(target_url: &str, links: &mut dyn Links) -> Result<String, UnsubscribeReason> {
    let mut url = String::new();
    if !links.list_unsubscribe(target_url, URL_MAX, &mut url) || !is_url(&url) {
        return Err(UnsubscribeReason::NotSigned);
    }
    if url.len() > URL_MAX {
        return Err(UnsubscribeReason::LongLine);
    }
    Ok(url)
}

/// The same, which has to be one of https: what the sender promises is promised no more with
/// another one.
fn secure_url(target_url: &str, links: &mut dyn Links) -> Result<String, UnsubscribeReason> {
    let url = url(target_url, links)?;
    if is_https(&url) { Ok(url) } else { Err(UnsubscribeReason::NoHttps) }
}

fn is_https(url: &str) -> bool {
    url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
}

fn added(links: &mut dyn Links) -> Result<(Vec<FieldEdit>, UnsubscribeOutcome), UnsubscribeReason> {
    let url = url("", links)?;
    let value = match links.list_unsubscribe_mailto() {
        Some(mailto) => format!("<{url}>,\n <{mailto}>"),
        None => format!("<{url}>"),
    };
    let field = FieldEdit::put(FIELD, value);
    // RFC 8058 §3.1 allows it beside a URI of https alone.
    if !is_https(&url) {
        return Ok((vec![field], UnsubscribeOutcome::AddedWithoutPost));
    }
    Ok((vec![field, FieldEdit::put(POST_FIELD, ONE_CLICK)], UnsubscribeOutcome::Added))
}

fn proxied(
    header: &[u8],
    uri: &Range<usize>,
    links: &mut dyn Links,
) -> Result<Vec<FieldEdit>, UnsubscribeReason> {
    let url = secure_url(&text(header, uri), links)?;
    if room_in_line(header, uri) >= url.len() {
        return Ok(vec![FieldEdit::splice(FIELD, uri.clone(), url)]);
    }
    // In a line of its own, which begins with the bracket.
    let bracket = uri.start - 1;
    let behind = header[uri.end..].iter().position(|octet| *octet == b'\n');
    if behind.unwrap_or(header.len() - uri.end) + url.len() + " <".len() > FIELD_MAX {
        return Err(UnsubscribeReason::LongLine);
    }
    Ok(vec![FieldEdit::splice(FIELD, bracket..uri.end, format!("\n <{url}"))])
}

fn led(
    header: &[u8],
    (at, mailto, has_post): (usize, &Range<usize>, bool),
    links: &mut dyn Links,
) -> Result<Vec<FieldEdit>, UnsubscribeReason> {
    let url = secure_url(&text(header, mailto), links)?;
    // What was there goes on in the next line.
    if at - line_start(header, at) + url.len() + "<>,".len() > FIELD_MAX {
        return Err(UnsubscribeReason::LongLine);
    }
    let mut edits = vec![FieldEdit::splice(FIELD, at..at, format!("<{url}>,\n "))];
    if !has_post {
        edits.push(FieldEdit::put(POST_FIELD, ONE_CLICK));
    }
    Ok(edits)
}

fn text(header: &[u8], range: &Range<usize>) -> String {
    String::from_utf8_lossy(&header[range.clone()]).into_owned()
}

/// Octets that may stand in the place of a range, so that its line does not pass the limit.
fn room_in_line(header: &[u8], range: &Range<usize>) -> usize {
    let start = line_start(header, range.start);
    let rest = &header[range.end..];
    let end = range.end + rest.iter().position(|octet| *octet == b'\n').unwrap_or(rest.len());
    let others = header[start..end].trim_ascii_end().len().saturating_sub(range.len());
    FIELD_MAX.saturating_sub(others)
}

fn line_start(header: &[u8], at: usize) -> usize {
    header[..at].iter().rposition(|octet| *octet == b'\n').map_or(0, |end| end + 1)
}
