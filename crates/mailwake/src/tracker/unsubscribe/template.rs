//! The page as a file with placeholders, ours or the operator's. A text comes in; with the
//! words of a language it gives a page, in which nothing of them is markup.

use std::str::FromStr;

#[cfg(test)]
mod tests;

/// Ours.
const OWN: &str = include_str!("page.html");

/// What stands in the place of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Lang,
    Dir,
    Title,
    Text,
    Form,
}

impl Placeholder {
    const ALL: [Self; 5] = [Self::Lang, Self::Dir, Self::Title, Self::Text, Self::Form];

    fn name(self) -> &'static str {
        match self {
            Self::Lang => "lang",
            Self::Dir => "dir",
            Self::Title => "title",
            Self::Text => "text",
            Self::Form => "form",
        }
    }
}

/// A page with placeholders, which names each in double braces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageTemplate {
    /// Each text with what stands behind it.
    pieces: Vec<(String, Placeholder)>,
    end: String,
}

impl Default for PageTemplate {
    fn default() -> Self {
        OWN.parse().expect("a test holds that ours is right")
    }
}

/// Why a text is no page with placeholders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageTemplateError {
    /// A name that is none of them.
    #[error("{{{{{name}}}}} is no placeholder; there are {}", placeholders())]
    Unknown {
        /// The name.
        name: String,
    },
    /// Braces that are not closed.
    #[error("a placeholder is not closed: \"{{{{\" without \"}}}}\"")]
    Open,
    /// One that a page needs is not there, or `{{form}}` is there twice.
    #[error("{{{{{name}}}}} must be there{}", if *.name == "form" { " once" } else { "" })]
    Missing {
        /// Its name.
        name: &'static str,
    },
}

fn placeholders() -> String {
    Placeholder::ALL.map(|one| format!("{{{{{}}}}}", one.name())).join(", ")
}

impl FromStr for PageTemplate {
    type Err = PageTemplateError;

    fn from_str(text: &str) -> Result<Self, PageTemplateError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once("{{") {
            let (name, after) = behind.split_once("}}").ok_or(PageTemplateError::Open)?;
            let name = name.trim();
            let known = Placeholder::ALL.into_iter().find(|one| one.name() == name);
            let unknown = || PageTemplateError::Unknown { name: name.chars().take(40).collect() };
            pieces.push((before.to_owned(), known.ok_or_else(unknown)?));
            rest = after;
        }
        let count = |one: Placeholder| pieces.iter().filter(|(_, other)| *other == one).count();
        // Without these two, nobody could leave, or would know of what.
        for (needed, most) in [(Placeholder::Title, usize::MAX), (Placeholder::Form, 1)] {
            if !(1..=most).contains(&count(needed)) {
                return Err(PageTemplateError::Missing { name: needed.name() });
            }
        }
        Ok(Self { end: rest.to_owned(), pieces })
    }
}

/// The words of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a> {
    pub(super) lang: &'a str,
    pub(super) dir: &'a str,
    pub(super) title: &'a str,
    pub(super) text: &'a str,
    /// What the button says; none where nothing is left to do.
    pub(super) button: Option<&'a str>,
}

impl PageTemplate {
    /// The page with these words.
    pub(super) fn fill(&self, words: &Words<'_>) -> String {
        let mut page = String::new();
        for (text, placeholder) in &self.pieces {
            page.push_str(text);
            match placeholder {
                Placeholder::Lang => page.push_str(&escaped(words.lang)),
                Placeholder::Dir => page.push_str(&escaped(words.dir)),
                Placeholder::Title => page.push_str(&escaped(words.title)),
                Placeholder::Text => page.push_str(&escaped(words.text)),
                Placeholder::Form => page.push_str(&form(words.button)),
            }
        }
        page + &self.end
    }
}

/// Posts what RFC 8058 §3.2 has posted, to the address of the page. The query says that a
/// person is to see the answer.
fn form(button: Option<&str>) -> String {
    let Some(button) = button else { return String::new() };
    format!(
        "<form method=\"post\" action=\"?{query}\">\n\
         <input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\">\n\
         <button type=\"submit\">{button}</button>\n</form>",
        query = super::PAGE_QUERY,
        button = escaped(button)
    )
}

/// The text as content of an element, or as an attribute's value in quotes (HTML Standard
/// §13.3).
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}
