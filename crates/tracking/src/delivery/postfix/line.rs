//! One line of Postfix, taken apart.

use crate::{delivery::LineError, ids::MessageId};

/// What a line says of the mail with a queue id.
#[derive(Debug)]
pub(super) struct Line<'l> {
    pub(super) queue_id: &'l str,
    pub(super) what: What<'l>,
}

#[derive(Debug)]
pub(super) enum What<'l> {
    /// qmgr has it in hand.
    Sender { from: &'l str, size: Option<u64> },
    /// cleanup has logged our field, as header_checks asked.
    MessageId(MessageId),
    /// smtpd takes it; where a content filter brings it back, its queue id before.
    Client { sasl_username: &'l str, original: Option<&'l str> },
    /// It is in the queue.
    Seen,
    /// Postfix itself has sent a notification about it, with this queue id.
    Notification(&'l str),
    /// qmgr has given it up.
    Expired,
    /// It has left the queue.
    Removed,
    /// An attempt for one recipient.
    Delivery(Delivery<'l>),
}

/// An attempt to deliver. What the line does not have is empty.
#[derive(Debug, Default)]
pub(super) struct Delivery<'l> {
    pub(super) to: &'l str,
    pub(super) orig_to: &'l str,
    pub(super) relay: Option<&'l str>,
    pub(super) delay_ms: Option<u64>,
    pub(super) delays: &'l str,
    pub(super) dsn: &'l str,
    pub(super) status: Status,
    /// What stands in parentheses behind the status.
    pub(super) text: &'l str,
    /// The agent, but for SMTP and those that deliver nothing.
    pub(super) method: &'l str,
    /// The name of the instance, but for that of the first.
    pub(super) instance: &'l str,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    #[default]
    Sent,
    Deferred,
    Bounced,
    Expired,
    /// Somebody asks whether there is such an address.
    Probe,
}

/// What a line says, if it is one of Postfix about mail in its queue.
pub(super) fn read<'l>(
    tag: &'l str,
    text: &'l str,
    message_id_header: &str,
) -> Result<Option<Line<'l>>, LineError> {
    let Some((instance, program)) = program(tag) else { return Ok(None) };
    let Some((queue_id, rest)) = text.split_once(": ") else { return Ok(None) };
    if !is_queue_id(queue_id) {
        return Ok(None);
    }
    let what = match program {
        "qmgr" | "oqmgr" | "nqmgr" => of_queue_manager(rest),
        "cleanup" => of_cleanup(rest, message_id_header),
        "smtpd" | "qmqpd" | "pickup" => of_reception(rest),
        "bounce" => rest
            .split_once(" notification: ")
            .filter(|(_, id)| is_queue_id(id))
            .map(|(_, id)| What::Notification(id)),
        _ if rest.starts_with("to=<") => {
            let delivery = of_delivery(rest)?;
            let method = if ["smtp", "error", "retry"].contains(&program) { "" } else { program };
            let instance = if instance == "postfix" { "" } else { instance };
            Some(What::Delivery(Delivery { method, instance, ..delivery }))
        }
        _ => None,
    };
    Ok(what.map(|what| Line { queue_id, what }))
}

/// `postfix/smtp`, `postfix-out/smtp`, `postfix/submission/smtpd`: the instance and the program.
fn program(tag: &str) -> Option<(&str, &str)> {
    let (instance, rest) = tag.split_once('/')?;
    Some((instance, rest.rsplit('/').next().unwrap_or(rest)))
}

/// Short ones are hexadecimal, long ones (`enable_long_queue_ids`) of 52 letters and digits.
fn is_queue_id(text: &str) -> bool {
    let is_short =
        text.len() >= 6 && text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'));
    let is_long = text.len() >= 10 && text.bytes().all(|octet| octet.is_ascii_alphanumeric());
    text.len() <= 32 && (is_short || is_long)
}

fn of_queue_manager(rest: &str) -> Option<What<'_>> {
    if rest == "removed" {
        return Some(What::Removed);
    }
    let (from, rest) = address(rest.strip_prefix("from=")?)?;
    if rest.starts_with("status=expired") || rest.starts_with("status=force-expired") {
        return Some(What::Expired);
    }
    let size = rest.strip_prefix("size=").and_then(|size| {
        let end = size.find(|c: char| !c.is_ascii_digit()).unwrap_or(size.len());
        size[..end].parse().ok()
    });
    Some(What::Sender { from, size })
}

/// `info: header X-Sp-Message-Id: VALUE from CLIENT; from=<…> to=<…>`
fn of_cleanup<'l>(rest: &'l str, message_id_header: &str) -> Option<What<'l>> {
    let Some((_, field)) = rest.split_once(": header ") else { return Some(What::Seen) };
    let (name, value) = field.split_once(':')?;
    let value = value.split_ascii_whitespace().next()?;
    let is_ours = name.eq_ignore_ascii_case(message_id_header);
    is_ours.then(|| value.parse().ok().map(What::MessageId)).flatten()
}

/// `client=HOST[IP], sasl_method=PLAIN, sasl_username=U`, and of a filter `orig_queue_id=ID`.
fn of_reception(rest: &str) -> Option<What<'_>> {
    let fields = || rest.split(", ").filter_map(|field| field.split_once('='));
    let field = |name: &str| fields().find(|(of, _)| *of == name).map(|(_, value)| value);
    if !rest.starts_with("client=") {
        return rest.starts_with("uid=").then_some(What::Seen);
    }
    Some(What::Client {
        sasl_username: field("sasl_username").unwrap_or_default(),
        original: field("orig_queue_id").filter(|id| is_queue_id(id)),
    })
}

fn of_delivery(rest: &str) -> Result<Delivery<'_>, LineError> {
    let wrong = || LineError::new("an attempt without its status");
    let mut delivery = Delivery::default();
    let mut rest = rest;
    loop {
        let (name, value) = rest.split_once('=').ok_or_else(wrong)?;
        if name == "status" {
            let (word, text) = value.split_once(' ').unwrap_or((value, ""));
            delivery.status = match word {
                "sent" => Status::Sent,
                "deferred" => Status::Deferred,
                "bounced" => Status::Bounced,
                "expired" => Status::Expired,
                "deliverable" | "undeliverable" => Status::Probe,
                _ => return Err(LineError::new("an attempt with an unknown status")),
            };
            let text = text.strip_prefix('(').unwrap_or(text);
            delivery.text = text.strip_suffix(')').unwrap_or(text);
            return Ok(delivery);
        }
        let (value, after) = match value.starts_with('<') {
            true => address(value).ok_or_else(wrong)?,
            false => value.split_once(", ").ok_or_else(wrong)?,
        };
        match name {
            "to" => delivery.to = value,
            "orig_to" => delivery.orig_to = value,
            "relay" => delivery.relay = Some(value).filter(|relay| *relay != "none"),
            "delay" => delivery.delay_ms = milliseconds(value),
            "delays" => delivery.delays = value,
            "dsn" => delivery.dsn = value,
            _ => {}
        }
        rest = after;
    }
}

/// `<ADDRESS>, rest`; a comma or angle bracket may stand in a quoted local part.
fn address(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('<')?;
    text.split_once(">, ").or_else(|| Some((text.strip_suffix('>')?, "")))
}

/// Seconds, with up to six places.
fn milliseconds(seconds: &str) -> Option<u64> {
    let seconds: f64 = seconds.parse().ok()?;
    (0.0..1e12).contains(&seconds).then(|| (seconds * 1e3).round() as u64)
}
