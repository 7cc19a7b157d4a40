//! Link tokens: what a tracked link says, sealed. A link and a key come in, the text
//! behind the tracking URL goes out, and the other way round.
//!
//! ```text
//! token     = base64url without padding (RFC 4648 §5) of H || C
//! H         = version (3 bits), key id (5 bits)
//! C         = AES-256-GCM-SIV (RFC 8452) of the plaintext, nonce of zeros,
//!             additional data H (version 1) or H || host in lower case (version 2)
//! plaintext = kind (4 bits) and flags (4 bits), tenant (varint), message id (10 octets),
//!             link index (varint), [expiry day (2 octets)],
//!             [campaign id and metadata, each with its length (varint)],
//!             [link name with its length (varint)], target
//! ```
//!
//! A nonce that never changes is what GCM-SIV is for: all it gives away is that two
//! tokens are equal, and equal tokens are equal links. The seal is verified before
//! anything is decompressed, and what is decompressed has a limit.

mod compression;
pub mod key;
pub mod legacy;
mod memory;

use crate::ids::{MessageId, Timestamp};
use aws_lc_rs::aead::{Aad, Nonce};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use compression::{Compressor, Uncompressor};
use key::KeyRing;
use std::sync::Arc;

/// Longest text of a token: with it, a request line stays below the 8 KiB that
/// proxies in front of a tracker commonly accept.
pub const TOKEN_CHARACTERS_MAX: usize = 7_900;

/// Longest target URL in a token, in octets.
pub const TARGET_OCTETS_MAX: usize = 16 * 1024;

const VERSION_PLAIN: u8 = 1;
const VERSION_HOST_BOUND: u8 = 2;
const SEAL_OCTETS: usize = 16;

/// The kinds: what an engagement is, of an AMP part or not, and whether a link has a name.
const KIND: u8 = 0b1111;
/// Added to the kind of a link that has a name. No pixel has one.
const KIND_NAMED: u8 = 1 << 2;
/// Added to the kind of what stands in an AMP part.
const KIND_AMP: u8 = 1 << 3;
/// A kind by itself, which a pixel with a name would have.
const KIND_LIST_UNSUBSCRIBE: u8 = 4;
/// The same of the other pixel.
const KIND_HONEYPOT: u8 = 5;
const FLAG_EXPIRES: u8 = 1 << 4;
const FLAG_SELF_CONTAINED: u8 = 1 << 5;
const TARGET_DEFLATED: u8 = 1 << 6;
const TARGET_ENCODING: u8 = 0b11 << 6;

/// What a tracked link or pixel stands for. Its target is owned where it was read, and may
/// be borrowed where it is sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link<T = String> {
    /// Whose message it is; 0 where there is one tenant.
    pub tenant: u64,
    /// The message that carries the link.
    pub message_id: MessageId,
    /// The link's place among the links of the message, from 0; 0 for a pixel.
    pub link_index: u32,
    /// What its sender calls the link; empty where it has no name, as a pixel never has.
    pub link_name: String,
    /// Whether it stands in an AMP part (`text/x-amp-html`).
    pub is_amp: bool,
    /// After this day an engagement is not reported any more.
    pub expires_after: Option<Day>,
    /// What a tracker without any store needs to report a whole event.
    pub context: Option<Context>,
    /// What a request for it means.
    pub engagement: Engagement<T>,
}

impl<T> Link<T> {
    /// A link of a message without anything more: the first one, of the only tenant, without a
    /// name, for as long as its key is there.
    pub fn new(message_id: MessageId, engagement: Engagement<T>) -> Self {
        Self {
            tenant: 0,
            message_id,
            link_index: 0,
            link_name: String::new(),
            is_amp: false,
            expires_after: None,
            context: None,
            engagement,
        }
    }
}

/// What the recipient did when the link is requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Engagement<T = String> {
    /// The pixel at the end was fetched.
    Open,
    /// The pixel at the top was fetched.
    InitialOpen,
    /// A link was followed.
    Click {
        /// Where it leads, as it stood in the message.
        target_url: T,
    },
    /// The recipient wants no more mail.
    Unsubscribe {
        /// The sender's own place for it; empty where there is none.
        target_url: T,
    },
    /// The recipient wants no more mail, and says so by the List-Unsubscribe field.
    ListUnsubscribe {
        /// The sender's own place for it; empty where there is none.
        target_url: T,
    },
    /// A link was followed that no person sees.
    Honeypot,
}

/// What travels in the link where no store is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// The campaign of the message.
    pub campaign_id: String,
    /// The metadata of the message, a JSON object.
    pub metadata: String,
}

/// A day, counted from 2020-01-01 UTC; the last one is in 2199.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u16);

impl Day {
    const FIRST: i64 = 18_262;

    /// The day of a time; times out of range give the nearest day.
    pub fn of(time: Timestamp) -> Self {
        let days = (time.day() - Self::FIRST).clamp(0, i64::from(u16::MAX));
        Self(u16::try_from(days).expect("clamped to u16"))
    }

    /// The day that many days later, or the last one.
    pub fn plus(self, days: u32) -> Self {
        Self(self.0.saturating_add(u16::try_from(days).unwrap_or(u16::MAX)))
    }
}

/// Why a link cannot be sealed. The caller sends the link as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The target, or the token it gives, is over the limit.
    #[error("link of {octets} octets is too long to be tracked")]
    TooLong {
        /// Octets of the target.
        octets: usize,
    },
}

/// Why a text is no token of ours. The caller answers 404 to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Too short, too long, or not base64url.
    #[error("not a link of mailwake: malformed")]
    Malformed,
    /// Sealed in a way that this mailwake does not know.
    #[error("not a link of mailwake: version {0}")]
    Version(u8),
    /// Sealed with a key that the key ring does not have.
    #[error("link sealed with key {0}, which is not in the key ring")]
    UnknownKey(u8),
    /// Forged, damaged, or bound to another host.
    #[error("the seal of the link does not verify")]
    Forged,
    /// The seal is good and the content is not: written by a later mailwake.
    #[error("the content of the link cannot be read")]
    Content,
}

/// Makes tokens with the active key of a key ring.
pub struct Sealer {
    keys: Arc<KeyRing>,
    aad: Vec<u8>,
    plaintext: Vec<u8>,
    characters: Vec<u8>,
    compressor: Compressor,
}

impl Sealer {
    /// A sealer with these keys. It remembers what it has compressed, so one serves many
    /// links, and the messages of one newsletter.
    pub fn new(keys: Arc<KeyRing>) -> Self {
        Self {
            keys,
            aad: Vec::new(),
            plaintext: Vec::new(),
            characters: Vec::new(),
            compressor: Compressor::default(),
        }
    }

    /// Takes these keys from now on.
    pub fn set_keys(&mut self, keys: Arc<KeyRing>) {
        self.keys = keys;
    }

    /// The token of a link; with `host`, it is valid on that host alone.
    pub fn seal<T: AsRef<str>>(
        &mut self,
        link: &Link<T>,
        host: Option<&str>,
    ) -> Result<String, SealError> {
        let mut token = String::new();
        self.seal_into(link, host, &mut token)?;
        Ok(token)
    }

    /// Appends the token of a link to the URL that it stands behind.
    pub fn seal_into<T: AsRef<str>>(
        &mut self,
        link: &Link<T>,
        host: Option<&str>,
        url: &mut String,
    ) -> Result<(), SealError> {
        let key = self.keys.active();
        let version = if host.is_some() { VERSION_HOST_BOUND } else { VERSION_PLAIN };
        let head = version << 5 | key.id();
        let sealed = &mut self.plaintext;
        sealed.clear();
        sealed.push(head);
        write_link(sealed, link, &mut self.compressor)?;
        let tag = key
            .aead()
            .seal_in_place_separate_tag(nonce(), aad(head, host, &mut self.aad), &mut sealed[1..])
            .expect("a plaintext of some kilobytes is below the limit of AES-GCM-SIV");
        sealed.extend_from_slice(tag.as_ref());
        // Four characters for three octets, without padding.
        let characters = (sealed.len() * 4).div_ceil(3);
        if characters > TOKEN_CHARACTERS_MAX {
            return Err(SealError::TooLong { octets: target_of(&link.engagement).len() });
        }
        self.characters.resize(characters, 0);
        let encoded = URL_SAFE_NO_PAD.encode_slice(sealed, &mut self.characters);
        encoded.expect("the room is as large as what is put there");
        url.push_str(str::from_utf8(&self.characters).expect("base64 is ASCII"));
        Ok(())
    }
}

/// Reads tokens with any key of a key ring.
pub struct Opener {
    keys: Arc<KeyRing>,
    aad: Vec<u8>,
    uncompressor: Uncompressor,
}

impl Opener {
    /// An opener with these keys. It keeps buffers and remembers what it has uncompressed, so
    /// one serves many tokens.
    pub fn new(keys: Arc<KeyRing>) -> Self {
        Self { keys, aad: Vec::new(), uncompressor: Uncompressor::new() }
    }

    /// The link that a token stands for. `host` is the one that was asked; it
    /// matters for tokens that are bound to one.
    pub fn open(&mut self, token: &str, host: &str) -> Result<Link, OpenError> {
        if token.len() > TOKEN_CHARACTERS_MAX {
            return Err(OpenError::Malformed);
        }
        let mut octets = URL_SAFE_NO_PAD.decode(token).map_err(|_| OpenError::Malformed)?;
        let (head, sealed) = octets.split_first_mut().ok_or(OpenError::Malformed)?;
        let host = match *head >> 5 {
            VERSION_PLAIN => None,
            VERSION_HOST_BOUND => Some(host),
            other => return Err(OpenError::Version(other)),
        };
        if sealed.len() < SEAL_OCTETS {
            return Err(OpenError::Malformed);
        }
        let key_id = *head & 0b1_1111;
        let key = self.keys.find(key_id).ok_or(OpenError::UnknownKey(key_id))?;
        let plaintext = key
            .aead()
            .open_in_place(nonce(), aad(*head, host, &mut self.aad), sealed)
            .map_err(|_| OpenError::Forged)?;
        read_link(plaintext, &mut self.uncompressor).ok_or(OpenError::Content)
    }
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn aad<'d>(head: u8, host: Option<&str>, data: &'d mut Vec<u8>) -> Aad<&'d [u8]> {
    data.clear();
    data.push(head);
    let host = host.unwrap_or_default();
    data.extend(host.bytes().map(|octet| octet.to_ascii_lowercase()));
    Aad::from(data.as_slice())
}

fn target_of<T: AsRef<str>>(engagement: &Engagement<T>) -> &str {
    match engagement {
        Engagement::Open | Engagement::InitialOpen | Engagement::Honeypot => "",
        Engagement::Click { target_url }
        | Engagement::Unsubscribe { target_url }
        | Engagement::ListUnsubscribe { target_url } => target_url.as_ref(),
    }
}

fn write_link<T: AsRef<str>>(
    out: &mut Vec<u8>,
    link: &Link<T>,
    compressor: &mut Compressor,
) -> Result<(), SealError> {
    let target = target_of(&link.engagement);
    if target.len() > TARGET_OCTETS_MAX {
        return Err(SealError::TooLong { octets: target.len() });
    }
    let flags_at = out.len();
    let mut flags = match link.engagement {
        Engagement::Open => 0,
        Engagement::InitialOpen => 1,
        Engagement::Click { .. } => 2,
        Engagement::Unsubscribe { .. } => 3,
        Engagement::ListUnsubscribe { .. } => KIND_LIST_UNSUBSCRIBE,
        Engagement::Honeypot => KIND_HONEYPOT,
    };
    let is_list = flags == KIND_LIST_UNSUBSCRIBE;
    let is_named = !link.link_name.is_empty() && !target.is_empty() && !is_list;
    if is_named {
        flags |= KIND_NAMED;
    }
    // Neither stands in an AMP part.
    if link.is_amp && !is_list && flags != KIND_HONEYPOT {
        flags |= KIND_AMP;
    }
    out.push(0);
    write_varint(out, link.tenant);
    out.extend_from_slice(link.message_id.octets());
    write_varint(out, link.link_index.into());
    if let Some(day) = link.expires_after {
        flags |= FLAG_EXPIRES;
        out.extend_from_slice(&day.0.to_be_bytes());
    }
    if let Some(context) = &link.context {
        flags |= FLAG_SELF_CONTAINED;
        write_text(out, &context.campaign_id);
        write_text(out, &context.metadata);
    }
    if is_named {
        write_text(out, &link.link_name);
    }
    if compressor.deflate(target.as_bytes(), out) {
        flags |= TARGET_DEFLATED;
    } else {
        out.extend_from_slice(target.as_bytes());
    }
    out[flags_at] = flags;
    Ok(())
}

/// The content of a token whose seal was verified; `None` where a later mailwake
/// has written something else.
fn read_link(plaintext: &[u8], uncompressor: &mut Uncompressor) -> Option<Link> {
    let mut rest = plaintext;
    let flags = read_octets::<1>(&mut rest)?[0];
    let tenant = read_varint(&mut rest)?;
    let message_id = MessageId::from_octets(read_octets(&mut rest)?);
    let link_index = u32::try_from(read_varint(&mut rest)?).ok()?;
    let expires_after = match flags & FLAG_EXPIRES {
        0 => None,
        _ => Some(Day(u16::from_be_bytes(read_octets(&mut rest)?))),
    };
    let context = match flags & FLAG_SELF_CONTAINED {
        0 => None,
        _ => Some(Context { campaign_id: read_text(&mut rest)?, metadata: read_text(&mut rest)? }),
    };
    let kind = flags & KIND;
    let is_list = kind == KIND_LIST_UNSUBSCRIBE;
    let link_name = match kind & KIND_NAMED {
        0 => String::new(),
        _ if is_list || kind == KIND_HONEYPOT => String::new(),
        _ => read_text(&mut rest)?,
    };
    let target = match flags & TARGET_ENCODING {
        0 => rest.to_vec(),
        TARGET_DEFLATED => uncompressor.inflate(rest)?,
        _ => return None,
    };
    let target_url = String::from_utf8(target).ok()?;
    let engagement = match kind & !KIND_AMP {
        0 => Engagement::Open,
        1 => Engagement::InitialOpen,
        2 | 6 => Engagement::Click { target_url },
        3 | 7 => Engagement::Unsubscribe { target_url },
        _ if is_list => Engagement::ListUnsubscribe { target_url },
        _ if kind == KIND_HONEYPOT => Engagement::Honeypot,
        _ => return None,
    };
    let is_amp = kind & KIND_AMP != 0;
    Some(Link {
        tenant,
        message_id,
        link_index,
        link_name,
        is_amp,
        expires_after,
        context,
        engagement,
    })
}

/// LEB128: seven bits an octet, the lowest first.
fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn read_octets<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (octets, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*octets)
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let [octet] = read_octets(rest)?;
        number |= u64::from(octet & 0x7f) << shift;
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

fn read_text(rest: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(read_varint(rest)?).ok()?;
    let (text, after) = rest.split_at_checked(length)?;
    *rest = after;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests;
