//! Any event, for tests of properties: whatever the types allow, foreign texts among it.

use super::*;
use crate::{
    account::Account, ids::TransmissionId, message::MessageRecord, smtpapi::Options,
    verdict::Verdict,
};
use proptest::{collection::vec, option::of, prelude::*, sample::select};
use serde_json::Value;
use std::net::IpAddr;

/// Times from 1970 to 9999.
const TIMES: std::ops::Range<i64> = 0..253_402_300_800_000;

fn text() -> BoxedStrategy<String> {
    prop_oneof![
        4 => Just(String::new()),
        4 => "[ -~]{1,20}",
        1 => any::<String>(),
        1 => "[A-Za-z.]{1,8}@[a-z]{1,8}\\.example",
        1 => "[2-5][0-9][0-9][ -]?[245]\\.[0-9]\\.[0-9] [ -~]{0,20}",
    ]
    .boxed()
}

fn value() -> BoxedStrategy<Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| vec(inner, 0..3).prop_map(Value::from)).boxed()
}

fn metadata() -> BoxedStrategy<Metadata> {
    vec((text(), value()), 0..3).prop_map(|fields| fields.into_iter().collect()).boxed()
}

fn timestamp() -> BoxedStrategy<Timestamp> {
    TIMES.prop_map(Timestamp).boxed()
}

fn attempt() -> BoxedStrategy<Attempt> {
    let texts = (text(), text(), text(), text(), text(), text(), text(), text(), text(), text());
    let numbers = (
        of(any::<u8>()),
        of(any::<IpAddr>()),
        of(any::<IpAddr>()),
        of(any::<u64>()),
        of(any::<u32>()),
        of(any::<u64>()),
        of(timestamp()),
    );
    (texts, numbers, text(), metadata())
        .prop_map(|(texts, numbers, format, other)| Attempt {
            rcpt_to: texts.0,
            msg_from: texts.1,
            subaccount_id: texts.2,
            bounce_class: numbers.0,
            bounce_category: texts.3,
            enhanced_status: texts.4,
            routing_domain: texts.5,
            sending_ip: numbers.1,
            ip_address: numbers.2,
            remote_mta: texts.6,
            ip_pool: texts.7,
            binding: texts.8,
            delv_method: texts.9,
            msg_size: numbers.3,
            num_retries: numbers.4,
            queue_time: numbers.5,
            queued_at: numbers.6,
            format,
            other,
        })
        .boxed()
}

fn reply() -> BoxedStrategy<UpstreamReply> {
    (0..600_u16, text(), of(text()), of(attempt()))
        .prop_map(|(error_code, raw_reason, queue_id, attempt)| UpstreamReply {
            error_code,
            raw_reason,
            queue_id,
            attempt: attempt.map(Box::new),
        })
        .boxed()
}

fn complaint() -> BoxedStrategy<Box<Complaint>> {
    let texts = (text(), text(), text(), text(), text());
    (texts, of(text()), of(attempt()))
        .prop_map(|(texts, queue_id, attempt)| {
            Box::new(Complaint {
                fbtype: texts.0,
                report_by: texts.1,
                report_to: texts.2,
                user_str: texts.3,
                user_agent: texts.4,
                queue_id,
                attempt: attempt.map(Box::new),
            })
        })
        .boxed()
}

fn relay() -> BoxedStrategy<Box<Relay>> {
    let texts = (text(), text(), text(), text(), text());
    let numbers = (of(0..600_u16), of(any::<IpAddr>()), of(any::<u32>()), of(any::<u64>()));
    (texts, numbers)
        .prop_map(|(texts, numbers)| {
            Box::new(Relay {
                rcpt_to: texts.0,
                msg_from: texts.1,
                relay_id: texts.2,
                method: texts.3,
                error_code: numbers.0,
                raw_reason: texts.4,
                ip_address: numbers.1,
                num_retries: numbers.2,
                msg_size: numbers.3,
            })
        })
        .boxed()
}

fn visit() -> BoxedStrategy<Visit> {
    let place = (text(), text(), text(), text(), text(), text());
    let place = place.prop_map(|(country, region, city, latitude, longitude, postal_code)| {
        Box::new(GeoIp { country, region, city, latitude, longitude, postal_code })
    });
    let verdict = of(select(Verdict::ALL.to_vec()));
    let told = (of(any::<IpAddr>()), text(), text(), metadata());
    (told, verdict, vec(text(), 0..3), of(place))
        .prop_map(
            |(
                (ip_address, user_agent, campaign_id, rcpt_meta),
                verdict,
                verdict_reasons,
                geo_ip,
            )| {
                Visit {
                    ip_address,
                    user_agent,
                    campaign_id,
                    rcpt_meta,
                    verdict,
                    verdict_reasons,
                    geo_ip,
                }
            },
        )
        .boxed()
}

fn click() -> BoxedStrategy<Click> {
    (visit(), any::<u32>(), text(), text())
        .prop_map(|(visit, link_index, target_link_name, target_link_url)| Click {
            visit,
            link_index,
            target_link_name,
            target_link_url,
        })
        .boxed()
}

fn reception() -> BoxedStrategy<Reception> {
    let types = vec![RcptType::To, RcptType::Cc, RcptType::Bcc, RcptType::Archive];
    let reach = vec![MetadataReach::Engagement, MetadataReach::Opens, MetadataReach::Reception];
    let texts = (text(), text(), text(), text(), text(), text(), text());
    let choices = (select(types), select(reach), any::<[bool; 4]>(), of(any::<bool>()));
    let lists = (metadata(), vec(text(), 0..3), vec(text(), 0..3));
    let numbers = (timestamp(), any::<[u8; 3]>(), any::<u64>(), any::<u32>());
    (texts, choices, lists, numbers, of(any::<IpAddr>()), of(text()))
        .prop_map(|(texts, choices, lists, numbers, client_address, ip_pool)| Reception {
            transmission_id: TransmissionId::new(numbers.0, numbers.1),
            rcpt_to: texts.0,
            rcpt_type: choices.0,
            links_of: None,
            msg_from: texts.1,
            subject: texts.2,
            friendly_from: texts.3,
            account: Account { customer_id: texts.4, subaccount_id: texts.5 },
            client: Client { client_address, ..Client::default() },
            campaign_id: texts.6,
            rcpt_meta: lists.0,
            rcpt_meta_reach: choices.1,
            rcpt_tags: lists.1,
            options: Options { transactional: choices.3, ip_pool, ..Options::default() },
            msg_size: numbers.2,
            open_tracking: choices.2[0],
            initial_pixel: choices.2[1],
            click_tracking: choices.2[2],
            amp_enabled: choices.2[3],
            links: numbers.3,
            untouched: lists.2,
        })
        .boxed()
}

fn occurrence() -> BoxedStrategy<Occurrence> {
    prop_oneof![
        reception().prop_map(|reception| Occurrence::Reception(Box::new(reception))),
        reply().prop_map(Occurrence::Injection),
        reply().prop_map(Occurrence::Delivery),
        reply().prop_map(Occurrence::Delay),
        reply().prop_map(Occurrence::Bounce),
        reply().prop_map(Occurrence::OutOfBand),
        reply().prop_map(Occurrence::PolicyRejection),
        reply().prop_map(Occurrence::GenerationFailure),
        reply().prop_map(Occurrence::GenerationRejection),
        complaint().prop_map(Occurrence::SpamComplaint),
        relay().prop_map(Occurrence::RelayInjection),
        relay().prop_map(Occurrence::RelayRejection),
        relay().prop_map(Occurrence::RelayDelivery),
        relay().prop_map(Occurrence::RelayTempfail),
        relay().prop_map(Occurrence::RelayPermfail),
        visit().prop_map(Occurrence::Open),
        visit().prop_map(Occurrence::InitialOpen),
        visit().prop_map(Occurrence::AmpOpen),
        visit().prop_map(Occurrence::AmpInitialOpen),
        visit().prop_map(Occurrence::Honeypot),
        click().prop_map(Occurrence::Click),
        click().prop_map(Occurrence::AmpClick),
        click().prop_map(Occurrence::LinkUnsubscribe),
        (visit(), text()).prop_map(|(visit, target_url)| {
            Occurrence::ListUnsubscribe(Unsubscription { visit, target_url })
        }),
    ]
    .boxed()
}

/// Any event.
pub(crate) fn event() -> BoxedStrategy<Event> {
    (timestamp(), any::<[u8; 10]>(), any::<[u8; 10]>(), any::<bool>(), occurrence())
        .prop_map(|(timestamp, event_id, message_id, is_from_elsewhere, occurrence)| Event {
            event_id: EventId::new(timestamp, event_id),
            timestamp,
            message_id: MessageId::from_octets(message_id),
            occurrence,
            is_from_elsewhere,
        })
        .boxed()
}

/// What may be known of any message.
pub(crate) fn message() -> BoxedStrategy<MessageRecord> {
    (any::<[u8; 10]>(), timestamp(), reception(), of(attempt()))
        .prop_map(|(message_id, received_at, reception, attempt)| MessageRecord {
            message_id: MessageId::from_octets(message_id),
            received_at,
            injected_at: None,
            reception,
            attempt,
        })
        .boxed()
}
