use super::*;
use crate::context::Lifetime;

fn context(variables: &[(&str, &str)]) -> Context {
    let mut context = Context::default();
    for (name, value) in variables {
        context.set(Lifetime::Message, name, value).expect("there is room");
    }
    context
}

fn terms(header: &str, variables: &[(&str, &str)]) -> Result<Terms, Refusal> {
    let settings = Arc::new(Settings::new("https://t.example/".parse().expect("a URL")));
    let message = format!("{header}\n\n");
    let request = settings.request(message.as_bytes())?;
    Terms::new(&settings, request.as_ref(), &context(variables))
}

fn decided(header: &str, variables: &[(&str, &str)]) -> (bool, bool) {
    let decision = &terms(header, variables).expect("valid").settings.decision;
    (decision.open, decision.click)
}

#[test]
fn variable_goes_before_the_header_and_the_header_before_settings() {
    let off = "X-MSYS-API: {\"options\":{\"open_tracking\":false,\"click_tracking\":false}}";
    assert_eq!(decided("A: b", &[]), (true, true));
    assert_eq!(decided(off, &[]), (false, false));
    assert_eq!(decided(off, &[("smtpapi_open_tracking", "1")]), (true, false));
    assert_eq!(decided(off, &[("smtpapi_click_tracking", "TRUE")]), (false, true));
    assert_eq!(decided("A: b", &[("smtpapi_open_tracking", "False")]), (false, true));
    assert_eq!(decided("A: b", &[("smtpapi_click_tracking", "0")]), (true, false));
}

#[test]
fn data_of_variables_goes_before_that_of_the_header() {
    let header = "X-MSYS-API: {\"campaign_id\":\"h\",\"tags\":[\"h\"],\"metadata\":{\"h\":1}}";
    let request = |variables: &[(&str, &str)]| {
        let Request { campaign_id, tags, metadata, .. } =
            Arc::unwrap_or_clone(terms(header, variables).expect("valid").request);
        let metadata = serde_json::to_string(&metadata).expect("JSON");
        (campaign_id.expect("there"), tags.join(" "), metadata)
    };
    let wanted = |id: &str, tags: &str, json: &str| (id.into(), tags.into(), json.into());
    assert_eq!(request(&[]), wanted("h", "h", "{\"h\":1}"));
    assert_eq!(request(&[("smtpapi_campaign_id", "v")]), wanted("v", "h", "{\"h\":1}"));
    assert_eq!(request(&[("smtpapi_tags", "[\"v\",\"w\"]")]), wanted("h", "v w", "{\"h\":1}"));
    assert_eq!(request(&[("smtpapi_metadata", "{ \"v\" : 2}")]), wanted("h", "h", "{\"v\":2}"));
    assert_eq!(request(&[("smtpapi_campaign_id", ""), ("smtpapi_tags", "")]), request(&[]));
}

#[test]
fn variables_without_a_header_count_too() {
    let terms = terms("A: b", &[("smtpapi_campaign_id", "v")]).expect("valid");
    assert_eq!(terms.request.campaign_id.as_deref(), Some("v"));
    assert!(!terms.settings.decision.removes_smtpapi, "there is nothing to take out");
}

#[test]
fn values_that_say_nothing_are_ignored_and_told() {
    let variables = [("smtpapi_open_tracking", "yes"), ("smtpapi_click_tracking", "0")];
    let terms = terms("A: b", &variables).expect("valid");
    assert!(terms.settings.decision.open && !terms.settings.decision.click);
    let ignored: Vec<_> = terms.variables_ignored.iter().map(|wrong| wrong.name).collect();
    assert_eq!(ignored, ["smtpapi_open_tracking"]);
}

#[test]
fn wrong_variables_are_refused() {
    let long = "x".repeat(65);
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(32), "]".repeat(32));
    for (name, value, text) in [
        ("smtpapi_campaign_id", &*long, "smtpapi_campaign_id context is limited to 64 bytes"),
        ("smtpapi_metadata", "[]", "smtpapi_metadata context must be of type 'json object'"),
        ("smtpapi_metadata", "{", "smtpapi_metadata context must be of type 'json object'"),
        ("smtpapi_metadata", &deep, "smtpapi_metadata context is limited to 32 levels"),
        ("smtpapi_tags", "{}", "smtpapi_tags context must be of type 'json array'"),
        ("smtpapi_tags", "cat", "smtpapi_tags context must be of type 'json array'"),
        ("smtpapi_tags", "[1]", "smtpapi_tags context must be of type 'json array of strings'"),
    ] {
        let refusal = terms("A: b", &[(name, value)]).expect_err("it is refused");
        assert_eq!(refusal.to_string(), text, "{name} = {value}");
    }
}

#[test]
fn metadata_reaches_engagements_whole_or_not_at_all() {
    let reach = |octets: usize, in_clicks: bool| {
        let mut settings = Settings::new("https://t.example/".parse().expect("a URL"));
        settings.metadata_in_clicks = in_clicks;
        let json =
            format!("X-MSYS-API: {{\"metadata\":{{\"x\":\"{}\"}}}}\n", "x".repeat(octets - 8));
        let request = settings.request(json.as_bytes()).expect("valid");
        let terms = Terms::new(&Arc::new(settings), request.as_ref(), &Context::default());
        terms.expect("valid").metadata_reach()
    };
    assert_eq!(reach(1_000, true), MetadataReach::Engagement);
    assert_eq!(reach(1_000, false), MetadataReach::Opens);
    assert_eq!(reach(1_001, true), MetadataReach::Reception);
}

/// The name of each field of a header, in lower case.
fn names(message: &[u8]) -> Vec<String> {
    let name = |field: &[u8]| String::from_utf8_lossy(field).to_ascii_lowercase();
    mail::message::header::fields(message).map(|field| name(field.name)).collect()
}

/// The copy for a bcc, with options handed on, of a message with this field.
fn copy_of(field: &str) -> Option<(Vec<u8>, Request)> {
    let mut settings = Settings::new("https://t.example/".parse().expect("a URL"));
    settings.hand_on.ip_pool = Some("X-Pool".into());
    settings.hand_on.list_id = Some("X-List".into());
    let message = format!("{field}\r\nCc: a@b.example\r\nTo: x\r\n\r\nbody\r\n").into_bytes();
    let request = settings.request(&message).ok()?;
    let terms = Terms::new(&Arc::new(settings), request.as_ref(), &Context::default()).ok()?;
    let further = &terms.request.recipients;
    let cc = further.cc_field(&message);
    let fields = terms.fields(RcptType::Bcc, further.bcc.first(), cc.as_ref());
    let keys = Arc::new(token::key::KeyRing::generate([7; 32], "2026-11-21"));
    let id = MessageId::new(Timestamp(0), [1; 5]);
    let addressed = Addressed { fields: &fields, ..id.into() };
    let plan = Plan::new(&message, &terms.settings.decision);
    let copy = make(&plan, &terms, &addressed, Timestamp(0), &mut Sealer::new(keys));
    assert!(!copy.report.safety_net, "{field}");
    Some((copy.octets.into_owned(), Arc::unwrap_or_clone(terms.request)))
}

mod safety {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever stands in the texts, a copy has the fields that it is to have and no other.
        #[test]
        fn no_sender_writes_another_field(
            name in "\\PC{0,40}|[\r\n\t :a-zé\u{2028}]{0,80}",
            local in "[a-z.!\"\\\\ \r\n<>@:,é]{1,12}",
            option in "[ -~]{0,40}|\\PC{0,20}|[a\r\n: ]{0,20}",
        ) {
            let one = serde_json::json!({"email": format!("{local}@b.example"), "name": name});
            let value = serde_json::json!({
                "cc": [one], "bcc": [one], "options": {"ip_pool": option, "list_id": option},
            });
            if let Some((copy, request)) = copy_of(&format!("X-MSYS-API: {value}")) {
                let mut found = names(&copy);
                found.sort_unstable();
                let wanted = ["bcc", "cc", "to", "x-list", "x-pool", "x-sp-message-id"];
                prop_assert_eq!(found, wanted, "{:?}", request);
                prop_assert!(copy.ends_with(b"\r\n\r\nbody\r\n"));
                let rcpt = format!("RCPT TO:<{}>", request.recipients.bcc[0].email);
                let mail::smtp::command::Command::Rcpt(envelope) =
                    mail::smtp::command::Command::parse(&rcpt)
                else {
                    panic!("{rcpt}")
                };
                prop_assert_eq!(envelope.path, &request.recipients.bcc[0].email);
                prop_assert_eq!(envelope.parameter("NOTIFY"), None);
            }
        }
    }
}

#[test]
fn texts_of_a_sender_stand_in_their_fields() {
    let field = "X-MSYS-API: {\"cc\":[{\"email\":\"c@d.example\",\"name\":\"C\\r\\nX: y\"}],\
                 \"bcc\":[\"b@d.example\"],\"options\":{\"ip_pool\":\"a b\",\"list_id\":\"<l>\"}}";
    let (copy, _) = copy_of(field).expect("valid");
    let wanted = "X-Sp-Message-Id: 00000000000101010101\r\nBcc: b@d.example\r\nX-Pool: a b\r\n\
                  X-List: <l>\r\nCc: a@b.example,\r\n \"C  X: y\" <c@d.example>\r\nTo: x\r\n\r\nbody\r\n";
    assert_eq!(String::from_utf8_lossy(&copy), wanted);
}
