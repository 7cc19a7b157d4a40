//! A dialog's text: lines in, actions out. The table of lines is in `dialogs`.

use mail::smtp::data::BareNewlines;
use mailwake::{
    gateway::ListenerTls,
    net::network::Network,
    policy::OnError,
    smtp_io::upstream::{ClientTelling, UpstreamProtocol, UpstreamTls},
};
use std::time::Duration;
use tracking::unsubscribe::ListUnsubscribe;

/// A dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Script {
    /// How the gateway is configured.
    pub(super) settings: Settings,
    /// What happens, in order.
    pub(super) steps: Vec<Step>,
    /// The number of the line behind the last one.
    pub(super) end: usize,
}

/// One line, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// The number of the line.
    pub(super) line: usize,
    /// What happens.
    pub(super) action: Action,
}

/// Who stands at the other ends of the gateway's sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Who has mail to send.
    Client,
    /// The MTA behind the gateway.
    Upstream,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// A side sends octets.
    Sends(Side, Vec<u8>),
    /// A side must get this.
    Gets(Side, Expected),
    /// A side must have got nothing so far.
    HearsNothing(Side),
    /// A side closes its connection.
    Closes(Side),
    /// A side goes into TLS: the client begins a handshake, upstream takes part in one.
    StartsTls(Side),
    /// As before, and the handshake must fail.
    FailsTls(Side),
    /// The gateway must have closed its connection to a side.
    SeesEnd(Side),
    /// Upstream must get another connection.
    Accepts,
    /// The client opens another session.
    Connects,
    /// The gateway is told to stop.
    Stops,
    /// The gateway must have stopped.
    HasStopped,
    /// The event log must have this event next.
    Logs(String),
}

/// What a side must get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// A line with CRLF behind it, with placeholders.
    Line(String),
    /// Octets, as they are.
    Octets(Vec<u8>),
}

/// How the gateway of a dialog is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    /// `multi_recipient=one_at_a_time`.
    pub(super) is_one_at_a_time: bool,
    /// `upstream=down`: nobody listens there.
    pub(super) is_upstream_down: bool,
    /// `upstreams=N`: as many as that, all of them the same one.
    pub(super) upstreams: usize,
    /// `upstream_refusals_max=N`: behind so many it is left alone.
    pub(super) upstream_refusals_max: u32,
    /// `event_log=full`: its quota is used up.
    pub(super) is_log_full: bool,
    /// `randomness=none`: the system gives none.
    pub(super) is_without_randomness: bool,
    /// `ip_pool_field=NAME`.
    pub(super) ip_pool_field: Option<String>,
    /// `list_unsubscribe=add` or `proxy`, with a tracking URL of https.
    pub(super) list_unsubscribe: ListUnsubscribe,
    /// `tls=starttls|required|implicit`.
    pub(super) tls: ListenerTls,
    /// `auth_requires_tls=true`.
    pub(super) auth_requires_tls: bool,
    /// `proxy_protocol_from=NETWORK`.
    pub(super) proxy_protocol_from: Vec<Network>,
    /// `proxy_protocol_timeout_ms=N`.
    pub(super) proxy_protocol_timeout: Duration,
    /// `xclient_from=NETWORK`.
    pub(super) xclient_from: Vec<Network>,
    /// `xforward_from=NETWORK`.
    pub(super) xforward_from: Vec<Network>,
    /// `xsetcontext_from=NETWORK`.
    pub(super) xsetcontext_from: Vec<Network>,
    /// `xdumpcontext_from=NETWORK`.
    pub(super) xdumpcontext_from: Vec<Network>,
    /// `xremoteip_from=NETWORK`.
    pub(super) xremoteip_from: Vec<Network>,
    /// `tell_upstream_client=xclient|xforward`.
    pub(super) client_telling: ClientTelling,
    /// `upstream_protocol=lmtp`.
    pub(super) upstream_protocol: UpstreamProtocol,
    /// `upstream_tls=opportunistic|required|implicit`.
    pub(super) upstream_tls: UpstreamTls,
    /// `upstream_certificate=NAME`: one that the gateway does not trust.
    pub(super) upstream_certificate: Option<String>,
    /// `message_octets_max=N`.
    pub(super) message_octets_max: usize,
    /// `recipients_max=N`.
    pub(super) recipients_max: usize,
    /// `errors_max=N`.
    pub(super) errors_max: usize,
    /// `sessions_max=N`.
    pub(super) sessions_max: usize,
    /// `bare_newlines=repair`.
    pub(super) newlines: BareNewlines,
    /// `tarpit_ms=N`: how much longer each refused command waits.
    pub(super) tarpit: Duration,
    /// `memory_octets_max=N`, for which a message waits at once and no longer.
    pub(super) memory_octets_max: usize,
    /// `received_max=N`.
    pub(super) received_max: usize,
    /// `client_timeout_ms=N`.
    pub(super) client_timeout: Duration,
    /// `message_timeout_ms=N`: how long a whole message may take.
    pub(super) message_timeout: Duration,
    /// `reply_timeout_ms=N`: how long upstream may take.
    pub(super) reply_timeout: Duration,
    /// `drain_timeout_ms=N`.
    pub(super) drain_timeout: Duration,
    /// `policy=NAME`: a script of etc/policy or tests/policy; may be repeated.
    pub(super) policy: Vec<String>,
    /// `policy_on_error=defer`.
    pub(super) policy_on_error: OnError,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_one_at_a_time: false,
            is_upstream_down: false,
            upstreams: 1,
            upstream_refusals_max: 100,
            is_log_full: false,
            is_without_randomness: false,
            ip_pool_field: None,
            list_unsubscribe: ListUnsubscribe::Off,
            tls: ListenerTls::Off,
            auth_requires_tls: false,
            proxy_protocol_from: Vec::new(),
            proxy_protocol_timeout: Duration::from_secs(60),
            xclient_from: Vec::new(),
            xforward_from: Vec::new(),
            xsetcontext_from: Vec::new(),
            xdumpcontext_from: Vec::new(),
            xremoteip_from: Vec::new(),
            client_telling: ClientTelling::Nothing,
            upstream_protocol: UpstreamProtocol::Smtp,
            upstream_tls: UpstreamTls::Off,
            upstream_certificate: None,
            message_octets_max: 4 << 20,
            recipients_max: 100,
            errors_max: 20,
            sessions_max: 10,
            newlines: BareNewlines::Refuse,
            tarpit: Duration::ZERO,
            memory_octets_max: 64 << 20,
            received_max: 100,
            client_timeout: Duration::from_secs(60),
            message_timeout: Duration::from_secs(60),
            reply_timeout: Duration::from_secs(60),
            drain_timeout: Duration::from_secs(60),
            policy: Vec::new(),
            policy_on_error: OnError::Continue,
        }
    }
}

/// What is wrong with a script, and in which line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The number of the line.
    pub(super) line: usize,
    /// What would be right.
    pub(super) right: &'static str,
    /// What stands there.
    pub(super) found: String,
}

impl Script {
    /// Reads a dialog.
    pub(super) fn parse(text: &str) -> Result<Self, Mistake> {
        let mut script = Self { settings: Settings::default(), steps: Vec::new(), end: 1 };
        for (number, text) in (1..).zip(text.lines()) {
            script.end = number + 1;
            script.add(number, text).map_err(|right| Mistake {
                line: number,
                right,
                found: text.to_owned(),
            })?;
        }
        Ok(script)
    }

    fn add(&mut self, line: usize, text: &str) -> Result<(), &'static str> {
        if let Some(settings) = text.strip_prefix("# settings:") {
            return settings.split_whitespace().try_for_each(|one| self.settings.set(one));
        }
        if text.starts_with('#') || text.is_empty() {
            return Ok(());
        }
        let action = action(text)?;
        match (self.steps.last_mut().map(|step| &mut step.action), action) {
            // Lines in a row go together.
            (Some(Action::Sends(before, sent)), Action::Sends(side, more)) if *before == side => {
                sent.extend(more);
            }
            (_, action) => self.steps.push(Step { line, action }),
        }
        Ok(())
    }
}

impl Settings {
    fn set(&mut self, setting: &str) -> Result<(), &'static str> {
        let (key, value) = setting.split_once('=').ok_or("KEY=VALUE")?;
        match (key, value) {
            ("multi_recipient", "one_at_a_time") => self.is_one_at_a_time = true,
            ("upstream", "down") => self.is_upstream_down = true,
            ("event_log", "full") => self.is_log_full = true,
            ("randomness", "none") => self.is_without_randomness = true,
            ("ip_pool_field", name) => self.ip_pool_field = Some(name.into()),
            ("list_unsubscribe", what) => {
                self.list_unsubscribe = what.parse().map_err(|_| "off, add or proxy")?;
            }
            ("tls", "starttls") => self.tls = ListenerTls::Starttls,
            ("tls", "required") => self.tls = ListenerTls::Required,
            ("tls", "implicit") => self.tls = ListenerTls::Implicit,
            ("bare_newlines", "repair") => self.newlines = BareNewlines::Repair,
            ("auth_requires_tls", "true") => self.auth_requires_tls = true,
            ("upstream_tls", "opportunistic") => self.upstream_tls = UpstreamTls::Opportunistic,
            ("upstream_tls", "required") => self.upstream_tls = UpstreamTls::Required,
            ("upstream_tls", "implicit") => self.upstream_tls = UpstreamTls::Implicit,
            ("proxy_protocol_from", network) => self.proxy_protocol_from.push(parsed(network)?),
            ("xclient_from", network) => self.xclient_from.push(parsed(network)?),
            ("xforward_from", network) => self.xforward_from.push(parsed(network)?),
            ("xsetcontext_from", network) => self.xsetcontext_from.push(parsed(network)?),
            ("xdumpcontext_from", network) => self.xdumpcontext_from.push(parsed(network)?),
            ("xremoteip_from", network) => self.xremoteip_from.push(parsed(network)?),
            ("tell_upstream_client", "xclient") => self.client_telling = ClientTelling::Xclient,
            ("tell_upstream_client", "xforward") => self.client_telling = ClientTelling::Xforward,
            ("upstream_protocol", "lmtp") => self.upstream_protocol = UpstreamProtocol::Lmtp,
            ("policy", name) => self.policy.push(name.into()),
            ("policy_on_error", "defer") => self.policy_on_error = OnError::Defer,
            ("upstream_certificate", name) => self.upstream_certificate = Some(name.into()),
            (_, value) => {
                let number: u32 = value.parse().map_err(|_| "a number behind the =")?;
                self.set_number(key, number)?;
            }
        }
        Ok(())
    }

    fn set_number(&mut self, key: &str, number: u32) -> Result<(), &'static str> {
        let time = Duration::from_millis(number.into());
        let count = usize::try_from(number).map_err(|_| "a smaller number")?;
        match key {
            "upstreams" => self.upstreams = count,
            "upstream_refusals_max" => self.upstream_refusals_max = number,
            "message_octets_max" => self.message_octets_max = count,
            "recipients_max" => self.recipients_max = count,
            "errors_max" => self.errors_max = count,
            "sessions_max" => self.sessions_max = count,
            "proxy_protocol_timeout_ms" => self.proxy_protocol_timeout = time,
            "tarpit_ms" => self.tarpit = time,
            "memory_octets_max" => self.memory_octets_max = count,
            "received_max" => self.received_max = count,
            "client_timeout_ms" => self.client_timeout = time,
            "message_timeout_ms" => self.message_timeout = time,
            "reply_timeout_ms" => self.reply_timeout = time,
            "drain_timeout_ms" => self.drain_timeout = time,
            _ => return Err("a setting of script::Settings"),
        }
        Ok(())
    }
}

fn parsed(network: &str) -> Result<Network, &'static str> {
    network.parse().map_err(|_| "a network behind the =")
}

fn action(text: &str) -> Result<Action, &'static str> {
    const ROLES: &str = "C, S, U, u, L or M before a colon";
    let (role, rest) = text.split_once(':').ok_or(ROLES)?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Ok(match (role, rest) {
        ("u", "(accepts)") => Action::Accepts,
        ("C", "(connects)") => Action::Connects,
        ("C", "(closes)") => Action::Closes(Side::Client),
        ("u", "(closes)") => Action::Closes(Side::Upstream),
        ("C", "(starts TLS)") => Action::StartsTls(Side::Client),
        ("u", "(starts TLS)") => Action::StartsTls(Side::Upstream),
        ("C", "(fails TLS)") => Action::FailsTls(Side::Client),
        ("u", "(fails TLS)") => Action::FailsTls(Side::Upstream),
        ("S", "(closed)") => Action::SeesEnd(Side::Client),
        ("U", "(closed)") => Action::SeesEnd(Side::Upstream),
        ("S", "(nothing)") => Action::HearsNothing(Side::Client),
        ("U", "(nothing)") => Action::HearsNothing(Side::Upstream),
        ("M", "(stops)") => Action::Stops,
        ("M", "(stopped)") => Action::HasStopped,
        ("C", line) => Action::Sends(Side::Client, sent(line)?),
        ("u", line) => Action::Sends(Side::Upstream, sent(line)?),
        ("S", line) => Action::Gets(Side::Client, expected(line)?),
        ("U", line) => Action::Gets(Side::Upstream, expected(line)?),
        ("L", event) => Action::Logs(event.into()),
        _ => return Err(ROLES),
    })
}

fn sent(line: &str) -> Result<Vec<u8>, &'static str> {
    Ok(quoted(line)?.unwrap_or_else(|| format!("{line}\r\n").into_bytes()))
}

fn expected(line: &str) -> Result<Expected, &'static str> {
    Ok(quoted(line)?.map_or_else(|| Expected::Line(line.into()), Expected::Octets))
}

/// The octets of `'…'` or `'…' * N`; none for a line that is not quoted.
fn quoted(line: &str) -> Result<Option<Vec<u8>>, &'static str> {
    let Some(rest) = line.strip_prefix('\'') else { return Ok(None) };
    let (text, behind) = rest.rsplit_once('\'').ok_or("a quote at the end")?;
    let octets = unescaped(text)?;
    let times = match behind.strip_prefix(" * ") {
        Some(number) => number.parse().map_err(|_| "a number behind the *")?,
        None if behind.is_empty() => 1,
        None => return Err("' * N' or nothing behind the quotes"),
    };
    Ok(Some(octets.repeat(times)))
}

fn unescaped(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Ok(octets),
            [b'\\', b'x', high, low, behind @ ..] => {
                let digit = |octet: u8| char::from(octet).to_digit(16).ok_or("\\xHH");
                let octet = digit(*high)? * 16 + digit(*low)?;
                octets.push(u8::try_from(octet).map_err(|_| "\\xHH")?);
                behind
            }
            [b'\\', escaped, behind @ ..] => {
                octets.push(match escaped {
                    b'r' => b'\r',
                    b'n' => b'\n',
                    b't' => b'\t',
                    b'0' => 0,
                    b'\\' | b'\'' => *escaped,
                    _ => return Err("one of \\r \\n \\t \\0 \\\\ \\' \\xHH"),
                });
                behind
            }
            [octet, behind @ ..] => {
                octets.push(*octet);
                behind
            }
        };
    }
}

#[test]
fn quoted_octets_are_unescaped_and_repeated() {
    assert_eq!(quoted("'a\\r\\n\\x00\\\\'"), Ok(Some(b"a\r\n\0\\".to_vec())));
    assert_eq!(quoted("'ab' * 3"), Ok(Some(b"ababab".to_vec())));
    assert_eq!(quoted("250 'ok'"), Ok(None));
    assert!(quoted("'a").is_err() && quoted("'a' x").is_err() && quoted("'\\q'").is_err());
}

#[test]
fn lines_in_a_row_go_in_one_segment() {
    let script = Script::parse("# why\nC: A\nC: 'b'\nS: 250 ok\n").expect("a script");
    let [Step { line: 2, action: sends }, Step { line: 4, action: gets }] = &script.steps[..]
    else {
        panic!("{:?}", script.steps);
    };
    assert_eq!(sends, &Action::Sends(Side::Client, b"A\r\nb".to_vec()));
    assert_eq!(gets, &Action::Gets(Side::Client, Expected::Line("250 ok".into())));
}
