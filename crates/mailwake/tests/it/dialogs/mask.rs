//! What differs each time a dialog runs is replaced by placeholders: the same value by the
//! same one, another value by another, numbered in the order in which they come.

/// Where every link and pixel of a dialog leads.
pub(super) const TRACKING_URL: &str = "http://t.example/";

/// The same in TLS.
pub(super) const SECURE_TRACKING_URL: &str = "https://t.example/";

/// Values that came so far.
#[derive(Debug, Default)]
pub(super) struct Masks {
    ids: Vec<String>,
    links: Vec<String>,
    numbers: Vec<String>,
}

impl Masks {
    /// The line with placeholders.
    pub(super) fn mask(&mut self, line: &str) -> String {
        if line.starts_with("Date: ") {
            return "Date: {date}".into();
        }
        let mut masked = String::new();
        let mut rest = line;
        while !rest.is_empty() {
            let mut bases = [TRACKING_URL, SECURE_TRACKING_URL].into_iter();
            let link = bases.find_map(|base| Some((base, rest.strip_prefix(base)?)));
            if let Some((base, token)) = link {
                let end = token.find(|c| !is_token(c)).unwrap_or(token.len());
                masked += base;
                masked += &placeholder("link", &mut self.links, &token[..end]);
                rest = &token[end..];
                continue;
            }
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            // What is no word goes through character by character.
            let end = if end == 0 { rest.chars().next().map_or(1, char::len_utf8) } else { end };
            let end = if rest.starts_with("http") { 1 } else { end };
            masked += &self.mask_word(&rest[..end]);
            rest = &rest[end..];
        }
        masked
    }

    fn mask_word(&mut self, word: &str) -> String {
        let is_hex = word.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
        let is_number = word.bytes().all(|octet| octet.is_ascii_digit());
        match word.len() {
            20 if is_hex => placeholder("id", &mut self.ids, word),
            12..=19 if is_number => placeholder("number", &mut self.numbers, word),
            _ => word.into(),
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn placeholder(kind: &str, seen: &mut Vec<String>, value: &str) -> String {
    let known = seen.iter().position(|one| one == value);
    let at = known.unwrap_or_else(|| {
        seen.push(value.into());
        seen.len() - 1
    });
    format!("{{{kind} {}}}", at + 1)
}

#[test]
fn the_same_value_has_the_same_placeholder() {
    let mut masks = Masks::default();
    let mut check = |line: &str, masked: &str| assert_eq!(masks.mask(line), masked);
    check("X-Sp-Message-Id: 00112233445566778899", "X-Sp-Message-Id: {id 1}");
    check("<a href=\"http://t.example/a-b_c\">ö", "<a href=\"http://t.example/{link 1}\">ö");
    check("00112233445566778899 0011223344556677889a", "{id 1} {id 2}");
    check(
        "http://t.example/x http://t.example/a-b_c",
        "http://t.example/{link 2} http://t.example/{link 1}",
    );
    check("boundary=\"dsn-1234567890123456\"; 123", "boundary=\"dsn-{number 1}\"; 123");
    check("Date: Sat, 21 Nov 2026 08:00:00 +0000", "Date: {date}");
}
