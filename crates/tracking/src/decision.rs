//! What is tracked in one message: the decision that a rewrite carries out. It is
//! made elsewhere, from configuration, header and policy; here it is only a value.

mod exclusions;

pub use exclusions::{Domain, DomainError, Exclusions, LinkPattern, LinkPatternError};

use crate::unsubscribe::ListUnsubscribe;

/// A message above this is not rewritten, unless configured, in MiB.
pub const MESSAGE_MIB_REWRITTEN_MAX: usize = 50;

/// What is tracked in one message, and which parts of it may be touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// A pixel at the end of each HTML part.
    pub open: bool,
    /// A pixel at the start of each HTML part, which is fetched even when a mail
    /// client shows only the first kilobytes.
    pub initial_open: bool,
    /// Links in HTML parts.
    pub click: bool,
    /// With `click`, URLs in plain text parts as well.
    pub text_links: bool,
    /// Which of the inline text parts are covered.
    pub parts: Parts,
    /// What becomes of mail that carries a DKIM signature. S/MIME and PGP are
    /// never touched, whatever this says.
    pub signed_mail: SignedMail,
    /// Beginnings of URLs that are already ours and are never wrapped again, such
    /// as `https://t.example/`. Compared without regard to case.
    pub tracking_urls: Vec<String>,
    /// Links that are left as they are.
    pub exclusions: Exclusions,
    /// Leave a link alone whose text is itself a URL: mail clients warn of one that
    /// shows one host and leads to another.
    pub skip_links_shown_as_urls: bool,
    /// Links in the conditional comments that Outlook reads, also those of VML shapes.
    pub vml_links: bool,
    /// Links and pixels in text/x-amp-html parts.
    pub amp: bool,
    /// With `click`, a link at the end of each HTML part that no person sees.
    pub honeypot: bool,
    /// Take out what is said of a link to the tracker alone: `data-msys-linkname` and
    /// its like, and `[[data-msys-...]]` behind a URL in text.
    pub remove_link_attributes: bool,
    /// Undo the escapes that Momentum wants for curly braces:
    /// `{{opening_double_curly()}}` and `{{closing_double_curly()}}`.
    pub substitution_escapes: bool,
    /// A larger message goes through as it is.
    pub message_octets_rewritten_max: usize,
    /// Take X-MSYS-API out of the header. It was read, and nobody else is to read it.
    pub removes_smtpapi: bool,
    /// What becomes of the List-Unsubscribe field.
    pub list_unsubscribe: ListUnsubscribe,
    /// The message was asked for, so there is no list to leave.
    pub is_transactional: bool,
}

impl Default for Decision {
    fn default() -> Self {
        Self {
            open: true,
            initial_open: false,
            click: true,
            text_links: true,
            parts: Parts::All,
            signed_mail: SignedMail::Rewrite,
            tracking_urls: Vec::new(),
            exclusions: Exclusions::default(),
            skip_links_shown_as_urls: false,
            vml_links: false,
            amp: false,
            honeypot: false,
            remove_link_attributes: false,
            substitution_escapes: false,
            message_octets_rewritten_max: MESSAGE_MIB_REWRITTEN_MAX << 20,
            removes_smtpapi: false,
            list_unsubscribe: ListUnsubscribe::Off,
            is_transactional: false,
        }
    }
}

impl Decision {
    /// The decision that nothing is tracked.
    pub fn off() -> Self {
        Self { open: false, click: false, text_links: false, ..Self::default() }
    }

    /// Is there anything to track at all?
    pub fn is_tracked(&self) -> bool {
        self.open || self.initial_open || self.click
    }

    /// Are URLs in plain text parts tracked?
    pub fn tracks_text(&self) -> bool {
        self.click && self.text_links
    }

    /// Is anything to be edited that has nothing to do with tracking?
    pub(crate) fn cleans_up(&self) -> bool {
        self.remove_link_attributes || self.substitution_escapes
    }
}

/// Which of the text/html and text/plain parts that are shown inline are covered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parts {
    /// Each of them.
    #[default]
    All,
    /// The topmost text/plain and the topmost text/html part, as Momentum does.
    Top,
}

impl Parts {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Top => "top",
        }
    }
}

/// What becomes of a message whose DKIM signature (RFC 6376) the rewrite would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SignedMail {
    /// Rewrite it and leave the broken signature: the upstream signs again.
    #[default]
    Rewrite,
    /// Rewrite it and take the signature out.
    Strip,
    /// Leave the message untouched.
    Bypass,
}

impl SignedMail {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rewrite => "rewrite",
            Self::Strip => "strip",
            Self::Bypass => "bypass",
        }
    }
}
