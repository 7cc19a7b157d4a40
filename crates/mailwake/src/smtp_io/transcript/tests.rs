use super::*;
use proptest::prelude::*;

fn transcript() -> Transcript {
    let client = "192.0.2.7:1025".parse().expect("an address");
    Transcript::of_client("192.0.2.0/24".parse().ok(), client).expect("a client that is wanted")
}

fn check(line: &str, told: &str) {
    assert_eq!(transcript().command(line.as_bytes()), told, "{line}");
}

#[test]
fn only_clients_that_are_wanted_are_written_down() {
    let of = |wanted: Option<&str>, client: &str| {
        let wanted = wanted.map(|network| network.parse().expect("a network"));
        Transcript::of_client(wanted, client.parse().expect("an address")).is_some()
    };
    assert!(of(Some("192.0.2.7"), "192.0.2.7:25"));
    assert!(of(Some("192.0.2.7"), "[::ffff:192.0.2.7]:25"));
    assert!(!of(Some("192.0.2.7"), "192.0.2.8:25"));
    assert!(!of(None, "192.0.2.7:25"));
}

#[test]
fn envelopes_are_told_whole() {
    check("EHLO client.example", "EHLO client.example");
    check("mail from:<a@a.example> SIZE=10", "mail from:<a@a.example> SIZE=10");
    check("RCPT TO:<b@b.example>", "RCPT TO:<b@b.example>");
    check("MAIL FROM:<\u{1b}[2J\u{7}>", "MAIL FROM:<\\u{1b}[2J\\u{7}>");
}

#[test]
fn of_other_commands_the_name_is_told() {
    check("DATA", "DATA");
    check("quit", "quit");
    check("VRFY someone", "VRFY (7 octets)");
    check("BDAT 1000 LAST", "BDAT (9 octets)");
}

#[test]
fn credentials_are_not_told() {
    check("AUTH PLAIN AGFubgBzZWNyZXQ=", "AUTH PLAIN (17 octets)");
    check("auth login", "auth LOGIN");
    check("AUTH AGFubgBzZWNyZXQ=", "AUTH (16 octets)");
    check(" AUTH PLAIN AGFubgBzZWNyZXQ=", "(28 octets that are no known command)");
    check("AUHT PLAIN AGFubgBzZWNyZXQ=", "(27 octets that are no known command)");
    check("AUTH\tPLAIN AGFubgBzZWNyZXQ=", "(27 octets that are no known command)");
    // A client that did not wait for the challenge.
    check("c2VjcmV0", "(8 octets that are no known command)");
}

#[test]
fn what_answers_a_challenge_is_not_told() {
    let mut transcript = transcript();
    assert_eq!(transcript.reply(b"334 VXNlcm5hbWU6"), "334 (13 octets)");
    assert_eq!(transcript.command(b"RCPT secret"), "(11 octets of credentials)");
    assert_eq!(transcript.reply(b"535 5.7.8 no"), "535 5.7.8 no");
    assert_eq!(transcript.command(b"QUIT"), "QUIT");
}

#[test]
fn a_challenge_counts_from_when_it_is_written_not_from_when_it_is_sent() {
    let mut transcript = transcript();
    transcript.sent(b"250 2.0.0 Ok\r\n33");
    assert!(!transcript.asks_for_credentials);
    transcript.sent(b"4 x\r\n");
    assert!(transcript.asks_for_credentials);
}

#[test]
fn lines_of_a_message_whose_data_was_refused_are_not_told() {
    for line in ["Subject: secret", "secret", ".", "", "HELPLESS secret"] {
        let told = transcript().command(line.as_bytes());
        assert!(!told.contains("secret") && told.starts_with('('), "{told}");
    }
}

proptest! {
    #[test]
    fn arguments_of_auth_are_never_told(start in "(AUTH|auth|Auth) (PLAIN |LOGIN |)", secret in "[a-z0-9+/]{24,64}={0,2}") {
        let told = transcript().command(format!("{start}{secret}").as_bytes());
        prop_assert!(!told.contains(&secret));
    }

    #[test]
    fn whatever_comes_in_is_one_printable_line(octets: Vec<u8>) {
        let mut transcript = transcript();
        let told = [transcript.command(&octets), transcript.reply(&octets)];
        prop_assert!(told.iter().all(|told| !told.chars().any(char::is_control)));
        transcript.sent(&octets);
    }
}
