//! Where pixels can stand in HTML so that a mail client builds the same tree with and
//! without them: in the body, and in no element that hides or drops images.

use mail::html::tokenizer::{Element, ElementSet, ElementSets, Namespace, Tag, Token, Tokenizer};
use std::ops::Range;

/// Elements that keep an image inside from being shown, or drop it. A pixel is put
/// before the outermost that is open.
const TRAPS: [Element; 6] = {
    use Element::*;
    [Select, Template, Noscript, Object, Video, Audio]
};
/// What may stand in the head (HTML standard, 13.2.6.4.4), and html and head. Anything
/// else begins the body.
const HEAD: ElementSet = {
    use Element::*;
    ElementSet::of(&[
        Html, Head, Base, Basefont, Bgsound, Link, Meta, Title, Noscript, Noframes, Style, Script,
        Template, Frameset,
    ])
};
/// Those whose content is raw text.
const RAW_TEXT: ElementSet = {
    use Element::*;
    ElementSet::of(&[Title, Noframes, Style, Script, Textarea, Xmp, Iframe, Noembed])
};
/// Formatting elements (13.2.4.3). One that is left open when its block ends is opened
/// again by what comes next, so also by a pixel.
const FORMATTING: ElementSet = {
    use Element::*;
    ElementSet::of(&[A, B, Big, Code, Em, Font, I, Nobr, S, Small, Strike, Strong, Tt, U])
};
/// Other elements that open again what was left open.
const REOPENING: ElementSet =
    ElementSet::of(&[Element::Span, Element::Br, Element::Img, Element::Area]);
/// Elements behind which a frameset does not take the place of the body (13.2.6.4.7, "set
/// the frameset-ok flag to not ok").
const BEFORE_NO_FRAMESET: ElementSet = {
    use Element::*;
    ElementSet::of(&[
        Area, Body, Br, Dd, Dt, Embed, Hr, Iframe, Img, Li, Listing, Object, Pre, Select, Table,
        Textarea, Xmp,
    ])
};
/// Most elements are in none of these sets, and are told by one look.
static ROLES: ElementSets =
    ElementSets::of(&[RAW_TEXT, FORMATTING, REOPENING, ElementSet::of(&TRAPS)]);
const IS_RAW_TEXT: u8 = 1;
const IS_FORMATTING: u8 = 1 << 1;
const IS_REOPENING: u8 = 1 << 2;
const IS_TRAP: u8 = 1 << 3;
const OTHERS_BEFORE_NO_FRAMESET: [&str; 6] =
    ["applet", "button", "input", "keygen", "marquee", "wbr"];
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Watches the tokens of HTML for the places of its pixels.
#[derive(Debug, Default)]
pub(super) struct Places {
    body_start: Option<usize>,
    body_end: Option<usize>,
    html_end: Option<usize>,
    has_frameset: bool,
    is_frameset_judged: bool,
    /// How many of each trap are open, and where the outermost starts.
    open_traps: [usize; TRAPS.len()],
    open_traps_in_all: usize,
    outermost_trap: usize,
    is_raw_text: bool,
    /// How many formatting elements are open, by their tags alone.
    open_formatting: usize,
    /// Behind the last content that opens again what was left open.
    shown_end: Option<usize>,
    /// Did an end tag come after that content?
    is_behind_end_tag: bool,
}

impl Places {
    /// Takes the next token. `open_foreign` is where open SVG or MathML starts.
    #[inline(always)]
    pub(super) fn pass(&mut self, html: &[u8], token: &Token, open_foreign: Option<usize>) {
        match token {
            Token::StartTag(tag) => self.start_tag(html, tag),
            Token::EndTag(tag) => self.end_tag(tag, open_foreign),
            Token::Text(range) if !self.is_raw_text => {
                if self.body_start.is_none() {
                    self.first_text(&html[range.clone()], range.start);
                }
                if open_foreign.is_none() {
                    self.shown(range.end);
                }
            }
            Token::Text(_) | Token::Comment(_) | Token::Doctype(_) => {}
        }
    }

    /// Takes note of content that ends here. In a trap it does not count.
    fn shown(&mut self, end: usize) {
        if self.body_start.is_some() && self.open_trap().is_none() {
            self.shown_end = Some(end);
            self.is_behind_end_tag = false;
        }
    }

    /// Text before the body begins it, unless it is white space.
    #[inline(never)]
    fn first_text(&mut self, text: &[u8], start: usize) {
        let mark = if start == 0 { BYTE_ORDER_MARK } else { &[] };
        let skipped = text.strip_prefix(mark).map_or(0, |_| mark.len());
        let is_content = |octet: &u8| !octet.is_ascii_whitespace();
        let content = text[skipped..].iter().position(is_content);
        self.begin_body(content.map(|content| start + skipped + content));
    }

    /// Where the pixel at the start goes, if there is a body.
    pub(super) fn start(&self) -> Option<usize> {
        self.body_start
    }

    /// Where the pixel at the end goes, if there is a place for one.
    pub(super) fn end(
        &self,
        html: &[u8],
        unfinished: Option<usize>,
        open_foreign: Option<usize>,
    ) -> Option<usize> {
        if self.has_frameset {
            return None;
        }
        let trap = self.open_trap().into_iter().chain(open_foreign).min();
        let cut = unfinished.into_iter().chain(trap).min();
        // Before the body, an image would move what follows it out of the head.
        let cut = cut.filter(|_| self.body_end.or(self.html_end).is_none());
        if cut.is_some_and(|cut| self.body_start.is_none_or(|start| cut < start)) {
            return None;
        }
        // The last line break stays the last; before the body it would leave the head.
        let last = if self.body_start.is_some() { without_line_end(html) } else { html };
        let end = self.body_end.or(self.html_end).or(cut).unwrap_or(last.len());
        let reopens = self.open_formatting > 0 && self.is_behind_end_tag && cut.is_none();
        let shown_end = self.shown_end.filter(|shown_end| reopens && *shown_end < end);
        Some(shown_end.unwrap_or(end))
    }

    #[inline(always)]
    fn start_tag(&mut self, html: &[u8], tag: &Tag) {
        // What SVG and MathML have of these names is something else.
        let is_html = tag.namespace == Namespace::Html;
        let element = if is_html { tag.element } else { Element::Other };
        match self.body_start {
            None => self.before_body(html, tag.range.clone(), element),
            Some(start) if element == Element::Frameset => {
                self.frameset(&html[start..tag.range.start]);
            }
            Some(_) => {}
        }
        let roles = ROLES.with(element);
        self.is_raw_text = roles & IS_RAW_TEXT != 0;
        self.open_formatting += usize::from(roles & IS_FORMATTING != 0);
        if roles & (IS_FORMATTING | IS_REOPENING) != 0 {
            self.shown(tag.range.end);
        }
        if roles & IS_TRAP != 0 {
            self.open_trap_at(tag.range.start, element);
        }
    }

    #[inline(never)]
    fn open_trap_at(&mut self, start: usize, element: Element) {
        if self.open_trap().is_none() {
            self.outermost_trap = start;
        }
        self.open_traps[trap(element)] += 1;
        self.open_traps_in_all += 1;
    }

    #[inline(never)]
    fn before_body(&mut self, html: &[u8], tag: Range<usize>, element: Element) {
        match element {
            Element::Body => {
                // A frameset behind it is none (13.2.6.4.6).
                self.is_frameset_judged = true;
                // Behind the line break that mostly follows, which stays the body's first text.
                let rest = &html[tag.end..];
                let space = rest.iter().take_while(|octet| octet.is_ascii_whitespace()).count();
                self.begin_body(Some(tag.end + space));
            }
            Element::Frameset => self.has_frameset = true,
            _ if HEAD.has(element) => {}
            _ => self.begin_body(Some(tag.start)),
        }
    }

    /// A frameset takes the place of the body before it, if that shows nothing. The first
    /// one is judged: what is before it is before the others.
    fn frameset(&mut self, body: &[u8]) {
        if self.is_frameset_judged {
            return;
        }
        self.is_frameset_judged = true;
        let mut is_raw_text = false;
        self.has_frameset = Tokenizer::new(body).all(|token| match token {
            Token::Text(range) => is_raw_text || body[range].trim_ascii().is_empty(),
            Token::StartTag(tag) => {
                is_raw_text = RAW_TEXT.has(tag.element);
                let is_other = OTHERS_BEFORE_NO_FRAMESET.iter().any(|name| tag.is(body, name));
                !is_other && !BEFORE_NO_FRAMESET.has(tag.element)
            }
            Token::EndTag(tag) => {
                is_raw_text = false;
                tag.element != Element::Br
            }
            Token::Comment(_) | Token::Doctype(_) => true,
        });
    }

    #[inline(always)]
    fn end_tag(&mut self, tag: &Tag, open_foreign: Option<usize>) {
        self.is_raw_text = false;
        if tag.namespace != Namespace::Html {
            return;
        }
        let roles = ROLES.with(tag.element);
        if roles & IS_TRAP != 0 {
            let trap = trap(tag.element);
            let closed = usize::from(self.open_traps[trap] > 0);
            self.open_traps[trap] -= closed;
            self.open_traps_in_all -= closed;
        } else if self.open_trap().or(open_foreign).is_some() {
            // An end tag in such an element ends nothing outside.
        } else if tag.element == Element::Body {
            self.body_end = Some(tag.range.start);
        } else if tag.element == Element::Html {
            self.html_end = Some(tag.range.start);
        } else {
            let closed = usize::from(roles & IS_FORMATTING != 0);
            self.open_formatting = self.open_formatting.saturating_sub(closed);
            self.is_behind_end_tag = true;
        }
    }

    /// The first place counts. The content of a template is no body.
    fn begin_body(&mut self, place: Option<usize>) {
        let in_template = self.open_traps[1] > 0;
        if self.body_start.is_none() && !in_template && !self.has_frameset {
            self.body_start = place;
        }
    }

    fn open_trap(&self) -> Option<usize> {
        (self.open_traps_in_all > 0).then_some(self.outermost_trap)
    }
}

fn without_line_end(html: &[u8]) -> &[u8] {
    html.strip_suffix(b"\n").map_or(html, |line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Which of the traps it is.
fn trap(element: Element) -> usize {
    TRAPS.iter().position(|trap| *trap == element).expect("it is one of them")
}
