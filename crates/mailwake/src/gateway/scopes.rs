//! The scopes of one listener: a client and where it has come in go in, the settings and
//! the context that it has there go out. Layers are put together when the configuration is
//! read; a message finds them as they are.

use super::Gateway;
use crate::net::network::Network;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use tracing::warn;
use tracking::{
    context::{Context, Lifetime},
    copy::Settings,
    scope::{Effective, Scope, effective},
};

#[cfg(test)]
mod tests;

/// The context variable that chooses another pathway.
pub const PATHWAY: &str = "pathway";

/// Names of unknown pathways that are kept, so that each is told once.
const NAMES_MAX: usize = 1_000;

/// What one place says: a listener, a socket or a peer.
#[derive(Debug, Clone, Default)]
pub struct Place {
    /// Its engagement options.
    pub scope: Option<Arc<Scope>>,
    /// The pathway of its mail.
    pub pathway: Option<String>,
    /// The variables that a connection begins with.
    pub context: BTreeMap<String, String>,
}

/// A socket of a listener, and the peers that it has something to say of.
#[derive(Debug, Clone)]
pub struct Socket {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What it says.
    pub place: Place,
    /// What it says of some clients.
    pub peers: Vec<(Network, Place)>,
}

/// What is the same for all sockets of a listener.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// What the listener says, and what it takes over, the nearest first.
    pub above: Vec<Place>,
    /// Every pathway.
    pub pathways: Arc<Pathways>,
    /// Beginnings of links that are left alone, besides each one's own.
    pub own_links: Arc<[String]>,
}

/// Each pathway's layers by its name: those of the pathway in a group, of the pathway, of
/// the group, as far as they are there.
pub type Pathways = BTreeMap<String, Vec<Arc<Scope>>>;

/// The scopes of a listener.
#[derive(Debug, Clone)]
pub struct Scopes {
    sockets: Vec<Arc<SocketScopes>>,
}

/// Those of one socket.
#[derive(Debug)]
struct SocketScopes {
    listen: SocketAddr,
    of_all: Arc<ClientScope>,
    /// The longest prefix first.
    of_peers: Vec<(Network, Arc<ClientScope>)>,
}

/// What counts for one client at one socket.
#[derive(Debug)]
pub struct ClientScope {
    /// The peer's and the socket's layers.
    inner: Vec<Arc<Scope>>,
    /// The layers of the listener and of what is above it.
    outer: Vec<Arc<Scope>>,
    pathway: Option<String>,
    context: BTreeMap<String, String>,
    pathways: Arc<Pathways>,
    own_links: Arc<[String]>,
    settings: Arc<Settings>,
    /// The settings with each other pathway, by its name, made when they are first asked for.
    of_pathways: BTreeMap<String, OnceLock<Option<Arc<Settings>>>>,
}

/// A pathway of that name is not there, or leaves links without a place to lead to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no such pathway, or no tracking_url with it")]
pub struct UnknownPathway;

impl Scopes {
    /// The scopes of a listener with these sockets, of which there is at least one.
    pub fn new(sockets: &[Socket], surroundings: &Surroundings) -> Self {
        let sockets = sockets.iter().map(|socket| SocketScopes::new(socket, surroundings));
        Self { sockets: sockets.map(Arc::new).collect() }
    }

    /// One socket and one scope, with these settings.
    pub fn alone(listen: SocketAddr, settings: Settings) -> Self {
        let of_all = ClientScope::new(&[], &Surroundings::default());
        let of_all = Arc::new(ClientScope { settings: Arc::new(settings), ..of_all });
        let of_peers = Vec::new();
        Self { sockets: vec![Arc::new(SocketScopes { listen, of_all, of_peers })] }
    }

    /// The scope of a client that has come in at a socket. `None` stands for a client that
    /// nobody knows.
    pub fn of(&self, listen: SocketAddr, client: Option<IpAddr>) -> &Arc<ClientScope> {
        let socket = self.sockets.iter().find(|socket| socket.listen == listen);
        let socket = socket.expect("no socket goes while its listener runs");
        let of_peer = |client| socket.of_peers.iter().find(|(peer, _)| peer.contains(client));
        client.and_then(of_peer).map_or(&socket.of_all, |(_, scope)| scope)
    }

    /// These scopes, and for sockets that they do not have, those of before.
    pub fn or_before(mut self, before: &Self) -> Self {
        for socket in &before.sockets {
            if !self.has(socket.listen) {
                self.sockets.push(socket.clone());
            }
        }
        self
    }

    /// Each socket's address.
    pub fn sockets(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().map(|socket| socket.listen)
    }

    /// Is there a socket with this address?
    pub fn has(&self, listen: SocketAddr) -> bool {
        self.sockets.iter().any(|socket| socket.listen == listen)
    }

    /// Each scope, with its socket and its peer.
    pub fn iter(&self) -> impl Iterator<Item = (SocketAddr, Option<Network>, &ClientScope)> {
        self.sockets.iter().flat_map(|socket| {
            let of_peers = socket.of_peers.iter().map(|(peer, scope)| (Some(*peer), &**scope));
            let all = std::iter::once((None, &*socket.of_all)).chain(of_peers);
            all.map(|(peer, scope)| (socket.listen, peer, scope))
        })
    }
}

impl SocketScopes {
    fn new(socket: &Socket, surroundings: &Surroundings) -> Self {
        let scope = |places: &[&Place]| Arc::new(ClientScope::new(places, surroundings));
        let of_peer = |(peer, place): &(Network, Place)| (*peer, scope(&[place, &socket.place]));
        let mut of_peers: Vec<_> = socket.peers.iter().map(of_peer).collect();
        of_peers.sort_by_key(|(peer, _)| std::cmp::Reverse(peer.prefix_bits()));
        Self { listen: socket.listen, of_all: scope(&[&socket.place]), of_peers }
    }
}

impl ClientScope {
    /// What counts in these places, the nearest first.
    fn new(inner: &[&Place], surroundings: &Surroundings) -> Self {
        let places = || inner.iter().copied().chain(&surroundings.above);
        let pathway = places().find_map(|place| place.pathway.clone());
        let mut context = BTreeMap::new();
        for place in places() {
            for (name, value) in &place.context {
                context.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        let scopes = |place: &Place| place.scope.clone();
        let cells = surroundings.pathways.keys().map(|name| (name.clone(), OnceLock::new()));
        let mut scope = Self {
            inner: inner.iter().copied().filter_map(scopes).collect(),
            outer: surroundings.above.iter().filter_map(scopes).collect(),
            pathway,
            context,
            of_pathways: cells.collect(),
            pathways: surroundings.pathways.clone(),
            own_links: surroundings.own_links.clone(),
            settings: Arc::default(),
        };
        let effective = scope.effective(scope.pathway(), &[]);
        scope.settings = Arc::new(settled(&effective, &scope.own_links));
        scope
    }

    /// The pathway that is attached here.
    pub fn pathway(&self) -> Option<&str> {
        self.pathway.as_deref()
    }

    /// The variables that a connection begins with.
    pub fn presets(&self) -> &BTreeMap<String, String> {
        &self.context
    }

    /// The context of a connection that begins here. What has no room in it is left out, and
    /// the configuration was checked for that.
    pub fn context(&self) -> Context {
        let mut context = Context::default();
        for (name, value) in &self.context {
            if let Err(error) = context.set(Lifetime::Connection, name, value) {
                warn!(name, %error, "a variable of the configuration was left out");
            }
        }
        context
    }

    /// What counts with this pathway, under what is said of one message.
    pub fn effective<'s>(&'s self, pathway: Option<&str>, message: &[&'s Scope]) -> Effective<'s> {
        let of_pathway = pathway.and_then(|name| self.pathways.get(name)).into_iter().flatten();
        let layers = self.inner.iter().chain(of_pathway).chain(&self.outer).map(Arc::as_ref);
        let stack: Vec<&Scope> = message.iter().copied().chain(layers).collect();
        effective(&stack)
    }

    /// The settings of a message that chooses this pathway, or of one that chooses none.
    pub fn settings(&self, pathway: Option<&str>) -> Result<&Arc<Settings>, UnknownPathway> {
        let Some(name) = pathway.filter(|name| Some(*name) != self.pathway()) else {
            return Ok(&self.settings);
        };
        let cell = self.of_pathways.get(name).ok_or(UnknownPathway)?;
        let made = cell.get_or_init(|| {
            let effective = self.effective(Some(name), &[]);
            let settings = || Arc::new(settled(&effective, &self.own_links));
            effective.has_tracking_domain().then(settings)
        });
        made.as_ref().ok_or(UnknownPathway)
    }
}

/// Settings that leave the links of all scopes alone.
fn settled(effective: &Effective<'_>, own_links: &[String]) -> Settings {
    let mut settings = effective.settings.clone();
    let own = std::mem::replace(&mut settings.decision.tracking_urls, own_links.to_vec());
    let others = own.into_iter().filter(|url| !own_links.contains(url));
    settings.decision.tracking_urls.extend(others);
    settings
}

/// Pathways that were chosen and are not there.
#[derive(Debug, Default)]
pub(super) struct UnknownPathways {
    told: Mutex<BTreeSet<String>>,
}

impl UnknownPathways {
    /// Is it the first time that this name is met?
    fn is_new(&self, name: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.len() < NAMES_MAX && told.insert(name.to_owned())
    }
}

impl Gateway {
    /// The settings of a message with these variables. A pathway that is not there is as
    /// none.
    pub(super) fn settings(&self, scope: &ClientScope, context: &Context) -> Arc<Settings> {
        let chosen = context.variable(PATHWAY).filter(|name| !name.is_empty());
        let settings = scope.settings(chosen).unwrap_or_else(|error| {
            self.counters.pathways_unknown.increment();
            if let Some(name) = chosen.filter(|name| self.unknown_pathways.is_new(name)) {
                let listener = &self.config.name;
                warn!(listener, pathway = name, %error, "a pathway was chosen in vain");
            }
            &scope.settings
        });
        settings.clone()
    }
}
