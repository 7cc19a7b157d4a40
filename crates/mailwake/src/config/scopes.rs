//! The scopes inside and beside a listener: `engagement`, `pathway` and `context` of the
//! listener, of its sockets and of their peers, and the tables `[pathway.NAME]` and
//! `[pathway_group.NAME]`.

use super::{NETWORK, engagement, reader::Section};
use crate::{
    gateway::scopes::{PATHWAY, Pathways, Place, Scopes, Socket, Surroundings},
    net::network::Network,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use tracking::{
    context::CONTEXT_OCTETS_MAX,
    scope::{Origin, Scope, own_links},
};

/// What would be right where a listener listens.
pub(super) const LISTEN: &str =
    "must be an address and port, like \"127.0.0.1:2525\", or a list of them";

/// Octets of the variables of one table: those of a peer, its socket, its listener and
/// `[gateway]` have room together.
const PRESET_OCTETS_MAX: usize = CONTEXT_OCTETS_MAX / 4;

/// Octets of the name of a pathway or of a group.
const NAME_OCTETS_MAX: usize = 64;

/// What a table with the keys of `[engagement]` says, and where it stands.
pub(super) fn read_scope(table: &Section<'_>, origin: String) -> Arc<Scope> {
    Arc::new(Scope { origin: Origin::Table(origin), layer: engagement::read(table) })
}

/// Reads `[pathway.NAME]` and `[pathway_group.NAME]` with the pathways inside.
pub(super) fn read_pathways(root: &Section<'_>) -> Pathways {
    let mut alone = BTreeMap::new();
    for (name, table) in root.sections("pathway") {
        check_name(&table, name);
        alone.insert(name, read_scope(&table, format!("[{}]", table.path())));
    }
    let mut pathways = Pathways::new();
    for (group_name, table) in root.sections("pathway_group") {
        check_name(&table, group_name);
        let group = read_scope(&table, format!("[{}]", table.path()));
        for (name, inside) in table.sections("pathway") {
            check_name(&inside, name);
            if pathways.contains_key(name) {
                inside.mistake_of_all("must not be in another [pathway_group.NAME] as well");
            }
            let of_group = read_scope(&inside, format!("[{}]", inside.path()));
            let layers = [Some(of_group), alone.get(name).cloned(), Some(group.clone())];
            pathways.insert(name.to_owned(), layers.into_iter().flatten().collect());
        }
    }
    for (name, scope) in alone {
        pathways.entry(name.to_owned()).or_insert_with(|| vec![scope]);
    }
    pathways
}

fn check_name(table: &Section<'_>, name: &str) {
    if name.is_empty() || name.len() > NAME_OCTETS_MAX || name.contains(char::is_control) {
        table.mistake_of_all(format!(
            "must have a name of 1 to {NAME_OCTETS_MAX} octets without control characters"
        ));
    }
}

/// Reads `engagement`, `pathway` and `context` of a listener, a socket or a peer.
pub(super) fn read_place(table: &Section<'_>, pathways: &Pathways) -> Place {
    let pathway: Option<String> = table.parsed("pathway", "", "must be the name of a pathway");
    if let Some(name) = &pathway {
        check_pathway(table, "pathway", name, pathways);
    }
    let entries: Vec<(Variable, String)> =
        table.map("context", ("must be the name of a context variable", "must be a text"));
    let context: BTreeMap<_, _> =
        entries.into_iter().map(|(name, value)| (name.0, value)).collect();
    let octets: usize = context.iter().map(|(name, value)| name.len() + value.len()).sum();
    if octets > PRESET_OCTETS_MAX {
        let right = format!("must have {PRESET_OCTETS_MAX} octets of names and values at most");
        table.mistake("context", None, right);
    }
    if let Some(name) = context.get(PATHWAY).filter(|name| !name.is_empty()) {
        check_pathway(table, "context.pathway", name, pathways);
    }
    let engagement = table.section("engagement");
    let origin = || format!("[{}].engagement", table.path());
    let scope = table.has("engagement").then(|| read_scope(&engagement, origin()));
    Place { scope, pathway, context }
}

/// A pathway that is chosen has to be there.
fn check_pathway(table: &Section<'_>, key: &str, name: &str, pathways: &Pathways) {
    if pathways.contains_key(name) {
        return;
    }
    let known: Vec<_> = pathways.keys().map(|name| format!("{name:?}")).collect();
    let known = match known.is_empty() {
        true => "there is none".to_owned(),
        false => format!("there are {}", known.join(", ")),
    };
    let right = format!(
        "must be the name of a [pathway.NAME] or [pathway_group.GROUP.pathway.NAME]; {known}"
    );
    table.mistake(key, Some(&name.into()), right);
}

/// The name of a context variable.
struct Variable(String);

impl std::str::FromStr for Variable {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name = !text.is_empty() && text.len() <= 255 && !text.contains(char::is_control);
        is_name.then(|| Self(text.into())).ok_or(())
    }
}

/// Reads where a listener listens: a text, a list, or a table for each socket.
pub(super) fn read_sockets(section: &Section<'_>, pathways: &Pathways) -> Vec<Socket> {
    if !section.is_table("listen") {
        let listen: Vec<SocketAddr> = section.one_or_more("listen", LISTEN);
        if !section.has("listen") {
            section.mistake("listen", None, format!("is missing; {LISTEN}"));
        }
        let socket = |listen| Socket { listen, place: Place::default(), peers: Vec::new() };
        return listen.into_iter().map(socket).collect();
    }
    let tables = section.sections("listen");
    if tables.is_empty() {
        section.mistake("listen", None, "must have a table for an address and port at least");
    }
    let sockets = tables.iter().filter_map(|(name, table)| {
        let listen: Option<SocketAddr> = name.parse().ok();
        if listen.is_none() {
            table.mistake_of_all("its name must be an address and port, like \"127.0.0.1:2525\"");
        }
        let place = read_place(table, pathways);
        let peers = read_peers(table, pathways);
        Some(Socket { listen: listen?, place, peers })
    });
    sockets.collect()
}

/// Reads the tables `peer."10.0.0.0/8"` of a socket.
fn read_peers(table: &Section<'_>, pathways: &Pathways) -> Vec<(Network, Place)> {
    let mut peers: Vec<(Network, Place)> = Vec::new();
    for (name, table) in table.sections("peer") {
        let network: Option<Network> = name.parse().ok();
        let place = read_place(&table, pathways);
        match network {
            None => table.mistake_of_all(format!("its name {NETWORK}")),
            Some(network) if peers.iter().any(|(other, _)| other.is_same(&network)) => {
                table.mistake_of_all("must not be the network of another peer as well");
            }
            Some(network) => peers.push((network, place)),
        }
    }
    peers
}

/// A listener that was read: its own places, and where its mistakes are told.
pub(super) struct Places<'s, 't> {
    pub(super) section: &'s Section<'t>,
    pub(super) sockets: &'s [Socket],
    /// The listener's own, and `[gateway]`'s where that is another.
    pub(super) above: Vec<&'s Place>,
}

/// What has no place in a listener.
pub(super) struct Global<'s, 't> {
    /// `[engagement]`.
    pub(super) section: &'s Section<'t>,
    pub(super) scope: Arc<Scope>,
    pub(super) pathways: Arc<Pathways>,
}

/// The scopes of each listener. Each client of it must find where links lead.
pub(super) fn join(listeners: &[Places<'_, '_>], global: &Global<'_, '_>) -> Vec<Scopes> {
    let places = listeners.iter().flat_map(|listener| {
        let sockets = listener.sockets.iter();
        let peers = sockets.clone().flat_map(|socket| socket.peers.iter().map(|peer| &peer.1));
        listener.above.iter().copied().chain(sockets.map(|socket| &socket.place)).chain(peers)
    });
    let scopes = places.filter_map(|place| place.scope.as_ref());
    let scopes = scopes.chain(global.pathways.values().flatten()).chain([&global.scope]);
    let own_links: Arc<[String]> = own_links(scopes.map(|scope| &scope.layer)).into();
    let of_listener = |listener: &Places<'_, '_>| {
        let mut above: Vec<Place> = listener.above.iter().map(|place| (*place).clone()).collect();
        above.push(Place { scope: Some(global.scope.clone()), ..Place::default() });
        let pathways = global.pathways.clone();
        let surroundings = Surroundings { above, pathways, own_links: own_links.clone() };
        let scopes = Scopes::new(listener.sockets, &surroundings);
        // An address that is wrong does not hide that something is missing besides.
        let any = Socket { listen: ANY, place: Place::default(), peers: Vec::new() };
        match listener.sockets.is_empty() && !listener.section.is_table("listen") {
            true => check_tracking_urls(listener, &Scopes::new(&[any], &surroundings), global),
            false => check_tracking_urls(listener, &scopes, global),
        }
        scopes
    };
    listeners.iter().map(of_listener).collect()
}

/// In the place of an address that could not be read.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

fn check_tracking_urls(listener: &Places<'_, '_>, scopes: &Scopes, global: &Global<'_, '_>) {
    let right = format!("is missing; {}", engagement::TRACKING_URL);
    let section = listener.section;
    let mut told = None;
    for (listen, peer, scope) in scopes.iter() {
        // What a socket is told goes for its peers as well.
        let is_told = peer.is_some() && told == Some(listen);
        if is_told || scope.effective(scope.pathway(), &[]).has_tracking_domain() {
            continue;
        }
        told = peer.is_none().then_some(listen).or(told);
        let socket = format!("listen.{:?}", listen.to_string());
        match peer {
            _ if !section.is_table("listen") && listener.above.len() == 1 => {
                global.section.mistake("tracking_url", None, &right);
            }
            _ if !section.is_table("listen") => {
                section.mistake("engagement.tracking_url", None, &right);
            }
            None => section.mistake(&format!("{socket}.engagement.tracking_url"), None, &right),
            Some(peer) => {
                let peer = format!("{socket}.peer.{:?}", peer.to_string());
                section.mistake(&format!("{peer}.engagement.tracking_url"), None, &right);
            }
        }
    }
}
