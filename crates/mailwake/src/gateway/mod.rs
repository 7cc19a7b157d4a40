//! The gateway: an SMTP proxy in front of an upstream. Mail of a client comes in,
//! one tracked copy for each recipient goes upstream, and the event log learns of it.
//! The client sees upstream's replies; there is no queue here, so a message is
//! accepted when upstream has accepted it, and not before.

pub mod accepted;
mod budget;
mod client;
mod counters;
mod gate;
mod in_hand;
mod notification;
mod outcome;
pub mod safety;
pub mod scopes;
mod sealers;
mod session;
pub mod stamp;
mod tags;
mod tally;
mod transmission;

pub use counters::{Counters, Fate, ListenerCounters, RefusalReason};
pub use tags::{Ask, SYSTEM_TAGS_MAX, Tags};

use crate::{
    event_log::writer::Writer,
    net::{
        network::Network,
        tls::server::{CertificateFiles, ServerTls},
    },
    policy::Policy,
    smtp_io::upstreams::{Upstreams, UpstreamsConfig},
};
use accepted::AcceptedMemory;
use arc_swap::ArcSwap;
use budget::Budget;
use gate::{Gate, Place};
use mail::smtp::{reply::Reply, session::Limits};
use safety::{Memory, Safety};
use scopes::{Scopes, UnknownPathways};
use sealers::Sealers;
use stamp::{Randomness, system_randomness};
use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, info, warn};
use tracking::token::key::KeyRing;

/// How long the gateway waits when the system does not let it accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// How a listener of the gateway works. It is read once, when the gateway starts.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The listener's name, for operators.
    pub name: String,
    /// How clients are talked to.
    pub listener: ListenerConfig,
    /// The MTAs behind the gateway.
    pub upstreams: UpstreamsConfig,
    /// The name under which the gateway reports failures: a domain.
    pub host_name: String,
    /// What becomes of a message with several recipients.
    pub multi_recipient: MultiRecipient,
    /// What a session may do.
    pub limits: Limits,
    /// Most sessions of this listener at a time; more are told 421.
    pub sessions_max: usize,
    /// What it does against clients that do harm.
    pub safety: Safety,
    /// How long sessions in the middle of a message have when the gateway stops.
    pub drain_timeout: Duration,
}

/// How clients of one socket are talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConfig {
    /// Whether they are talked to in TLS.
    pub tls: ListenerTls,
    /// The certificate that TLS needs.
    pub certificate: Option<CertificateFiles>,
    /// AUTH is taken in TLS alone.
    pub auth_requires_tls: bool,
    /// Load balancers: their connections begin with a header that tells whose they are.
    pub proxy_protocol_from: Vec<Network>,
    /// How long that header may take to come.
    pub proxy_protocol_timeout: Duration,
    /// Peers that may speak for clients, by XCLIENT.
    pub xclient_from: Vec<Network>,
    /// Peers that may tell from whom a message came, by XFORWARD.
    pub xforward_from: Vec<Network>,
    /// Peers that may set the variables of a connection, by XSETCONTEXT.
    pub xsetcontext_from: Vec<Network>,
    /// Peers that may read the variables, by XDUMPCONTEXT.
    pub xdumpcontext_from: Vec<Network>,
    /// Peers that may tell the client's address, by XREMOTEIP.
    pub xremoteip_from: Vec<Network>,
    /// How long a client may be silent, for a command and within a message
    /// (RFC 5321 §4.5.3.2 wants five minutes and three).
    pub client_timeout: Duration,
    /// How long a message may take to arrive, from DATA or its first chunk to its end.
    pub message_timeout: Duration,
}

/// Whether clients are talked to in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerTls {
    /// In the clear.
    Off,
    /// As they like: STARTTLS is offered.
    Starttls,
    /// STARTTLS is offered, and there is no mail without it.
    Required,
    /// From the first octet on (RFC 8314 §3).
    Implicit,
}

impl ListenerTls {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "none",
            Self::Starttls => "starttls",
            Self::Required => "required",
            Self::Implicit => "implicit",
        }
    }
}

/// What becomes of a message with several recipients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MultiRecipient {
    /// One transaction with upstream for each recipient, and one reply that says
    /// what came of them.
    Split,
    /// 452 to the second RCPT: the client sends one message for each recipient.
    OneAtATime,
}

/// What can change while the gateway runs.
#[derive(Debug)]
pub struct Live {
    /// How messages are tracked, by where they come in.
    pub scopes: Scopes,
    /// The keys that seal links.
    pub keys: Arc<KeyRing>,
    /// Whose sessions are written to the log, line by line.
    pub transcript_for: Option<Network>,
}

/// What a listener is given besides its configuration.
pub struct Ends {
    /// Where its events go.
    pub writer: Writer,
    /// Settings and keys, replaced when they are reloaded.
    pub live: Arc<ArcSwap<Live>>,
    /// What scripts say of sessions and messages.
    pub policy: Arc<Policy>,
    /// What it shares with the other listeners.
    pub shared: Arc<Shared>,
    /// The certificate for clients; a listener with TLS needs one.
    pub certificate: Option<Arc<ServerTls>>,
    /// Where mail goes.
    pub upstreams: Upstreams,
}

/// What all listeners share.
#[derive(Debug)]
pub struct Shared {
    /// Who has accepted a copy of a message that its sender will send again.
    pub accepted: AcceptedMemory,
    /// A place for each session there may be, whatever its listener.
    pub places: Arc<Semaphore>,
    /// The tags of the system.
    pub tags: Tags,
    /// What ids are made of.
    randomness: Randomness,
    /// The memory for messages in hand.
    budget: Budget,
    /// Cancelled when sessions under way are to be cut off.
    pub halt: CancellationToken,
}

impl Shared {
    /// With places for so many sessions, so much memory for their messages, and these tags.
    pub fn new(
        accepted: AcceptedMemory,
        sessions_max: usize,
        memory: Memory,
        halt: CancellationToken,
        tags: Tags,
    ) -> Arc<Self> {
        Self::with(accepted, sessions_max, memory, halt, tags, system_randomness)
    }

    /// The same, with this randomness.
    pub fn with(
        accepted: AcceptedMemory,
        sessions_max: usize,
        memory: Memory,
        halt: CancellationToken,
        tags: Tags,
        randomness: Randomness,
    ) -> Arc<Self> {
        let places = Arc::new(Semaphore::new(sessions_max.min(Semaphore::MAX_PERMITS)));
        let budget = Budget::new(memory);
        Arc::new(Self { accepted, places, tags, randomness, budget, halt })
    }
}

/// What all sessions of a listener share.
struct Gateway {
    config: GatewayConfig,
    ends: Ends,
    counters: Arc<Counters>,
    /// Those of this listener alone.
    own: Arc<ListenerCounters>,
    sealers: Sealers,
    unknown_pathways: UnknownPathways,
    /// The event log did not take the last message.
    is_log_refusing: AtomicBool,
    shutdown: CancellationToken,
}

/// A socket that takes connections.
#[derive(Debug)]
pub struct Socket {
    /// Its address as it is configured, by which its scope is found.
    pub listen: SocketAddr,
    /// The socket itself.
    pub listener: TcpListener,
}

/// Serves the clients of a listener, at all of its sockets, until `shutdown`; then lets
/// messages under way come to their end.
pub async fn run(
    config: GatewayConfig,
    sockets: Vec<Socket>,
    ends: Ends,
    counters: Arc<Counters>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let name = &config.name;
    let upstream = config.upstreams.addresses();
    for socket in &sockets {
        let address = socket.listener.local_addr()?;
        info!(listener = name, listen = %address, upstream, "gateway is ready");
    }
    let own = counters.listener(name);
    let gate = Gate::new(config.sessions_max, safety(&config));
    let drain_timeout = config.drain_timeout;
    let halt = ends.shared.halt.child_token();
    let gateway = Arc::new(Gateway {
        config,
        ends,
        counters,
        own,
        sealers: Sealers::default(),
        unknown_pathways: UnknownPathways::default(),
        is_log_refusing: AtomicBool::new(false),
        shutdown,
    });
    let sessions = TaskTracker::new();
    let doors = sockets.into_iter().map(|socket| {
        let door = Door {
            gateway: gateway.clone(),
            gate: gate.clone(),
            sessions: sessions.clone(),
            halt: halt.clone(),
        };
        door.take(socket)
    });
    let mut doors: JoinSet<()> = doors.collect();
    // A client that comes now is refused, and tries another host, instead of waiting in
    // the queue of a socket that nobody serves.
    while let Some(ended) = doors.join_next().await {
        ended.map_err(io::Error::other)?;
    }
    sessions.close();
    if timeout(drain_timeout, sessions.wait()).await.is_err() {
        warn!(sessions = sessions.len(), "sessions did not end in time and are cut off");
        halt.cancel();
        sessions.wait().await;
    }
    Ok(())
}

/// Lets clients in at one socket.
struct Door {
    gateway: Arc<Gateway>,
    gate: Arc<Gate>,
    sessions: TaskTracker,
    /// Cancelled when sessions are to be cut off.
    halt: CancellationToken,
}

impl Door {
    /// Takes connections until the gateway stops, and then closes the socket.
    async fn take(self, socket: Socket) {
        let gateway = &self.gateway;
        loop {
            let stream = tokio::select! {
                () = gateway.shutdown.cancelled() => break,
                accepted = socket.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // Out of file descriptors, as a rule: sessions that end free some.
                        warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            match self.gate.enter(&gateway.ends.shared.places) {
                Ok(place) => self.begin(stream, socket.listen, place),
                Err(reason) => turn_away(gateway, &stream, reason),
            }
        }
    }

    /// Begins the session of a client that has a place.
    fn begin(&self, stream: TcpStream, listen: SocketAddr, mut place: Place) {
        self.gateway.own.sessions.increment();
        let (gateway, halt) = (self.gateway.clone(), self.halt.clone());
        self.sessions.spawn(async move {
            let _open = gateway.own.sessions_open.enter();
            tokio::select! {
                () = halt.cancelled() => {}
                ended = session::run(&gateway, stream, listen, &mut place) => {
                    if let Err(error) = ended {
                        debug!(%error, "a session broke off");
                    }
                }
            }
            drop(place);
        });
    }
}

/// What is done against clients that do harm. Peers who speak for others are counted as
/// these, or not at all.
fn safety(config: &GatewayConfig) -> Safety {
    let mut safety = config.safety.clone();
    let listener = &config.listener;
    let peers = [&listener.xclient_from, &listener.xforward_from, &listener.xremoteip_from];
    safety.exempt.extend(peers.into_iter().flatten().copied());
    safety
}

/// Tells a client that there is no place, as far as its socket takes it at once.
fn turn_away(gateway: &Gateway, stream: &TcpStream, reason: RefusalReason) {
    gateway.counters.refusals.of(reason).increment();
    let reply = match reason {
        RefusalReason::TooManySessionsOfAddress => {
            Reply::new(421, "4.7.0", "too many sessions from your address, come again later")
        }
        _ => Reply::new(421, "4.3.2", "too many sessions, come again later"),
    };
    drop(stream.try_write(reply.octets()));
}
