//! `mailwake linktool`: tracked links made and read by hand. Its words are those of
//! the Go reference's tool, whose links it knows as well.

use crate::config;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand, ValueEnum};
use std::{
    ffi::{OsStr, OsString},
    io::{self, BufRead, Write},
    path::PathBuf,
    sync::Arc,
};
use tracking::{
    ids::MessageId,
    link::TrackingUrl,
    token::{
        Engagement, Link, Opener, Sealer,
        key::{KeyRing, SECRET_OCTETS},
        legacy::{self, LegacyLink},
    },
};

/// Longest line of links that is read, in octets.
const LINK_OCTETS_MAX: usize = 64 * 1024;

/// What `mailwake linktool` takes.
#[derive(Debug, Args)]
pub struct LinkToolArgs {
    #[command(subcommand)]
    command: LinkToolCommand,
}

#[derive(Debug, Subcommand)]
enum LinkToolCommand {
    /// Print a tracked link.
    Encode(EncodeArgs),
    /// Print what a tracked link says, and the flags that make it.
    Decode(DecodeArgs),
}

/// Which keys seal and open links.
#[derive(Debug, Args)]
pub struct KeyChoice {
    /// The key ring. Without one, the public key for trying things out is used: any
    /// mailwake tool opens its links, and no tracker does.
    #[arg(long, value_name = "FILE", env = "MAILWAKE_KEY_FILE")]
    key_file: Option<PathBuf>,
}

impl KeyChoice {
    /// What whoever makes links with the public key should know; `None` with a key ring.
    pub fn warning(&self) -> Option<&'static str> {
        let text = "mailwake: no --key-file: links are sealed with the public trial key, and no \
                    tracker opens them\n";
        self.key_file.is_none().then_some(text)
    }

    /// The key ring that was chosen.
    pub fn load(&self) -> Result<KeyRing> {
        match &self.key_file {
            Some(path) => Ok(config::KeySource::File(path.clone()).load()?),
            None => Ok(KeyRing::generate(TRIAL_SECRET, "1970-01-01")),
        }
    }
}

/// The public key for trying things out. `serve` reads keys from its configuration
/// alone, so no tracker ever takes a link that was sealed with it.
const TRIAL_SECRET: [u8; SECRET_OCTETS] = *b"mailwake public key, for a trial";

#[derive(Debug, Args)]
struct EncodeArgs {
    /// The base URL of tracked links.
    #[arg(
        long,
        alias = "tracking_url",
        value_name = "URL",
        default_value = "http://localhost:8888"
    )]
    tracking_url: TrackingUrl,
    /// The recipient. Our own links carry the message id alone, by which it is found.
    #[arg(long, alias = "rcpt_to", value_name = "ADDRESS", default_value = "any@example.com")]
    rcpt_to: String,
    /// What a request for the link means.
    #[arg(long, value_name = "ACTION", default_value = "open")]
    action: Action,
    /// Where a click leads.
    #[arg(
        long,
        alias = "target_link_url",
        value_name = "URL",
        default_value = "https://example.com"
    )]
    target_link_url: String,
    /// The message: 20 lower-case hexadecimal characters; any text with --legacy.
    #[arg(long, alias = "message_id", value_name = "ID", default_value = "0000123456789abcdef0")]
    message_id: String,
    /// Make a link of the Go reference.
    #[arg(long)]
    legacy: bool,
    /// Make a link of an AMP part.
    #[arg(long, conflicts_with = "legacy")]
    amp: bool,
    /// Make a link that works on the host of the tracking URL alone.
    #[arg(long, alias = "bind_links_to_host")]
    bind_links_to_host: bool,
    #[command(flatten)]
    keys: KeyChoice,
}

#[derive(Debug, Args)]
struct DecodeArgs {
    /// The tracked link.
    #[arg(required_unless_present = "targets")]
    link: Option<String>,
    /// Read links from standard input, one a line, and print the target URL of each; an
    /// empty line for a pixel.
    #[arg(long, conflicts_with = "link")]
    targets: bool,
    /// Read links of the Go reference.
    #[arg(long)]
    legacy: bool,
    #[command(flatten)]
    keys: KeyChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Action {
    Open,
    #[value(alias = "initial-open")]
    InitialOpen,
    Click,
    /// A link with `data-msys-unsubscribe`.
    Unsubscribe,
    /// The URL of a List-Unsubscribe field.
    #[value(alias = "list-unsubscribe")]
    ListUnsubscribe,
}

impl Action {
    /// The letter for it in a link's JSON.
    fn letter(self) -> &'static str {
        match self {
            Self::Open => "o",
            Self::InitialOpen => "i",
            Self::Click => "c",
            Self::Unsubscribe => "u",
            Self::ListUnsubscribe => "l",
        }
    }

    fn name(letter: &str) -> &'static str {
        match letter {
            "o" => "open",
            "i" => "initial_open",
            "c" => "click",
            "u" => "unsubscribe",
            "l" => "list_unsubscribe",
            "h" => "honeypot",
            _ => "",
        }
    }
}

/// Flags of linktool and acct-etl in the form that Go's tools have, `-tracking_url`, become the
/// ones with two dashes. Other commands' arguments stay as they are.
pub fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let arguments: Vec<OsString> = arguments.collect();
    let has_flags_of_go = |command: &OsString| command == "linktool" || command == "acct-etl";
    if !arguments.get(1).is_some_and(has_flags_of_go) {
        return arguments;
    }
    arguments.iter().map(|argument| two_dashes(argument)).collect()
}

fn two_dashes(argument: &OsStr) -> OsString {
    match argument.to_str().and_then(|text| text.strip_prefix('-')) {
        Some(flag) if flag.len() > 1 && flag.starts_with(|c: char| c.is_ascii_lowercase()) => {
            format!("--{flag}").into()
        }
        _ => argument.into(),
    }
}

/// Runs `mailwake linktool`.
pub fn run(args: &LinkToolArgs) -> Result<()> {
    match &args.command {
        LinkToolCommand::Encode(args) => {
            let link = encode(args)?;
            if let (Some(warning), false) = (args.keys.warning(), args.legacy) {
                io::stderr().write_all(warning.as_bytes())?;
            }
            Ok(writeln!(io::stdout(), "{link}")?)
        }
        LinkToolCommand::Decode(args) => decode(args),
    }
}

fn encode(args: &EncodeArgs) -> Result<String> {
    let target_url = match args.action {
        Action::Click | Action::Unsubscribe | Action::ListUnsubscribe => {
            args.target_link_url.clone()
        }
        Action::Open | Action::InitialOpen => String::new(),
    };
    if args.legacy && matches!(args.action, Action::Unsubscribe | Action::ListUnsubscribe) {
        bail!("--legacy: the Go reference has no links that unsubscribe");
    }
    if args.legacy {
        return Ok(args.tracking_url.link(&legacy::encode(&LegacyLink {
            act: args.action.letter().into(),
            t_url: target_url,
            msg_id: args.message_id.clone(),
            rcpt: args.rcpt_to.clone(),
        })));
    }
    let message_id: MessageId =
        args.message_id.parse().with_context(|| format!("--message-id {:?}", args.message_id))?;
    let link = Link {
        tenant: 0,
        message_id,
        link_index: 0,
        link_name: String::new(),
        is_amp: args.amp,
        expires_after: None,
        context: None,
        engagement: match args.action {
            Action::Open => Engagement::Open,
            Action::InitialOpen => Engagement::InitialOpen,
            Action::Click => Engagement::Click { target_url },
            Action::Unsubscribe => Engagement::Unsubscribe { target_url },
            Action::ListUnsubscribe => Engagement::ListUnsubscribe { target_url },
        },
    };
    let host = args.bind_links_to_host.then(|| args.tracking_url.host());
    let token = Sealer::new(Arc::new(args.keys.load()?)).seal(&link, host)?;
    Ok(args.tracking_url.link(&token))
}

fn decode(args: &DecodeArgs) -> Result<()> {
    let mut reader = LinkReader::new(args)?;
    let mut out = io::stdout().lock();
    let Some(link) = &args.link else {
        return print_targets(&mut reader, &mut out);
    };
    let read = reader.read(link)?;
    writeln!(out, "JSON: {}", read.json)?;
    if !read.name.is_empty() {
        // It comes from mail: what could move the cursor is shown as an escape.
        writeln!(out, "Name: {}", read.name.escape_debug())?;
    }
    if read.is_amp {
        writeln!(out, "Part: text/x-amp-html")?;
    }
    writeln!(out, "{}", read.flags())?;
    Ok(())
}

/// A line for each line of standard input. A line that is no link is an error, after
/// the others were printed.
fn print_targets(reader: &mut LinkReader, out: &mut impl Write) -> Result<()> {
    let mut wrong = Vec::new();
    for (number, line) in io::stdin().lock().split(b'\n').enumerate() {
        let line = line?;
        let text = String::from_utf8_lossy(&line[..line.len().min(LINK_OCTETS_MAX)]);
        match reader.read(&text) {
            // A tab or a line break is no part of a URL (URL standard, basic parser).
            Ok(link) => writeln!(out, "{}", link.says.t_url.replace(['\t', '\r', '\n'], ""))?,
            Err(error) => {
                wrong.push(format!("line {}: {error:#}", number + 1));
                writeln!(out)?;
            }
        }
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(())
}

/// A link that was read.
struct ReadLink {
    tracking_url: TrackingUrl,
    json: String,
    /// What its sender calls the link, for which the Go reference has no word.
    name: String,
    /// Whether it stands in an AMP part.
    is_amp: bool,
    says: LegacyLink,
}

impl ReadLink {
    /// The line that names the flags of `encode`, as the Go reference's tool prints it.
    /// A flag without a value is left out, so that the line can be used as it is.
    fn flags(&self) -> String {
        let Self { tracking_url, says, .. } = self;
        // The reference prints the base without its final slash.
        let base = tracking_url.as_str().trim_end_matches('/');
        let flags = [
            ("tracking_url", base),
            ("rcpt_to", &says.rcpt),
            ("action", Action::name(&says.act)),
            ("target_link_url", &says.t_url),
            ("message_id", &says.msg_id),
        ];
        let given = flags.iter().filter(|(_, value)| !value.is_empty());
        let mut given: Vec<_> = given.map(|(name, value)| format!("-{name} {value}")).collect();
        given.extend(self.is_amp.then(|| "-amp".to_owned()));
        format!("Equivalent to encode {}", given.join(" "))
    }
}

/// Reads links of ours, or of the Go reference.
struct LinkReader {
    opener: Option<Opener>,
}

impl LinkReader {
    fn new(args: &DecodeArgs) -> Result<Self> {
        let opener = match args.legacy {
            true => None,
            false => Some(Opener::new(Arc::new(args.keys.load()?))),
        };
        Ok(Self { opener })
    }

    fn read(&mut self, text: &str) -> Result<ReadLink> {
        let (tracking_url, token) = TrackingUrl::split(text).context("not a URL of a link")?;
        let Some(opener) = &mut self.opener else {
            let (json, says) = legacy::decode(token)?;
            return Ok(ReadLink { tracking_url, json, name: String::new(), is_amp: false, says });
        };
        let link = opener.open(token, tracking_url.host())?;
        let says = told(&link);
        let (json, is_amp) = (legacy::to_json(&says), link.is_amp);
        Ok(ReadLink { tracking_url, json, name: link.link_name, is_amp, says })
    }
}

/// What a link of ours says, in the words of the Go reference. It has no recipient:
/// the message id is that of one copy, and the store knows for whom it was.
fn told(link: &Link) -> LegacyLink {
    let (act, t_url) = match &link.engagement {
        Engagement::Open => ("o", ""),
        Engagement::InitialOpen => ("i", ""),
        Engagement::Click { target_url } => ("c", target_url.as_str()),
        Engagement::Unsubscribe { target_url } => ("u", target_url.as_str()),
        Engagement::ListUnsubscribe { target_url } => ("l", target_url.as_str()),
        Engagement::Honeypot => ("h", ""),
    };
    LegacyLink {
        act: act.into(),
        t_url: t_url.into(),
        msg_id: link.message_id.to_string(),
        rcpt: String::new(),
    }
}
