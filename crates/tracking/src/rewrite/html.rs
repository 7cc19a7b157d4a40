//! The links of an HTML part and the places for its pixels.

use super::{
    Reason,
    select::Kind,
    site::{PlannedLink, Site, SiteKind},
};
use crate::decision::Decision;
use mail::{
    html::tokenizer::{Element, Tag, Token, TokenSink, Tokenizer},
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
pub(super) fn sites<'a>(
    html: &'a [u8],
    charset: Charset,
    kind: Kind,
    decision: &'a Decision,
    links: &'a mut Vec<PlannedLink>,
) -> Vec<Site> {
    let finder = LinkFinder { charset, kind, decision, links, sites: Vec::new() };
    let mut reader = Reader { html, places: Places::default(), finder, shown: None };
    let mut tokenizer = Tokenizer::new(html);
    tokenizer.drain(&mut reader);
    let Reader { places, mut finder, shown, .. } = reader;
    if let Some(link) = shown.filter(|link| link.is_url(charset)) {
        leave_alone(&mut finder, &link, Reason::ShownAsUrl);
    }
    let mut sites = finder.sites;
    let unfinished = tokenizer.unfinished().map(|(start, _)| start);
    let mut add = |is_wanted: bool, place: Option<usize>, site| {
        let place = place.filter(|_| is_wanted);
        sites.extend(place.map(|at| Site { range: at..at, kind: site }));
    };
    let end = places.end(html, unfinished, tokenizer.open_foreign());
    add(decision.initial_open && end.is_some(), places.start(), SiteKind::InitialOpen);
    let has_honeypot = decision.honeypot && decision.click && kind == Kind::Html;
    add(has_honeypot, end, SiteKind::Honeypot);
    add(decision.open, end, SiteKind::Open);
    sites
}

/// Reads the tokens of an HTML part.
struct Reader<'a> {
    html: &'a [u8],
    places: Places,
    finder: LinkFinder<'a>,
    /// The link whose text is being read, where that matters.
    shown: Option<ShownLink>,
}

impl TokenSink for Reader<'_> {
    #[inline(always)]
    fn take(&mut self, token: Token, open_foreign: Option<usize>) {
        self.places.pass(self.html, &token, open_foreign);
        if self.shown.is_some() {
            self.read_shown(&token.clone());
        }
        match &token {
            // Nearly all tags are of others, and are not looked at.
            Token::StartTag(tag) if matches!(tag.element, Element::A | Element::Area) => {
                self.link(&tag.clone());
            }
            Token::Comment(range) if self.finder.decision.vml_links => {
                self.finder.comment(self.html, range.clone());
            }
            _ => {}
        }
    }
}

impl Reader<'_> {
    #[inline(never)]
    fn link(&mut self, tag: &Tag) {
        let site = self.finder.tag((self.html, 0), tag);
        if self.finder.decision.skip_links_shown_as_urls && tag.element == Element::A {
            self.shown = site.map(ShownLink::new);
        }
    }

    /// Reads the text of a link, up to its end.
    #[inline(never)]
    fn read_shown(&mut self, token: &Token) {
        let is_over = |link: &mut ShownLink| link.is_over(self.html, token);
        let Some(link) = self.shown.take_if(is_over) else { return };
        if link.is_url(self.finder.charset) {
            leave_alone(&mut self.finder, &link, Reason::ShownAsUrl);
        }
    }
}

/// Takes back the site of a link.
fn leave_alone(finder: &mut LinkFinder<'_>, link: &ShownLink, reason: Reason) {
    let site = finder.sites.remove(link.site);
    if let SiteKind::Link { index, .. } = site.kind {
        finder.links[index].left_alone = Some(reason);
    }
}
