//! What is SVG or MathML (HTML standard, 13.2.6.5): in there CDATA is text, a style or
//! title holds markup, and an `a` is no HTML link. Only the elements that open and
//! leave such content are followed.

use super::{Attribute, Tag};
use std::ops::Range;

/// What an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Namespace {
    /// HTML.
    #[default]
    Html,
    /// SVG.
    Svg,
    /// MathML.
    MathMl,
}

/// Start tags that end foreign content, since they are meant for HTML; and `font` if it
/// has one of its HTML attributes.
#[rustfmt::skip]
const BREAKOUT: [&str; 44] = [
    "b", "big", "blockquote", "body", "br", "center", "code", "dd", "div", "dl", "dt", "em",
    "embed", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "i", "img", "li", "listing", "menu",
    "meta", "nobr", "ol", "p", "pre", "ruby", "s", "small", "span", "strong", "strike", "sub",
    "sup", "table", "tt", "u", "ul", "var",
];
/// Integration points (13.2.6): elements of SVG and MathML with HTML inside.
const SVG_POINTS: [&str; 3] = ["foreignobject", "desc", "title"];
const MATHML_POINTS: [&str; 6] = ["mi", "mo", "mn", "ms", "mtext", "annotation-xml"];

#[derive(Debug, Clone, Copy)]
enum Element {
    /// An svg or math element.
    Root(Namespace),
    /// An integration point in content of this namespace.
    Point(Namespace),
}

/// The open elements that tell foreign content from HTML.
#[derive(Debug, Clone, Default)]
pub(super) struct Foreign {
    open: Vec<Element>,
    svg_roots: usize,
    mathml_roots: usize,
    outermost: usize,
}

impl Foreign {
    /// What the content at this place belongs to.
    pub(super) fn namespace(&self) -> Namespace {
        match self.open.last() {
            Some(Element::Root(namespace)) => *namespace,
            Some(Element::Point(_)) | None => Namespace::Html,
        }
    }

    /// Where the outermost open svg or math element starts.
    pub(super) fn outermost(&self) -> Option<usize> {
        (!self.open.is_empty()).then_some(self.outermost)
    }

    /// Takes a start tag and tells what its element belongs to.
    pub(super) fn enter(&mut self, html: &[u8], tag: &Tag, attributes: &[Attribute]) -> Namespace {
        let current = self.namespace();
        let name = &html[tag.name.clone()];
        if current != Namespace::Html && is_breakout(html, name, attributes) {
            while self.namespace() != Namespace::Html {
                self.pop();
            }
            return Namespace::Html;
        }
        let root = match () {
            () if name.eq_ignore_ascii_case(b"svg") && current != Namespace::MathMl => {
                Some(Namespace::Svg)
            }
            () if name.eq_ignore_ascii_case(b"math") && current != Namespace::Svg => {
                Some(Namespace::MathMl)
            }
            () => None,
        };
        if !tag.is_self_closing {
            let is_point = match current {
                Namespace::Html => false,
                Namespace::Svg => is_one_of(name, &SVG_POINTS),
                Namespace::MathMl => is_one_of(name, &MATHML_POINTS),
            };
            match root {
                Some(namespace) => self.push(Element::Root(namespace), &tag.range),
                None if is_point => self.push(Element::Point(current), &tag.range),
                None => {}
            }
        }
        root.unwrap_or(current)
    }

    /// Takes the name of an end tag and tells what its element belonged to.
    pub(super) fn leave(&mut self, name: &[u8]) -> Namespace {
        let current = self.namespace();
        if let Some(Element::Point(outer)) = self.open.last() {
            let names = if *outer == Namespace::Svg { &SVG_POINTS[..] } else { &MATHML_POINTS };
            if is_one_of(name, names) {
                let outer = *outer;
                self.pop();
                return outer;
            }
        }
        // 13.2.6.5: the end tags br and p are meant for HTML.
        if current != Namespace::Html && is_one_of(name, &["br", "p"]) {
            while self.namespace() != Namespace::Html {
                self.pop();
            }
            return Namespace::Html;
        }
        let closed = match () {
            () if name.eq_ignore_ascii_case(b"svg") && self.svg_roots > 0 => Namespace::Svg,
            () if name.eq_ignore_ascii_case(b"math") && self.mathml_roots > 0 => Namespace::MathMl,
            () => return current,
        };
        while let Some(element) = self.pop() {
            if matches!(element, Element::Root(namespace) if namespace == closed) {
                break;
            }
        }
        closed
    }

    fn push(&mut self, element: Element, tag: &Range<usize>) {
        if self.open.is_empty() {
            self.outermost = tag.start;
        }
        if let Some(roots) = self.roots(element) {
            *roots += 1;
        }
        self.open.push(element);
    }

    fn pop(&mut self) -> Option<Element> {
        let element = self.open.pop()?;
        if let Some(roots) = self.roots(element) {
            *roots -= 1;
        }
        Some(element)
    }

    fn roots(&mut self, element: Element) -> Option<&mut usize> {
        match element {
            Element::Root(Namespace::Svg) => Some(&mut self.svg_roots),
            Element::Root(_) => Some(&mut self.mathml_roots),
            Element::Point(_) => None,
        }
    }
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

fn is_breakout(html: &[u8], name: &[u8], attributes: &[Attribute]) -> bool {
    let is_html_font = || {
        let names = &mut attributes.iter().map(|attribute| &html[attribute.name.clone()]);
        names.any(|name| is_one_of(name, &["color", "face", "size"]))
    };
    is_one_of(name, &BREAKOUT) || name.eq_ignore_ascii_case(b"font") && is_html_font()
}
