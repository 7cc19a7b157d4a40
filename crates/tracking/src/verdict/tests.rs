use super::settle::{Deed, Sighting};
use super::*;

mod evaluation;
mod recognition;
mod settle;

fn address(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like \
                      Gecko) Chrome/140.0.0.0 Safari/537.36";

fn request(purpose: Purpose, user_agent: &str) -> Request<'_> {
    Request {
        purpose,
        user_agent,
        address: address("198.51.100.7"),
        age_ms: Some(3_600_000),
        is_declared_prefetch: false,
        follows_head: false,
    }
}

#[track_caller]
fn check(request: &Request<'_>, verdict: Verdict, reasons: &[&str]) {
    let judgement = judge(request, &Recognition::default());
    assert_eq!((judgement.verdict, judgement.reasons), (verdict, names(reasons)));
}

fn names(reasons: &[&str]) -> Vec<String> {
    reasons.iter().map(|reason| (*reason).to_owned()).collect()
}

#[test]
fn browser_is_human_without_a_doubt() {
    check(&request(Purpose::Click, CHROME), Verdict::Human, &[]);
    check(&request(Purpose::Open, CHROME), Verdict::Human, &[]);
}

#[test]
fn agent_names_what_it_is() {
    let gmail = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com \
                 GoogleImageProxy)";
    check(&request(Purpose::Open, gmail), Verdict::Proxy, &["agent:gmail_image_proxy"]);
    let bare = "Mozilla/5.0";
    check(&request(Purpose::Open, bare), Verdict::Prefetch, &["agent:apple_mail_privacy"]);
    check(&request(Purpose::Click, bare), Verdict::Bot, &["agent:bare_mozilla"]);
    check(&request(Purpose::Click, "CURL/8.16.0"), Verdict::Bot, &["agent:curl"]);
}

#[test]
fn missing_and_unknown_agents_are_doubts() {
    check(&request(Purpose::Click, ""), Verdict::Bot, &[reason::NO_AGENT]);
    check(&request(Purpose::Open, ""), Verdict::Human, &[reason::NO_AGENT]);
    check(&request(Purpose::Click, "Strange/1"), Verdict::Human, &[reason::UNKNOWN_AGENT]);
}

#[test]
fn nobody_reads_in_no_time() {
    let at = |purpose, age_ms| Request { age_ms, ..request(purpose, CHROME) };
    check(&at(Purpose::Click, Some(2_000)), Verdict::Scanner, &[reason::TOO_SOON]);
    check(&at(Purpose::Click, Some(2_001)), Verdict::Human, &[]);
    check(&at(Purpose::Open, Some(1_000)), Verdict::Prefetch, &[reason::TOO_SOON]);
    check(&at(Purpose::Open, Some(1_001)), Verdict::Human, &[]);
    // The clock of another machine is ahead; or the id is a sender's own.
    check(&at(Purpose::Click, Some(-1)), Verdict::Human, &[]);
    check(&at(Purpose::Click, None), Verdict::Human, &[]);
}

#[test]
fn what_a_request_says_or_did_before_counts() {
    let click = request(Purpose::Click, CHROME);
    let declared = Request { is_declared_prefetch: true, ..click };
    check(&declared, Verdict::Prefetch, &[reason::DECLARED_PREFETCH]);
    check(
        &Request { follows_head: true, ..declared },
        Verdict::Scanner,
        &[reason::DECLARED_PREFETCH, reason::HEAD_FIRST],
    );
    check(&request(Purpose::Honeypot, CHROME), Verdict::Scanner, &[reason::HONEYPOT]);
}

#[test]
fn age_is_that_of_the_message_id() {
    let id = MessageId::new(Timestamp(1_795_233_600_123), [1; 5]);
    assert_eq!(age_ms(&id, Timestamp(1_795_233_601_000)), 877);
    // SparkPost's own ids begin with zeros: made long ago, so nothing comes too soon.
    let foreign: MessageId = "000443ee14578172be22".parse().expect("an id");
    assert!(age_ms(&foreign, Timestamp(1_795_233_601_000)) > 60_000);
}

#[test]
fn names_of_verdicts_are_those_of_the_stored_form() {
    for verdict in Verdict::ALL {
        let stored = serde_json::to_value(verdict).expect("JSON");
        assert_eq!(stored, verdict.name());
        assert_eq!(Verdict::from_name(verdict.name()), Some(verdict));
    }
}

#[test]
fn every_reason_is_documented() {
    let page = include_str!("../../../../docs/verdicts.md");
    for reason in reason::ALL {
        assert!(page.contains(&format!("| `{reason}` |")), "{reason}");
    }
}

#[test]
fn counts_grow_smaller_from_raw_to_confirmed() {
    let of = |verdict, reasons: &[&str]| Judgement { verdict, reasons: names(reasons) };
    let counts = |of: Judgement| (of.is_filtered(), of.is_confirmed());
    assert_eq!(counts(of(Verdict::Human, &[])), (true, true));
    assert_eq!(counts(of(Verdict::Human, &[reason::UNKNOWN_AGENT])), (true, false));
    assert_eq!(counts(of(Verdict::Proxy, &["agent:gmail_image_proxy"])), (true, false));
    assert_eq!(counts(of(Verdict::Prefetch, &[])), (false, false));
}
