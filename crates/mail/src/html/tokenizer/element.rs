//! Names of elements. A tag's name is read once; what it means for the tokenizer, for
//! links and for pixels is then asked of a number.

/// An element that something depends on, or [`Element::Other`].
#[expect(missing_docs, reason = "each is the name of an element")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub enum Element {
    A, AnnotationXml, Area, Audio, B, Base, Basefont, Bgsound, Big, Blockquote, Body, Br, Center,
    Code, Dd, Desc, Div, Dl, Dt, Em, Embed, Font, ForeignObject, Frameset, H1, H2, H3, H4, H5, H6,
    Head, Hr, Html, I, Iframe, Img, Li, Link, Listing, Math, Menu, Meta, Mi, Mn, Mo, Ms, Mtext,
    Nobr, Noembed, Noframes, Noscript, Object, Ol, P, Plaintext, Pre, Ruby, S, Script, Select,
    Small, Span, Strike, Strong, Style, Sub, Sup, Svg, Table, Template, Textarea, Title, Tt, U, Ul,
    Var, Video, Xmp,
    /// Any other.
    Other,
}

/// The names, in the order of the elements.
#[rustfmt::skip]
const NAMES: [&str; Element::Other as usize] = [
    "a", "annotation-xml", "area", "audio", "b", "base", "basefont", "bgsound", "big",
    "blockquote", "body", "br", "center", "code", "dd", "desc", "div", "dl", "dt", "em", "embed",
    "font", "foreignobject", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "hr", "html",
    "i", "iframe", "img", "li", "link", "listing", "math", "menu", "meta", "mi", "mn", "mo", "ms",
    "mtext", "nobr", "noembed", "noframes", "noscript", "object", "ol", "p", "plaintext", "pre",
    "ruby", "s", "script", "select", "small", "span", "strike", "strong", "style", "sub", "sup",
    "svg", "table", "template", "textarea", "title", "tt", "u", "ul", "var", "video", "xmp",
];

#[rustfmt::skip]
const ELEMENTS: [Element; NAMES.len()] = {
    use Element::*;
    [
        A, AnnotationXml, Area, Audio, B, Base, Basefont, Bgsound, Big, Blockquote, Body, Br,
        Center, Code, Dd, Desc, Div, Dl, Dt, Em, Embed, Font, ForeignObject, Frameset, H1, H2, H3,
        H4, H5, H6, Head, Hr, Html, I, Iframe, Img, Li, Link, Listing, Math, Menu, Meta, Mi, Mn,
        Mo, Ms, Mtext, Nobr, Noembed, Noframes, Noscript, Object, Ol, P, Plaintext, Pre, Ruby, S,
        Script, Select, Small, Span, Strike, Strong, Style, Sub, Sup, Svg, Table, Template,
        Textarea, Title, Tt, U, Ul, Var, Video, Xmp,
    ]
};

impl Element {
    /// The element's name, in lower case; empty for [`Element::Other`].
    pub fn name(self) -> &'static str {
        NAMES.get(self as usize).copied().unwrap_or_default()
    }
}

/// Elements of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementSet(u128);

impl ElementSet {
    /// The set of these.
    pub const fn of(elements: &[Element]) -> Self {
        let mut bits = 0;
        let mut at = 0;
        while at < elements.len() {
            bits |= 1 << elements[at] as u32;
            at += 1;
        }
        Self(bits)
    }

    /// Is the element one of them?
    pub const fn has(self, element: Element) -> bool {
        self.0 >> element as u32 & 1 == 1
    }
}

/// Up to eight sets of which it is told with one look which of them an element is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementSets([u8; NAMES.len() + 1]);

impl ElementSets {
    /// These sets.
    pub const fn of(sets: &[ElementSet]) -> Self {
        let mut bits = [0; NAMES.len() + 1];
        let mut set = 0;
        while set < sets.len() {
            let mut at = 0;
            while at < NAMES.len() {
                bits[at] |= (sets[set].has(ELEMENTS[at]) as u8) << set;
                at += 1;
            }
            set += 1;
        }
        Self(bits)
    }

    /// A bit for each set that has the element, the lowest for the first set.
    #[inline(always)]
    pub fn with(&self, element: Element) -> u8 {
        self.0[element as usize]
    }
}

/// A name as it is read: in lower case, as a number with the first octet the lowest.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NameReader {
    octets: u128,
    len: usize,
}

impl NameReader {
    /// Takes the first octets of the name, at most eight, which are in lower case.
    pub(super) fn begin(&mut self, len: usize, octets: u64) {
        *self = Self { octets: octets.into(), len };
    }

    /// Takes the next octet of the name. A NUL is one, too (13.2.5.8), and not the end.
    pub(super) const fn take(&mut self, octet: u8) {
        let octet = if octet == 0 { u8::MAX } else { octet.to_ascii_lowercase() };
        if self.len < 16 {
            self.octets |= (octet as u128) << (self.len * 8);
        }
        self.len += 1;
    }

    /// The element of the name.
    #[inline]
    pub(super) fn element(self) -> Element {
        if self.len > 16 {
            return Element::Other;
        }
        let mut slot = slot(self.octets);
        loop {
            match TABLE[slot] {
                (0, _) => return Element::Other,
                (octets, element) if octets == self.octets => return element,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }
}

const SLOTS: usize = 256;

const fn slot(octets: u128) -> usize {
    let [high, low] = [(octets >> 64) as u64, octets as u64];
    let hash = (high ^ low).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 56) as usize
}

/// Each name as a number at its slot, or at the next that is free.
static TABLE: [(u128, Element); SLOTS] = table();

const fn table() -> [(u128, Element); SLOTS] {
    let mut table = [(0, Element::Other); SLOTS];
    let mut at = 0;
    while at < NAMES.len() {
        let name = NAMES[at].as_bytes();
        let mut reader = NameReader { octets: 0, len: 0 };
        while reader.len < name.len() {
            reader.take(name[reader.len]);
        }
        let mut slot = slot(reader.octets);
        while table[slot].0 != 0 {
            slot = (slot + 1) % SLOTS;
        }
        table[slot] = (reader.octets, ELEMENTS[at]);
        at += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &[u8]) -> Element {
        let mut reader = NameReader::default();
        name.iter().for_each(|octet| reader.take(*octet));
        reader.element()
    }

    #[test]
    fn every_name_is_that_of_its_element() {
        for (name, element) in NAMES.into_iter().zip(ELEMENTS) {
            assert_eq!(read(name.as_bytes()), element);
            assert_eq!(read(name.to_ascii_uppercase().as_bytes()), element);
            assert_eq!(element.name(), name);
            // "annotation-xml" is AnnotationXml.
            let variant = format!("{element:?}").to_ascii_lowercase();
            assert_eq!(variant, name.replace('-', ""));
        }
    }

    #[test]
    fn other_names_are_no_element_of_these() {
        for name in ["x", "aa", "h7", "scripts", "o:p", "tablestablestable", "é"] {
            assert_eq!(read(name.as_bytes()), Element::Other, "{name}");
        }
        assert_eq!(read(b"annotation-xml!!!"), Element::Other);
        assert_eq!(read(b"p\0"), Element::Other);
        assert_eq!(Element::Other.name(), "");
    }

    #[test]
    fn set_has_its_own_and_no_others() {
        let set = ElementSet::of(&[Element::A, Element::Xmp]);
        assert!(set.has(Element::A) && set.has(Element::Xmp));
        assert!(!set.has(Element::B) && !set.has(Element::Other));
    }

    #[test]
    fn sets_have_what_each_of_them_has() {
        let all = [
            ElementSet::of(&[Element::A, Element::Xmp]),
            ElementSet::of(&[]),
            ElementSet::of(&[Element::A, Element::B]),
        ];
        let sets = ElementSets::of(&all);
        for element in ELEMENTS.into_iter().chain([Element::Other]) {
            let expected = [0, 1, 2].map(|set| u8::from(all[set].has(element)) << set);
            assert_eq!(sets.with(element), expected.iter().sum::<u8>());
        }
    }
}
