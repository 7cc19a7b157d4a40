//! Commands as a client writes them (RFC 5321 §4.1.1). A line comes in, without its
//! CRLF; the verb and what a proxy needs of the arguments go out. The upstream judges
//! the syntax of the rest: nothing is refused here that it might accept.

use super::chunking::ChunkSize;
use crate::address;
use std::fmt;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command<'l> {
    /// HELO (RFC 5321 §4.1.1.1).
    Helo,
    /// EHLO (RFC 5321 §4.1.1.1).
    Ehlo,
    /// MAIL (RFC 5321 §4.1.1.2).
    Mail(Envelope<'l>),
    /// RCPT (RFC 5321 §4.1.1.3).
    Rcpt(Envelope<'l>),
    /// DATA (RFC 5321 §4.1.1.4).
    Data,
    /// RSET (RFC 5321 §4.1.1.5).
    Rset,
    /// QUIT (RFC 5321 §4.1.1.10).
    Quit,
    /// NOOP (RFC 5321 §4.1.1.9).
    Noop,
    /// BDAT (RFC 3030 §2), and how many octets follow; none where it does not tell.
    Bdat(Option<ChunkSize>),
    /// AUTH (RFC 4954 §4).
    Auth(AuthArgument<'l>),
    /// STARTTLS (RFC 3207 §4), which takes no argument.
    StartTls {
        /// There is one all the same.
        has_argument: bool,
    },
    /// XCLIENT (Postfix XCLIENT_README), and what stands behind it.
    Xclient(&'l str),
    /// XFORWARD (Postfix XFORWARD_README), and what stands behind it.
    Xforward(&'l str),
    /// XSETCONTEXT (Momentum), and what stands behind it.
    Xsetcontext(&'l str),
    /// XDUMPCONTEXT (Momentum), and what stands behind it, which is nothing.
    Xdumpcontext(&'l str),
    /// XREMOTEIP (Momentum), and what stands behind it: an address.
    Xremoteip(&'l str),
    /// Any other verb, in upper case.
    Other(String),
}

/// What stands behind AUTH: a mechanism, and perhaps a password, so it is never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthArgument<'l>(pub &'l str);

impl fmt::Debug for AuthArgument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthArgument")
    }
}

/// A path of the envelope and the parameters behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'l> {
    /// The mailbox, without angle brackets; empty for the null reverse-path.
    pub path: &'l str,
    parameters: &'l str,
}

impl<'l> Envelope<'l> {
    /// The value of an ESMTP parameter (RFC 5321 §4.1.2), its keyword in any case.
    pub fn parameter(&self, keyword: &str) -> Option<&'l str> {
        self.parameters.split_ascii_whitespace().find_map(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            name.eq_ignore_ascii_case(keyword).then_some(value)
        })
    }

    /// Everything behind the path, to the end of the line.
    pub(super) fn parameters(&self) -> &'l str {
        self.parameters
    }
}

impl<'l> Command<'l> {
    /// Reads a command line.
    pub fn parse(line: &'l str) -> Self {
        match verb_of(line).as_str() {
            "HELO" => Self::Helo,
            "EHLO" => Self::Ehlo,
            "MAIL" => Self::Mail(envelope(line)),
            "RCPT" => Self::Rcpt(envelope(line)),
            "DATA" => Self::Data,
            "RSET" => Self::Rset,
            "QUIT" => Self::Quit,
            "NOOP" => Self::Noop,
            "BDAT" => Self::Bdat(ChunkSize::parse(argument(line))),
            "AUTH" => Self::Auth(AuthArgument(argument(line))),
            "STARTTLS" => Self::StartTls { has_argument: !argument(line).is_empty() },
            "XCLIENT" => Self::Xclient(argument(line)),
            "XFORWARD" => Self::Xforward(argument(line)),
            "XSETCONTEXT" => Self::Xsetcontext(argument(line)),
            "XDUMPCONTEXT" => Self::Xdumpcontext(argument(line)),
            "XREMOTEIP" => Self::Xremoteip(argument(line)),
            other => Self::Other(other.into()),
        }
    }
}

fn verb_of(line: &str) -> String {
    let end = line.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(line.len());
    line[..end].to_ascii_uppercase()
}

/// What stands behind the verb.
fn argument(line: &str) -> &str {
    line.split_once(' ').map_or("", |(_, argument)| argument.trim())
}

/// The path and parameters of `MAIL FROM:<…> …` or `RCPT TO:<…> …`. Clients put
/// spaces behind the colon and forget brackets, and many servers take that.
fn envelope(line: &str) -> Envelope<'_> {
    let argument = line.split_once(':').map_or("", |(_, argument)| argument).trim_start();
    let path_end = address::path_end(argument);
    Envelope { path: address::mailbox(&argument[..path_end]), parameters: &argument[path_end..] }
}

#[cfg(test)]
mod tests;
