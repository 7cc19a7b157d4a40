//! The long-running process: binds, starts every part, reloads, and stops the parts in
//! order: producers first, then the log, then its consumers, who read it to its end.

mod vitals;

use crate::{
    admin,
    config::{Admin, Config, Gateway, Tracker},
    event_log::{EventLog, cursor::Cursor, monitor::Monitor, reader::Reader},
    feeders,
    gateway::{self, Ends, Live, accepted::AcceptedMemory},
    net::{
        self,
        tls::{client::Verification, server::ServerTls},
    },
    stores::sqlite::Store,
    telemetry, tracker,
};
use admin::AdminConfig;
use anyhow::{Context, Result, anyhow, bail};
use arc_swap::ArcSwap;
use rustix::fs::Mode;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::SystemTime,
};
use tokio::{
    net::TcpListener,
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
    /// The read model.
    pub store: bool,
}

impl Roles {
    /// All parts in one process.
    pub const ALL: Self = Self { gateway: true, tracker: true, store: true };

    fn produces(self) -> bool {
        self.gateway || self.tracker
    }
}

/// Runs until SIGTERM or SIGINT; SIGHUP reads the configuration and the keys again.
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
    Ok(())
}

/// The running parts.
pub struct Server {
    runtime: Runtime,
    live: Option<Arc<ArcSwap<Live>>>,
    keys: Arc<ArcSwap<KeyRing>>,
    certificate: Option<Arc<ServerTls>>,
    log: Option<EventLog>,
    gateway: Option<(SocketAddr, JoinHandle<Result<()>>)>,
    tracker: Option<(SocketAddr, JoinHandle<Result<()>>)>,
    store: Option<JoinHandle<Result<()>>>,
    admin: Option<(SocketAddr, CancellationToken, JoinHandle<Result<()>>)>,
    vitals: Arc<Vitals>,
    producers: CancellationToken,
    consumers: CancellationToken,
}

impl Server {
    /// Binds and starts the parts. Nothing runs when this fails.
    pub fn start(config: &Config, keys: KeyRing, roles: Roles) -> Result<Self> {
        check_roles(config, roles)?;
        let log_directory = &config.event_log.directory;
        fs::create_dir_all(log_directory)
            .with_context(|| format!("make {}", log_directory.display()))?;
        let runtime = Builder::new_multi_thread().enable_all().build().context("start runtime")?;
        let keys = Arc::new(keys);
        let vitals = Vitals::new(Roles {
            gateway: roles.gateway && config.gateway.is_some(),
            tracker: roles.tracker && config.tracker.is_some(),
            store: roles.store,
        });
        let mut server = Self {
            runtime,
            live: None,
            keys: Arc::new(ArcSwap::new(keys.clone())),
            certificate: None,
            log: None,
            gateway: None,
            tracker: None,
            store: None,
            admin: None,
            producers: vitals.producers.clone(),
            consumers: vitals.consumers.clone(),
            vitals,
        };
        // First, so that whoever waits for the others can see it: a long event log takes
        // its time to be read.
        if let Some(admin) = config.admin {
            server.start_admin(admin)?;
        }
        if roles.produces() {
            let (log, _logged) = EventLog::open(&config.event_log)?;
            server.log = Some(log);
        }
        let monitor = match &server.log {
            Some(log) => log.monitor(),
            None => Monitor::of_directory(log_directory),
        };
        server.vitals.log.set(monitor).expect("it is set only here");
        if roles.store {
            match server.start_store(config) {
                // Mail and clicks do not wait for a store that is broken: the event log
                // keeps what it has missed, up to its quota.
                Err(error) if roles.produces() => {
                    error!("store is not running, events stay in the event log: {error:#}");
                    server
                        .vitals
                        .store
                        .set_trouble(Some(format!("store is not running: {error:#}")));
                }
                started => started?,
            }
        }
        if let (true, Some(tracker)) = (roles.tracker, &config.tracker) {
            server.start_tracker(tracker)?;
        }
        if let (true, Some(gateway), Some(settings)) =
            (roles.gateway, &config.gateway, &config.engagement)
        {
            let transcript_for = config.transcript_for;
            let live = Live { settings: settings.clone(), keys, transcript_for };
            server.start_gateway(gateway, live)?;
        }
        Ok(server)
    }

    /// Where the gateway listens.
    pub fn gateway_address(&self) -> Option<SocketAddr> {
        self.gateway.as_ref().map(|(address, _)| *address)
    }

    /// Where the tracker listens.
    pub fn tracker_address(&self) -> Option<SocketAddr> {
        self.tracker.as_ref().map(|(address, _)| *address)
    }

    /// Where the operators' view listens.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(address, ..)| *address)
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
        if let Some(live) = &self.live {
            let settings = config.engagement.unwrap_or_else(|| live.load().settings.clone());
            let transcript_for = config.transcript_for;
            live.store(Arc::new(Live { settings, keys, transcript_for }));
        }
        if let Some(certificate) = &self.certificate {
            certificate.reload();
        }
        info!(
            "engagement settings, keys, certificates and whose transcript is written were \
             reloaded; other changes need a restart"
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
            if let Some((address, thread)) = part.take() {
                first = first.and(join(name, thread));
                info!(%address, "{name} has stopped");
            }
        }
        if let Some(log) = self.log.take() {
            log.close();
        }
        self.consumers.cancel();
        if let Some(thread) = self.store.take() {
            first = first.and(join("store", thread));
        }
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
        let cursor = Cursor::open(directory, feeders::store::CURSOR)?;
        let reader = match &self.log {
            Some(log) => log.reader(cursor.position()),
            None => Reader::open(directory, cursor.position())?,
        };
        let store = Store::open(&config.store_directory, config.store.clone())?;
        let (shutdown, is_alone) = (self.consumers.clone(), self.log.is_none());
        let over = if is_alone { shutdown.clone() } else { CancellationToken::new() };
        let counters = self.vitals.store.clone();
        self.store = Some(spawn("store", over, move || {
            match feeders::store::run(reader, cursor, store, counters.clone(), &shutdown) {
                // As above: the producers go on.
                Err(error) if !is_alone => {
                    error!("store has stopped, events stay in the event log: {error}");
                    counters.set_trouble(Some(format!("store has stopped: {error}")));
                    Ok(())
                }
                ended => Ok(ended?),
            }
        })?);
        Ok(())
    }

    fn start_admin(&mut self, admin: Admin) -> Result<()> {
        // Its port is not shared, as the tracker's is: a second process would take half of
        // the scrapes.
        let listener = std::net::TcpListener::bind(admin.listen)
            .with_context(|| format!("listen on {} (admin.listen)", admin.listen))?;
        let address = listener.local_addr()?;
        info!(listen = %address, "operators' view is ready");
        let (vitals, shutdown) = (self.vitals.clone(), CancellationToken::new());
        let stop = shutdown.clone();
        let thread = spawn("admin", self.producers.clone(), move || {
            Ok(admin::run(admin.config, listener, vitals, &stop)?)
        })?;
        self.admin = Some((address, shutdown, thread));
        Ok(())
    }

    fn start_tracker(&mut self, tracker: &Tracker) -> Result<()> {
        let listeners = net::listen(tracker.listen, tracker.threads)
            .with_context(|| format!("listen on {} (tracker.listen)", tracker.listen))?;
        let address = listeners[0].local_addr()?;
        info!(listen = %address, threads = listeners.len(), "tracker is ready");
        let (config, keys) = (tracker.config.clone(), self.keys.clone());
        let writer = self.log.as_ref().map(EventLog::writer).context("a tracker has a log")?;
        let (counters, shutdown) = (self.vitals.tracker.clone(), self.producers.clone());
        let thread = spawn("tracker", self.producers.clone(), move || {
            Ok(tracker::run(&config, listeners, &keys, &writer, &counters, &shutdown)?)
        })?;
        self.tracker = Some((address, thread));
        Ok(())
    }

    fn start_gateway(&mut self, gateway: &Gateway, live: Live) -> Result<()> {
        let listener = self
            .runtime
            .block_on(TcpListener::bind(gateway.listen))
            .with_context(|| format!("listen on {} (gateway.listen)", gateway.listen))?;
        let address = listener.local_addr()?;
        if let Some(directory) = gateway.accepted_file.parent() {
            fs::create_dir_all(directory)
                .with_context(|| format!("make {}", directory.display()))?;
        }
        let accepted = AcceptedMemory::open(&gateway.accepted_file, SystemTime::now().into())
            .with_context(|| format!("open {}", gateway.accepted_file.display()))?;
        let live = Arc::new(ArcSwap::from_pointee(live));
        self.live = Some(live.clone());
        let writer = self.log.as_ref().map(EventLog::writer).context("a gateway has a log")?;
        let (certificate, target) = gateway.load_tls()?;
        self.certificate = certificate.clone();
        if target.config.verification == Verification::Nothing {
            warn!(
                "upstream's certificate is not checked (upstream_tls_insecure_skip_verify): \
                 whoever is in the way can read and change mail"
            );
        }
        let ends = Ends { writer, live, accepted, certificate, target };
        let (config, shutdown) = (gateway.config.clone(), self.producers.clone());
        let (counters, handle) = (self.vitals.gateway.clone(), self.runtime.handle().clone());
        let thread = spawn("gateway", self.producers.clone(), move || {
            Ok(handle.block_on(gateway::run(config, listener, ends, counters, shutdown))?)
        })?;
        self.gateway = Some((address, thread));
        Ok(())
    }
}

/// A part that is asked for must be configured, and one part at least must run.
fn check_roles(config: &Config, roles: Roles) -> Result<()> {
    let runs_gateway = roles.gateway && config.gateway.is_some();
    let runs_tracker = roles.tracker && config.tracker.is_some();
    if !runs_gateway && !runs_tracker && !roles.store {
        bail!("nothing to run: the configuration has neither [gateway] nor [tracker]");
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
