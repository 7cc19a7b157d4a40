//! Lists of addresses as header fields have them (RFC 5322 §3.4): a value comes in, the
//! addresses in it go out, without names, comments and groups. What is none is passed over.

#[cfg(test)]
mod tests;

/// Most addresses that are read of one value.
pub const ADDRESSES_MAX: usize = 1_000;

/// The addresses of an unfolded value, in order, as they are written there.
pub fn addresses(value: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = Reader::default();
    for c in value.chars() {
        if reader.take(c) {
            found.extend(reader.address());
            reader = Reader::default();
        }
        if found.len() == ADDRESSES_MAX {
            return found;
        }
    }
    found.extend(reader.address());
    found
}

/// What was read of one address.
#[derive(Debug, Default)]
struct Reader {
    /// What stands outside angle brackets, which is an address if there are none.
    bare: String,
    /// What stands within them.
    bracketed: Option<String>,
    is_in_brackets: bool,
    is_quoted: bool,
    is_escaped: bool,
    comment_depth: usize,
}

impl Reader {
    /// Takes a character; true when the address ends with it.
    fn take(&mut self, c: char) -> bool {
        let is_escaped = std::mem::take(&mut self.is_escaped);
        match c {
            _ if is_escaped => self.keep(c),
            '\\' if self.is_quoted || self.comment_depth > 0 => {
                self.is_escaped = true;
                self.keep(c);
            }
            '(' if !self.is_quoted => self.comment_depth += 1,
            ')' if !self.is_quoted && self.comment_depth > 0 => self.comment_depth -= 1,
            '"' if self.comment_depth == 0 => {
                self.is_quoted = !self.is_quoted;
                self.keep(c);
            }
            _ if self.is_quoted || self.comment_depth > 0 => self.keep(c),
            '<' => {
                self.is_in_brackets = true;
                self.bracketed = Some(String::new());
            }
            '>' => self.is_in_brackets = false,
            // The end of a group's name, or of a source route (RFC 5322 §4.4).
            ':' if self.is_in_brackets => self.bracketed = Some(String::new()),
            ':' => self.bare.clear(),
            ',' | ';' if !self.is_in_brackets => return true,
            c if c.is_whitespace() => {}
            c => self.keep(c),
        }
        false
    }

    fn keep(&mut self, c: char) {
        match &mut self.bracketed {
            _ if self.comment_depth > 0 => {}
            Some(bracketed) if self.is_in_brackets => bracketed.push(c),
            _ => self.bare.push(c),
        }
    }

    /// A quote that is never closed makes no address.
    fn address(self) -> Option<String> {
        if self.is_quoted {
            return None;
        }
        let address = self.bracketed.unwrap_or(self.bare);
        let (local_part, domain) = address.rsplit_once('@')?;
        (!local_part.is_empty() && !domain.is_empty()).then_some(address)
    }
}
