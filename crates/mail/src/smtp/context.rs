//! Context variables as trusted peers set and read them: XSETCONTEXT and XDUMPCONTEXT of
//! Momentum (its documentation of ESMTP_Listener, "SMTP extensions"). The argument of a
//! command comes in and gives variables; variables come in and give a reply.

use super::{
    reply::{LINES_MAX, Reply},
    xtext,
};

/// Octets of the text of a reply's line, without code and CRLF (RFC 5321 §4.5.3.1.5).
const TEXT_OCTETS_MAX: usize = 506;

/// Variables that one reply names: it keeps within the lines that are read of a reply.
const NAMED_MAX: usize = LINES_MAX - 2;

/// What stands at the end of a line that had no room for all of it.
const CUT: &str = " (cut)";

/// What is wrong with the argument of XSETCONTEXT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Not one variable.
    #[error("needs name=value")]
    Missing,
    /// A word without an equals sign.
    #[error("name=value expected")]
    NoValue,
    /// An empty name, or one with control characters or spaces.
    #[error("bad name")]
    Name,
    /// No xtext (RFC 3461 §4), or not in UTF-8.
    #[error("value is no xtext")]
    NotXtext,
}

/// Reads `name=value` words, both in xtext (RFC 3461 §4, once RFC 1891). All of them are
/// good, or nothing is taken. A value may be empty.
pub fn variables(argument: &str) -> Result<Vec<(String, String)>, VariableError> {
    let variables: Result<Vec<_>, _> = argument.split_ascii_whitespace().map(variable).collect();
    variables.and_then(|variables| match variables.is_empty() {
        true => Err(VariableError::Missing),
        false => Ok(variables),
    })
}

fn variable(word: &str) -> Result<(String, String), VariableError> {
    let (name, value) = word.split_once('=').ok_or(VariableError::NoValue)?;
    let is_wrong = |c: char| c.is_control() || c.is_whitespace();
    let name = xtext::decode(name).filter(|name| !name.is_empty() && !name.contains(is_wrong));
    let value = xtext::decode(value).ok_or(VariableError::NotXtext)?;
    Ok((name.ok_or(VariableError::Name)?, value))
}

/// The reply that tells variables, those of the connection and those of the message: a line
/// each, `[connection] name value`. What cannot stand in a reply is xtext, and so are `+` and
/// `=`; spaces of a value stay. What has no room in a line is cut.
pub fn dump<'v>(
    connection: impl Iterator<Item = (&'v str, &'v str)>,
    message: impl Iterator<Item = (&'v str, &'v str)>,
) -> Reply {
    let connection = connection.map(|(name, value)| line("connection", name, value));
    let mut all = connection.chain(message.map(|(name, value)| line("message", name, value)));
    let mut lines: Vec<String> = all.by_ref().take(NAMED_MAX).collect();
    let left = all.count();
    if left > 0 {
        lines.push(format!("and {left} more"));
    }
    lines.push("XDUMPCONTEXT complete".into());
    Reply::of_lines(250, lines.iter().map(String::as_str))
}

fn line(kind: &str, name: &str, value: &str) -> String {
    let value: Vec<String> = value.split(' ').map(xtext::encode).collect();
    let mut line = format!("[{kind}] {} {}", xtext::encode(name), value.join(" "));
    if line.len() > TEXT_OCTETS_MAX {
        // All of it is ASCII.
        line.truncate(TEXT_OCTETS_MAX - CUT.len());
        line += CUT;
    }
    line
}

#[cfg(test)]
mod tests;
