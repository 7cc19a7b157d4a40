//! The way back: an event as SparkPost writes it comes in, ours goes out, with what it tells of
//! its message. All forms are read: of webhooks, of the Ingest API, of the Events API, and what
//! `append` puts to them.

mod told;

use crate::{
    account::Account,
    event::{
        Attempt, Click, Client, Complaint, Event, GeoIp, LINK_NAME, MetadataReach, Occurrence,
        RcptType, Reception, Relay, Unsubscription, UpstreamReply, Visit,
    },
    ids::{EventId, MessageId, Timestamp},
    message::MessageRecord,
    smtpapi::Options,
    verdict::Verdict,
};
use serde_json::{Map, Value};
use told::Told;

/// Longest JSON of one event, in octets.
pub const OCTETS_MAX: usize = 1 << 20;

/// What stands in `attempt.format` of events that were read.
const FORMAT: &str = "sparkpost";

/// An event that was read, and what it tells of its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadEvent {
    /// What happened.
    pub event: Event,
    /// Its message, where SparkPost had joined it: where there is a `transmission_id`.
    pub message: Option<MessageRecord>,
}

/// Why JSON is no event.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Longer than any event.
    #[error("an event of more than {OCTETS_MAX} octets")]
    TooLong,
    /// No JSON, or too deep.
    #[error("no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but neither an envelope nor an event.
    #[error("neither {{\"msys\": {{GROUP: {{…}}}}}} nor an object with a type")]
    Envelope,
    /// It has a type that mailwake does not know.
    #[error("an event of a type that mailwake has not")]
    Type,
    /// A field is missing, or is not what it should be.
    #[error("{name} must be {wanted}")]
    Field {
        /// The field.
        name: &'static str,
        /// What would be right.
        wanted: &'static str,
    },
}

/// Reads one event: in its envelope, or by itself as the Events API has it. `None` for the ping
/// of a webhook, `{"msys":{}}`. An id that is a decimal number becomes an id of ours, the same
/// each time. IP addresses that are none are left out, and fields that nobody knows.
///
/// What `append` has written with extras is read as the event that it was, but for the digits
/// that the form's time leaves out.
pub fn read(octets: &[u8]) -> Result<Option<ReadEvent>, ReadError> {
    if octets.len() > OCTETS_MAX {
        return Err(ReadError::TooLong);
    }
    let Value::Object(outer) = serde_json::from_slice(octets)? else {
        return Err(ReadError::Envelope);
    };
    let fields = match outer.get("msys") {
        None => &outer,
        Some(Value::Object(groups)) if groups.is_empty() => return Ok(None),
        Some(Value::Object(groups)) if groups.len() == 1 => {
            let group = groups.values().next().and_then(Value::as_object);
            group.ok_or(ReadError::Envelope)?
        }
        Some(_) => return Err(ReadError::Envelope),
    };
    event(&Told(fields)).map(Some)
}

fn event(told: &Told<'_>) -> Result<ReadEvent, ReadError> {
    let type_name = told.text("type").ok_or(ReadError::Envelope)?;
    let timestamp = told.time("timestamp")?;
    let event_id = event_id(told, timestamp)?;
    let message_id = told.parsed("message_id")?.unwrap_or(MessageId::UNKNOWN);
    let has_message = told.text_or_number("transmission_id").is_some();
    let occurrence = occurrence(type_name, told, has_message)?;
    let message = match has_message {
        true => Some(message(message_id, timestamp, &occurrence, told)?),
        false => None,
    };
    let event = Event { event_id, timestamp, message_id, occurrence, is_from_elsewhere: false };
    Ok(ReadEvent { event, message })
}

/// A UUID, or a decimal number below 2^63.
fn event_id(told: &Told<'_>, timestamp: Timestamp) -> Result<EventId, ReadError> {
    let wrong =
        ReadError::Field { name: "event_id", wanted: "a UUID or a decimal number below 2^63" };
    let Some(text) = told.text_or_number("event_id") else { return Err(wrong) };
    if let Ok(id) = text.parse() {
        return Ok(id);
    }
    let number: u64 = text.parse().ok().filter(|number| *number < 1 << 63).ok_or(wrong)?;
    let mut digest = [0; 10];
    let [first, rest @ ..] = number.to_be_bytes();
    // The third octet is not wholly free (the variant, RFC 9562 §4.1).
    digest[1] = first;
    digest[3..].copy_from_slice(&rest);
    Ok(EventId::of_record(timestamp, digest))
}

fn occurrence(
    type_name: &str,
    told: &Told<'_>,
    has_message: bool,
) -> Result<Occurrence, ReadError> {
    let visit = || visit(told, has_message);
    let reply = || reply(told, true);
    // What stands in an event that comes before any attempt is the message's.
    let early = || self::reply(told, !has_message);
    Ok(match type_name {
        "injection" | "reception" => Occurrence::Injection(early()?),
        "delivery" => Occurrence::Delivery(reply()?),
        "delay" => Occurrence::Delay(reply()?),
        "bounce" | "inband" => Occurrence::Bounce(reply()?),
        "out_of_band" => Occurrence::OutOfBand(reply()?),
        "policy_rejection" => Occurrence::PolicyRejection(reply()?),
        "generation_failure" => Occurrence::GenerationFailure(early()?),
        "generation_rejection" => Occurrence::GenerationRejection(early()?),
        "spam_complaint" => Occurrence::SpamComplaint(Box::new(complaint(told)?)),
        "open" => Occurrence::Open(visit()?),
        "initial_open" => Occurrence::InitialOpen(visit()?),
        "amp_open" => Occurrence::AmpOpen(visit()?),
        "amp_initial_open" => Occurrence::AmpInitialOpen(visit()?),
        "click" => Occurrence::Click(click(told, visit()?)?),
        "amp_click" => Occurrence::AmpClick(click(told, visit()?)?),
        "link_unsubscribe" => Occurrence::LinkUnsubscribe(click(told, visit()?)?),
        "list_unsubscribe" => Occurrence::ListUnsubscribe(Unsubscription {
            visit: visit()?,
            target_url: told.string("target_url"),
        }),
        "relay_injection" => Occurrence::RelayInjection(relay(told)?),
        "relay_rejection" => Occurrence::RelayRejection(relay(told)?),
        "relay_delivery" => Occurrence::RelayDelivery(relay(told)?),
        "relay_tempfail" => Occurrence::RelayTempfail(relay(told)?),
        "relay_permfail" => Occurrence::RelayPermfail(relay(told)?),
        _ => return Err(ReadError::Type),
    })
}

/// What an MTA said. The code of the reply, which SparkPost has in its text as well, is taken
/// from it.
fn reply(told: &Told<'_>, has_attempt: bool) -> Result<UpstreamReply, ReadError> {
    let error_code: u16 = told.parsed("error_code")?.unwrap_or_default();
    let raw_reason = without_code(error_code, told.text("raw_reason").unwrap_or_default());
    let attempt = own_attempt(told, has_attempt)?;
    let queue_id = told.text("queue_id").map(str::to_owned);
    Ok(UpstreamReply { error_code, raw_reason, queue_id, attempt })
}

fn without_code(code: u16, text: &str) -> String {
    let rest = text.strip_prefix(&code.to_string());
    match rest {
        Some("") if code != 0 => String::new(),
        Some(rest) if code != 0 => rest.strip_prefix(' ').unwrap_or(text).to_owned(),
        _ => text.to_owned(),
    }
}

/// What `append` put to it as an extra; else what SparkPost's own fields say.
fn own_attempt(told: &Told<'_>, has_attempt: bool) -> Result<Option<Box<Attempt>>, ReadError> {
    match told.0.get("attempt") {
        Some(Value::Null) => Ok(None),
        Some(value) => match serde_json::from_value(value.clone()) {
            Ok(attempt) => Ok(Some(attempt)),
            Err(_) => {
                Err(ReadError::Field { name: "attempt", wanted: "what an MTA's record says" })
            }
        },
        None if has_attempt => Ok(Some(Box::new(attempt(told)?))),
        None => Ok(None),
    }
}

/// What SparkPost's own fields say of the delivery of a message.
fn attempt(told: &Told<'_>) -> Result<Attempt, ReadError> {
    Ok(Attempt {
        rcpt_to: recipient(told),
        msg_from: told.string("msg_from"),
        subaccount_id: told.string("subaccount_id"),
        bounce_class: told.parsed("bounce_class")?,
        routing_domain: told.string("routing_domain"),
        sending_ip: told.address("sending_ip"),
        ip_address: told.address("ip_address"),
        ip_pool: told.string("ip_pool"),
        binding: told.string("binding"),
        delv_method: told.text("delv_method").filter(|is| *is != "esmtp").unwrap_or("").into(),
        msg_size: told.parsed("msg_size")?,
        num_retries: told.parsed("num_retries")?,
        queue_time: told.parsed("queue_time")?,
        format: FORMAT.into(),
        ..Attempt::default()
    })
}

/// The recipient as it was written, where that is told.
fn recipient(told: &Told<'_>) -> String {
    told.text("raw_rcpt_to").or_else(|| told.text("rcpt_to")).unwrap_or_default().to_owned()
}

fn complaint(told: &Told<'_>) -> Result<Complaint, ReadError> {
    Ok(Complaint {
        fbtype: told.string("fbtype"),
        report_by: told.string("report_by"),
        report_to: told.string("report_to"),
        user_str: told.string("user_str"),
        user_agent: told.string("report_user_agent"),
        queue_id: told.text("queue_id").map(str::to_owned),
        attempt: own_attempt(told, true)?,
    })
}

/// Who asked. The campaign and the metadata are those of the link where no message is told.
fn visit(told: &Told<'_>, has_message: bool) -> Result<Visit, ReadError> {
    let parsed = told.object("user_agent_parsed")?.map(Told);
    let is = |name| parsed.as_ref().is_some_and(|parsed| parsed.boolean(name) == Some(true));
    let verdict = match told.text("verdict") {
        Some(name) => Verdict::from_name(name),
        None if is("is_prefetched") => Some(Verdict::Prefetch),
        None if is("is_proxy") => Some(Verdict::Proxy),
        None => None,
    };
    let (campaign_id, rcpt_meta) = match has_message {
        true => Default::default(),
        false => (told.string("campaign_id"), metadata(told)?),
    };
    Ok(Visit {
        ip_address: told.address("ip_address"),
        user_agent: told.string("user_agent"),
        campaign_id,
        rcpt_meta,
        verdict,
        verdict_reasons: told.texts("verdict_reasons")?,
        geo_ip: told.object("geo_ip")?.map(|place| Box::new(place_of(&Told(place)))),
    })
}

/// Numbers may stand for texts: newer samples have them.
fn place_of(place: &Told<'_>) -> GeoIp {
    let part = |name| place.text_or_number(name).unwrap_or_default().into_owned();
    GeoIp {
        country: part("country"),
        region: part("region"),
        city: part("city"),
        latitude: part("latitude"),
        longitude: part("longitude"),
        postal_code: match part("postal_code") {
            none if none.is_empty() => part("zip"),
            code => code,
        },
    }
}

fn click(told: &Told<'_>, visit: Visit) -> Result<Click, ReadError> {
    Ok(Click {
        visit,
        link_index: told.parsed("link_index")?.unwrap_or_default(),
        target_link_name: match told.string("target_link_name") {
            none if none == LINK_NAME => String::new(),
            name => name,
        },
        target_link_url: told.string("target_link_url"),
    })
}

fn relay(told: &Told<'_>) -> Result<Box<Relay>, ReadError> {
    let error_code: Option<u16> = told.parsed("error_code")?;
    let text = told.text("raw_reason").unwrap_or_default();
    let method = told.text("recv_method").or_else(|| told.text("delv_method"));
    Ok(Box::new(Relay {
        rcpt_to: recipient(told),
        msg_from: told.string("msg_from"),
        relay_id: told.string("relay_id"),
        method: method.unwrap_or_default().into(),
        error_code,
        raw_reason: without_code(error_code.unwrap_or_default(), text),
        ip_address: told.address("remote_addr"),
        num_retries: told.parsed("num_retries")?,
        msg_size: told.parsed("msg_size")?,
    }))
}

fn metadata(told: &Told<'_>) -> Result<Map<String, Value>, ReadError> {
    Ok(told.object("rcpt_meta")?.cloned().unwrap_or_default())
}

/// The message of an event, as far as SparkPost has joined it.
fn message(
    message_id: MessageId,
    timestamp: Timestamp,
    occurrence: &Occurrence,
    told: &Told<'_>,
) -> Result<MessageRecord, ReadError> {
    let received_at = match told.text("injection_time") {
        Some(_) => told.time("injection_time")?,
        None => timestamp,
    };
    let of_types = [RcptType::To, RcptType::Cc, RcptType::Bcc, RcptType::Archive];
    let rcpt_type = told.text("rcpt_type");
    let rcpt_type = of_types.into_iter().find(|one| Some(one.name()) == rcpt_type);
    let is = |name| told.boolean(name) == Some(true);
    let reception = Reception {
        transmission_id: told.parsed("transmission_id")?.ok_or(ReadError::Field {
            name: "transmission_id",
            wanted: "a decimal number below 2^63",
        })?,
        rcpt_to: recipient(told),
        rcpt_type: rcpt_type.unwrap_or_default(),
        links_of: None,
        msg_from: told.string("msg_from"),
        subject: told.string("subject"),
        friendly_from: told.string("friendly_from"),
        account: Account {
            customer_id: told.string("customer_id"),
            subaccount_id: told.string("subaccount_id"),
        },
        client: client(occurrence, told),
        campaign_id: told.string("campaign_id"),
        rcpt_meta: metadata(told)?,
        rcpt_meta_reach: MetadataReach::Engagement,
        rcpt_tags: told.texts("rcpt_tags")?,
        options: Options { transactional: told.boolean("transactional"), ..Options::default() },
        msg_size: told.parsed("msg_size")?.unwrap_or_default(),
        open_tracking: is("open_tracking"),
        initial_pixel: is("initial_pixel"),
        click_tracking: is("click_tracking"),
        amp_enabled: is("amp_enabled"),
        links: 0,
        untouched: Vec::new(),
    };
    let attempt = Some(Attempt { ip_address: None, bounce_class: None, ..attempt(told)? });
    Ok(MessageRecord { message_id, received_at, injected_at: None, reception, attempt })
}

fn client(occurrence: &Occurrence, told: &Told<'_>) -> Client {
    let is_told = matches!(occurrence, Occurrence::PolicyRejection(_));
    let client_address = told.address("remote_addr").filter(|_| is_told);
    Client { client_address, ..Client::default() }
}

#[cfg(test)]
mod tests;
