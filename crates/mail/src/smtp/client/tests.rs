use super::*;

#[test]
fn name_of_a_client_is_cut_where_it_is_no_domain() {
    let mut client = Client::default();
    client.greeted(&format!("EHLO {}", "ü".repeat(2_000)), true);
    assert_eq!(client.helo, Some("ü".repeat(127)));
    client.greeted("HELO  a b ", false);
    assert_eq!((client.helo.as_deref(), client.protocol.as_deref()), (Some("a b"), Some("SMTP")));
    client.greeted("EHLO", true);
    assert_eq!(client.helo, None);
}
