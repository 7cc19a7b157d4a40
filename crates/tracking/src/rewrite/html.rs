//! The links of an HTML part and the places for its pixels.

use super::{
    Reason,
    select::Kind,
    site::{PlannedLink, Site, SiteKind},
};
use crate::decision::Decision;
use mail::{
    html::tokenizer::{Element, Token, Tokenizer},
    text::charset::Charset,
};

mod link;
mod places;
mod shown;
#[cfg(test)]
mod tests;

use link::LinkFinder;
use places::Places;
use shown::ShownLink;

/// Finds the sites of an HTML part, in order, and adds its links to those of the message.
pub(super) fn sites(
    html: &[u8],
    charset: Charset,
    kind: Kind,
    decision: &Decision,
    links: &mut Vec<PlannedLink>,
) -> Vec<Site> {
    let mut places = Places::default();
    let mut tokenizer = Tokenizer::new(html);
    let mut finder = LinkFinder { charset, kind, decision, links, sites: Vec::new() };
    let mut shown: Option<ShownLink> = None;
    while let Some(token) = tokenizer.next() {
        places.pass(html, &token, tokenizer.open_foreign());
        if let Some(link) = &mut shown
            && link.is_over(html, &token.clone())
        {
            if link.is_url(charset) {
                leave_alone(&mut finder, link, Reason::ShownAsUrl);
            }
            shown = None;
        }
        match token {
            // Nearly all tags are of others, and are not looked at.
            Token::StartTag(tag) if matches!(tag.element, Element::A | Element::Area) => {
                let site = finder.tag((html, 0), &tag);
                if decision.skip_links_shown_as_urls && tag.element == Element::A {
                    shown = site.map(ShownLink::new);
                }
            }
            Token::Comment(range) if decision.vml_links => finder.comment(html, range),
            _ => {}
        }
    }
    if let Some(link) = shown.filter(|link| link.is_url(charset)) {
        leave_alone(&mut finder, &link, Reason::ShownAsUrl);
    }
    let mut sites = finder.sites;
    if kind == Kind::Html {
        let unfinished = tokenizer.unfinished().map(|(start, _)| start);
        let mut add = |is_wanted: bool, place: Option<usize>, kind| {
            let place = place.filter(|_| is_wanted);
            sites.extend(place.map(|at| Site { range: at..at, kind }));
        };
        let end = places.end(html, unfinished, tokenizer.open_foreign());
        add(decision.initial_open && end.is_some(), places.start(), SiteKind::InitialOpen);
        add(decision.open, end, SiteKind::Open);
    }
    sites
}

/// Takes back the site of a link.
fn leave_alone(finder: &mut LinkFinder<'_>, link: &ShownLink, reason: Reason) {
    let site = finder.sites.remove(link.site);
    if let SiteKind::Link { index, .. } = site.kind {
        finder.links[index].left_alone = Some(reason);
    }
}
