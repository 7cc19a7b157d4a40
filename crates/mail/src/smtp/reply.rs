//! Replies (RFC 5321 §4.2). Lines of a server come in and give a reply, which is
//! passed on octet for octet; replies of our own are made here as well.

/// Longest line of a reply that is read, in octets; RFC 5321 §4.5.3.1.5 wants 512.
pub const LINE_OCTETS_MAX: usize = 4_096;

/// Most lines of one reply.
pub const LINES_MAX: usize = 256;

/// A whole reply, of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    octets: Vec<u8>,
}

/// Why lines are no reply. Such a server cannot be talked to any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// No code of three digits with a space or hyphen behind it.
    #[error("a line without a reply code")]
    NoCode,
    /// A line with another code than the first (RFC 5321 §4.2.1).
    #[error("two codes in one reply")]
    MixedCodes,
    /// More than `LINES_MAX` lines.
    #[error("more than {LINES_MAX} lines in one reply")]
    TooManyLines,
}

impl Reply {
    /// A reply of our own: code, enhanced status code (RFC 3463), text.
    pub fn new(code: u16, enhanced_status: &str, text: &str) -> Self {
        Self { code, octets: format!("{code} {enhanced_status} {text}\r\n").into_bytes() }
    }

    /// A reply of several lines, without an enhanced status code.
    pub fn of_lines<'t>(code: u16, lines: impl IntoIterator<Item = &'t str>) -> Self {
        let mut lines = lines.into_iter().peekable();
        let mut octets = Vec::new();
        while let Some(line) = lines.next() {
            let separator = if lines.peek().is_some() { '-' } else { ' ' };
            octets.extend_from_slice(format!("{code}{separator}{line}\r\n").as_bytes());
        }
        Self { code, octets }
    }

    /// The code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The octets as they go over the wire, final CRLF included.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// 2yz: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 3yz: the server waits for more.
    pub fn is_intermediate(&self) -> bool {
        self.code / 100 == 3
    }

    /// 4yz: not now.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// The text of each line, without code and CRLF.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.octets.split(|octet| *octet == b'\n').filter(|line| !line.is_empty()).map(|line| {
            let text = line.get(4..).unwrap_or_default();
            String::from_utf8_lossy(text.strip_suffix(b"\r").unwrap_or(text)).into_owned()
        })
    }

    /// The text of all lines, joined by a space.
    pub fn text(&self) -> String {
        self.lines().collect::<Vec<_>>().join(" ")
    }
}

/// Puts a reply together from its lines.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: Option<u16>,
    lines: usize,
    octets: Vec<u8>,
}

impl ReplyParser {
    /// Takes a line without its line end. `Some` when it was the last of the reply;
    /// the parser is ready for the next one then.
    pub fn line(&mut self, line: &[u8]) -> Result<Option<Reply>, ReplyError> {
        let (code, is_last) = head_of(line).ok_or(ReplyError::NoCode)?;
        if *self.code.get_or_insert(code) != code {
            return Err(ReplyError::MixedCodes);
        }
        self.lines += 1;
        if self.lines > LINES_MAX {
            return Err(ReplyError::TooManyLines);
        }
        self.octets.extend_from_slice(line);
        self.octets.extend_from_slice(b"\r\n");
        if !is_last {
            return Ok(None);
        }
        let octets = std::mem::take(&mut self.octets);
        *self = Self::default();
        Ok(Some(Reply { code, octets }))
    }
}

/// The code of a line, and whether the line is the last one (RFC 5321 §4.2.1).
fn head_of(line: &[u8]) -> Option<(u16, bool)> {
    let is_last = match line.get(3) {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    let [first @ b'2'..=b'5', second @ b'0'..=b'9', third @ b'0'..=b'9'] = *line.get(..3)? else {
        return None;
    };
    let digit = |octet: u8| u16::from(octet - b'0');
    Some((digit(first) * 100 + digit(second) * 10 + digit(third), is_last))
}

#[cfg(test)]
mod tests;
