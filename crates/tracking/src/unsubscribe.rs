//! Unsubscribing by the List-Unsubscribe field (RFC 2369 §3.2) and by one click (RFC 8058):
//! what a copy is to have of it, how the field of a sender is read, and what a request for
//! it says.

mod field;
mod form;
pub mod language;
mod mailto;

pub use field::{ONE_CLICK, UnsubscribeField, is_one_click, read_field, signs};
pub use form::is_form;
pub use mailto::{MailtoError, MailtoUri};

/// The field that says where to unsubscribe.
pub const FIELD: &str = "List-Unsubscribe";

/// The field that says that one click will do.
pub const POST_FIELD: &str = "List-Unsubscribe-Post";

/// What becomes of the List-Unsubscribe field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListUnsubscribe {
    /// Nothing.
    #[default]
    Off,
    /// A message without one gets one.
    Add,
    /// The same; and the sender's own leads over the tracker, which tells the sender.
    Proxy,
}

impl ListUnsubscribe {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::Off, Self::Add, Self::Proxy];

    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Add => "add",
            Self::Proxy => "proxy",
        }
    }
}

/// Why a text is none of the three.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"off\", \"add\" or \"proxy\"")]
pub struct ListUnsubscribeError;

impl std::str::FromStr for ListUnsubscribe {
    type Err = ListUnsubscribeError;

    fn from_str(text: &str) -> Result<Self, ListUnsubscribeError> {
        let named = Self::ALL.into_iter().find(|one| one.name().eq_ignore_ascii_case(text));
        named.ok_or(ListUnsubscribeError)
    }
}
