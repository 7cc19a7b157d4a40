use super::*;

#[test]
fn message_id_is_filled_in() {
    let uri: MailtoUri = "mailto:leave+{message_id}@a.example?subject=x".parse().expect("right");
    let id = MessageId::from_octets([0x11; 10]);
    assert_eq!(uri.of(id), format!("mailto:leave+{id}@a.example?subject=x"));
}

#[test]
fn what_is_no_uri_of_mail_is_refused() {
    let long = format!("mailto:{}@a.example", "x".repeat(OCTETS_MAX));
    for text in [
        "",
        "leave@a.example",
        "mailto:",
        "mailto:leave",
        "mailto:leave@",
        "mailto:{message_id}",
        "mailto:a b@a.example",
        "mailto:a@a.example>, <https://b/",
        "mailto:{id}@a.example",
        "mailto:é@a.example",
        &long,
    ] {
        assert_eq!(text.parse::<MailtoUri>(), Err(MailtoError), "{text:?}");
    }
}
