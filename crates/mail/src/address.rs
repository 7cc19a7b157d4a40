//! Mail addresses as the SMTP envelope writes them (RFC 5321 §4.1.2). Text comes in,
//! slices of it go out: an address is passed on as its sender wrote it.

pub mod list;

/// Where the path that `argument` begins with ends: behind its `>`, or at the first
/// white space where it has no brackets.
pub fn path_end(argument: &str) -> usize {
    if !argument.starts_with('<') {
        return argument.find([' ', '\t']).unwrap_or(argument.len());
    }
    let mut is_quoted = false;
    let mut characters = argument.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            // RFC 5321 §4.1.2, Quoted-string: a > in it ends nothing.
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => _ = characters.next(),
            '>' if !is_quoted => return at + 1,
            _ => {}
        }
    }
    // A quote that is never closed quotes nothing.
    argument.find('>').map_or(argument.len(), |at| at + 1)
}

/// The mailbox of a path: without brackets and without a source route, which
/// RFC 5321 appendix C wants to be ignored.
pub fn mailbox(path: &str) -> &str {
    let inner = path.strip_prefix('<').unwrap_or(path);
    let inner = inner.strip_suffix('>').unwrap_or(inner).trim();
    match inner.starts_with('@') {
        true => inner.split_once(':').map_or(inner, |(_, mailbox)| mailbox),
        false => inner,
    }
}

/// The domain of a mailbox in lower case; empty where it has none.
pub fn domain(mailbox: &str) -> String {
    mailbox.rsplit_once('@').map_or("", |(_, domain)| domain).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
