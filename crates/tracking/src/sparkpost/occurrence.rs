//! What an event tells of what happened.

use super::{Context, Form, canonical, fields::Fields, group};
use crate::{
    event::{
        Attempt, Click, Complaint, Event, GeoIp, Occurrence, Relay, Unsubscription, UpstreamReply,
        Visit,
    },
    json,
};

/// Longest name of a link, in octets (SparkPost's `data-msys-linkname`).
const LINK_NAME_OCTETS_MAX: usize = 63;

/// Appends what happened.
pub(super) fn append(event: &Event, context: &Context<'_>, fields: &mut Fields<'_>) {
    let has_extras = context.form.has_extras;
    match &event.occurrence {
        Occurrence::Injection(reply) if has_extras => append_answer(reply, fields),
        Occurrence::Delivery(reply) => {
            append_remote(reply.attempt.as_deref(), fields);
            if has_extras {
                append_answer(reply, fields);
            }
        }
        Occurrence::Delay(reply) | Occurrence::Bounce(reply) | Occurrence::OutOfBand(reply) => {
            append_remote(reply.attempt.as_deref(), fields);
            append_refusal(reply, context, fields);
        }
        Occurrence::PolicyRejection(reply) => {
            let client = context.message.map(|message| &message.reception.client);
            fields.plain_if_any("remote_addr", client.and_then(|client| client.client_address));
            append_refusal(reply, context, fields);
        }
        Occurrence::GenerationFailure(reply) | Occurrence::GenerationRejection(reply) => {
            append_reason(reply.error_code, &reply.raw_reason, fields);
        }
        Occurrence::SpamComplaint(complaint) => append_complaint(complaint, fields),
        Occurrence::Open(visit)
        | Occurrence::InitialOpen(visit)
        | Occurrence::AmpOpen(visit)
        | Occurrence::AmpInitialOpen(visit) => append_visit(visit, context, fields),
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => append_click(click, context, fields),
        Occurrence::ListUnsubscribe(unsubscription) => {
            append_unsubscription(unsubscription, context, fields);
        }
        Occurrence::RelayRejection(relay)
        | Occurrence::RelayTempfail(relay)
        | Occurrence::RelayPermfail(relay) => append_relay_failure(relay, fields),
        _ => {}
    }
    if matches!(event.occurrence, Occurrence::LinkUnsubscribe(_) | Occurrence::ListUnsubscribe(_))
        && let Some(message) = context.message
    {
        fields.text("mailfrom", &message.reception.rcpt_to);
    }
    if has_extras {
        append_extras(event, fields);
    }
}

/// The MTA of the recipient.
fn append_remote(attempt: Option<&Attempt>, fields: &mut Fields<'_>) {
    fields.plain_if_any("ip_address", attempt.and_then(|attempt| attempt.ip_address));
}

/// Why a message was refused, and what that means.
fn append_refusal(reply: &UpstreamReply, context: &Context<'_>, fields: &mut Fields<'_>) {
    let of_message = context.message.map(|message| &message.reception.rcpt_to);
    let of_record = reply.attempt.as_ref().map(|attempt| &attempt.rcpt_to);
    let recipient = of_message.or(of_record).map_or("", |recipient| recipient.as_str());
    let classified = context.rules.classify_for(reply, &mail::address::domain(recipient));
    fields.plain("bounce_class", classified.class.code());
    append_reason(reply.error_code, &reply.raw_reason, fields);
}

/// A reply that refused something: as it came, and in its canonical form.
fn append_reason(code: u16, text: &str, fields: &mut Fields<'_>) {
    let raw_reason = append_reply(code, text, fields);
    fields.text("reason", &canonical(&raw_reason));
}

fn append_answer(reply: &UpstreamReply, fields: &mut Fields<'_>) {
    append_reply(reply.error_code, &reply.raw_reason, fields);
}

/// The code of a reply, where there is one, and the reply with it, which is given back.
fn append_reply(code: u16, text: &str, fields: &mut Fields<'_>) -> String {
    let raw_reason = match code {
        0 => text.to_owned(),
        code if text.starts_with(&code.to_string()) => text.to_owned(),
        code if text.is_empty() => code.to_string(),
        code => format!("{code} {text}"),
    };
    if code != 0 {
        fields.plain("error_code", code);
    }
    fields.text("raw_reason", &raw_reason);
    raw_reason
}

fn append_relay_failure(relay: &Relay, fields: &mut Fields<'_>) {
    append_reason(relay.error_code.unwrap_or_default(), &relay.raw_reason, fields);
}

fn append_complaint(complaint: &Complaint, fields: &mut Fields<'_>) {
    append_remote(complaint.attempt.as_deref(), fields);
    fields.text("fbtype", &complaint.fbtype);
    fields.text_if_any("report_by", &complaint.report_by);
    fields.text_if_any("report_to", &complaint.report_to);
    fields.text_if_any("user_str", &complaint.user_str);
}

fn append_visit(visit: &Visit, context: &Context<'_>, fields: &mut Fields<'_>) {
    fields.plain_if_any("ip_address", visit.ip_address);
    append_agent(visit, context, fields);
}

fn append_agent(visit: &Visit, context: &Context<'_>, fields: &mut Fields<'_>) {
    fields.text_if_any("user_agent", &visit.user_agent);
    if let Some(parsed) = context.user_agent_parsed {
        json::field("user_agent_parsed", parsed, fields.to);
    }
    if let Some(place) = &visit.geo_ip {
        fields.object_if_any("geo_ip", |fields| append_place(place, fields));
    }
}

/// SparkPost has the postal code by two names.
fn append_place(place: &GeoIp, fields: &mut Fields<'_>) {
    for (name, value) in [
        ("country", &place.country),
        ("region", &place.region),
        ("city", &place.city),
        ("latitude", &place.latitude),
        ("longitude", &place.longitude),
        ("zip", &place.postal_code),
        ("postal_code", &place.postal_code),
    ] {
        fields.text_if_any(name, value);
    }
}

fn append_click(click: &Click, context: &Context<'_>, fields: &mut Fields<'_>) {
    append_visit(&click.visit, context, fields);
    let name = click.name();
    fields.text("target_link_name", &name[..name.floor_char_boundary(LINK_NAME_OCTETS_MAX)]);
    fields.text("target_link_url", &click.target_link_url);
}

/// Who unsubscribes by a field of the header is not told by what program.
fn append_unsubscription(
    unsubscription: &Unsubscription,
    context: &Context<'_>,
    fields: &mut Fields<'_>,
) {
    fields.plain_if_any("ip_address", unsubscription.visit.ip_address);
    let Form { has_extras, .. } = context.form;
    if has_extras {
        append_agent(&unsubscription.visit, context, fields);
        fields.text_if_any("target_url", &unsubscription.target_url);
    }
}

/// What SparkPost has no field for, by the names of mailwake's own events.
fn append_extras(event: &Event, fields: &mut Fields<'_>) {
    if let Some(visit) = event.occurrence.visit() {
        if let Some(verdict) = visit.verdict {
            fields.text("verdict", verdict.name());
        }
        if !visit.verdict_reasons.is_empty() {
            fields.texts("verdict_reasons", &visit.verdict_reasons);
        }
    }
    match &event.occurrence {
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => fields.plain("link_index", click.link_index),
        Occurrence::SpamComplaint(complaint) => {
            fields.text_if_any("report_user_agent", &complaint.user_agent);
        }
        _ => {}
    }
    fields.text_if_any("queue_id", event.occurrence.queue_id().unwrap_or_default());
    // Without a record it is null: what SparkPost's own fields say is then the gateway's.
    if matches!(group(&event.occurrence), Some("message_event" | "gen_event")) {
        json::field("attempt", &event.occurrence.attempt(), fields.to);
    }
}
