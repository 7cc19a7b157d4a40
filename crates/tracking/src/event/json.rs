//! The JSON of what recipients do, without serde: those are nearly all events, and looking at
//! each field's name and each octet of its text takes several times as long. The octets are
//! the same; a field that is added has to be named here.

use super::{Click, Event, Occurrence, Unsubscription, Visit};
use serde::Serialize;
use serde_json::Result;

/// Appends an event. Those of the way of a message are left to serde.
pub(super) fn append(event: &Event, to: &mut Vec<u8>) -> Result<()> {
    let Event { event_id, timestamp, message_id, occurrence } = event;
    let Some(visit) = occurrence.visit() else { return serde_json::to_writer(to, event) };
    to.extend_from_slice(b"{\"event_id\":\"");
    to.extend_from_slice(&event_id.digits());
    to.extend_from_slice(b"\",\"timestamp\":");
    value(timestamp, to)?;
    to.extend_from_slice(b",\"message_id\":\"");
    to.extend_from_slice(&message_id.digits());
    to.extend_from_slice(b"\",\"type\":\"");
    to.extend_from_slice(occurrence.type_name().as_bytes());
    to.push(b'"');
    append_visit(visit, to)?;
    match occurrence {
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => {
            let Click { visit: _, link_index, target_link_name, target_link_url } = click;
            field("link_index", link_index, to)?;
            text_if_any("target_link_name", target_link_name, to)?;
            name("target_link_url", to);
            text(target_link_url, to)?;
        }
        Occurrence::ListUnsubscribe(Unsubscription { visit: _, target_url }) => {
            text_if_any("target_url", target_url, to)?;
        }
        _ => {}
    }
    to.push(b'}');
    Ok(())
}

fn append_visit(visit: &Visit, to: &mut Vec<u8>) -> Result<()> {
    let Visit { ip_address, user_agent, campaign_id, rcpt_meta, verdict, verdict_reasons, geo_ip } =
        visit;
    if let Some(address) = ip_address {
        field("ip_address", address, to)?;
    }
    text_if_any("user_agent", user_agent, to)?;
    text_if_any("campaign_id", campaign_id, to)?;
    if !rcpt_meta.is_empty() {
        field("rcpt_meta", rcpt_meta, to)?;
    }
    if let Some(verdict) = verdict {
        name("verdict", to);
        text(verdict.name(), to)?;
    }
    if let [first, others @ ..] = verdict_reasons.as_slice() {
        name("verdict_reasons", to);
        to.push(b'[');
        text(first, to)?;
        for other in others {
            to.push(b',');
            text(other, to)?;
        }
        to.push(b']');
    }
    if let Some(place) = geo_ip {
        field("geo_ip", place, to)?;
    }
    Ok(())
}

/// The name of a field that is not the first one.
fn name(name: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(b",\"");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"\":");
}

fn field(of: &str, what: &impl Serialize, to: &mut Vec<u8>) -> Result<()> {
    name(of, to);
    value(what, to)
}

fn text_if_any(of: &str, what: &str, to: &mut Vec<u8>) -> Result<()> {
    if what.is_empty() {
        return Ok(());
    }
    name(of, to);
    text(what, to)
}

fn value(what: &impl Serialize, to: &mut Vec<u8>) -> Result<()> {
    serde_json::to_writer(to, what)
}

/// A string (RFC 8259 §7). Nearly none has anything to be escaped.
fn text(what: &str, to: &mut Vec<u8>) -> Result<()> {
    // Without an early end, many octets are looked at together.
    let is_special = |octet: u8| (octet < b' ') | (octet == b'"') | (octet == b'\\');
    if what.bytes().fold(false, |any, octet| any | is_special(octet)) {
        return value(&what, to);
    }
    to.push(b'"');
    to.extend_from_slice(what.as_bytes());
    to.push(b'"');
    Ok(())
}
