//! What a rewrite did, for the log, the counters and the person who asks why a
//! link was not tracked.

use super::unsubscribe::{UnsubscribeOutcome, UnsubscribeReason};
use std::{fmt, iter::repeat_n, sync::Arc};

/// What was done to make a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Why no part of the message was looked at, if none was.
    pub untouched: Option<Reason>,
    /// Each part that holds no other parts, in the order of the message.
    pub parts: Vec<PartReport>,
    /// Each http or https link of the parts that were looked at, in order.
    pub links: Vec<LinkReport>,
    /// What became of the field with the message id.
    pub id_field: IdOutcome,
    /// What became of a DKIM signature.
    pub signature: Signature,
    /// What became of the List-Unsubscribe field.
    pub list_unsubscribe: UnsubscribeOutcome,
    /// The copy could not be undone to the original, so the original goes out.
    pub safety_net: bool,
}

impl Report {
    /// How many links are tracked in the copy.
    pub fn links_tracked(&self) -> usize {
        self.links.iter().filter(|link| link.outcome == LinkOutcome::Tracked).count()
    }

    /// How many pixels the copy holds.
    pub fn pixels(&self) -> u32 {
        let pixels = |part: &PartReport| match part.outcome {
            PartOutcome::Rewritten { pixels, .. } => pixels,
            PartOutcome::Untouched(_) => 0,
        };
        self.parts.iter().map(pixels).sum()
    }

    /// Takes back what is said of a copy that the safety net has caught.
    pub(super) fn fall_back(&mut self, is_signed: bool) {
        self.safety_net = true;
        self.signature = if is_signed { Signature::Kept } else { Signature::Absent };
        if self.list_unsubscribe.is_made() {
            let reason = UnsubscribeReason::SafetyNet;
            self.list_unsubscribe = UnsubscribeOutcome::LeftAlone(reason);
        }
        for part in &mut self.parts {
            if matches!(part.outcome, PartOutcome::Rewritten { .. }) {
                part.outcome = PartOutcome::Untouched(Reason::SafetyNet);
            }
        }
        for link in &mut self.links {
            if link.outcome == LinkOutcome::Tracked {
                link.outcome = LinkOutcome::LeftAlone(Reason::SafetyNet);
            }
        }
    }

    /// Every reason why something was left as it was, for counting.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        let parts = self.parts.iter().flat_map(|part| match part.outcome {
            PartOutcome::Untouched(reason) => repeat_n(reason, 1),
            PartOutcome::Rewritten { .. } => repeat_n(Reason::LongLine, part.pixels_left_out),
        });
        let links = self.links.iter().filter_map(|link| match link.outcome {
            LinkOutcome::LeftAlone(reason) => Some(reason),
            LinkOutcome::Tracked => None,
        });
        self.untouched.into_iter().chain(parts).chain(links)
    }
}

/// What was done with one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartReport {
    /// Where it stands: `1` is the message, `1.2` its second part.
    pub path: Arc<str>,
    /// Its media type in lower case, such as `text/html`.
    pub content_type: Arc<str>,
    /// What was done.
    pub outcome: PartOutcome,
    /// How many pixels found no room in their line ([`Reason::LongLine`]).
    pub pixels_left_out: usize,
}

/// What was done with a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartOutcome {
    /// Its octets changed.
    Rewritten {
        /// How many of its links are tracked.
        links: u32,
        /// How many pixels were set.
        pixels: u32,
    },
    /// Its octets are as they came.
    Untouched(Reason),
}

/// What was done with one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkReport {
    /// Its place among the links of the message, from 0; also that of a link left alone.
    pub index: u32,
    /// Where it leads, decoded.
    pub target: Arc<str>,
    /// What its sender calls it.
    pub name: Option<Arc<str>>,
    /// Following it is an unsubscription.
    pub is_unsubscribe: bool,
    /// What was done.
    pub outcome: LinkOutcome,
}

impl LinkReport {
    /// What the link is called in reports: a link without a name is a `Raw URL`.
    pub fn name(&self) -> &str {
        self.name.as_deref().unwrap_or(UNNAMED_LINK)
    }
}

/// What SparkPost calls a link to which its sender gave no name.
const UNNAMED_LINK: &str = "Raw URL";

/// What was done with a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// It leads over the tracker.
    Tracked,
    /// It is as it came.
    LeftAlone(Reason),
}

/// What became of the field with the message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IdOutcome {
    /// None was asked for.
    #[default]
    NotWanted,
    /// It was put on top.
    Added,
    /// It was put on top, and others of its name were taken out.
    Replaced,
    /// The message had it already.
    Kept,
    /// Nothing of the message may be touched, so all of it is the very input.
    Withheld,
    /// It could not be put in without harm to the message.
    Refused,
}

/// What became of a DKIM signature (RFC 6376).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Signature {
    /// There was none.
    #[default]
    Absent,
    /// It was left, and the body it covers is unchanged.
    Kept,
    /// It was left, and the body it covers changed.
    Broken,
    /// It was taken out.
    Stripped,
}

/// Why a message, a part or a link was left as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// The decision does not ask for it.
    NotTracked,
    /// A part that is neither text/html nor text/plain.
    ContentType,
    /// A part to be saved, not shown (RFC 2183 §2.8).
    Attachment,
    /// Inside multipart/signed (RFC 1847), S/MIME (RFC 8551) or clear-signed PGP.
    Signed,
    /// Encrypted content.
    Encrypted,
    /// A message above the size that is rewritten.
    TooLarge,
    /// DKIM-signed mail, which the decision leaves untouched.
    DkimSigned,
    /// A part whose digest stands in its header (RFC 1864).
    ContentMd5,
    /// A Content-Transfer-Encoding that is not known (RFC 2045 §6.4).
    UnknownEncoding,
    /// Content that does not decode by its Content-Transfer-Encoding.
    BrokenEncoding,
    /// A charset in which ASCII octets do not stand for themselves, or an unknown one.
    Charset,
    /// A part header that can be read in two ways.
    AmbiguousHeader,
    /// A multipart whose parts cannot be told apart.
    Boundary,
    /// More levels of multiparts than are followed.
    TooDeep,
    /// More parts than are followed.
    TooManyParts,
    /// Not the topmost part of its type, when only that is covered.
    NotTop,
    /// Nothing but white space.
    Empty,
    /// No link and no place for a pixel.
    NothingToTrack,
    /// The link says that it must not be tracked.
    OptedOut,
    /// The link is a tracked one already.
    OwnUrl,
    /// The configuration leaves links to this domain or like this one alone.
    Excluded,
    /// A link whose text is itself a URL, which the configuration leaves alone.
    ShownAsUrl,
    /// The target holds a placeholder that the mail client fills in (AMP).
    Placeholder,
    /// The target's octets are not text in the charset of the part.
    Undecodable,
    /// A URL without a host, or one that only a browser's repair makes one.
    MalformedUrl,
    /// A URL that a line break cuts in two: a soft one of format=flowed (RFC 3676 §4.1), or
    /// one in angle brackets (RFC 3986 appendix C).
    SoftBreak,
    /// The line would pass 998 octets (RFC 5322 §2.1.1).
    LongLine,
    /// More links than are followed; the first such link stands for all.
    TooManyLinks,
    /// No link could be made for this target.
    NotSigned,
    /// The rewrite could not be undone to the original.
    SafetyNet,
}

impl Reason {
    /// Every reason, in order, for counters and documentation.
    pub const ALL: [Self; 30] = [
        Self::NotTracked,
        Self::ContentType,
        Self::Attachment,
        Self::Signed,
        Self::Encrypted,
        Self::TooLarge,
        Self::DkimSigned,
        Self::ContentMd5,
        Self::UnknownEncoding,
        Self::BrokenEncoding,
        Self::Charset,
        Self::AmbiguousHeader,
        Self::Boundary,
        Self::TooDeep,
        Self::TooManyParts,
        Self::NotTop,
        Self::Empty,
        Self::NothingToTrack,
        Self::OptedOut,
        Self::OwnUrl,
        Self::Excluded,
        Self::ShownAsUrl,
        Self::Placeholder,
        Self::Undecodable,
        Self::MalformedUrl,
        Self::SoftBreak,
        Self::LongLine,
        Self::TooManyLinks,
        Self::NotSigned,
        Self::SafetyNet,
    ];

    /// Does it say that the content is protected, or not understood? A message that
    /// holds nothing else goes through as the very input, without even an id.
    pub fn is_protective(self) -> bool {
        match self {
            Self::Signed
            | Self::Encrypted
            | Self::DkimSigned
            | Self::ContentMd5
            | Self::UnknownEncoding
            | Self::BrokenEncoding
            | Self::Charset
            | Self::AmbiguousHeader
            | Self::Boundary
            | Self::TooDeep
            | Self::TooManyParts
            | Self::SoftBreak => true,
            Self::NotTracked
            | Self::ContentType
            | Self::Attachment
            | Self::NotTop
            | Self::Empty
            | Self::NothingToTrack
            | Self::OptedOut
            | Self::TooLarge
            | Self::OwnUrl
            | Self::Excluded
            | Self::ShownAsUrl
            | Self::Placeholder
            | Self::Undecodable
            | Self::MalformedUrl
            | Self::LongLine
            | Self::TooManyLinks
            | Self::NotSigned
            | Self::SafetyNet => false,
        }
    }

    /// A stable name in snake_case, fit for a metric label.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotTracked => "not_tracked",
            Self::ContentType => "content_type",
            Self::Attachment => "attachment",
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
            Self::TooLarge => "too_large",
            Self::DkimSigned => "dkim_signed",
            Self::ContentMd5 => "content_md5",
            Self::UnknownEncoding => "unknown_encoding",
            Self::BrokenEncoding => "broken_encoding",
            Self::Charset => "charset",
            Self::AmbiguousHeader => "ambiguous_header",
            Self::Boundary => "boundary",
            Self::TooDeep => "too_deep",
            Self::TooManyParts => "too_many_parts",
            Self::NotTop => "not_top",
            Self::Empty => "empty",
            Self::NothingToTrack => "nothing_to_track",
            Self::OptedOut => "opted_out",
            Self::OwnUrl => "own_url",
            Self::Excluded => "excluded",
            Self::ShownAsUrl => "shown_as_url",
            Self::Placeholder => "placeholder",
            Self::Undecodable => "undecodable",
            Self::MalformedUrl => "malformed_url",
            Self::SoftBreak => "soft_break",
            Self::LongLine => "long_line",
            Self::TooManyLinks => "too_many_links",
            Self::NotSigned => "not_signed",
            Self::SafetyNet => "safety_net",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotTracked => "the decision does not ask for it",
            Self::ContentType => "neither text/html nor text/plain",
            Self::Attachment => "an attachment",
            Self::Signed => "signed by S/MIME or PGP",
            Self::Encrypted => "encrypted",
            Self::TooLarge => "the message is too large to be rewritten",
            Self::DkimSigned => "signed by DKIM",
            Self::ContentMd5 => "its header holds a digest of it",
            Self::UnknownEncoding => "unknown Content-Transfer-Encoding",
            Self::BrokenEncoding => "does not decode by its Content-Transfer-Encoding",
            Self::Charset => "charset unknown or not compatible with ASCII",
            Self::AmbiguousHeader => "its header can be read in two ways",
            Self::Boundary => "multipart without usable boundary",
            Self::TooDeep => "too many levels of multiparts",
            Self::TooManyParts => "too many parts",
            Self::NotTop => "not the topmost part of its type",
            Self::Empty => "empty",
            Self::NothingToTrack => "no link and no place for a pixel",
            Self::OptedOut => "the link opted out",
            Self::OwnUrl => "a tracking URL already",
            Self::Excluded => "excluded by the configuration",
            Self::ShownAsUrl => "its text is itself a URL",
            Self::Placeholder => "the mail client fills in a placeholder",
            Self::Undecodable => "the target is not text in the charset of the part",
            Self::MalformedUrl => "malformed URL",
            Self::SoftBreak => "the URL is cut by a line break",
            Self::LongLine => "the line would pass 998 octets",
            Self::TooManyLinks => "too many links",
            Self::NotSigned => "no tracked link could be made",
            Self::SafetyNet => "the rewrite could not be undone",
        })
    }
}
