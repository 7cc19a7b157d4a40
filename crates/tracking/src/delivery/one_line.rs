//! A reply of several lines that a log has put into one.

use super::status::EnhancedStatus;

/// The code at the start of a reply, and what follows.
pub(super) fn code(said: &str) -> Option<(u16, &str)> {
    let (digits, rest) = said.split_at_checked(3)?;
    let is_code = digits.bytes().all(|octet| octet.is_ascii_digit());
    let code = digits.parse().ok().filter(|code| is_code && (200..600).contains(code))?;
    match rest.strip_prefix(['-', ' ']) {
        Some(rest) => Some((code, rest)),
        None => rest.is_empty().then_some((code, "")),
    }
}

/// The text behind the code of the first line. The lines are joined by a space, and each still has
/// its code and enhanced status, which are told once.
pub(super) fn joined(code: u16, text: &str) -> String {
    let (continued, last) = (format!(" {code}-"), format!(" {code} "));
    if !text.contains(&continued) && !text.contains(&last) {
        return text.into();
    }
    let status = enhanced_status(text);
    let lines = text.replace(&continued, "\n").replace(&last, "\n");
    let mut lines = lines.split('\n');
    let mut joined = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        let rest = line.strip_prefix(status).map(str::trim_start);
        joined.push(' ');
        joined += rest.unwrap_or(line);
    }
    joined
}

/// The enhanced status code that a text begins with; empty where there is none.
pub(super) fn enhanced_status(text: &str) -> &str {
    let first = text.split(' ').next().unwrap_or_default();
    if first.parse::<EnhancedStatus>().is_ok() { first } else { "" }
}
