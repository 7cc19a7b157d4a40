use super::*;

fn reply(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').expect("code and text");
    Reply::of_lines(code.parse().expect("a code"), [text])
}

fn outcomes(texts: &[&str]) -> Vec<Outcome> {
    let outcome = |text: &&str| match *text {
        "before" => Outcome::AcceptedBefore,
        "lost" => Outcome::Lost,
        text => Outcome::Answered(reply(text)),
    };
    texts.iter().map(outcome).collect()
}

/// What the sender reads, and the event type of each outcome.
fn check(texts: &[&str], wanted: &str, events: &[&str]) {
    let outcomes = outcomes(texts);
    let told = tell(&outcomes);
    assert_eq!(String::from_utf8_lossy(told.reply().octets()).trim_end(), wanted, "{texts:?}");
    let seen: Vec<_> = outcomes
        .iter()
        .map(|outcome| {
            occurrence(outcome, &told).map_or("none", |occurrence| occurrence.type_name())
        })
        .collect();
    assert_eq!(seen, events, "{texts:?}");
}

#[test]
fn one_recipient_gets_upstreams_reply() {
    check(&["250 2.0.0 Ok: queued as A"], "250 2.0.0 Ok: queued as A", &["injection"]);
    check(&["550 5.1.1 unknown"], "550 5.1.1 unknown", &["policy_rejection"]);
    check(&["452 4.2.2 full"], "452 4.2.2 full", &["delay"]);
    check(&["lost"], "421 4.4.2 connection to upstream lost", &["delay"]);
}

#[test]
fn reply_of_several_lines_stays_as_it_is() {
    let several = Reply::of_lines(554, ["5.7.1 no", "5.7.1 really"]);
    assert_eq!(tell(&[Outcome::Answered(several.clone())]), Told::Refused(several));
}

#[test]
fn all_accepted_is_upstreams_first_text_and_how_many() {
    check(
        &["250 2.0.0 Ok: queued as A", "250 2.0.0 Ok: queued as B"],
        "250 2.0.0 Ok: queued as A (2 of 2 recipients)",
        &["injection", "injection"],
    );
}

#[test]
fn all_refused_is_a_temporary_reply_before_a_permanent_one() {
    check(
        &["550 5.1.1 a", "550 5.1.1 b"],
        "550 5.1.1 a",
        &["policy_rejection", "policy_rejection"],
    );
    check(&["550 5.1.1 a", "451 4.0.0 b"], "451 4.0.0 b", &["delay", "delay"]);
}

#[test]
fn some_deferred_is_451_with_the_counts() {
    check(
        &["250 ok", "451 4.0.0 later", "550 5.1.1 never"],
        "451 4.7.1 accepted for 1 of 3 recipients, deferred for 1, refused for 1; send again, \
         the accepted ones get it once",
        &["injection", "delay", "delay"],
    );
}

#[test]
fn some_refused_is_250_and_bounces() {
    check(
        &["550 5.1.1 never", "250 2.0.0 ok"],
        "250 2.0.0 ok (1 of 2 recipients)",
        &["bounce", "injection"],
    );
}

#[test]
fn accepted_before_counts_as_accepted_and_is_no_event() {
    check(&["before"], "250 2.0.0 accepted when it came before", &["none"]);
    check(&["before", "250 2.0.0 ok"], "250 2.0.0 ok (2 of 2 recipients)", &["none", "injection"]);
}

#[test]
fn lost_upstream_ends_the_session_with_the_counts() {
    check(
        &["250 ok", "lost"],
        "421 4.4.2 connection to upstream lost, accepted for 1 of 2 recipients, deferred for 1, \
         refused for 0; send again, the accepted ones get it once",
        &["injection", "delay"],
    );
}

#[test]
fn injection_knows_the_queue_id() {
    let outcome = &outcomes(&["250 2.0.0 Ok: queued as 4XyZ1"])[0];
    let Some(Occurrence::Injection(reply)) =
        occurrence(outcome, &tell(std::slice::from_ref(outcome)))
    else {
        panic!("accepted is an injection")
    };
    assert_eq!(reply.queue_id.as_deref(), Some("4XyZ1"));
}

#[test]
fn only_a_well_formed_enhanced_code_is_told() {
    let told = |text| enhanced_status(&reply(text));
    assert_eq!(told("250 2.0.0 Ok: queued as A").as_deref(), Some("2.0.0"));
    assert_eq!(told("550 5.7.123 no").as_deref(), Some("5.7.123"));
    for text in
        ["250 Ok", "550 ann@example.com unknown", "550 5.1 no", "550 5.1.1.1 no", "550 5.1234.1 no"]
    {
        assert_eq!(told(text), None, "{text}");
    }
}
