//! The canonical form of what an MTA answered (SparkPost's `reason`): what differs from message
//! to message is masked, so that answers which mean the same are the same text.

/// Digits that make a word a name of one message alone.
const ID_DIGITS_MIN: usize = 4;

/// Octets of such a word.
const ID_OCTETS_MIN: usize = 8;

/// The canonical form of a reply's text: mail addresses become `...@...`, with what stands
/// around them; IP addresses `a.b.c.d`; and words that name one message, such as a queue id,
/// `...`. Reply codes and enhanced status codes stay.
pub fn canonical(raw_reason: &str) -> String {
    let mut text = String::with_capacity(raw_reason.len());
    for (place, word) in raw_reason.split(' ').enumerate() {
        if place > 0 {
            text.push(' ');
        }
        match word.contains('@') {
            true => text.push_str("...@..."),
            false => append_word(word, &mut text),
        }
    }
    text
}

/// Appends a word, with the brackets, quotes and signs that stand around it as they are.
fn append_word(word: &str, to: &mut String) {
    let is_inner = |c: char| c.is_ascii_alphanumeric();
    let Some(start) = word.find(is_inner) else { return to.push_str(word) };
    let end = word.rfind(is_inner).map_or(word.len(), |last| last + 1);
    // An address may begin or end with the colons of its zeros (RFC 4291 §2.2).
    let start = start - word[..start].bytes().rev().take_while(|octet| *octet == b':').count();
    let inner = &word[start..end];
    to.push_str(&word[..start]);
    to.push_str(match () {
        () if inner.parse::<std::net::IpAddr>().is_ok() => "a.b.c.d",
        () if names_one_message(inner) => "...",
        () => inner,
    });
    to.push_str(&word[end..]);
}

fn names_one_message(word: &str) -> bool {
    // The code of a line that others follow (RFC 5321 §4.2.1) stands before its text.
    let word = match word.as_bytes() {
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b'-', ..] => &word[4..],
        _ => word,
    };
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_name = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_' | b'.');
    word.bytes().all(is_name) && digits >= ID_DIGITS_MIN && word.len() >= ID_OCTETS_MIN
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[track_caller]
    fn check(raw_reason: &str, wanted: &str) {
        assert_eq!(canonical(raw_reason), wanted);
        assert_eq!(canonical(wanted), wanted);
    }

    #[test]
    fn addresses_are_masked() {
        check(
            "MAIL REFUSED - IP (17.99.99.99) is in black list",
            "MAIL REFUSED - IP (a.b.c.d) is in black list",
        );
        check(
            "550 5.1.1 <bounce@example.com>: Recipient address rejected",
            "550 5.1.1 ...@... Recipient address rejected",
        );
        check(
            "550-5.7.1 [2001:db8::1] blocked; [::1]: no",
            "550-5.7.1 [a.b.c.d] blocked; [a.b.c.d]: no",
        );
    }

    #[test]
    fn codes_stay() {
        check(
            "454 4.4.4 [internal] no MX or A for domain",
            "454 4.4.4 [internal] no MX or A for domain",
        );
        check("550 5.7.606 Access denied", "550 5.7.606 Access denied");
        check("", "");
        check(" -- (…) Größe ", " -- (…) Größe ");
    }

    #[test]
    fn names_of_one_message_are_masked() {
        check(
            "550-5.1.1 https://support.example/?p=NoSuchUser d2e1a72fcca58-7b8q1234 - gsmtp",
            "550-5.1.1 https://support.example/?p=NoSuchUser ... - gsmtp",
        );
        check("552 message 1234567890 too large", "552 message ... too large");
    }
}
