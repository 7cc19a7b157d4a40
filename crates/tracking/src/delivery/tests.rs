use super::*;

fn check(text: &str, wanted: Option<&str>) {
    assert_eq!(queue_id(text), wanted, "{text:?}");
}

#[test]
fn queue_id_is_found_in_the_words_of_each_mta() {
    check("2.0.0 Ok: queued as 4XyZ1k2bQRz3", Some("4XyZ1k2bQRz3"));
    check("2.0.0 Ok: queued as 39D9336AFA81", Some("39D9336AFA81"));
    check("OK id=1rXyZ0-000AbC-2d", Some("1rXyZ0-000AbC-2d"));
    check("OK ids=0f3a5c7e9b1d4f60", Some("0f3a5c7e9b1d4f60"));
    check("2.0.0 6ab1c2d3 Message accepted for delivery", Some("6ab1c2d3"));
    check("2.0.0 Ok: queued as 4XyZ.", Some("4XyZ"));
}

#[test]
fn reply_without_a_queue_id_has_none() {
    check("2.6.0 message received", None);
    check("2.0.0 Ok: queued as ", None);
    check("", None);
}
