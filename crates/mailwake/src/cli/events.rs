//! `mailwake events`: events in order, as lines for people or as JSON lines.

mod sparkpost;

use super::{
    ConfigArgs,
    report::{open_store, parse_time},
};
use crate::stores::{
    report::{EventFilter, MessageFacts, StoredEvent},
    user_agents::UserAgents,
};
use anyhow::Result;
use clap::Args;
use std::{
    io::{self, Write},
    sync::mpsc::{self, RecvTimeoutError},
    time::Duration,
};
use tracking::{
    event::{
        Click, Complaint, Event, Occurrence, RcptType, Relay, Unsubscription, UpstreamReply, Visit,
    },
    ids::{MessageId, Timestamp},
    verdict::Verdict,
};

/// Events that are asked for at once.
const PAGE_EVENTS: usize = 1_000;

/// How often `--follow` looks for new events.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Wait for new events and print them as they come.
    #[arg(long)]
    follow: bool,
    /// Only events of this type, such as open, click or injection.
    #[arg(long = "type", value_name = "TYPE", value_parser = Occurrence::TYPE_NAMES)]
    type_name: Option<String>,
    /// Only events of this message.
    #[arg(long, value_name = "ID")]
    message_id: Option<MessageId>,
    /// Only events since this time: 2026-11-21, 2026-11-21T10:00:00Z, 7d, 12h, 30m.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<Timestamp>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Print SparkPost's JSON, one event a line, as webhooks send it. What SparkPost does not
    /// know is left out.
    #[arg(long, conflicts_with = "json")]
    sparkpost: bool,
}

/// How events are printed.
enum Form {
    Lines,
    Json(Box<UserAgents>),
    SparkPost(Box<sparkpost::Writer>),
}

impl Form {
    fn new(args: &EventsArgs) -> Result<Self> {
        Ok(match (args.sparkpost, args.json) {
            (true, _) => Self::SparkPost(Box::new(sparkpost::Writer::open(&args.config)?)),
            (false, true) => Self::Json(Box::default()),
            (false, false) => Self::Lines,
        })
    }

    fn write(&mut self, event: &StoredEvent, out: &mut impl Write) -> Result<()> {
        match self {
            Self::Lines => write_event(out, event),
            Self::Json(agents) => write_json(out, event, agents),
            Self::SparkPost(writer) => writer.write(event, out),
        }
    }
}

pub(super) fn run(args: &EventsArgs) -> Result<()> {
    let reader = open_store(&args.config)?;
    let mut filter = EventFilter {
        message_id: args.message_id,
        type_name: args.type_name.clone(),
        since: args.since,
        until: None,
        after_position: None,
        limit: PAGE_EVENTS,
    };
    // Nobody sends: the wait for the next look ends by its time alone.
    let (_sender, pause) = mpsc::channel::<()>();
    let mut form = Form::new(args)?;
    let mut out = io::stdout().lock();
    loop {
        let events = reader.events(&filter)?;
        for event in &events {
            form.write(event, &mut out)?;
            filter.after_position = Some(event.position);
        }
        if events.len() == PAGE_EVENTS {
            continue;
        }
        out.flush()?;
        if !args.follow || pause.recv_timeout(FOLLOW_INTERVAL) != Err(RecvTimeoutError::Timeout) {
            return Ok(());
        }
    }
}

fn write_json(out: &mut impl Write, event: &StoredEvent, agents: &mut UserAgents) -> Result<()> {
    serde_json::to_writer(&mut *out, &agents.enrich(event))?;
    Ok(writeln!(out)?)
}

fn write_event(out: &mut impl Write, stored: &StoredEvent) -> Result<()> {
    let event = &stored.event;
    let time = time_of(event.timestamp);
    writeln!(
        out,
        "{time}  {}  {:<16}  {}{}",
        event.message_id,
        event.occurrence.type_name(),
        // Foreign text: what could move the cursor is shown as an escape.
        details(&event.occurrence).escape_debug(),
        format!("{}{}", verdict(stored), facts(event, &stored.message)).escape_debug()
    )?;
    Ok(())
}

/// A time by the calendar. Others may tell one that the calendar does not have: that as it is.
pub(super) fn time_of(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => format!("{} ms", at.0),
    }
}

/// What is worth knowing of an event, in a line.
fn details(occurrence: &Occurrence) -> String {
    match occurrence {
        Occurrence::Reception(reception) => {
            let (from, to) = (&reception.msg_from, &reception.rcpt_to);
            format!("from <{from}> to <{to}>, {} links: {}", reception.links, reception.subject)
        }
        Occurrence::Injection(reply)
        | Occurrence::Delivery(reply)
        | Occurrence::Delay(reply)
        | Occurrence::Bounce(reply)
        | Occurrence::OutOfBand(reply)
        | Occurrence::PolicyRejection(reply)
        | Occurrence::GenerationFailure(reply)
        | Occurrence::GenerationRejection(reply) => answer(reply),
        Occurrence::SpamComplaint(complaint) => {
            let Complaint { fbtype, report_by, .. } = &**complaint;
            [fbtype.as_str(), report_by].join(if report_by.is_empty() { "" } else { " by " })
        }
        Occurrence::RelayInjection(relay)
        | Occurrence::RelayRejection(relay)
        | Occurrence::RelayDelivery(relay)
        | Occurrence::RelayTempfail(relay)
        | Occurrence::RelayPermfail(relay) => {
            let Relay { msg_from, rcpt_to, error_code, raw_reason, .. } = &**relay;
            let code = error_code.map(|code| format!(" {code}")).unwrap_or_default();
            format!("from <{msg_from}> to <{rcpt_to}>{code} {raw_reason}")
        }
        Occurrence::Open(visit)
        | Occurrence::InitialOpen(visit)
        | Occurrence::AmpOpen(visit)
        | Occurrence::AmpInitialOpen(visit)
        | Occurrence::Honeypot(visit) => visitor(visit),
        Occurrence::Click(click)
        | Occurrence::AmpClick(click)
        | Occurrence::LinkUnsubscribe(click) => {
            let Click { visit, target_link_url, .. } = click;
            format!("{} {target_link_url} by {}", click.name(), visitor(visit))
        }
        Occurrence::ListUnsubscribe(Unsubscription { visit, .. }) => visitor(visit),
    }
}

/// What an MTA said, and of a record whose it was and how long the message had waited.
fn answer(reply: &UpstreamReply) -> String {
    let UpstreamReply { error_code, raw_reason, attempt, .. } = reply;
    let mut text = match error_code {
        0 => raw_reason.clone(),
        code => format!("{code} {raw_reason}"),
    };
    let Some(attempt) = attempt else { return text };
    match (attempt.remote_mta.as_str(), attempt.ip_address) {
        ("", None) => {}
        ("", Some(address)) => text += &format!(" by [{address}]"),
        (name, None) => text += &format!(" by {name}"),
        (name, Some(address)) => text += &format!(" by {name} [{address}]"),
    }
    if let Some(retries) = attempt.num_retries {
        text += &format!(", retries: {retries}");
    }
    if let Some(waited) = attempt.queue_time {
        text += &format!(", in queue: {:.1} s", Duration::from_millis(waited).as_secs_f64());
    }
    text
}

/// Who is behind an engagement and why, settled and first where they differ.
fn verdict(stored: &StoredEvent) -> String {
    let Some(visit) = stored.event.occurrence.visit() else { return String::new() };
    let told = |verdict: Verdict, reasons: &[String]| match reasons {
        [] => verdict.name().to_owned(),
        reasons => format!("{}: {}", verdict.name(), reasons.join(", ")),
    };
    let first = visit.verdict.map(|first| told(first, &visit.verdict_reasons));
    let settled = stored.settled.as_ref();
    let settled = settled.map(|of| told(of.settled_verdict, &of.settled_reasons));
    match (first, settled) {
        (Some(first), Some(settled)) if first != settled => {
            format!(" [{settled}; at first {first}]")
        }
        (Some(verdict), _) => format!(" [{verdict}]"),
        (None, Some(settled)) => format!(" [{settled}]"),
        (None, None) => String::new(),
    }
}

/// What is known of the message: recipients beside the envelope, campaign, tags, metadata.
fn facts(event: &Event, message: &MessageFacts) -> String {
    let own = match &event.occurrence {
        Occurrence::Reception(reception) => Some(MessageFacts {
            rcpt_type: match reception.rcpt_type {
                RcptType::To => String::new(),
                other => other.name().into(),
            },
            campaign_id: reception.campaign_id.clone(),
            rcpt_meta: reception.rcpt_meta.clone(),
            rcpt_tags: reception.rcpt_tags.clone(),
        }),
        _ => None,
    };
    let MessageFacts { rcpt_type, campaign_id, rcpt_meta, rcpt_tags } =
        own.as_ref().unwrap_or(message);
    let mut words = Vec::new();
    words.extend(Some(rcpt_type).filter(|part| !part.is_empty()).cloned());
    words.extend(Some(campaign_id).filter(|id| !id.is_empty()).map(|id| format!("in {id}")));
    words.extend(rcpt_tags.iter().map(|tag| format!("#{tag}")));
    if !rcpt_meta.is_empty() {
        words.extend(serde_json::to_string(rcpt_meta).ok());
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn visitor(visit: &Visit) -> String {
    let address = visit.ip_address.map_or_else(|| "somebody".into(), |address| address.to_string());
    format!("{address} {}", visit.user_agent)
}

#[cfg(test)]
mod tests;
