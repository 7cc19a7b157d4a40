//! The attributes of XCLIENT and XFORWARD (XCLIENT_README and XFORWARD_README of Postfix).
//! The argument of a command comes in and gives facts; a client comes in and gives the
//! commands that tell of it.

use super::Client;
use crate::smtp::xtext;
use std::net::IpAddr;

/// Longest value, in characters as they stand in a command.
const VALUE_OCTETS_MAX: usize = 255;

/// Longest command, in octets, without its CRLF (RFC 5321 §4.5.3.1.4).
const LINE_OCTETS_MAX: usize = 510;

const UNAVAILABLE: &str = "[UNAVAILABLE]";

/// What may be told of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attribute {
    /// The name of its address.
    Name,
    /// Its address.
    Address,
    /// Its port.
    Port,
    /// What it speaks.
    Protocol,
    /// What it called itself.
    Helo,
    /// The name under which it has authenticated itself.
    Login,
    /// The peer's id of the message.
    Ident,
    /// Whether the message began at the peer.
    Source,
}

/// One thing that is told; none where the peer does not know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// The name of its address.
    Name(Option<String>),
    /// Its address.
    Address(Option<IpAddr>),
    /// Its port.
    Port(Option<u16>),
    /// What it speaks.
    Protocol(Option<String>),
    /// What it called itself.
    Helo(Option<String>),
    /// The name under which it has authenticated itself.
    Login(Option<String>),
    /// The peer's id of the message.
    Ident(Option<String>),
    /// Whether the message began at the peer.
    Source(Option<String>),
}

/// Which command tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// The client takes the place of the peer, for the whole session.
    Xclient,
    /// The message came from it, which the log is to know.
    Xforward,
}

/// What is wrong with the argument of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// Not one attribute.
    #[error("needs attribute=value")]
    Missing,
    /// A word without an equals sign.
    #[error("attribute=value expected")]
    NoValue,
    /// Longer than 255 characters.
    #[error("attribute value too long")]
    TooLong,
    /// Not one of those that are offered.
    #[error("attribute is not offered")]
    Unknown,
    /// A value that cannot be one of this attribute.
    #[error("bad {} syntax", .0.keyword())]
    Syntax(Attribute),
}

impl Attribute {
    /// Its word in a command.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Name => "NAME",
            Self::Address => "ADDR",
            Self::Port => "PORT",
            Self::Protocol => "PROTO",
            Self::Helo => "HELO",
            Self::Login => "LOGIN",
            Self::Ident => "IDENT",
            Self::Source => "SOURCE",
        }
    }
}

impl Verb {
    /// The word of the command, which is also that of the extension.
    pub fn keyword(self) -> &'static str {
        match self {
            Self::Xclient => "XCLIENT",
            Self::Xforward => "XFORWARD",
        }
    }

    /// What can be told by it, in the order in which it is told.
    pub fn attributes(self) -> &'static [Attribute] {
        use Attribute::{Address, Helo, Ident, Login, Name, Port, Protocol, Source};
        match self {
            Self::Xclient => &[Name, Address, Port, Protocol, Helo, Login],
            Self::Xforward => &[Name, Address, Port, Protocol, Helo, Ident, Source],
        }
    }

    /// The line of EHLO that offers it.
    pub fn offer(self) -> String {
        let words = self.attributes().iter().map(|attribute| attribute.keyword());
        [self.keyword()].into_iter().chain(words).collect::<Vec<_>>().join(" ")
    }

    /// Those of its attributes that an offer names, given what stands behind its keyword.
    pub fn offered(self, argument: &str) -> Vec<Attribute> {
        let is_named = |attribute: &&Attribute| {
            let mut words = argument.split_ascii_whitespace();
            words.any(|word| word.eq_ignore_ascii_case(attribute.keyword()))
        };
        self.attributes().iter().filter(is_named).copied().collect()
    }

    /// Reads the argument of the command. All of it is good, or nothing is taken.
    pub fn parse(self, argument: &str) -> Result<Vec<Fact>, AttributeError> {
        let facts: Result<Vec<_>, _> =
            argument.split_ascii_whitespace().map(|word| self.parse_word(word)).collect();
        facts.and_then(
            |facts| if facts.is_empty() { Err(AttributeError::Missing) } else { Ok(facts) },
        )
    }

    fn parse_word(self, word: &str) -> Result<Fact, AttributeError> {
        let (name, value) = word.split_once('=').ok_or(AttributeError::NoValue)?;
        let is_it = |attribute: &&Attribute| name.eq_ignore_ascii_case(attribute.keyword());
        let attribute = *self.attributes().iter().find(is_it).ok_or(AttributeError::Unknown)?;
        if value.len() > VALUE_OCTETS_MAX {
            return Err(AttributeError::TooLong);
        }
        let is_unknown = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"]
            .iter()
            .any(|unknown| value.eq_ignore_ascii_case(unknown));
        if is_unknown {
            return Ok(self.fact(attribute, None).expect("what is not known has no syntax"));
        }
        let value = xtext::decode(value).filter(|value| is_printable(value, attribute));
        let fact = value.and_then(|value| self.fact(attribute, Some(value)));
        fact.ok_or(AttributeError::Syntax(attribute))
    }

    /// The fact that a value tells; none where it cannot be one.
    fn fact(self, attribute: Attribute, value: Option<String>) -> Option<Fact> {
        let is_one_of = |words: &[&str]| {
            value
                .as_ref()
                .is_none_or(|value| words.iter().any(|word| value.eq_ignore_ascii_case(word)))
        };
        let upper = |value: &Option<String>| value.as_ref().map(|value| value.to_ascii_uppercase());
        Some(match attribute {
            Attribute::Name => Fact::Name(value),
            Attribute::Address => Fact::Address(self.address(value.as_deref())?),
            Attribute::Port => match value.as_deref() {
                None => Fact::Port(None),
                Some(value) if value.bytes().all(|octet| octet.is_ascii_digit()) => {
                    Fact::Port(Some(value.parse().ok()?))
                }
                Some(_) => return None,
            },
            Attribute::Protocol if self == Self::Xclient && !is_one_of(&["SMTP", "ESMTP"]) => {
                return None;
            }
            Attribute::Protocol => Fact::Protocol(upper(&value)),
            Attribute::Helo => Fact::Helo(value),
            Attribute::Login => Fact::Login(value),
            Attribute::Ident => Fact::Ident(value),
            Attribute::Source if !is_one_of(&["LOCAL", "REMOTE"]) => return None,
            Attribute::Source => Fact::Source(upper(&value)),
        })
    }

    /// XFORWARD may tell of an address that is none of IP: then it is not known.
    fn address(self, value: Option<&str>) -> Option<Option<IpAddr>> {
        let Some(value) = value else { return Some(None) };
        let address = match value.get(..5) {
            Some(prefix) if prefix.eq_ignore_ascii_case("IPV6:") => {
                value[5..].parse().ok().map(IpAddr::V6)
            }
            _ => value.parse().ok().map(IpAddr::V4),
        };
        match (address, self) {
            (Some(address), _) => Some(Some(address.to_canonical())),
            (None, Self::Xclient) => None,
            (None, Self::Xforward) => Some(None),
        }
    }

    /// The commands that tell of a client what upstream offers to hear; none where that is
    /// nothing. XCLIENT is one command, because behind it upstream may trust no other.
    pub fn commands(self, offered: &[Attribute], client: &Client) -> Vec<String> {
        let mut commands: Vec<String> = Vec::new();
        // Nothing that was said of the peer may be taken for the client's; but there may be
        // no login, and then it is not spoken of.
        let is_told = |attribute: &&Attribute| match attribute {
            Attribute::Login | Attribute::Ident | Attribute::Source => {
                client.value(**attribute).is_some()
            }
            _ => true,
        };
        for attribute in offered.iter().filter(is_told) {
            let value = client.value(*attribute).map(|value| xtext::encode(&value));
            let value = value.filter(|value| value.len() <= VALUE_OCTETS_MAX);
            let word = |value: &str| format!(" {}={value}", attribute.keyword());
            let full = word(value.as_deref().unwrap_or(UNAVAILABLE));
            match commands.last_mut() {
                Some(last) if last.len() + full.len() <= self.room() => *last += &full,
                Some(last) if self == Self::Xclient => *last += &word(UNAVAILABLE),
                _ => commands.push(format!("{}{full}", self.keyword())),
            }
        }
        commands
    }

    /// Octets up to which a command is filled: the one XCLIENT keeps room for each of its
    /// attributes, known or not.
    fn room(self) -> usize {
        match self {
            Self::Xclient => LINE_OCTETS_MAX - 6 * (" LOGIN=".len() + UNAVAILABLE.len()),
            Self::Xforward => LINE_OCTETS_MAX,
        }
    }
}

impl Client {
    /// What is known of it, as a command writes it.
    fn value(&self, attribute: Attribute) -> Option<String> {
        match attribute {
            Attribute::Name => self.name.clone(),
            Attribute::Address => self.address.map(|address| match address {
                IpAddr::V4(address) => address.to_string(),
                IpAddr::V6(address) => format!("IPV6:{address}"),
            }),
            Attribute::Port => self.port.map(|port| port.to_string()),
            Attribute::Protocol => self.protocol.clone(),
            Attribute::Helo => self.helo.clone(),
            Attribute::Login => self.login.clone(),
            Attribute::Ident => self.ident.clone(),
            Attribute::Source => self.source.clone(),
        }
    }
}

/// May it be the value of this attribute? A login may have spaces, as names of people do.
fn is_printable(value: &str, attribute: Attribute) -> bool {
    let is_space = |c: char| c.is_whitespace() && attribute != Attribute::Login;
    !value.is_empty() && !value.chars().any(|c| c.is_control() || is_space(c))
}

#[cfg(test)]
mod tests;
