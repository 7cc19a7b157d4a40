//! Elements whose content is text to the tokenizer: RCDATA, RAWTEXT, script data and
//! PLAINTEXT (HTML standard, 13.2.5.2 to 13.2.5.5, 13.2.5.9 to 13.2.5.31).

use super::{Element, tag::is_space};
use memchr::{memchr_iter, memchr2_iter};

/// The element whose content is read as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawText {
    /// Where its start tag starts.
    pub(super) start: usize,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Ends at the end tag of this name.
    Until(&'static str),
    Script,
    /// Never ends.
    PlainText,
}

impl RawText {
    /// What an HTML element makes of its content.
    pub(super) fn of(element: Element, start: usize) -> Option<Self> {
        let kind = match element {
            Element::Script => Kind::Script,
            Element::Plaintext => Kind::PlainText,
            Element::Title
            | Element::Textarea
            | Element::Style
            | Element::Xmp
            | Element::Iframe
            | Element::Noembed
            | Element::Noframes => Kind::Until(element.name()),
            _ => return None,
        };
        Some(Self { start, kind })
    }

    /// How long the content is, up to the `<` of its end tag.
    pub(super) fn len(self, content: &[u8]) -> Option<usize> {
        match self.kind {
            Kind::Until(name) => memchr_iter(b'<', content)
                .find(|&at| is_tag(content[at..].strip_prefix(b"</"), name)),
            Kind::Script => script_len(content),
            Kind::PlainText => None,
        }
    }
}

/// Is this a tag of that name, behind its `<` or `</`?
fn is_tag(text: Option<&[u8]>, name: &str) -> bool {
    let Some((found, rest)) = text.and_then(|text| text.split_at_checked(name.len())) else {
        return false;
    };
    let is_end = |octet: &u8| is_space(*octet) || matches!(octet, b'/' | b'>');
    found.eq_ignore_ascii_case(name.as_bytes()) && rest.first().is_some_and(is_end)
}

/// Script data: between `<!--` and `-->` a `<script>` hides its end tag.
fn script_len(content: &[u8]) -> Option<usize> {
    // Where the two hyphens of `<!--` stand, while the script is escaped.
    let mut escaped_from = None;
    let mut is_doubly_escaped = false;
    for at in memchr2_iter(b'<', b'>', content) {
        let rest = &content[at..];
        if rest[0] == b'>' {
            let is_end = |from: usize| content[from..at].ends_with(b"--");
            // The hyphens of `<!-->` begin and end it.
            if escaped_from.is_some_and(is_end) {
                escaped_from = None;
                is_doubly_escaped = false;
            }
        } else if is_tag(rest.strip_prefix(b"</"), "script") {
            if !is_doubly_escaped {
                return Some(at);
            }
            is_doubly_escaped = false;
        } else if escaped_from.is_some() {
            is_doubly_escaped |= is_tag(rest.strip_prefix(b"<"), "script");
        } else if rest.starts_with(b"<!--") {
            escaped_from = Some(at + 2);
        }
    }
    None
}
