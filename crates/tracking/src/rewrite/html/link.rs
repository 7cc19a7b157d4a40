//! Links: the first href of `a` and `area`, and of VML shapes where Outlook reads them.

use super::super::{
    Reason,
    control::{LinkControl, is_word},
    escape,
    select::Kind,
    site::{LinkForm, PlannedLink, Site, SiteKind, add_link, notrack, refusal, scheme_len},
};
use crate::decision::Decision;
use mail::{
    html::{
        attribute,
        tokenizer::{Attribute, Element, Namespace, Quote, Tag, Token, Tokenizer},
    },
    text::charset::Charset,
};
use memchr::{memchr, memmem};
use std::ops::Range;

/// VML elements that have an href.
const SHAPES: [&str; 11] = [
    "v:arc",
    "v:curve",
    "v:group",
    "v:image",
    "v:line",
    "v:oval",
    "v:polyline",
    "v:rect",
    "v:roundrect",
    "v:shape",
    "v:background",
];

/// Finds the links of a part and what is to be taken out of their tags.
pub(super) struct LinkFinder<'a> {
    pub(super) charset: Charset,
    pub(super) kind: Kind,
    pub(super) decision: &'a Decision,
    pub(super) links: &'a mut Vec<PlannedLink>,
    pub(super) sites: Vec<Site>,
}

/// The value of an href.
struct Href<'h> {
    raw: &'h [u8],
    range: Range<usize>,
    form: LinkForm,
}

impl LinkFinder<'_> {
    /// Looks at a start tag of a stretch of the part, which starts at the offset. Gives
    /// the index of the link's site if the link is tracked.
    pub(super) fn tag(&mut self, (html, offset): (&[u8], usize), tag: &Tag) -> Option<usize> {
        // An offset is that of a comment.
        let is_comment = offset > 0;
        let is_link = tag.namespace == Namespace::Html
            && (matches!(tag.element, Element::A | Element::Area)
                || is_comment && SHAPES.iter().any(|shape| tag.is(html, shape)));
        if !is_link {
            return None;
        }
        if self.decision.remove_link_attributes {
            self.remove_words((html, offset), tag);
        }
        let (href, control) = self.attributes(html, tag);
        let href = href?;
        // Most of the links that are not tracked are told by their first octet.
        let first = html[href.value.clone()].iter().find(|octet| **octet > b' ');
        if !matches!(first, Some(b'h' | b'H' | b'&')) {
            return None;
        }
        let href = Href {
            raw: &html[href.value.clone()],
            range: href.value.start + offset..href.value.end + offset,
            form: match href.quote {
                Quote::Unquoted => LinkForm::Unquoted,
                _ if is_comment => LinkForm::InComment,
                _ => LinkForm::Quoted,
            },
        };
        let sites = self.sites.len();
        self.add(href, control);
        let site = self.sites.get(sites)?;
        matches!(site.kind, SiteKind::Link { .. }).then_some(sites)
    }

    /// Looks at a comment, and into it if it is one that Outlook reads:
    /// `<!--[if ...]>...<![endif]-->`.
    pub(super) fn comment(&mut self, html: &[u8], range: Range<usize>) {
        const START: &[u8] = b"<!--[if";
        const END: &[u8] = b"<![endif]-->";
        let comment = &html[range.clone()];
        let is_conditional = comment.len() > START.len() + END.len()
            && comment[..START.len()].eq_ignore_ascii_case(START)
            && comment[comment.len() - END.len()..].eq_ignore_ascii_case(END);
        let Some(condition) = memmem::find(comment, b"]>").filter(|_| is_conditional) else {
            return;
        };
        let end = comment.len() - END.len();
        let Some(inner) = comment.get(condition + 2..end) else { return };
        let offset = range.start + condition + 2;
        for token in Tokenizer::new(inner) {
            if let Token::StartTag(tag) = &token {
                self.tag((inner, offset), tag);
            }
        }
    }

    /// The href of a tag, and what its other attributes say of its link.
    fn attributes(&self, html: &[u8], tag: &Tag) -> (Option<Attribute>, LinkControl) {
        let (mut href, mut control) = (None, LinkControl::default());
        for attribute in tag.attributes(html) {
            let name = &html[attribute.name.clone()];
            if name.eq_ignore_ascii_case(b"href") {
                // HTML standard, 13.2.5.33: the first of a name counts.
                href.get_or_insert(attribute);
                continue;
            }
            control.take(name, || {
                let value = self.charset.decode(&html[attribute.value])?;
                Some(attribute::decode(&value).into_owned())
            });
        }
        (href, control)
    }

    /// Adds a link, and its site if it is tracked, unless it is none of http or https.
    fn add(&mut self, href: Href<'_>, control: LinkControl) {
        let Href { raw, range, form } = href;
        let decoded = self.charset.decode(raw).filter(|_| memchr(0, raw).is_none());
        let is_text = decoded.is_some();
        let text = decoded.unwrap_or_else(|| String::from_utf8_lossy(raw));
        let text = attribute::decode(&text);
        let mut target = attribute::url(&text);
        if scheme_len(&target).is_none() {
            return self.add_notrack(raw, range, control);
        }
        if !self.decision.click {
            return;
        }
        if self.decision.substitution_escapes {
            target = escape::undone(&target).into_owned().into();
        }
        let left_alone = match () {
            () if !is_text => Some(Reason::Undecodable),
            () if control.is_opted_out => Some(Reason::OptedOut),
            // The mail client fills these in (AMP for Email, amp-mustache).
            () if self.kind == Kind::Amp && target.contains("{{") => Some(Reason::Placeholder),
            () => refusal(&target, self.decision),
        };
        add_link(self.links, &mut self.sites, (range, form), &target, control, left_alone);
    }

    /// Adds a link whose scheme says `+notrack`, in plain letters, and takes that out.
    fn add_notrack(&mut self, raw: &[u8], range: Range<usize>, control: LinkControl) {
        let Some(text) = self.charset.decode(raw) else { return };
        let Some(word) = notrack(text.trim_ascii_start()) else { return };
        let spaces = text.len() - text.trim_ascii_start().len();
        let start = range.start + spaces + word.start;
        let kind = SiteKind::Words("");
        self.sites.push(Site { range: start..start + word.len(), kind });
        let mut target = attribute::url(&attribute::decode(&text)).into_owned();
        target.replace_range(word, "");
        let left_alone = Some(Reason::OptedOut);
        add_link(
            self.links,
            &mut self.sites,
            (range, LinkForm::Quoted),
            &target,
            control,
            left_alone,
        );
    }

    /// Takes out the attributes that are for a tracker alone.
    fn remove_words(&mut self, (html, offset): (&[u8], usize), tag: &Tag) {
        let is_known = |attribute: &Attribute| is_word(&html[attribute.name.clone()]);
        let words = tag.attributes(html).filter(is_known);
        self.sites.extend(words.filter_map(|attribute| removed(html, &attribute)).map(|range| {
            let range = range.start + offset..range.end + offset;
            Site { range, kind: SiteKind::Words("") }
        }));
    }
}

/// What goes with an attribute: it, its value and, where white space stands on both
/// sides, that before it. What stands around it must be read as before.
fn removed(html: &[u8], attribute: &Attribute) -> Option<Range<usize>> {
    let is_space = |octet: &&u8| matches!(octet, b'\t' | b'\n' | b'\x0C' | b'\r' | b' ');
    let is_quoted = matches!(attribute.quote, Quote::Single | Quote::Double);
    let end = attribute.value.end + usize::from(is_quoted);
    let behind = &html[end..];
    let next = behind.iter().find(|octet| !is_space(octet));
    if next == Some(&b'=') {
        // Then it would become the sign of the attribute before.
        return None;
    }
    let spaces = html[..attribute.name.start].iter().rev().take_while(is_space).count();
    let is_apart = behind.first().is_some_and(|octet| is_space(&octet) || *octet == b'>');
    let start = attribute.name.start - if is_apart { spaces } else { 0 };
    Some(start..end)
}
