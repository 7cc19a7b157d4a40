//! One line of a log, behind its time and message id.

use super::{LineError, address, complaint, milliseconds};
use crate::event::{Attempt, Complaint};

/// What a line says.
pub(super) enum Line<'a> {
    Heartbeat,
    /// To another node, whose own log tells what comes of it.
    Transfer,
    Reception {
        rcpt_to: String,
        msg_from: String,
    },
    Delivery(Attempt),
    Refusal(Refusal<'a>),
    Feedback(Box<Complaint>),
}

/// A refusal, now or for good.
pub(super) struct Refusal<'a> {
    pub(super) is_of_bouncelog: bool,
    pub(super) is_final: bool,
    pub(super) stage: &'a str,
    /// Momentum's number of the class; empty in the mainlog.
    pub(super) class: &'a str,
    pub(super) attempt: Attempt,
    pub(super) reason: &'a str,
}

impl<'a> Line<'a> {
    /// Reads what stands behind time and message id: batch, connection and type come first; in
    /// the fbllog the type alone.
    pub(super) fn read(rest: &'a str) -> Result<Self, LineError> {
        if let Some(fields) = rest.strip_prefix("F@") {
            let of_nobody = || LineError::new("has no recipient behind its type");
            let (local, rest) = local_part(fields).ok_or_else(of_nobody)?;
            let (domain, rest) = rest.split_once('@').ok_or_else(of_nobody)?;
            let complaint = complaint(join(local, domain), &fields_of(rest)?);
            return Ok(Self::Feedback(Box::new(complaint)));
        }
        let mut parts = rest.splitn(4, '@');
        let mut next = || parts.next().unwrap_or_default();
        let (_batch, _connection, kind, fields) = (next(), next(), next(), next());
        match kind {
            "M" | "M1" => Ok(Self::Heartbeat),
            "X" => Ok(Self::Transfer),
            "R" => reception(fields),
            "D" => delivery(fields),
            "P" => refusal(true, fields),
            "T" if is_of_mainlog(fields) => refusal(false, fields),
            "T" | "B" => bounce(kind == "B", fields),
            _ => Err(LineError::new("is of none of the types R, D, T, P, X, B, F, M, M1")),
        }
    }
}

/// The first `N` fields; the last of them is all the rest.
fn fields_of<const N: usize>(fields: &str) -> Result<[&str; N], LineError> {
    let mut parts = fields.splitn(N, '@');
    let mut told = [""; N];
    for (index, field) in told.iter_mut().enumerate() {
        let missing = || LineError::new(format!("has {index} fields of {N} behind its type"));
        *field = parts.next().ok_or_else(missing)?;
    }
    Ok(told)
}

/// A local part at the start: one in quotes may have `@` in it (RFC 5321 §4.1.2).
fn local_part(fields: &str) -> Option<(&str, &str)> {
    let quoted = fields.strip_prefix('"').and_then(|inner| {
        let mut is_escaped = false;
        let end = inner.find(|c: char| {
            let is_end = c == '"' && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            is_end
        })?;
        inner[end + 1..].strip_prefix('@').map(|rest| (&fields[..end + 2], rest))
    });
    quoted.or_else(|| fields.split_once('@'))
}

/// Recipient, sender, and the fields behind them.
fn addresses(fields: &str) -> Result<(String, String, &str), LineError> {
    let read = || {
        let (rcpt_local, rest) = local_part(fields)?;
        let (rcpt_domain, rest) = rest.split_once('@')?;
        let (from_local, rest) = local_part(rest)?;
        let (from_domain, rest) = rest.split_once('@')?;
        Some((join(rcpt_local, rcpt_domain), join(from_local, from_domain), rest))
    };
    read().ok_or_else(|| LineError::new("has no recipient and sender behind its type"))
}

/// An address; empty for the null reverse-path.
pub(super) fn join(local: &str, domain: &str) -> String {
    match (local, domain) {
        ("", "") => String::new(),
        (local, "") => local.into(),
        (local, domain) => format!("{local}@{domain}"),
    }
}

fn reception(fields: &str) -> Result<Line<'_>, LineError> {
    let (rcpt_to, msg_from, rest) = addresses(fields)?;
    let [_source, _size, _protocol, _bgroup, _binding] = fields_of(rest)?;
    Ok(Line::Reception { rcpt_to, msg_from })
}

fn delivery(fields: &str) -> Result<Line<'_>, LineError> {
    let [domain, size, bgroup, binding, retries, seconds, ip] = fields_of(fields)?;
    let attempt = Attempt { ip_address: address(ip), ..tried(domain, size, bgroup, binding) };
    Ok(Line::Delivery(timed(attempt, retries, seconds)))
}

/// T stands in both logs: in the mainlog with octets, stage and retries where the bouncelog has
/// the recipient's domain, binding group and binding.
fn is_of_mainlog(fields: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|o| o.is_ascii_digit());
    let mut fields = fields.split('@').skip(1);
    let (octets, stage, retries) = (fields.next(), fields.nth(2), fields.next());
    [octets, stage, retries].iter().all(|field| field.is_some_and(is_number))
}

fn refusal(is_final: bool, fields: &str) -> Result<Line<'_>, LineError> {
    let [domain, size, bgroup, binding, stage, retries, seconds, ip, reason] = fields_of(fields)?;
    let attempt = Attempt { ip_address: address(ip), ..tried(domain, size, bgroup, binding) };
    let attempt = timed(attempt, retries, seconds);
    let is_of_bouncelog = false;
    Ok(Line::Refusal(Refusal { is_of_bouncelog, is_final, stage, class: "", attempt, reason }))
}

fn bounce(is_final: bool, fields: &str) -> Result<Line<'_>, LineError> {
    let (rcpt_to, msg_from, rest) = addresses(fields)?;
    let [bgroup, binding, stage, class, size, ip, reason] = fields_of(rest)?;
    let domain = rcpt_to.rsplit_once('@').map_or("", |(_, domain)| domain).to_owned();
    let attempt = Attempt {
        rcpt_to,
        msg_from,
        ip_address: address(ip),
        ..tried(&domain, size, bgroup, binding)
    };
    let is_of_bouncelog = true;
    Ok(Line::Refusal(Refusal { is_of_bouncelog, is_final, stage, class, attempt, reason }))
}

fn tried(domain: &str, size: &str, bgroup: &str, binding: &str) -> Attempt {
    Attempt {
        routing_domain: domain.into(),
        msg_size: size.parse().ok(),
        ip_pool: bgroup.into(),
        binding: binding.into(),
        ..Attempt::default()
    }
}

fn timed(attempt: Attempt, retries: &str, seconds: &str) -> Attempt {
    let queue_time = milliseconds(seconds).and_then(|time| u64::try_from(time).ok());
    Attempt { num_retries: retries.parse().ok(), queue_time, ..attempt }
}
