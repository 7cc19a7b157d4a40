//! Events for tests: one of each type, everything in it filled in, and others for what fills
//! nothing or something else.

use super::*;
use crate::{
    account::Account, ids::TransmissionId, message::MessageRecord, smtpapi::Options,
    verdict::Verdict,
};
use serde_json::Value;

pub(crate) fn reply(error_code: u16, raw_reason: &str) -> UpstreamReply {
    UpstreamReply { error_code, raw_reason: raw_reason.into(), ..UpstreamReply::default() }
}

pub(crate) fn visit() -> Visit {
    Visit {
        ip_address: Some([192, 0, 2, 7].into()),
        user_agent: "Mozilla/5.0 (X11; Linux x86_64)".into(),
        ..Visit::default()
    }
}

/// What the record of an MTA says, all of it.
pub(crate) fn attempt() -> Attempt {
    let others = [("dlvEsmtpAvailable", "ENHANCEDSTATUSCODES,PIPELINING"), ("jobId", "j-7")];
    Attempt {
        rcpt_to: "Ann@example.com".into(),
        msg_from: "bounces+7@shop.example".into(),
        subaccount_id: "7".into(),
        bounce_class: Some(10),
        bounce_category: "bad-mailbox".into(),
        enhanced_status: "5.1.1".into(),
        routing_domain: "example.com".into(),
        sending_ip: Some([192, 0, 2, 25].into()),
        ip_address: Some([198, 51, 100, 3].into()),
        remote_mta: "mx1.example.com".into(),
        ip_pool: "pool-a".into(),
        binding: "vmta-3".into(),
        delv_method: "esmtp".into(),
        msg_size: Some(20_900),
        num_retries: Some(2),
        queue_time: Some(61_250),
        queued_at: Some(Timestamp(1_795_233_539_000)),
        format: "powermta".into(),
        other: others.map(|(name, value)| (name.to_owned(), value.into())).into_iter().collect(),
    }
}

/// What the record of an MTA says that the recipient's has answered.
pub(crate) fn of_record(error_code: u16, raw_reason: &str) -> UpstreamReply {
    UpstreamReply {
        queue_id: Some("4XyZ".into()),
        attempt: Some(Box::new(attempt())),
        ..reply(error_code, raw_reason)
    }
}

/// What upstream has answered to the gateway.
fn queued() -> UpstreamReply {
    UpstreamReply { queue_id: Some("4XyZ".into()), ..reply(250, "2.0.0 Ok: queued as 4XyZ") }
}

fn complaint() -> Complaint {
    Complaint {
        fbtype: "abuse".into(),
        report_by: "feedback.example.com".into(),
        report_to: "fbl@shop.example".into(),
        user_str: "job 7".into(),
        user_agent: "SomeGenerator/1.0".into(),
        queue_id: Some("4XyZ".into()),
        attempt: Some(Box::new(attempt())),
    }
}

/// Mail that came in, and what came of it.
pub(crate) fn relay() -> Relay {
    Relay {
        rcpt_to: "replies@in.shop.example".into(),
        msg_from: "Ann@example.com".into(),
        relay_id: "replies".into(),
        method: "esmtp".into(),
        error_code: Some(451),
        raw_reason: "4.3.2 try again later".into(),
        ip_address: Some([198, 51, 100, 4].into()),
        num_retries: Some(1),
        msg_size: Some(4_096),
    }
}

/// One event of each type, everything in it filled in.
pub(crate) fn every_type() -> Vec<Event> {
    let now = Timestamp(1_795_233_600_123);
    let reception = Reception {
        transmission_id: TransmissionId::new(now, [1, 2, 3]),
        rcpt_to: "Ann@example.com".into(),
        rcpt_type: RcptType::To,
        links_of: None,
        msg_from: "news@shop.example".into(),
        subject: "Grüße \"und\" mehr".into(),
        friendly_from: "Shop <news@shop.example>".into(),
        account: Account::default(),
        client: Client::default(),
        campaign_id: "november".into(),
        rcpt_meta: Metadata::new(),
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: Vec::new(),
        options: Options::default(),
        msg_size: 20_481,
        open_tracking: true,
        initial_pixel: false,
        click_tracking: true,
        amp_enabled: false,
        links: 12,
        untouched: vec!["attachment".into()],
    };
    let click = Click {
        visit: visit(),
        link_index: 3,
        target_link_name: String::new(),
        target_link_url: "https://shop.example/?a=1&b=2".into(),
    };
    [
        Occurrence::Reception(Box::new(reception)),
        Occurrence::Injection(queued()),
        Occurrence::Delivery(of_record(250, "2.0.0 OK")),
        Occurrence::Delay(reply(451, "4.3.2 try again later")),
        Occurrence::Bounce(reply(550, "5.1.1 no such user")),
        Occurrence::OutOfBand(of_record(550, "5.1.1 no such user")),
        Occurrence::SpamComplaint(Box::new(complaint())),
        Occurrence::PolicyRejection(reply(554, "5.7.1 refused")),
        Occurrence::GenerationFailure(reply(554, "5.3.0 no such template")),
        Occurrence::GenerationRejection(reply(550, "5.7.1 suppressed")),
        Occurrence::RelayInjection(Box::new(relay())),
        Occurrence::RelayRejection(Box::new(relay())),
        Occurrence::RelayDelivery(Box::new(relay())),
        Occurrence::RelayTempfail(Box::new(relay())),
        Occurrence::RelayPermfail(Box::new(Relay {
            rcpt_to: "replies@in.shop.example".into(),
            ..Relay::default()
        })),
        Occurrence::Open(visit()),
        Occurrence::InitialOpen(Visit::default()),
        Occurrence::Click(click.clone()),
        Occurrence::AmpOpen(visit()),
        Occurrence::AmpInitialOpen(visit()),
        Occurrence::AmpClick(click.clone()),
        Occurrence::LinkUnsubscribe(Click { target_link_name: "banner".into(), ..click }),
        Occurrence::ListUnsubscribe(Unsubscription {
            visit: visit(),
            target_url: "https://shop.example/leave?u=7".into(),
        }),
        Occurrence::Honeypot(visit()),
    ]
    .map(|occurrence| Event {
        event_id: EventId::new(now, [9; 10]),
        timestamp: now,
        message_id: MessageId::new(now, [1, 2, 3, 4, 5]),
        occurrence,
        is_from_elsewhere: false,
    })
    .into()
}

/// The reception of an archive's copy with all that a sender can ask for, and the open and
/// the click of a message whose links are self-contained.
pub(crate) fn asked_for() -> Vec<(&'static str, Event)> {
    let metadata = serde_json::json!({"pets": ["Spot", "Rex"], "age": 7.25, "name": "Jos\u{e9}"});
    let Value::Object(metadata) = metadata else { panic!("an object") };
    let of_type = |name: &str| {
        let mut events = every_type().into_iter();
        events.find(|event| event.occurrence.type_name() == name).expect("every type")
    };
    let (mut reception, mut open, mut click) =
        (of_type("reception"), of_type("open"), of_type("click"));
    let Occurrence::Reception(of_archive) = &mut reception.occurrence else {
        panic!("{reception:?}")
    };
    of_archive.rcpt_type = RcptType::Archive;
    of_archive.links_of = Some(MessageId::new(Timestamp(1_795_233_600_122), [5, 4, 3, 2, 1]));
    of_archive.rcpt_meta = metadata.clone();
    of_archive.rcpt_meta_reach = MetadataReach::Opens;
    of_archive.rcpt_tags = vec!["cat".into(), "Hündin".into()];
    of_archive.options = Options {
        transactional: Some(true),
        skip_suppression: Some(false),
        ip_pool: Some("pool-a".into()),
        inline_css: Some(true),
        dkim_key: Some("marketing".into()),
        sandbox: Some(false),
        perform_substitutions: Some(false),
        list_id: Some("news.shop.example".into()),
    };
    open.occurrence = Occurrence::Open(Visit {
        campaign_id: "november".into(),
        rcpt_meta: metadata.clone(),
        ..visit()
    });
    let Occurrence::Click(followed) = &mut click.occurrence else { panic!("{click:?}") };
    followed.visit.campaign_id = "november".into();
    followed.visit.rcpt_meta = metadata;
    let mut judged = of_type("open");
    judged.occurrence = Occurrence::Open(Visit {
        verdict: Some(Verdict::Scanner),
        verdict_reasons: vec!["agent:barracuda".into(), "too_soon".into()],
        geo_ip: Some(Box::new(GeoIp {
            country: "US".into(),
            region: "MD".into(),
            city: "Columbia".into(),
            latitude: "39.1749".into(),
            longitude: "-76.8375".into(),
            postal_code: "21046".into(),
        })),
        ..visit()
    });
    let (mut delayed, mut bounced, mut delivered) =
        (of_type("delay"), of_type("bounce"), of_type("delivery"));
    delayed.occurrence = Occurrence::Delay(of_record(451, "4.3.2 try again later"));
    bounced.occurrence = Occurrence::Bounce(of_record(550, "5.1.1 no such user"));
    delivered.message_id = MessageId::UNKNOWN;
    delivered.occurrence = Occurrence::Delivery(UpstreamReply {
        attempt: Some(Box::default()),
        queue_id: Some("4XyZ".into()),
        ..reply(250, "")
    });
    vec![
        ("delay_of_record", delayed),
        ("bounce_of_record", bounced),
        ("delivery_of_sparse_record", delivered),
        ("open_with_verdict", judged),
        ("reception_of_archive", reception),
        ("open_with_payload", open),
        ("click_with_payload", click),
    ]
}

/// The facts of a message, with all that a sender and its MTA can say.
pub(crate) fn message() -> MessageRecord {
    let is_archive = |(name, _): &(&str, Event)| *name == "reception_of_archive";
    let (_, event) = asked_for().into_iter().find(is_archive).expect("it is there");
    let Occurrence::Reception(reception) = event.occurrence else { panic!("a reception") };
    MessageRecord {
        message_id: event.message_id,
        received_at: Timestamp(1_795_233_540_987),
        injected_at: Some(Timestamp(1_795_233_541_087)),
        reception: Reception {
            rcpt_meta_reach: MetadataReach::Engagement,
            account: Account { customer_id: "shop".into(), subaccount_id: "7".into() },
            client: Client {
                client_address: Some([192, 0, 2, 33].into()),
                client_protocol: "ESMTP".into(),
                ..Client::default()
            },
            initial_pixel: true,
            amp_enabled: true,
            ..*reception
        },
        attempt: Some(attempt()),
    }
}

/// The same event with nothing in it that may be left out.
pub(crate) fn emptied(event: Event) -> Event {
    let click = || Click {
        visit: Visit::default(),
        link_index: 0,
        target_link_name: String::new(),
        target_link_url: String::new(),
    };
    let occurrence = match event.occurrence {
        same @ Occurrence::Reception(_) => same,
        Occurrence::Injection(_) => Occurrence::Injection(UpstreamReply::default()),
        Occurrence::Delivery(_) => Occurrence::Delivery(UpstreamReply::default()),
        Occurrence::Delay(_) => Occurrence::Delay(UpstreamReply::default()),
        Occurrence::Bounce(_) => Occurrence::Bounce(UpstreamReply::default()),
        Occurrence::OutOfBand(_) => Occurrence::OutOfBand(UpstreamReply::default()),
        Occurrence::SpamComplaint(_) => Occurrence::SpamComplaint(Box::default()),
        Occurrence::PolicyRejection(_) => Occurrence::PolicyRejection(UpstreamReply::default()),
        Occurrence::GenerationFailure(_) => Occurrence::GenerationFailure(UpstreamReply::default()),
        Occurrence::GenerationRejection(_) => {
            Occurrence::GenerationRejection(UpstreamReply::default())
        }
        Occurrence::RelayInjection(_) => Occurrence::RelayInjection(Box::default()),
        Occurrence::RelayRejection(_) => Occurrence::RelayRejection(Box::default()),
        Occurrence::RelayDelivery(_) => Occurrence::RelayDelivery(Box::default()),
        Occurrence::RelayTempfail(_) => Occurrence::RelayTempfail(Box::default()),
        Occurrence::RelayPermfail(_) => Occurrence::RelayPermfail(Box::default()),
        Occurrence::Open(_) => Occurrence::Open(Visit::default()),
        Occurrence::InitialOpen(_) => Occurrence::InitialOpen(Visit::default()),
        Occurrence::Click(_) => Occurrence::Click(click()),
        Occurrence::AmpOpen(_) => Occurrence::AmpOpen(Visit::default()),
        Occurrence::AmpInitialOpen(_) => Occurrence::AmpInitialOpen(Visit::default()),
        Occurrence::AmpClick(_) => Occurrence::AmpClick(click()),
        Occurrence::LinkUnsubscribe(_) => Occurrence::LinkUnsubscribe(click()),
        Occurrence::ListUnsubscribe(_) => Occurrence::ListUnsubscribe(Unsubscription::default()),
        Occurrence::Honeypot(_) => Occurrence::Honeypot(Visit::default()),
    };
    Event { occurrence, ..event }
}

/// The same event, and all that a record and a visit can tell in it.
pub(crate) fn filled(mut event: Event) -> Event {
    if let Some(visit) = event.occurrence.visit_mut() {
        let is_judged = |(name, _): &(&str, Event)| *name == "open_with_verdict";
        let (_, judged) = asked_for().into_iter().find(is_judged).expect("it is there");
        *visit = judged.occurrence.visit().expect("an open").clone();
    }
    match &mut event.occurrence {
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => {
            // Longer than SparkPost has it, and the limit is within a letter.
            click.target_link_name = format!("{}ü and more", "x".repeat(62));
        }
        Occurrence::Delay(reply)
        | Occurrence::Bounce(reply)
        | Occurrence::PolicyRejection(reply) => reply.attempt = Some(Box::new(attempt())),
        _ => {}
    }
    event
}
