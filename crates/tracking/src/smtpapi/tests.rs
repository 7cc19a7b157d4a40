use super::*;
use crate::{
    context::Context,
    copy::{Settings, Terms},
    decision::Decision,
    scope::Layer,
};
use serde_json::json;
use std::sync::Arc;

fn check(header: &str, expected: &Result<Option<Request>, Refusal>) {
    let message = format!("Subject: x\n{header}\nTo: a@b.example\n\nX-MSYS-API: in the body\n");
    assert_eq!(&read(message.as_bytes()), expected, "{header}");
    assert_eq!(&read(message.replace('\n', "\r\n").as_bytes()), expected, "{header}");
}

fn check_refusal(value: &str, text: &str) {
    let refusal = read(format!("X-MSYS-API: {value}\n\n").as_bytes()).expect_err("it is refused");
    assert_eq!(refusal.to_string(), text, "{value}");
}

fn campaign(id: &str) -> Request {
    Request { campaign_id: Some(id.into()), ..Request::default() }
}

#[test]
fn the_header_has_no_word_for_places_and_expiry() {
    let others = [
        "click_tracking_scheme",
        "open_tracking_scheme",
        "tracking_domain",
        "tracking_link_expiry",
        "customer_id",
    ];
    for name in others {
        let header = format!("X-MSYS-API: {{\"{name}\":\"x\",\"options\":{{\"{name}\":\"x\"}}}}");
        check(&header, &Ok(Some(Request::default())));
    }
    assert_eq!(Layer::from(&Request::default()), Layer::default());
}

#[test]
fn message_without_the_field_asks_for_nothing() {
    check("A: b", &Ok(None));
    assert_eq!(read(b""), Ok(None));
}

#[test]
fn all_that_is_known_is_read() {
    let header = "x-msys-api : {\"campaign_id\":\"c\",\"metadata\":{\"a\":true,\"b\":[1]},\
                  \"tags\":[\"cat\",\"dog\"],\"cc\":[],\"options\":{\"open_tracking\":false,\
                  \"click_tracking\":true,\"initial_open\":true,\"x\":5}}";
    let Value::Object(metadata) = json!({"a": true, "b": [1]}) else { unreachable!() };
    let expected = Request {
        open_tracking: Some(false),
        initial_open: Some(true),
        click_tracking: Some(true),
        campaign_id: Some("c".into()),
        metadata,
        tags: vec!["cat".into(), "dog".into()],
        ..Request::default()
    };
    check(header, &Ok(Some(expected)));
}

#[test]
fn empty_object_asks_for_nothing_in_particular() {
    check("X-MSYS-API: {}", &Ok(Some(Request::default())));
}

#[test]
fn fold_is_one_space() {
    check("X-MSYS-API:\n {\n\t  \"campaign_id\" :\n \"a\"}", &Ok(Some(campaign("a"))));
    check("X-MSYS-API: {\"campaign_id\":\"a\n\t  b\"}", &Ok(Some(campaign("a b"))));
}

#[test]
fn text_that_is_not_ascii_is_read_in_every_form() {
    for value in ["caf\\u00e9", "café", "=?utf-8?Q?caf=C3=A9?=", "=?iso-8859-1?B?Y2Fm6Q==?="] {
        check(&format!("X-MSYS-API: {{\"campaign_id\":\"{value}\"}}"), &Ok(Some(campaign("café"))));
    }
    check("X-MSYS-API: =?utf-8?B?eyJjYW1wYWlnbl9pZCI6ImEifQ==?=", &Ok(Some(campaign("a"))));
    check("X-MSYS-API: {\"campaign_id\":\"\\ud83c\\udf89\"}", &Ok(Some(campaign("🎉"))));
}

#[test]
fn later_field_goes_before_an_earlier_one() {
    let headers = "X-MSYS-API: {\"campaign_id\":\"a\",\"options\":{\"open_tracking\":false}}\n\
                   X-Msys-Api: {\"campaign_id\":\"b\",\"options\":{\"click_tracking\":false}}";
    let expected =
        Request { open_tracking: Some(false), click_tracking: Some(false), ..campaign("b") };
    check(headers, &Ok(Some(expected)));
}

#[test]
fn what_is_no_json_object_is_refused() {
    let text = "X-MSYS-API must be of type 'json object'";
    for value in ["", "x", "{", "[]", "null", "\"{}\"", "{} {}", "{\"options\": {\"open_tr"] {
        check_refusal(value, text);
    }
    let deep = format!("{{\"x\":{}", "[".repeat(100_000));
    check_refusal(&deep, text);
}

#[test]
fn part_of_another_type_is_refused() {
    let text = |name: &str, kind: &str| format!("X-MSYS-API '{name}' must be of type '{kind}'");
    for value in ["[]", "\"x\"", "1", "null"] {
        let value = format!("{{\"metadata\":{value}}}");
        check_refusal(&value, &text("metadata", "json object"));
    }
    check_refusal("{\"options\":true}", &text("options", "json object"));
    check_refusal("{\"campaign_id\":5}", &text("campaign_id", "string"));
    check_refusal("{\"tags\":\"x\"}", &text("tags", "json array"));
    check_refusal("{\"tags\":[1]}", &text("tags", "json array of strings"));
    let switches = [
        "open_tracking",
        "click_tracking",
        "initial_open",
        "transactional",
        "skip_suppression",
        "inline_css",
        "sandbox",
        "perform_substitutions",
    ];
    for name in switches {
        check_refusal(&format!("{{\"options\":{{\"{name}\":\"true\"}}}}"), &text(name, "boolean"));
        check_refusal(&format!("{{\"options\":{{\"{name}\":1}}}}"), &text(name, "boolean"));
    }
    for name in ["ip_pool", "dkim_key", "list_id"] {
        check_refusal(&format!("{{\"options\":{{\"{name}\":true}}}}"), &text(name, "string"));
    }
    for name in ["cc", "bcc", "archive"] {
        check_refusal(&format!("{{\"{name}\":\"a@b.example\"}}"), &text(name, "json array"));
        check_refusal(&format!("{{\"{name}\":[1]}}"), &text(name, "json array of recipients"));
    }
}

#[test]
fn campaign_id_has_64_octets_at_most() {
    let id = "é".repeat(32);
    check(&format!("X-MSYS-API: {{\"campaign_id\":\"{id}\"}}"), &Ok(Some(campaign(&id))));
    check_refusal(
        &format!("{{\"campaign_id\":\"{id}x\"}}"),
        "smtpapi_campaign_id context is limited to 64 bytes",
    );
}

#[test]
fn surplus_tags_are_ignored() {
    let tags: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let request = read(format!("X-MSYS-API: {{\"tags\":{}}}", json!(tags)).as_bytes());
    let request = request.expect("valid").expect("there");
    assert_eq!((request.tags, request.tags_ignored), (tags[..TAGS_MAX].to_vec(), 2));
}

#[test]
fn tag_said_twice_is_one() {
    let request = read(b"X-MSYS-API: {\"tags\":[\"a\",\"b\",\"a\"]}").expect("valid");
    assert_eq!(request.expect("there").tags, ["a", "b"]);
}

#[test]
fn options_of_the_mta_are_read() {
    let value = json!({"options": {
        "transactional": true, "skip_suppression": false, "ip_pool": "p", "inline_css": true,
        "dkim_key": "k", "sandbox": true, "perform_substitutions": false, "list_id": "l",
    }, "substitution_data": {"x": 1}});
    let options = Options {
        transactional: Some(true),
        skip_suppression: Some(false),
        ip_pool: Some("p".into()),
        inline_css: Some(true),
        dkim_key: Some("k".into()),
        sandbox: Some(true),
        perform_substitutions: Some(false),
        list_id: Some("l".into()),
    };
    let wanted = Request { options, ..Request::default() };
    check(&format!("X-MSYS-API: {value}"), &Ok(Some(wanted)));
}

#[test]
fn option_that_would_begin_another_field_is_refused() {
    for name in ["ip_pool", "dkim_key", "list_id"] {
        for text in ["a\r\nB: c", "a\nb", "é", "\u{0}", "\t"] {
            let value = json!({"options": {name: text}}).to_string();
            check_refusal(&value, &format!("X-MSYS-API '{name}' must be printable ASCII"));
        }
        let long = json!({"options": {name: "x".repeat(256)}}).to_string();
        check_refusal(&long, &format!("X-MSYS-API '{name}' is limited to 255 bytes"));
    }
}

#[test]
fn bombs_are_refused() {
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(FIELD_OCTETS_MAX));
    check_refusal(&large, "X-MSYS-API is limited to 262144 bytes");
    let half = format!("X-MSYS-API: {{\"x\":\"{}\"}}\n", "x".repeat(FIELD_OCTETS_MAX / 2));
    assert_eq!(read(half.repeat(2).as_bytes()), Err(Refusal::TooLarge));
    let metadata = json!({"metadata": {"x": "x".repeat(METADATA_OCTETS_MAX)}}).to_string();
    check_refusal(&metadata, "X-MSYS-API 'metadata' is limited to 16384 bytes");
    let levels = |levels: usize| {
        format!("{{\"metadata\":{{\"x\":{}{}}}}}", "[".repeat(levels), "]".repeat(levels))
    };
    check_refusal(&levels(METADATA_LEVELS_MAX), "X-MSYS-API 'metadata' is limited to 32 levels");
    assert!(read(format!("X-MSYS-API: {}", levels(METADATA_LEVELS_MAX - 1)).as_bytes()).is_ok());
    let tag = json!({"tags": ["x".repeat(256)]}).to_string();
    check_refusal(&tag, "X-MSYS-API 'tags' is limited to 255 bytes");
}

#[test]
fn request_goes_before_the_decision() {
    let request = |open_tracking, initial_open, click_tracking| {
        let request = Request { open_tracking, initial_open, click_tracking, ..Request::default() };
        let decision = Decision { initial_open: true, ..Decision::default() };
        let settings = Arc::new(Settings { decision, ..Settings::default() });
        let terms = Terms::new(&settings, Some(&request), &Context::default());
        let applied = &terms.expect("no variable is wrong").settings.decision;
        assert!(applied.removes_smtpapi && applied.text_links);
        (applied.open, applied.initial_open, applied.click)
    };
    assert_eq!(request(None, None, None), (true, true, true));
    assert_eq!(request(Some(false), None, None), (false, false, true));
    assert_eq!(request(Some(false), Some(true), None), (false, true, true));
    assert_eq!(request(Some(true), Some(false), Some(false)), (true, false, false));
}
