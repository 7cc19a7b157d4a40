//! What is SVG or MathML (HTML standard, 13.2.6.5): in there CDATA is text, a style or
//! title holds markup, and an `a` is no HTML link. Only the elements that open and
//! leave such content are followed.

use super::{Attribute, Element, ElementSet, Tag};
use crate::html::attribute;
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
const BREAKOUT: ElementSet = {
    use Element::*;
    ElementSet::of(&[
        B, Big, Blockquote, Body, Br, Center, Code, Dd, Div, Dl, Dt, Em, Embed, H1, H2, H3, H4, H5,
        H6, Head, Hr, I, Img, Li, Listing, Menu, Meta, Nobr, Ol, P, Pre, Ruby, S, Small, Span,
        Strong, Strike, Sub, Sup, Table, Tt, U, Ul, Var,
    ])
};
/// Integration points (13.2.6): elements of SVG and MathML with HTML inside. The last is
/// one only if its encoding is that of HTML.
const SVG_POINTS: ElementSet =
    ElementSet::of(&[Element::ForeignObject, Element::Desc, Element::Title]);
const MATHML_POINTS: ElementSet = {
    use Element::*;
    ElementSet::of(&[Mi, Mo, Mn, Ms, Mtext, AnnotationXml])
};

#[derive(Debug, Clone, Copy)]
enum Open {
    /// An svg or math element.
    Root(Namespace),
    /// An integration point in content of this namespace.
    Point(Namespace),
    /// An annotation-xml element that is none: MathML, but an svg element right in it is SVG.
    Annotation,
}

/// The open elements that tell foreign content from HTML.
#[derive(Debug, Clone, Default)]
pub(super) struct Foreign {
    open: Vec<Open>,
    svg_roots: usize,
    mathml_roots: usize,
    outermost: usize,
}

impl Foreign {
    /// What the content at this place belongs to.
    pub(super) fn namespace(&self) -> Namespace {
        match self.open.last() {
            Some(Open::Root(namespace)) => *namespace,
            Some(Open::Annotation) => Namespace::MathMl,
            Some(Open::Point(_)) | None => Namespace::Html,
        }
    }

    /// Where the outermost open svg or math element starts.
    pub(super) fn outermost(&self) -> Option<usize> {
        (!self.open.is_empty()).then_some(self.outermost)
    }

    /// Takes a start tag and tells what its element belongs to.
    #[inline(always)]
    pub(super) fn enter(&mut self, html: &[u8], tag: &Tag) -> Namespace {
        // Most mail has nothing but HTML.
        if self.open.is_empty() && !matches!(tag.element, Element::Svg | Element::Math) {
            return Namespace::Html;
        }
        // A copy, so that other tags need not stand in memory for this call.
        self.enter_foreign(html, &tag.clone())
    }

    #[inline(never)]
    fn enter_foreign(&mut self, html: &[u8], tag: &Tag) -> Namespace {
        let current = self.namespace();
        if current != Namespace::Html && is_breakout(html, tag) {
            while self.namespace() != Namespace::Html {
                self.pop();
            }
            return Namespace::Html;
        }
        let root = match tag.element {
            Element::Svg if current != Namespace::MathMl || self.is_in_annotation() => {
                Some(Namespace::Svg)
            }
            Element::Math if current != Namespace::Svg => Some(Namespace::MathMl),
            _ => None,
        };
        if !tag.is_self_closing {
            match root {
                Some(namespace) => self.push(Open::Root(namespace), &tag.range),
                None if points(current).has(tag.element) => {
                    let is_annotation =
                        tag.element == Element::AnnotationXml && !is_html_annotation(html, tag);
                    let open = if is_annotation { Open::Annotation } else { Open::Point(current) };
                    self.push(open, &tag.range);
                }
                None => {}
            }
        }
        root.unwrap_or(current)
    }

    /// Takes the element of an end tag and tells what it belonged to.
    #[inline(always)]
    pub(super) fn leave(&mut self, element: Element) -> Namespace {
        if self.open.is_empty() { Namespace::Html } else { self.leave_foreign(element) }
    }

    fn leave_foreign(&mut self, element: Element) -> Namespace {
        let current = self.namespace();
        if let Some(&Open::Point(outer)) = self.open.last()
            && points(outer).has(element)
        {
            self.pop();
            return outer;
        }
        if element == Element::AnnotationXml && self.is_in_annotation() {
            self.pop();
            return Namespace::MathMl;
        }
        // 13.2.6.5: the end tags br and p are meant for HTML.
        if current != Namespace::Html && matches!(element, Element::Br | Element::P) {
            while self.namespace() != Namespace::Html {
                self.pop();
            }
            return Namespace::Html;
        }
        let closed = match element {
            Element::Svg if self.svg_roots > 0 => Namespace::Svg,
            Element::Math if self.mathml_roots > 0 => Namespace::MathMl,
            _ => return current,
        };
        while let Some(element) = self.pop() {
            if matches!(element, Open::Root(namespace) if namespace == closed) {
                break;
            }
        }
        closed
    }

    fn is_in_annotation(&self) -> bool {
        matches!(self.open.last(), Some(Open::Annotation))
    }

    fn push(&mut self, element: Open, tag: &Range<usize>) {
        if self.open.is_empty() {
            self.outermost = tag.start;
        }
        if let Some(roots) = self.roots(element) {
            *roots += 1;
        }
        self.open.push(element);
    }

    fn pop(&mut self) -> Option<Open> {
        let element = self.open.pop()?;
        if let Some(roots) = self.roots(element) {
            *roots -= 1;
        }
        Some(element)
    }

    fn roots(&mut self, element: Open) -> Option<&mut usize> {
        match element {
            Open::Root(Namespace::Svg) => Some(&mut self.svg_roots),
            Open::Root(_) => Some(&mut self.mathml_roots),
            Open::Point(_) | Open::Annotation => None,
        }
    }
}

/// The integration points of a namespace.
fn points(namespace: Namespace) -> ElementSet {
    match namespace {
        Namespace::Html => ElementSet::of(&[]),
        Namespace::Svg => SVG_POINTS,
        Namespace::MathMl => MATHML_POINTS,
    }
}

/// Does an annotation-xml element say that it holds HTML?
fn is_html_annotation(html: &[u8], tag: &Tag) -> bool {
    let is_encoding =
        |attribute: &Attribute| html[attribute.name.clone()].eq_ignore_ascii_case(b"encoding");
    let Some(encoding) = tag.attributes(html).find(is_encoding) else { return false };
    let value = String::from_utf8_lossy(&html[encoding.value]);
    let value = attribute::decode(&value);
    ["text/html", "application/xhtml+xml"].iter().any(|known| value.eq_ignore_ascii_case(known))
}

fn is_breakout(html: &[u8], tag: &Tag) -> bool {
    let is_html_font = || {
        tag.attributes(html).any(|attribute| {
            let name = &html[attribute.name];
            ["color", "face", "size"]
                .iter()
                .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
        })
    };
    BREAKOUT.has(tag.element) || tag.element == Element::Font && is_html_font()
}
