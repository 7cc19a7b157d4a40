//! The JSON of what recipients do, without serde: those are nearly all events, and looking at
//! each field's name and each octet of its text takes several times as long. The octets are
//! the same; a field that is added has to be named here.

use super::{Click, Event, Occurrence, Unsubscription, Visit};
use crate::json::{field, name, text, text_if_any, value};

/// Appends an event. Those of the way of a message are left to serde.
pub(super) fn append(event: &Event, to: &mut Vec<u8>) {
    let Event { event_id, timestamp, message_id, is_from_elsewhere, occurrence } = event;
    let Some(visit) = occurrence.visit() else { return value(event, to) };
    to.extend_from_slice(b"{\"event_id\":\"");
    to.extend_from_slice(&event_id.digits());
    to.extend_from_slice(b"\",\"timestamp\":");
    value(timestamp, to);
    to.extend_from_slice(b",\"message_id\":\"");
    to.extend_from_slice(&message_id.digits());
    to.push(b'"');
    if *is_from_elsewhere {
        field("is_from_elsewhere", is_from_elsewhere, to);
    }
    to.extend_from_slice(b",\"type\":\"");
    to.extend_from_slice(occurrence.type_name().as_bytes());
    to.push(b'"');
    append_visit(visit, to);
    match occurrence {
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => {
            let Click { visit: _, link_index, target_link_name, target_link_url } = click;
            field("link_index", link_index, to);
            text_if_any("target_link_name", target_link_name, to);
            name("target_link_url", to);
            text(target_link_url, to);
        }
        Occurrence::ListUnsubscribe(Unsubscription { visit: _, target_url }) => {
            text_if_any("target_url", target_url, to);
        }
        _ => {}
    }
    to.push(b'}');
}

fn append_visit(visit: &Visit, to: &mut Vec<u8>) {
    let Visit { ip_address, user_agent, campaign_id, rcpt_meta, verdict, verdict_reasons, geo_ip } =
        visit;
    if let Some(address) = ip_address {
        field("ip_address", address, to);
    }
    text_if_any("user_agent", user_agent, to);
    text_if_any("campaign_id", campaign_id, to);
    if !rcpt_meta.is_empty() {
        field("rcpt_meta", rcpt_meta, to);
    }
    if let Some(verdict) = verdict {
        name("verdict", to);
        text(verdict.name(), to);
    }
    if let [first, others @ ..] = verdict_reasons.as_slice() {
        name("verdict_reasons", to);
        to.push(b'[');
        text(first, to);
        for other in others {
            to.push(b',');
            text(other, to);
        }
        to.push(b']');
    }
    if let Some(place) = geo_ip {
        field("geo_ip", place, to);
    }
}
