//! X-MSYS-API: any header, and any value of the field or of a context variable. What is read
//! is within its limits, and what becomes of it in a copy begins no field of its own.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::{message::header::fields, smtp::command::Command};
use std::sync::Arc;
use tracking::{
    context::{Context, Lifetime},
    copy::{Addressed, Settings, Terms, make},
    event::RcptType,
    ids::{MessageId, Timestamp},
    rewrite::Plan,
    smtpapi::{
        CAMPAIGN_ID_OCTETS_MAX, FIELD, METADATA_OCTETS_MAX, Request, TAG_OCTETS_MAX, TAGS_MAX,
    },
    token::{Sealer, key::KeyRing},
};

fuzz_target!(|input: &[u8]| {
    let with_field = [FIELD.as_bytes(), b": ", input, b"\r\n\r\n"].concat();
    for message in [input, &with_field] {
        check(message, &Context::default());
    }
    if let Ok(text) = str::from_utf8(input) {
        for name in ["smtpapi_campaign_id", "smtpapi_metadata", "smtpapi_tags"] {
            let mut context = Context::default();
            if context.set(Lifetime::Message, name, text).is_ok() {
                check(b"To: x\r\n\r\n", &context);
            }
        }
    }
});

fn check(message: &[u8], context: &Context) {
    let mut settings = Settings::new("https://t.example/".parse().expect("a tracking URL"));
    settings.hand_on.ip_pool = Some("X-Pool".into());
    settings.hand_on.list_id = Some("X-List".into());
    let Ok(request) = settings.request(message) else { return };
    let Ok(terms) = Terms::new(&Arc::new(settings), request.as_ref(), context) else { return };
    check_limits(&terms.request);
    let further = &terms.request.recipients;
    for (_, one) in further.beside([]) {
        let rcpt = format!("RCPT TO:<{}>", one.email);
        let Command::Rcpt(envelope) = Command::parse(&rcpt) else { panic!("{rcpt}") };
        assert_eq!(envelope.path, one.email);
    }
    let cc = further.cc_field(message);
    let edits = terms.fields(RcptType::Bcc, further.bcc.first(), cc.as_ref());
    let id = MessageId::new(Timestamp(0), [1; 5]);
    let addressed = Addressed { fields: &edits, ..id.into() };
    let plan = Plan::new(message, &terms.settings.decision);
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let copy = make(&plan, &terms, &addressed, Timestamp(0), &mut Sealer::new(keys));
    let known = ["X-Sp-Message-Id", "X-Pool", "X-List", "Cc", "Bcc"];
    for field in fields(&copy.octets).filter(|field| !field.is_junk()) {
        let is_old = fields(message).any(|old| old.name == field.name);
        assert!(is_old || known.iter().any(|name| field.is(name)), "{field:?}");
    }
}

fn check_limits(request: &Request) {
    let campaign_id = request.campaign_id.as_deref().unwrap_or_default();
    assert!(campaign_id.len() <= CAMPAIGN_ID_OCTETS_MAX);
    assert!(request.tags.len() <= TAGS_MAX);
    assert!(request.tags.iter().all(|tag| tag.len() <= TAG_OCTETS_MAX));
    let metadata = serde_json::to_vec(&request.metadata).expect("it is JSON");
    assert!(metadata.len() <= METADATA_OCTETS_MAX);
    let again: serde_json::Value = serde_json::from_slice(&metadata).expect("it is JSON");
    assert_eq!(again.as_object(), Some(&request.metadata));
}
