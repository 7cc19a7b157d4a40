//! What EHLO offers (RFC 5321 §4.1.1.1). The reply of upstream comes in; what of it
//! a client is told goes out: only extensions that survive the way through a gateway.
//! `docs/smtp.md` has the table with the fate of each.

use super::{client::attribute::Verb, reply::Reply, session::Trust};

/// Extensions whose parameters and replies go through as they are.
const CARRIED: &[&str] =
    &["8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "ETRN", "HELP", "VRFY"];

/// What the gateway adds of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Own {
    /// Largest message that is taken, in octets (RFC 1870).
    pub message_octets_max: usize,
    /// STARTTLS (RFC 3207): the connection of the client is its own, so upstream has no
    /// say in it.
    pub starttls: bool,
    /// Whether the client may use AUTH (RFC 4954), where upstream offers it.
    pub auth: bool,
    /// Whether the client may tell of others: upstream need not hear it.
    pub trust: Trust,
}

/// The reply to EHLO as the client sees it. An upstream that offers SIZE with 0 has no
/// limit (RFC 1870 §4).
pub fn offer(upstream: &Reply, own: Own) -> Reply {
    let mut lines = upstream.lines();
    let mut offered = vec![lines.next().unwrap_or_default()];
    // We read commands one by one, so pipelining (RFC 2920) is ours to offer.
    offered.push("PIPELINING".into());
    // And chunks (RFC 3030) are put together here.
    offered.push("CHUNKING".into());
    if own.starttls {
        offered.push("STARTTLS".into());
    }
    offered.extend(own.trust.xclient.then(|| Verb::Xclient.offer()));
    offered.extend(own.trust.xforward.then(|| Verb::Xforward.offer()));
    let of_context = [
        ("XSETCONTEXT", own.trust.xsetcontext),
        ("XDUMPCONTEXT", own.trust.xdumpcontext),
        ("XREMOTEIP", own.trust.xremoteip),
    ];
    let trusted = of_context.iter().filter(|(_, is_trusted)| *is_trusted);
    offered.extend(trusted.map(|(keyword, _)| (*keyword).to_owned()));
    for line in lines {
        let keyword = line.split_ascii_whitespace().next().unwrap_or_default();
        let keyword = keyword.to_ascii_uppercase();
        let is_carried = CARRIED.contains(&keyword.as_str());
        if is_carried || keyword == "BINARYMIME" && is_offered(upstream, "CHUNKING") {
            offered.push(line);
        } else if keyword == "AUTH" || keyword.starts_with("AUTH=") {
            // Some servers write it with an equals sign for clients of old.
            offered.extend(own.auth.then(|| mechanisms(&line)).flatten());
        } else if keyword == "SIZE" {
            let ours = own.message_octets_max as u64;
            let size = size_max(upstream).map_or(ours, |theirs| theirs.min(ours));
            offered.push(format!("SIZE {size}"));
        }
    }
    Reply::of_lines(upstream.code(), offered.iter().map(String::as_str))
}

/// The line of AUTH without mechanisms that are bound to a connection in TLS (RFC 5802
/// §6): that of the client is none of upstream's.
fn mechanisms(line: &str) -> Option<String> {
    let is_bound = |word: &&str| word.to_ascii_uppercase().ends_with("-PLUS");
    let kept: Vec<_> = line.split_ascii_whitespace().filter(|word| !is_bound(word)).collect();
    let is_empty = kept.len() < 2 && !line.contains('=');
    (!is_empty).then(|| kept.join(" "))
}

/// The largest message that upstream takes, in octets, where it tells one.
pub fn size_max(upstream: &Reply) -> Option<u64> {
    let size = |line: String| {
        let mut words = line.split_ascii_whitespace();
        let is_size = words.next()?.eq_ignore_ascii_case("SIZE");
        words.next().filter(|_| is_size)?.parse().ok()
    };
    upstream.lines().skip(1).find_map(size).filter(|size| *size > 0)
}

/// Does upstream offer this extension?
pub fn is_offered(upstream: &Reply, keyword: &str) -> bool {
    argument(upstream, keyword).is_some()
}

/// What upstream says behind the keyword of an extension that it offers.
pub fn argument(upstream: &Reply, keyword: &str) -> Option<String> {
    upstream.lines().skip(1).find_map(|line| {
        let line = line.trim_start();
        let (word, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        word.trim_end().eq_ignore_ascii_case(keyword).then(|| argument.into())
    })
}

#[cfg(test)]
mod tests;
