//! The long-running process: binds, starts every part, reloads, and stops the parts in
//! order: producers first, then the log, then its consumers, who read it to its end.

mod delivery;
mod feeders;
mod gateway;
mod redis;
mod sockets;
mod tags;
mod tracker;
mod unsubscribe;
mod vitals;

use crate::{
    admin,
    config::{Admin, Config, Gateway, Tracker},
    event_log::{EventLog, cursor::Cursor, monitor::Monitor, reader::Reader},
    feeders::store as store_feeder,
    net,
    net::tls::domains::DomainsTls,
    policy::Policy,
    stores::sqlite::Store,
    telemetry,
    tracker::{Visitors, acme, run as run_tracker},
};
use admin::AdminConfig;
use anyhow::{Context, Result, anyhow, bail};
use arc_swap::ArcSwap;
use gateway::{Listeners, Reloads, Supplies};
use rustix::fs::Mode;
use sockets::{Sockets, listen_alone};
use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};
use tracking::token::key::KeyRing;
use vitals::Vitals;

/// Which parts a process runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// The SMTP proxy.
    pub gateway: bool,
    /// The HTTP server of pixels and redirects.
    pub tracker: bool,
    /// Those who read records of MTAs.
    pub delivery: bool,
    /// The read model.
    pub store: bool,
}

impl Roles {
    /// All parts in one process.
    pub const ALL: Self = Self { gateway: true, tracker: true, delivery: true, store: true };

    fn produces(self) -> bool {
        self.gateway || self.tracker || self.delivery
    }
}

/// Runs until SIGTERM or SIGINT, the second of which cuts off what is under way; SIGHUP reads the configuration and the keys again.
/// `admin_listen` goes before the configuration's address of the operators' view.
pub fn run(path: &Path, roles: Roles, admin_listen: Option<SocketAddr>) -> Result<()> {
    let mut config = Config::load(path)?;
    if let Some(listen) = admin_listen {
        let limits = config.admin.map_or_else(AdminConfig::default, |admin| admin.config);
        config.admin = Some(Admin { listen, config: limits });
    }
    telemetry::start(config.telemetry);
    // Logs and stores hold addresses: what mailwake writes, nobody else reads.
    rustix::process::umask(Mode::from_raw_mode(0o077));
    let keys = config.keys.load()?;
    match net::raise_open_files_limit() {
        Ok(_) => {}
        Err(error) => warn!(%error, "the limit of open files could not be raised"),
    }
    let server = Server::start(&config, keys, roles)?;
    let ended = server.runtime.block_on(until_told(&server, path));
    server.log_counters();
    server.stop()?;
    ended
}

/// Waits for a signal to stop, or for a part that has ended by itself.
async fn until_told(server: &Server, path: &Path) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut user = signal(SignalKind::user_defined1())?;
    server.vitals.started.cancel();
    info!("mailwake is ready");
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hangup.recv() => server.reload(path),
            _ = user.recv() => server.log_counters(),
            // `stop` gives the reason.
            () = server.producers.cancelled() => return Ok(()),
            () = server.consumers.cancelled() => return Ok(()),
        }
    }
    info!("mailwake stops: no new sessions, those under way are finished");
    let halt = server.halt.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        warn!("mailwake was told again to stop: what is under way is cut off");
        halt.cancel();
    });
    Ok(())
}

/// The running parts.
pub struct Server {
    runtime: Runtime,
    reloads: Reloads,
    keys: Arc<ArcSwap<KeyRing>>,
    /// What the tracker knows of visitors, to be replaced.
    visitors: Option<Arc<Visitors>>,
    log: Option<EventLog>,
    gateway: Option<(SocketAddr, JoinHandle<Result<()>>)>,
    /// The tracker's.
    certificates: Option<Arc<DomainsTls>>,
    tracker: Option<(SocketAddr, JoinHandle<Result<()>>)>,
    delivery: Vec<JoinHandle<Result<()>>>,
    store: Option<JoinHandle<Result<()>>>,
    /// Also begun and ended by a reload.
    feeders: Mutex<BTreeMap<String, feeders::Running>>,
    /// Also begun by a reload.
    forwarder: Mutex<Option<JoinHandle<Result<()>>>>,
    admin: Option<(SocketAddr, CancellationToken, JoinHandle<Result<()>>)>,
    vitals: Arc<Vitals>,
    producers: CancellationToken,
    consumers: CancellationToken,
    /// Cancelled when what is under way is to be cut off.
    halt: CancellationToken,
}

impl Server {
    /// Binds and starts the parts. Nothing runs when this fails.
    pub fn start(config: &Config, keys: KeyRing, roles: Roles) -> Result<Self> {
        check_roles(config, roles)?;
        let gateway = roles.gateway && config.gateway.is_some();
        let tracker = roles.tracker && config.tracker.is_some();
        // Whoever writes the log takes what is in the spool.
        let delivery = roles.delivery && (gateway || tracker || config.has_sources());
        let parts = Roles { gateway, tracker, delivery, store: roles.store };
        let sockets = Sockets::bind(config, parts)?;
        let log_directory = &config.event_log.directory;
        fs::create_dir_all(log_directory)
            .with_context(|| format!("make {}", log_directory.display()))?;
        let runtime = Builder::new_multi_thread().enable_all().build().context("start runtime")?;
        let vitals = Vitals::new(parts);
        let mut server = Self {
            runtime,
            reloads: Reloads::default(),
            keys: Arc::new(ArcSwap::from_pointee(keys)),
            visitors: config.tracker.as_ref().map(|tracker| tracker.config.visitors.clone()),
            log: None,
            gateway: None,
            certificates: None,
            tracker: None,
            delivery: Vec::new(),
            store: None,
            feeders: Mutex::default(),
            forwarder: Mutex::default(),
            admin: None,
            producers: vitals.producers.clone(),
            consumers: vitals.consumers.clone(),
            halt: CancellationToken::new(),
            vitals,
        };
        match server.start_parts(config, sockets) {
            Ok(()) => Ok(server),
            Err(error) => {
                // What has started is ended in order; the reason for it is the first error.
                server.stop().ok();
                Err(error)
            }
        }
    }

    fn start_parts(&mut self, config: &Config, sockets: Sockets) -> Result<()> {
        // First, so that whoever waits for the others can see it: a long event log takes
        // its time to be read.
        if let Some((admin, socket)) = config.admin.zip(sockets.admin) {
            self.start_admin(admin, socket)?;
        }
        let roles = self.vitals.parts;
        if roles.produces() {
            let (log, _logged) = EventLog::open(&config.event_log)?;
            self.log = Some(log);
        }
        let monitor = match &self.log {
            Some(log) => log.monitor(),
            None => Monitor::of_directory(&config.event_log.directory),
        };
        self.vitals.log.set(monitor).expect("it is set only here");
        if roles.store {
            match self.start_store(config) {
                // Mail and clicks do not wait for a store that is broken: the event log
                // keeps what it has missed, up to its quota.
                Err(error) if roles.produces() => {
                    error!("store is not running, events stay in the event log: {error:#}");
                    let trouble = format!("store is not running: {error:#}");
                    self.vitals.store.trouble.set(Some(trouble));
                }
                started => started?,
            }
            match self.start_forwarder(config) {
                Err(error) if roles.produces() => self.tell_no_forwarder(&error),
                started => started?,
            }
            self.start_feeders(config);
        }
        if let (true, Some(tracker)) = (roles.tracker, &config.tracker) {
            self.start_tracker(tracker, sockets.tracker)?;
        }
        if let (true, Some(gateway)) = (roles.gateway, &config.gateway) {
            self.start_gateway(config, gateway, sockets.gateway)?;
        }
        if roles.delivery {
            self.start_delivery(config, sockets.records)?;
            self.start_redis_sources(config)?;
        }
        Ok(())
    }

    /// Where the gateway's first listener listens.
    pub fn gateway_address(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(|(address, _)| *address)
    }

    /// Where the tracker's first listener listens.
    pub fn tracker_address(&self) -> Option<SocketAddr> {
        self.tracker.as_ref().map(|(address, _)| *address)
    }

    /// The runtime of the gateway, for whoever has to wait for something.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Reads configuration and keys again. With a mistake in them, what runs goes on as
    /// it is. Engagement settings, keys and certificates change at once; the rest needs a
    /// restart.
    fn reload(&self, path: &Path) {
        let loaded = Config::load(path)
            .map_err(anyhow::Error::from)
            .and_then(|config| Ok((config.keys.load()?, config)));
        let (keys, config) = match loaded {
            Ok((keys, config)) => (Arc::new(keys), config),
            Err(error) => {
                error!("configuration was not reloaded, the old one stays: {error:#}");
                return;
            }
        };
        let old = self.keys.swap(keys.clone());
        for key in old.keys().iter().filter(|key| !keys.has_same(key)) {
            warn!(
                key = key.id(),
                "the key ring lost this key: links it has sealed are unknown now"
            );
        }
        // First: mail that leads over the tracker goes out from the next step on.
        if let (true, Err(error)) = (self.vitals.parts.store, self.start_forwarder(&config)) {
            self.tell_no_forwarder(&error);
        }
        if self.vitals.parts.store {
            self.start_feeders(&config);
        }
        self.reloads.replace(&config, &keys);
        if let (Some(visitors), Some(tracker)) = (&self.visitors, &config.tracker) {
            visitors.replace_tables(&tracker.config.visitors);
        }
        if let Some(certificates) = &self.certificates {
            certificates.reload();
        }
        info!(
            "engagement settings, keys, certificates, policy, feeders, what is known of visitors and \
             whose transcript is written were reloaded; other changes need a restart"
        );
    }

    /// Writes what the parts have counted to the log (`docs/events.md`).
    fn log_counters(&self) {
        let line = |counters: &[(&str, u64)]| {
            let counted = counters.iter().map(|(name, number)| format!("{name}={number}"));
            counted.collect::<Vec<_>>().join(" ")
        };
        if self.gateway.is_some() {
            info!("gateway has counted {}", line(&self.vitals.gateway.all()));
        }
        if self.tracker.is_some() {
            info!("tracker has counted {}", line(&self.vitals.tracker.all()));
        }
    }

    /// Stops the parts in order. The error is the first that a part ended with.
    pub fn stop(mut self) -> Result<()> {
        self.producers.cancel();
        let mut first = Ok(());
        for (name, part) in [("gateway", &mut self.gateway), ("tracker", &mut self.tracker)] {
            if let Some((_, thread)) = part.take() {
                first = first.and(join(name, thread));
                info!("{name} has stopped");
            }
        }
        for thread in self.delivery.drain(..) {
            first = first.and(join("delivery", thread));
        }
        if let Some(log) = self.log.take() {
            log.close();
        }
        self.consumers.cancel();
        if let Some(thread) = self.store.take() {
            first = first.and(join("store", thread));
        }
        let forwarder = self.forwarder.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = forwarder.take() {
            first = first.and(join("unsubscribe", thread));
        }
        first = first.and(self.stop_feeders());
        // Last, so that it tells to the end that mailwake stops.
        if let Some((_, shutdown, thread)) = self.admin.take() {
            shutdown.cancel();
            first = first.and(join("admin", thread));
        }
        info!("mailwake has stopped");
        first
    }

    fn start_store(&mut self, config: &Config) -> Result<()> {
        let directory = &config.event_log.directory;
        let cursor = Cursor::open(directory, store_feeder::CURSOR)?;
        let reader = match &self.log {
            Some(log) => log.reader(cursor.position()),
            None => Reader::open(directory, cursor.position())?,
        };
        let store = Store::open(&config.store_directory, config.store.clone())?;
        let (shutdown, is_alone) = (self.consumers.clone(), self.log.is_none());
        let over = if is_alone { shutdown.clone() } else { CancellationToken::new() };
        let counters = self.vitals.store.clone();
        self.store = Some(spawn("store", over, move || {
            match store_feeder::run(reader, cursor, store, counters.clone(), &shutdown) {
                // As above: the producers go on.
                Err(error) if !is_alone => {
                    error!("store has stopped, events stay in the event log: {error}");
                    counters.trouble.set(Some(format!("store has stopped: {error}")));
                    Ok(())
                }
                ended => Ok(ended?),
            }
        })?);
        Ok(())
    }

    fn start_admin(&mut self, admin: Admin, socket: net::Bound) -> Result<()> {
        let address = socket.address();
        let listener = listen_alone(socket)?;
        info!(listen = %address, "operators' view is ready");
        let (vitals, shutdown) = (self.vitals.clone(), CancellationToken::new());
        let stop = shutdown.clone();
        let thread = spawn("admin", self.producers.clone(), move || {
            Ok(admin::run(admin.config, listener, vitals, &stop)?)
        })?;
        self.admin = Some((address, shutdown, thread));
        Ok(())
    }

    fn start_tracker(&mut self, tracker: &Tracker, sockets: Vec<net::Bound>) -> Result<()> {
        let address = sockets.first().map(net::Bound::address).context("a tracker listens")?;
        let (front, certificates) = tracker::open(tracker, sockets)?;
        self.certificates = certificates;
        if let Some(acme) = tracker.acme.clone() {
            let (challenges, counters) = (front.challenges.clone(), self.vitals.tracker.clone());
            let obtaining = acme::run(acme, challenges, counters, self.producers.clone());
            self.runtime.spawn(obtaining);
        }
        let (config, keys) = (tracker.config.clone(), self.keys.clone());
        let writer = self.log.as_ref().map(EventLog::writer).context("a tracker has a log")?;
        let counters = self.vitals.tracker.clone();
        let (shutdown, halt) = (self.producers.clone(), self.halt.clone());
        let thread = spawn("tracker", self.producers.clone(), move || {
            Ok(run_tracker(&config, front, &keys, &writer, &counters, &shutdown, &halt)?)
        })?;
        self.tracker = Some((address, thread));
        Ok(())
    }

    fn start_gateway(
        &mut self,
        config: &Config,
        gateway: &Gateway,
        sockets: Vec<Vec<net::Bound>>,
    ) -> Result<()> {
        let first = sockets.iter().flatten().next();
        let address = first.map(net::Bound::address).context("a gateway listens")?;
        let supplies = Supplies {
            writer: self.log.as_ref().map(EventLog::writer).context("a gateway has a log")?,
            keys: self.keys.load_full(),
            transcript_for: config.transcript_for,
            tags: config.tags.clone(),
            halt: self.halt.clone(),
            counters: self.vitals.gateway.clone(),
            policy: Policy::load(config.policy.clone(), self.vitals.gateway.policy.clone())?.into(),
        };
        let (listeners, reloads) = Listeners::open(gateway, sockets, &supplies)?;
        self.reloads = reloads;
        let (shutdown, handle) = (self.producers.clone(), self.runtime.handle().clone());
        let thread = spawn("gateway", self.producers.clone(), move || {
            handle.block_on(listeners.run(shutdown))
        })?;
        self.gateway = Some((address, thread));
        Ok(())
    }
}

/// A part that is asked for must be configured, and one part at least must run.
fn check_roles(config: &Config, roles: Roles) -> Result<()> {
    let runs_gateway = roles.gateway && config.gateway.is_some();
    let runs_tracker = roles.tracker && config.tracker.is_some();
    let runs_delivery = roles.delivery && config.has_sources();
    if !runs_gateway && !runs_tracker && !runs_delivery && !roles.store {
        bail!(
            "nothing to run: the configuration has neither [gateway] nor [tracker], and no source \
             of records"
        );
    }
    for (is_only, name, is_configured) in [
        (roles.gateway && !roles.tracker, "gateway", config.gateway.is_some()),
        (roles.tracker && !roles.gateway, "tracker", config.tracker.is_some()),
    ] {
        if is_only && !is_configured {
            bail!("role {name} needs [{name}] in the configuration");
        }
    }
    Ok(())
}

/// Starts a thread for a part. When it ends, however it does, `over` is cancelled, so
/// that a process whose part has failed does not seem to be well.
fn spawn(
    name: &'static str,
    over: CancellationToken,
    part: impl FnOnce() -> Result<()> + Send + 'static,
) -> Result<JoinHandle<Result<()>>> {
    let run = move || {
        let _over = over.drop_guard();
        part()
    };
    thread::Builder::new().name(name.into()).spawn(run).with_context(|| format!("start {name}"))
}

fn join(name: &str, thread: JoinHandle<Result<()>>) -> Result<()> {
    match thread.join() {
        Ok(ended) => ended.with_context(|| format!("{name} failed")),
        Err(_panic) => Err(anyhow!("{name} panicked, which is a mistake in mailwake")),
    }
}
