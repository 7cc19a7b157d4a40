//! What is tracked in one message: the decision that a rewrite carries out. It is
//! made elsewhere, from configuration, header and policy; here it is only a value.

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
    /// URLs in plain text parts.
    pub text_links: bool,
    /// Which of the inline text parts are covered.
    pub parts: Parts,
    /// What becomes of mail that carries a DKIM signature. S/MIME and PGP are
    /// never touched, whatever this says.
    pub signed_mail: SignedMail,
    /// Beginnings of URLs that are already ours and are never wrapped again, such
    /// as `https://t.example/`. Compared without regard to case.
    pub tracking_urls: Vec<String>,
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
        self.open || self.initial_open || self.click || self.text_links
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
