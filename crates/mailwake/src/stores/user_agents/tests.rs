use super::*;
use crate::stores::report::{MessageFacts, Settled};
use tracking::event::{Event, Occurrence, UpstreamReply, Visit};
use tracking::ids::{EventId, MessageId, Timestamp};

const IPHONE: &str = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 \
                      (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1";

#[track_caller]
fn check(user_agent: &str, parts: [&str; 5], is_mobile: bool) {
    let parsed = UserAgents::default().parse(user_agent);
    let got = [
        &parsed.agent_family,
        &parsed.device_brand,
        &parsed.device_family,
        &parsed.os_family,
        &parsed.os_version,
    ];
    assert_eq!((got.map(String::as_str), parsed.is_mobile), (parts, is_mobile));
}

#[test]
fn parts_of_browsers_and_mail_clients_are_found() {
    check(IPHONE, ["Mobile Safari", "Apple", "iPhone", "iOS", "18.6"], true);
    check(
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
         Chrome/140.0.0.0 Safari/537.36",
        ["Chrome", "Other", "Other", "Windows", "10"],
        false,
    );
    check(
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.2.0",
        ["Thunderbird", "Other", "Other", "Linux", ""],
        false,
    );
    check("Strange", ["Other", "Other", "Other", "Other", ""], false);
}

fn open(user_agent: &str, verdict: Verdict, reasons: &[&str]) -> StoredEvent {
    let visit = Visit {
        user_agent: user_agent.into(),
        verdict: Some(verdict),
        verdict_reasons: reasons.iter().map(|reason| (*reason).into()).collect(),
        ..Visit::default()
    };
    stored(Occurrence::Open(visit))
}

fn stored(occurrence: Occurrence) -> StoredEvent {
    let timestamp = Timestamp(1_795_233_600_123);
    let message_id = MessageId::new(timestamp, [1; 5]);
    let event_id = EventId::new(timestamp, [1; 10]);
    let event = Event { event_id, timestamp, message_id, occurrence, is_from_elsewhere: false };
    StoredEvent { position: 0, event, message: MessageFacts::default(), settled: None }
}

#[test]
fn proxies_and_prefetches_are_told() {
    let mut agents = UserAgents::default();
    let mut told = |event: &StoredEvent| {
        let parsed = agents.enrich(event).user_agent_parsed.expect("an agent");
        (parsed.is_proxy, parsed.is_prefetched)
    };
    let gmail = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com \
                 GoogleImageProxy)";
    assert_eq!(told(&open(gmail, Verdict::Proxy, &["agent:gmail_image_proxy"])), (true, false));
    let apple = open("Mozilla/5.0", Verdict::Prefetch, &["agent:apple_mail_privacy"]);
    assert_eq!(told(&apple), (true, true));
    assert_eq!(told(&open(IPHONE, Verdict::Human, &[])), (false, false));
    let settled = Settled { settled_verdict: Verdict::Prefetch, settled_reasons: Vec::new() };
    let mut event = open(IPHONE, Verdict::Human, &[]);
    event.settled = Some(settled);
    assert_eq!(told(&event), (false, true));
}

#[test]
fn events_without_a_user_agent_have_no_parts() {
    let mut agents = UserAgents::default();
    let reply =
        UpstreamReply { error_code: 250, raw_reason: String::new(), ..UpstreamReply::default() };
    for event in [open("", Verdict::Human, &[]), stored(Occurrence::Injection(reply))] {
        let json = serde_json::to_value(agents.enrich(&event)).expect("JSON");
        assert!(json.get("user_agent_parsed").is_none(), "{json}");
    }
    assert!(agents.patterns.get().is_none());
}
