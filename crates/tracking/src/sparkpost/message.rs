//! What an event tells of its message: the fields that SparkPost joins to it.

use super::{Context, fields::Fields};
use crate::{
    event::{Attempt, Event, Occurrence, RcptType, Reception, Relay},
    message::MessageRecord,
};
use mail::address::list::addresses;
use std::borrow::Cow;

/// What is known of the attempts to deliver a message: by the record that the event is made of,
/// and by the last one that came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempts<'a> {
    pub(super) own: Option<&'a Attempt>,
    last: Option<&'a Attempt>,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(event: &'a Event, context: &Context<'a>) -> Self {
        let last = context.message.and_then(|message| message.attempt.as_ref());
        Self { own: event.occurrence.attempt(), last }
    }

    /// What the event's own record says; else what the last one says.
    fn find<T>(self, part: impl Fn(&'a Attempt) -> Option<T>) -> Option<T> {
        self.own.and_then(&part).or_else(|| self.last.and_then(&part))
    }

    fn text(self, part: impl Fn(&'a Attempt) -> &'a str) -> Option<&'a str> {
        self.find(|attempt| Some(part(attempt)).filter(|text| !text.is_empty()))
    }
}

/// Appends what is known of an event's message.
pub(super) fn append(event: &Event, context: &Context<'_>, fields: &mut Fields<'_>) {
    let attempts = Attempts::of(event, context);
    let reception = context.message.map(|message| &message.reception);
    let recipient = match reception {
        Some(reception) => Some(reception.rcpt_to.as_str()),
        None => attempts.text(|attempt| &attempt.rcpt_to),
    };
    if let Some(recipient) = recipient {
        append_recipient(recipient, attempts, fields);
    }
    match context.message {
        Some(message) => append_known(event, message, attempts, fields),
        None => append_told(event, attempts, fields),
    }
    append_delivery(event, context, attempts, fields);
}

fn append_recipient(recipient: &str, attempts: Attempts<'_>, fields: &mut Fields<'_>) {
    fields.lower_case("rcpt_to", recipient);
    fields.text("raw_rcpt_to", recipient);
    if let Some(domain) = domain(recipient) {
        fields.lower_case("recipient_domain", domain);
        let routing_domain = attempts.text(|attempt| &attempt.routing_domain);
        fields.lower_case("routing_domain", routing_domain.unwrap_or(domain));
    }
}

/// What the reception of the message says.
fn append_known(
    event: &Event,
    message: &MessageRecord,
    attempts: Attempts<'_>,
    fields: &mut Fields<'_>,
) {
    let Reception { transmission_id, rcpt_type, msg_from, subject, account, .. } =
        &message.reception;
    let Reception { campaign_id, rcpt_meta, rcpt_meta_reach, rcpt_tags, options, .. } =
        &message.reception;
    if *rcpt_type != RcptType::To {
        fields.text("rcpt_type", rcpt_type.name());
    }
    match rcpt_meta_reach.covers(&event.occurrence) {
        true => fields.metadata("rcpt_meta", rcpt_meta),
        false => fields.metadata("rcpt_meta", &Default::default()),
    }
    fields.texts("rcpt_tags", rcpt_tags);
    fields.text_if_any("campaign_id", campaign_id);
    fields.plain("transmission_id", transmission_id);
    fields.text_if_any("subject", subject);
    let from = address(&message.reception.friendly_from);
    fields.text_if_any("friendly_from", &from);
    fields.text("msg_from", msg_from);
    if let Some(domain) = domain(&from).or_else(|| domain(msg_from)) {
        fields.lower_case("sending_domain", domain);
    }
    fields.text_if_any("customer_id", &account.customer_id);
    let subaccount_id = match account.subaccount_id.as_str() {
        "" => attempts.text(|attempt| &attempt.subaccount_id).unwrap_or_default(),
        told => told,
    };
    fields.text_if_any("subaccount_id", subaccount_id);
    fields.iso("injection_time", message.received_at, "Z");
    fields.boolean("open_tracking", message.reception.open_tracking);
    fields.boolean("click_tracking", message.reception.click_tracking);
    fields.boolean("initial_pixel", message.reception.initial_pixel);
    fields.boolean("amp_enabled", message.reception.amp_enabled);
    let is_transactional = options.transactional == Some(true);
    fields.text("transactional", if is_transactional { "1" } else { "0" });
}

/// What is told where the message is not known: by the link that was followed, or the record.
fn append_told(event: &Event, attempts: Attempts<'_>, fields: &mut Fields<'_>) {
    if let Some(visit) = event.occurrence.visit() {
        fields.text_if_any("campaign_id", &visit.campaign_id);
        if !visit.rcpt_meta.is_empty() {
            fields.metadata("rcpt_meta", &visit.rcpt_meta);
        }
    }
    for (name, text) in [
        ("msg_from", attempts.text(|attempt| &attempt.msg_from)),
        ("subaccount_id", attempts.text(|attempt| &attempt.subaccount_id)),
    ] {
        fields.text_if_any(name, text.unwrap_or_default());
    }
}

/// How it went out, as far as it did.
fn append_delivery(
    event: &Event,
    context: &Context<'_>,
    attempts: Attempts<'_>,
    fields: &mut Fields<'_>,
) {
    let reception = context.message.map(|message| &message.reception);
    let size = attempts.own.and_then(|attempt| attempt.msg_size);
    fields.plain_if_any("msg_size", size.or(reception.map(|reception| reception.msg_size)));
    fields.plain_if_any("sending_ip", attempts.find(|attempt| attempt.sending_ip));
    let asked = reception.and_then(|reception| reception.options.ip_pool.as_deref());
    let ip_pool = attempts.text(|attempt| &attempt.ip_pool).or(asked);
    fields.text_if_any("ip_pool", ip_pool.unwrap_or_default());
    fields.text_if_any("binding", attempts.text(|attempt| &attempt.binding).unwrap_or_default());
    if is_of_reception(&event.occurrence) {
        return fields.text("recv_method", "esmtp");
    }
    let method = attempts.text(|attempt| &attempt.delv_method);
    fields.text("delv_method", method.unwrap_or("esmtp"));
    match event.occurrence {
        // Upstream answered the gateway, which asks but once, and at once.
        Occurrence::Delay(_) | Occurrence::Bounce(_) if attempts.own.is_none() => {
            fields.text("num_retries", "0");
            let waited = context.message.map(|message| event.timestamp.0 - message.received_at.0);
            fields.plain_if_any("queue_time", waited.map(|waited| waited.max(0)));
        }
        Occurrence::Delay(_) | Occurrence::Bounce(_) | Occurrence::Delivery(_) => {
            fields.plain_if_any("num_retries", attempts.own.and_then(|own| own.num_retries));
            fields.plain_if_any("queue_time", attempts.own.and_then(|own| own.queue_time));
        }
        _ => {
            fields.plain_if_any("num_retries", attempts.find(|attempt| attempt.num_retries));
            fields.plain_if_any("queue_time", attempts.find(|attempt| attempt.queue_time));
        }
    }
}

/// Did it happen before anything could be delivered?
fn is_of_reception(occurrence: &Occurrence) -> bool {
    matches!(
        occurrence,
        Occurrence::Injection(_)
            | Occurrence::PolicyRejection(_)
            | Occurrence::GenerationFailure(_)
            | Occurrence::GenerationRejection(_)
    )
}

/// Appends what is known of mail that came in.
pub(super) fn append_relay(occurrence: &Occurrence, relay: &Relay, fields: &mut Fields<'_>) {
    let is_of_reception =
        matches!(occurrence, Occurrence::RelayInjection(_) | Occurrence::RelayRejection(_));
    let Relay { rcpt_to, msg_from, relay_id, method, ip_address, num_retries, msg_size, .. } =
        relay;
    fields.lower_case("rcpt_to", rcpt_to);
    fields.text("raw_rcpt_to", rcpt_to);
    fields.lower_case("routing_domain", domain(rcpt_to).unwrap_or_default());
    fields.text("msg_from", msg_from);
    fields.text_if_any("relay_id", relay_id);
    let method = if method.is_empty() { "esmtp" } else { method };
    match is_of_reception {
        true => fields.text("recv_method", method),
        false => fields.text("delv_method", method),
    }
    fields.plain_if_any("remote_addr", *ip_address);
    fields.plain_if_any("num_retries", *num_retries);
    fields.plain_if_any("msg_size", *msg_size);
}

/// The first address of a From field (RFC 5322 §3.6.2). Most fields have one, in angle brackets
/// or by itself, which is seen without reading all of the syntax. Nothing that would not be read
/// as the same address by itself.
fn address(field: &str) -> Cow<'_, str> {
    let field = field.trim_ascii();
    match field.strip_suffix('>').and_then(|field| field.split_once('<')) {
        Some((name, address)) if is_simple(name) && is_address(address) => address.into(),
        None if is_address(field) => field.into(),
        _ => {
            let first = |field: &str| addresses(field).into_iter().next();
            let found = first(field).filter(|found| first(found).as_ref() == Some(found));
            found.unwrap_or_default().into()
        }
    }
}

fn is_simple(text: &str) -> bool {
    let is_special = |octet: u8| b"<>\"(),:;\\".contains(&octet);
    !text.bytes().any(is_special)
}

fn is_address(text: &str) -> bool {
    text.contains('@')
        && is_simple(text)
        && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

fn domain(mailbox: &str) -> Option<&str> {
    mailbox.rsplit_once('@').map(|(_, domain)| domain)
}
