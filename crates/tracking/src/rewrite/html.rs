//! The links of an HTML part and the places for its pixels.

use super::{
    Reason,
    site::{LinkForm, PlannedLink, Site, SiteKind, add_link, refusal, scheme_len},
};
use crate::decision::Decision;
use mail::{
    html::{
        attribute,
        tokenizer::{Attribute, Namespace, Quote, Token, Tokenizer},
    },
    text::charset::Charset,
};
use std::ops::Range;

mod places;
#[cfg(test)]
mod tests;

use places::Places;

/// Finds the sites of an HTML part, in order, and adds its links to those of the message.
pub(super) fn sites(
    html: &[u8],
    charset: Charset,
    decision: &Decision,
    links: &mut Vec<PlannedLink>,
) -> Vec<Site> {
    let mut sites = Vec::new();
    let mut places = Places::default();
    let mut tokenizer = Tokenizer::new(html);
    while let Some(token) = tokenizer.next() {
        places.pass(html, &token, tokenizer.open_foreign());
        let Token::StartTag(tag) = &token else { continue };
        let is_link = decision.click
            && tag.namespace == Namespace::Html
            && (tag.is(html, "a") || tag.is(html, "area"));
        if let Some(link) = is_link.then(|| Href::find(html, tokenizer.attributes())).flatten() {
            link.plan(charset, decision, links, &mut sites);
        }
    }
    let unfinished = tokenizer.unfinished().map(|(start, _)| start);
    let mut add = |is_wanted: bool, place: Option<usize>, kind| {
        let place = place.filter(|_| is_wanted);
        sites.extend(place.map(|at| Site { range: at..at, kind }));
    };
    let end = places.end(html, unfinished, tokenizer.open_foreign());
    add(decision.initial_open && end.is_some(), places.start(), SiteKind::InitialOpen);
    add(decision.open, end, SiteKind::Open);
    sites.sort_by_key(|site| (site.range.start, site.kind == SiteKind::Open));
    sites
}

/// The first href of a tag; the others do not count (HTML standard, 13.2.5.33).
struct Href<'a> {
    raw: &'a [u8],
    value: Range<usize>,
    quote: Quote,
    is_opted_out: bool,
}

impl<'a> Href<'a> {
    fn find(html: &'a [u8], attributes: &[Attribute]) -> Option<Self> {
        let is_href = |attribute: &&Attribute| is_name(html, attribute, "href");
        let href = attributes.iter().find(is_href)?;
        Some(Self {
            raw: &html[href.value.clone()],
            value: href.value.clone(),
            quote: href.quote,
            is_opted_out: attributes.iter().any(|attribute| is_opt_out(html, attribute)),
        })
    }

    /// Adds the link, and its site if it is tracked, unless it is none of http or https.
    fn plan(
        self,
        charset: Charset,
        decision: &Decision,
        links: &mut Vec<PlannedLink>,
        sites: &mut Vec<Site>,
    ) {
        // Most of the links that are none are told by their first octet.
        let first = self.raw.iter().find(|octet| **octet > b' ');
        if !matches!(first, Some(b'h' | b'H' | b'&')) {
            return;
        }
        let decoded = charset.decode(self.raw).filter(|_| !self.raw.contains(&0));
        let is_text = decoded.is_some();
        let text = decoded.unwrap_or_else(|| String::from_utf8_lossy(self.raw));
        let text = attribute::decode(&text);
        let target = attribute::url(&text);
        if scheme_len(&target).is_none() {
            return;
        }
        let left_alone = match () {
            () if !is_text => Some(Reason::Undecodable),
            () if self.is_opted_out => Some(Reason::OptedOut),
            () => refusal(&target, &decision.tracking_urls),
        };
        let form =
            if self.quote == Quote::Unquoted { LinkForm::Unquoted } else { LinkForm::Quoted };
        add_link(links, sites, (self.value, form), &target, left_alone);
    }
}

fn is_name(html: &[u8], attribute: &Attribute, name: &str) -> bool {
    html[attribute.name.clone()].eq_ignore_ascii_case(name.as_bytes())
}

/// The ways to say that a link must not be tracked: SparkPost's, and those of senders
/// that come from SendGrid, Mailgun, Mandrill, Postmark and Amazon SES.
fn is_opt_out(html: &[u8], attribute: &Attribute) -> bool {
    const WITH_VALUE: [(&str, &str); 3] =
        [("data-msys-clicktrack", "0"), ("clicktracking", "off"), ("disable-tracking", "true")];
    const ALONE: [&str; 3] = ["mc:disable-tracking", "data-pm-no-track", "ses:no-track"];
    let value = &html[attribute.value.clone()];
    WITH_VALUE.iter().any(|(name, off)| {
        is_name(html, attribute, name) && value.trim_ascii().eq_ignore_ascii_case(off.as_bytes())
    }) || ALONE.iter().any(|name| is_name(html, attribute, name))
}
