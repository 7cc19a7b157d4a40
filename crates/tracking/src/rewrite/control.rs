//! What a sender says of a single link: attributes of its tag in HTML, `[[...]]` behind
//! its URL in text. The words are SparkPost's; those by which other providers' senders
//! opt out are known as well, so that their templates need no change.

use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Longest name of a link, in octets.
const NAME_OCTETS_MAX: usize = 63;
/// Longest path of a link, in octets.
const SUBLINK_OCTETS_MAX: usize = 128;

/// What is said of one link.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LinkControl {
    /// The link is not to be tracked.
    pub(super) is_opted_out: bool,
    /// Following it is an unsubscription.
    pub(super) is_unsubscribe: bool,
    /// What it is called in reports.
    pub(super) name: Option<Arc<str>>,
    /// The path under which apps know it.
    pub(super) sublink: Option<Arc<str>>,
}

/// A word that is said of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// It opts out with this value.
    OptOutWith(&'static str),
    /// It opts out with any value, and with none.
    OptOut,
    Name,
    Unsubscribe,
    Sublink,
    /// It is for another provider's reports.
    Foreign,
}

/// SendGrid's, Mailgun's, Mandrill's, Postmark's and Amazon SES's words behind ours.
const WORDS: [(&str, Word); 10] = [
    ("data-msys-clicktrack", Word::OptOutWith("0")),
    ("data-msys-linkname", Word::Name),
    ("data-msys-unsubscribe", Word::Unsubscribe),
    ("data-msys-sublink", Word::Sublink),
    ("clicktracking", Word::OptOutWith("off")),
    ("disable-tracking", Word::OptOutWith("true")),
    ("mc:disable-tracking", Word::OptOut),
    ("data-pm-no-track", Word::OptOut),
    ("ses:no-track", Word::OptOut),
    ("ses:tags", Word::Foreign),
];

/// The shortest of them is `ses:tags`.
const WORD_OCTETS_MIN: usize = 8;

/// Does a tracker read an attribute of this name?
pub(super) fn is_word(name: &[u8]) -> bool {
    word(name).is_some()
}

fn word(name: &[u8]) -> Option<Word> {
    // Most attributes have shorter names.
    if name.len() < WORD_OCTETS_MIN {
        return None;
    }
    let known = WORDS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    known.map(|(_, word)| *word)
}

impl LinkControl {
    /// Takes what an attribute says. The first of a name counts.
    pub(super) fn take(&mut self, name: &[u8], value: impl FnOnce() -> Option<String>) {
        let Some(word) = word(name) else { return };
        let value = value().unwrap_or_default();
        let value = value.trim();
        match word {
            Word::OptOutWith(off) => self.is_opted_out |= value.eq_ignore_ascii_case(off),
            Word::OptOut => self.is_opted_out = true,
            Word::Unsubscribe => self.is_unsubscribe |= value == "1",
            Word::Name if self.name.is_none() && !value.is_empty() => {
                self.name = Some(value[..value.floor_char_boundary(NAME_OCTETS_MAX)].into());
            }
            Word::Sublink if self.sublink.is_none() => self.sublink = path(value).map(Into::into),
            Word::Name | Word::Sublink | Word::Foreign => {}
        }
    }
}

/// A path that stands in a URL as it is (RFC 3986 §3.3), without slashes around it.
/// Others are no path, and the link gets none.
fn path(value: &str) -> Option<&str> {
    let path = value.trim_matches('/');
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    let is_segment = |segment: &str| !matches!(segment, "" | "." | "..");
    let is_path = path.len() <= SUBLINK_OCTETS_MAX
        && path.chars().all(is_plain)
        && path.split('/').all(is_segment);
    is_path.then_some(path)
}
