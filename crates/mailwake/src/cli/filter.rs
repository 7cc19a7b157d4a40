//! `mailwake rewrite`: the engine as a filter, with the octets that the gateway gives.

use super::{message, random};
use crate::link_tool::KeyChoice;
use anyhow::{Result, anyhow, bail};
use clap::{Args, ValueEnum};
use mail::message::header::fields;
use std::{
    io::{self, Write},
    sync::Arc,
    time::SystemTime,
};
use tracking::{
    context,
    copy::{self, Addressed, Settings, Terms},
    decision::{
        Decision, Domain, Exclusions, LinkPattern, MESSAGE_MIB_REWRITTEN_MAX, Parts, SignedMail,
    },
    event::RcptType,
    ids::{MessageId, Timestamp},
    link::TrackingUrl,
    rewrite::{IdOutcome, LinkOutcome, PartOutcome, Plan, Reason, Report, Signature},
    token::Sealer,
    unsubscribe::{ListUnsubscribe, MailtoUri},
};

#[derive(Debug, Args)]
pub(super) struct RewriteArgs {
    /// The recipient of the copy, as RCPT TO would give it.
    #[arg(long, value_name = "ADDRESS")]
    rcpt: String,
    /// The base URL of tracked links.
    #[arg(long, value_name = "URL")]
    tracking_url: TrackingUrl,
    #[command(flatten)]
    keys: KeyChoice,
    /// Set a pixel at the end. With none of --open, --initial-open and --click, it is
    /// --open --click.
    #[arg(long)]
    open: bool,
    /// Set a pixel at the top.
    #[arg(long)]
    initial_open: bool,
    /// Wrap links.
    #[arg(long)]
    click: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    /// The message id of the copy. Unless told, it is the one that the message has, or a
    /// new one.
    #[arg(long, value_name = "ID")]
    message_id: Option<MessageId>,
    /// Make links that work on the host of the tracking URL alone.
    #[arg(long)]
    bind_links_to_host: bool,
    /// Do not read the header field X-MSYS-API.
    #[arg(long)]
    ignore_x_msys_api: bool,
    /// Tell on standard error what was done to each part and link, and why.
    #[arg(long)]
    explain: bool,
}

/// Which parts and links are touched, in the words of the configuration.
#[derive(Debug, Args)]
struct ScopeArgs {
    /// Leave URLs in text parts alone.
    #[arg(long)]
    no_text_links: bool,
    /// Cover the topmost text and HTML part alone.
    #[arg(long)]
    top: bool,
    /// Wrap links in AMP parts.
    #[arg(long)]
    amp: bool,
    /// Wrap links in Outlook's conditional comments.
    #[arg(long)]
    vml_links: bool,
    /// Put a link into HTML parts that no person sees.
    #[arg(long)]
    honeypot_link: bool,
    /// Leave links to this domain and to what is below it alone. May be repeated.
    #[arg(long, value_name = "DOMAIN")]
    exclude_domain: Vec<Domain>,
    /// Leave links like this one alone; * stands for any characters. May be repeated.
    #[arg(long, value_name = "PATTERN")]
    exclude_link: Vec<LinkPattern>,
    /// Leave links alone whose text is itself a URL.
    #[arg(long)]
    skip_links_shown_as_urls: bool,
    /// Take out what is said of links to the tracker alone.
    #[arg(long)]
    remove_link_attributes: bool,
    /// Undo Momentum's escapes of curly braces.
    #[arg(long)]
    substitution_escapes: bool,
    /// What becomes of mail with a DKIM signature.
    #[arg(long, value_name = "WHAT", default_value = "rewrite")]
    signed_mail: SignedMailChoice,
    /// Largest message that is rewritten, in MiB.
    #[arg(long, value_name = "MIB", default_value_t = MESSAGE_MIB_REWRITTEN_MAX)]
    message_mib_rewritten_max: usize,
    /// What becomes of the List-Unsubscribe field.
    #[arg(long, value_name = "WHAT", default_value = "off")]
    list_unsubscribe: UnsubscribeChoice,
    /// With --list-unsubscribe: a URI of mailto beside that of the tracker.
    #[arg(long, value_name = "URI")]
    list_unsubscribe_mailto: Option<MailtoUri>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum UnsubscribeChoice {
    Off,
    Add,
    Proxy,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum SignedMailChoice {
    Rewrite,
    Strip,
    Bypass,
}

pub(super) fn run(args: &RewriteArgs) -> Result<()> {
    if mail::address::domain(&args.rcpt).is_empty() {
        bail!("--rcpt {:?} is no address: it must be like ann@example.com", args.rcpt);
    }
    let message = message::read(None)?;
    let settings = settings(args);
    let mut sealer = Sealer::new(Arc::new(args.keys.load()?));
    let now: Timestamp = SystemTime::now().into();
    let message_id = match args.message_id.or_else(|| id_of(&message, &settings)) {
        Some(id) => id,
        None => MessageId::new(now, random()?),
    };
    let terms = settings
        .request(&message)
        .and_then(|request| {
            Terms::new(&Arc::new(settings), request.as_ref(), &context::Context::default())
        })
        .map_err(|refusal| anyhow!("{}", message::reply(&refusal)))?;
    let plan = Plan::new(&message, &terms.settings.decision);
    let cc = terms.request.recipients.cc_field(&message);
    let fields = terms.fields(RcptType::To, None, cc.as_ref());
    let addressed = Addressed { fields: &fields, ..message_id.into() };
    let tracked = copy::make(&plan, &terms, &addressed, now, &mut sealer);
    let mut out = io::stdout().lock();
    out.write_all(&tracked.octets)?;
    out.flush()?;
    if let Some(warning) = args.keys.warning() {
        io::stderr().write_all(warning.as_bytes())?;
    }
    if args.explain {
        io::stderr().write_all(explain(&tracked.report).as_bytes())?;
    }
    Ok(())
}

/// The id that the message has already. Who calls this command is trusted with it.
fn id_of(message: &[u8], settings: &Settings) -> Option<MessageId> {
    let mut ids = fields(message).filter(|field| field.is(&settings.message_id_field));
    let only = ids.next().filter(|_| ids.next().is_none())?;
    std::str::from_utf8(&only.value()).ok()?.parse().ok()
}

fn settings(args: &RewriteArgs) -> Settings {
    let is_default = !args.open && !args.initial_open && !args.click;
    let mut settings = Settings::new(args.tracking_url.clone());
    settings.bind_links_to_host = args.bind_links_to_host;
    settings.reads_smtpapi = !args.ignore_x_msys_api;
    let scope = &args.scope;
    settings.list_unsubscribe_mailto = scope.list_unsubscribe_mailto.clone();
    settings.decision = Decision {
        open: args.open || is_default,
        initial_open: args.initial_open,
        click: args.click || is_default,
        text_links: !scope.no_text_links,
        parts: if scope.top { Parts::Top } else { Parts::All },
        amp: scope.amp,
        vml_links: scope.vml_links,
        honeypot: scope.honeypot_link,
        exclusions: Exclusions {
            domains: scope.exclude_domain.clone(),
            links: scope.exclude_link.clone(),
        },
        skip_links_shown_as_urls: scope.skip_links_shown_as_urls,
        remove_link_attributes: scope.remove_link_attributes,
        substitution_escapes: scope.substitution_escapes,
        signed_mail: match scope.signed_mail {
            SignedMailChoice::Rewrite => SignedMail::Rewrite,
            SignedMailChoice::Strip => SignedMail::Strip,
            SignedMailChoice::Bypass => SignedMail::Bypass,
        },
        message_octets_rewritten_max: scope.message_mib_rewritten_max.saturating_mul(1 << 20),
        list_unsubscribe: match scope.list_unsubscribe {
            UnsubscribeChoice::Off => ListUnsubscribe::Off,
            UnsubscribeChoice::Add => ListUnsubscribe::Add,
            UnsubscribeChoice::Proxy => ListUnsubscribe::Proxy,
        },
        ..settings.decision
    };
    settings
}

/// What was done, a line for the message, each part and each link.
fn explain(report: &Report) -> String {
    let mut lines = Vec::new();
    if let Some(reason) = report.untouched {
        lines.push(format!("message: untouched, {reason}"));
    }
    if report.safety_net {
        lines.push("message: the rewrite could not be undone, so the original was kept".into());
    }
    lines.push(format!("message id: {}", id_words(report.id_field)));
    lines.push(format!("DKIM signature: {}", signature_words(report.signature)));
    lines.push(format!("List-Unsubscribe: {}", report.list_unsubscribe));
    for part in &report.parts {
        let left_out = match part.pixels_left_out {
            0 => String::new(),
            count => format!(", {count} left out, {}", Reason::LongLine),
        };
        let done = match part.outcome {
            PartOutcome::Rewritten { links, pixels } => {
                format!("{links} links, {pixels} pixels{left_out}")
            }
            PartOutcome::Untouched(reason) => format!("untouched, {reason}"),
        };
        lines.push(format!("part {} {}: {done}", part.path, part.content_type));
    }
    for link in &report.links {
        let done = match link.outcome {
            LinkOutcome::Tracked if link.is_unsubscribe => "tracked, an unsubscription".to_owned(),
            LinkOutcome::Tracked => "tracked".to_owned(),
            LinkOutcome::LeftAlone(reason) => format!("left alone, {reason}"),
        };
        let name = link.name.as_deref().map(|name| format!(" {:?}", name)).unwrap_or_default();
        let target = link.target.escape_debug();
        lines.push(format!("link {}{name} {target}: {done}", link.index));
    }
    lines.join("\n") + "\n"
}

fn id_words(outcome: IdOutcome) -> &'static str {
    match outcome {
        IdOutcome::NotWanted => "none",
        IdOutcome::Added => "put on top",
        IdOutcome::Replaced => "put on top, in place of the one that was there",
        IdOutcome::Kept => "was there already",
        IdOutcome::Withheld => "none, nothing in this message may be touched",
        IdOutcome::Refused => "none, it could not be put in without harm",
    }
}

fn signature_words(signature: Signature) -> &'static str {
    match signature {
        Signature::Absent => "none",
        Signature::Kept => "kept, what it covers is unchanged",
        Signature::Broken => "kept, but it does not fit any more: upstream has to sign again",
        Signature::Stripped => "taken out",
    }
}
