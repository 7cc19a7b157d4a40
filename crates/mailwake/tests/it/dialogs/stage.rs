//! Where a dialog takes place: the gateway with its event log, and the sockets of a client
//! and an upstream on both sides of it.

use super::{
    mask::{SECURE_TRACKING_URL, TRACKING_URL},
    peer::Peer,
    script::Settings,
};
use crate::support::{PATIENCE, certificate::Certificate, free_port, wait_for};
use arc_swap::ArcSwap;
use mail::smtp::session::Limits;
use mailwake::{
    event_log::{
        EventLog, LogConfig, Position,
        reader::Entry,
        writer::{AppendError, Writer},
    },
    gateway::{
        self, Ends, GatewayConfig, ListenerConfig, Live, MultiRecipient, Shared, Socket, Tags,
        accepted::AcceptedMemory,
        safety::{Memory, Safety, Tarpit},
        scopes::Scopes,
        stamp::{NoRandomness, system_randomness},
    },
    net::tls::{
        client::Verification,
        server::{CertificateFiles, ClientCertificates, ServerTls},
    },
    policy::{Policy, PolicyConfig},
    smtp_io::{
        circuit::CircuitConfig,
        upstream::{Patience, UpstreamConfig},
        upstreams::{Choice, Upstreams, UpstreamsConfig},
    },
};
use std::{
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracking::{
    account::Account,
    copy,
    event::{Client, Event, Occurrence, RcptType, Reception, UpstreamReply},
    ids::{EventId, MessageId, Timestamp},
    link::TrackingUrl,
    token::key::KeyRing,
    unsubscribe::ListUnsubscribe,
};

const SEGMENT_BYTES: u64 = 256 << 10;

/// A running gateway.
pub(super) struct Stage<'r> {
    runtime: &'r Runtime,
    upstream: TcpListener,
    address: SocketAddr,
    shutdown: CancellationToken,
    running: Option<JoinHandle<io::Result<()>>>,
    log: EventLog,
    /// Where the events of the dialog begin in the log.
    start: Position,
    certificate: Certificate,
    upstream_certificate: Certificate,
    _directory: TempDir,
}

impl<'r> Stage<'r> {
    /// Starts the gateway on a free port.
    pub(super) fn set(runtime: &'r Runtime, settings: &Settings) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let config = LogConfig {
            segment_bytes: SEGMENT_BYTES,
            disk_quota_bytes: 2 * SEGMENT_BYTES,
            ..LogConfig::new(directory.path().join("log"))
        };
        let (log, _) = EventLog::open(&config).expect("an event log");
        let start = match settings.is_log_full {
            true => runtime.block_on(fill(&log.writer())),
            false => Position::START,
        };
        let upstream = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        upstream.set_nonblocking(true).expect("a listener that does not block");
        let upstream_address = match settings.is_upstream_down {
            true => SocketAddr::from((Ipv4Addr::LOCALHOST, free_port())),
            false => upstream.local_addr().expect("an address"),
        };
        let certificate = Certificate::write(directory.path(), "mx.example");
        let config = gateway_config(settings, upstream_address.to_string(), &certificate);
        let upstreams = Upstreams::load(&config.upstreams, &mut Vec::new()).expect("authorities");
        let files = config.listener.certificate.clone();
        let accepted = directory.path().join("accepted");
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(listener).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let ends = Ends {
            writer: log.writer(),
            live: Arc::new(ArcSwap::from_pointee(live(settings, address))),
            policy: Arc::new(policy(settings)),
            shared: Shared::with(
                AcceptedMemory::open(&accepted, now()).expect("a file"),
                settings.sessions_max,
                Memory { octets_max: settings.memory_octets_max, wait: Duration::ZERO },
                CancellationToken::new(),
                Tags::default(),
                if settings.is_without_randomness { no_randomness } else { system_randomness },
            ),
            certificate: files.map(|files| Arc::new(ServerTls::load(files).expect("certificate"))),
            upstreams,
        };
        let shutdown = CancellationToken::new();
        let sockets = vec![Socket { listen: address, listener }];
        let running = gateway::run(config, sockets, ends, Arc::default(), shutdown.clone());
        let running = Some(runtime.spawn(running));
        let name = settings.upstream_certificate.as_deref().unwrap_or("mx.example");
        let upstream_certificate = match name {
            "mx.example" => certificate.clone(),
            other => Certificate::write(directory.path(), other),
        };
        Self {
            runtime,
            upstream,
            address,
            shutdown,
            running,
            log,
            start,
            certificate,
            upstream_certificate,
            _directory: directory,
        }
    }

    /// A client's connection to the gateway.
    pub(super) fn connect(&self, deadline: Duration) -> Peer {
        Peer::new(TcpStream::connect(self.address).expect("the gateway listens"), deadline)
    }

    /// The gateway's next connection to upstream.
    pub(super) fn accept(&self, deadline: Duration) -> Peer {
        let stream = wait_for("the gateway to connect to upstream", PATIENCE, || {
            match self.upstream.accept() {
                Ok((stream, _)) => Some(stream),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
                Err(error) => panic!("accept a connection: {error}"),
            }
        });
        stream.set_nonblocking(false).expect("a socket that blocks");
        Peer::new(stream, deadline)
    }

    /// The certificate of the gateway.
    pub(super) fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate of upstream, which the gateway trusts when it is its own.
    pub(super) fn upstream_certificate(&self) -> &Certificate {
        &self.upstream_certificate
    }

    /// Tells the gateway to stop.
    pub(super) fn stop(&self) {
        self.shutdown.cancel();
    }

    /// Waits for the gateway's end; an error when it does not come in time.
    pub(super) fn wait_until_stopped(&mut self, deadline: Duration) -> Result<(), String> {
        let Some(running) = self.running.take() else { return Ok(()) };
        let ended = self.runtime.block_on(async { tokio::time::timeout(deadline, running).await });
        match ended {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(ended) => Err(format!("{ended:?}")),
            Err(_elapsed) => Err("a gateway that goes on".into()),
        }
    }

    /// All events of the dialog so far, as `L:` lines write them.
    pub(super) fn events(&self) -> Vec<String> {
        let mut reader = self.log.reader(self.start);
        let mut events = Vec::new();
        while let Some(entry) = reader.read().expect("read the event log") {
            events.push(match entry {
                Entry::Event { event, .. } => event_line(&event),
                Entry::Damage(damage) => format!("{damage:?}"),
            });
        }
        events
    }
}

fn event_line(event: &Event) -> String {
    let head = format!("{} {}", event.occurrence.type_name(), event.message_id);
    match &event.occurrence {
        Occurrence::Reception(reception) => {
            let Account { customer_id, subaccount_id } = &reception.account;
            let known = [&reception.rcpt_to, customer_id, subaccount_id];
            let known = known.into_iter().filter(|value| !value.is_empty());
            let line = known.fold(head, |line, value| format!("{line} {value}"));
            format!("{line}{}{}", client(&reception.client), asked(reception))
        }
        Occurrence::Injection(reply)
        | Occurrence::Bounce(reply)
        | Occurrence::Delay(reply)
        | Occurrence::PolicyRejection(reply) => {
            format!("{head} {} {}", reply.error_code, reply.raw_reason)
        }
        _ => head,
    }
}

/// What the sender has asked for.
fn asked(reception: &Reception) -> String {
    let mut words = Vec::new();
    if reception.rcpt_type != RcptType::To {
        words.push(format!("as {}", reception.rcpt_type.name()));
    }
    words.extend(reception.links_of.map(|id| format!("with the links of {id}")));
    let campaign = Some(&reception.campaign_id).filter(|id| !id.is_empty());
    words.extend(campaign.map(|id| format!("in {id}")));
    if !reception.rcpt_meta.is_empty() {
        words.push(serde_json::to_string(&reception.rcpt_meta).expect("JSON"));
    }
    words.extend(reception.rcpt_tags.iter().map(|tag| format!("#{tag}")));
    words.iter().map(|word| format!(" {word}")).collect()
}

/// A client that a trusted peer tells of.
fn client(client: &Client) -> String {
    let Client { client_address, client_port, client_name, client_helo, client_protocol } = client;
    if client_address.is_some_and(|address| address.is_loopback()) {
        return String::new();
    }
    let address = client_address.map(|address| address.to_string()).unwrap_or_default();
    let port = client_port.map(|port| port.to_string()).unwrap_or_default();
    let known = [&address, &port, client_name, client_helo, client_protocol];
    let known = known.into_iter().filter(|value| !value.is_empty());
    known.fold(" from".into(), |line, value| format!("{line} {value}"))
}

fn gateway_config(
    settings: &Settings,
    upstream: String,
    certificate: &Certificate,
) -> GatewayConfig {
    GatewayConfig {
        name: "default".into(),
        listener: ListenerConfig {
            tls: settings.tls,
            certificate: Some(CertificateFiles {
                certificate: certificate.file.clone(),
                key: certificate.key_file.clone(),
                clients: ClientCertificates::NotAsked,
            }),
            auth_requires_tls: settings.auth_requires_tls,
            proxy_protocol_from: settings.proxy_protocol_from.clone(),
            xclient_from: settings.xclient_from.clone(),
            xforward_from: settings.xforward_from.clone(),
            xsetcontext_from: settings.xsetcontext_from.clone(),
            xdumpcontext_from: settings.xdumpcontext_from.clone(),
            xremoteip_from: settings.xremoteip_from.clone(),
            proxy_protocol_timeout: settings.proxy_protocol_timeout,
            client_timeout: settings.client_timeout,
            message_timeout: settings.message_timeout,
        },
        upstreams: upstreams_config(settings, upstream, certificate),
        host_name: "mx.example".into(),
        multi_recipient: match settings.is_one_at_a_time {
            true => MultiRecipient::OneAtATime,
            false => MultiRecipient::Split,
        },
        limits: Limits {
            message_octets_max: settings.message_octets_max,
            recipients_max: settings.recipients_max,
            errors_max: settings.errors_max,
        },
        sessions_max: settings.sessions_max,
        safety: Safety {
            sessions_per_address_max: settings.sessions_max,
            exempt: Vec::new(),
            tarpit: Tarpit { step: settings.tarpit, most: settings.tarpit },
            newlines: settings.newlines,
            received_max: settings.received_max,
        },
        drain_timeout: settings.drain_timeout,
    }
}

/// The same upstream as often as it is to be tried.
fn upstreams_config(
    settings: &Settings,
    address: String,
    certificate: &Certificate,
) -> UpstreamsConfig {
    let limit = settings.reply_timeout;
    let member = UpstreamConfig {
        address,
        protocol: settings.upstream_protocol,
        tls: settings.upstream_tls,
        tls_name: Some("mx.example".into()),
        verification: Verification::Authorities(certificate.file.clone()),
        client_telling: settings.client_telling,
        patience: Patience { connect: limit, greeting: limit, reply: limit, final_reply: limit },
    };
    UpstreamsConfig {
        members: vec![member; settings.upstreams],
        choice: Choice::Priority,
        circuit: CircuitConfig {
            refusals_max: settings.upstream_refusals_max,
            ..CircuitConfig::default()
        },
    }
}

fn no_randomness(_octets: &mut [u8]) -> Result<(), NoRandomness> {
    Err(NoRandomness)
}

fn live(settings: &Settings, listen: SocketAddr) -> Live {
    let base = match settings.list_unsubscribe {
        ListUnsubscribe::Off => TRACKING_URL,
        ListUnsubscribe::Add | ListUnsubscribe::Proxy => SECURE_TRACKING_URL,
    };
    let tracking_url: TrackingUrl = base.parse().expect("a tracking URL");
    let keys = KeyRing::generate([7; 32], "2026-11-21");
    let mut tracked = copy::Settings::new(tracking_url);
    tracked.hand_on.ip_pool.clone_from(&settings.ip_pool_field);
    tracked.decision.list_unsubscribe = settings.list_unsubscribe;
    let scopes = Scopes::alone(listen, tracked);
    Live { scopes, keys: Arc::new(keys), transcript_for: None }
}

/// The scripts of the examples, or of the tests.
fn policy(settings: &Settings) -> Policy {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = |name: &String| {
        let folders = ["../../etc/policy", "tests/policy"].map(|folder| root.join(folder));
        let files = folders.map(|folder| folder.join(format!("{name}.lua")));
        files.into_iter().find(|file| file.exists()).unwrap_or_else(|| panic!("{name}.lua"))
    };
    let config = PolicyConfig {
        scripts: settings.policy.iter().map(path).collect(),
        on_error: settings.policy_on_error,
        instructions_max: 100_000,
        memory_octets_max: 8 << 20,
        ..PolicyConfig::default()
    };
    Policy::load(config, Arc::default()).expect("scripts that load")
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Appends until the log takes nothing more, not even a small event, and gives its end.
async fn fill(writer: &Writer) -> Position {
    let mut end = Position::START;
    for octets in [64 << 10, 1] {
        loop {
            match writer.append(&[filler(octets)]).await {
                Ok(position) => end = position,
                Err(AppendError::QuotaExceeded { .. }) => break,
                Err(error) => panic!("fill the event log: {error}"),
            }
        }
    }
    end
}

fn filler(octets: usize) -> Event {
    let reply = UpstreamReply {
        error_code: 250,
        raw_reason: "x".repeat(octets),
        ..UpstreamReply::default()
    };
    Event {
        event_id: EventId::new(now(), [0; 10]),
        timestamp: now(),
        message_id: MessageId::new(now(), [0; 5]),
        occurrence: Occurrence::Injection(reply),
        is_from_elsewhere: false,
    }
}
