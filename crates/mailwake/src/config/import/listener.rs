//! ESMTP_Listener and what stands in it: statements come in, listeners with their sockets and
//! peers go out.

use super::{
    Notes,
    option::{self, Setting},
    syntax::{Content, Place, Statement, Value},
};
use crate::net::network::Network;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The port of a socket that names none.
const SMTP_PORT: u16 = 25;

/// SMTP extensions that are for trusted peers, and the keys that name these.
const TRUSTED: &[(&str, &str)] = &[
    ("XCLIENT", "xclient_from"),
    ("XSETCONTEXT", "xsetcontext_from"),
    ("XDUMPCONTEXT", "xdumpcontext_from"),
    ("XREMOTEIP", "xremoteip_from"),
];

/// What a scope says that mailwake knows.
#[derive(Debug, Default, Clone)]
pub(super) struct Scope {
    /// Engagement options, the last of each.
    pub(super) engagement: Vec<Setting>,
    /// The pathway that is attached, and where that is said.
    pub(super) pathway: Option<(Place, String)>,
    /// Presets of the context.
    pub(super) context: Vec<(String, String)>,
    /// The keys of trusted extensions that it offers.
    pub(super) extensions: Vec<&'static str>,
}

/// An ESMTP_Listener.
#[derive(Debug)]
pub(super) struct Listener {
    /// Where it begins.
    pub(super) place: Place,
    /// Its label, if it has one.
    pub(super) label: Option<String>,
    /// What it says.
    pub(super) scope: Scope,
    /// The file of its certificate.
    pub(super) certificate: Option<String>,
    /// The file of its private key.
    pub(super) key: Option<String>,
    /// Its sockets.
    pub(super) sockets: Vec<Socket>,
    /// Peers of all of its sockets.
    pub(super) peers: Vec<Peer>,
}

/// A Listen.
#[derive(Debug)]
pub(super) struct Socket {
    /// Its address.
    pub(super) address: SocketAddr,
    /// What it says.
    pub(super) scope: Scope,
    /// Its peers.
    pub(super) peers: Vec<Peer>,
}

/// A Peer.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its network, as it is written.
    pub(super) network: String,
    /// What it says.
    pub(super) scope: Scope,
}

impl Scope {
    /// Does it say nothing of engagement, and nothing that goes with it?
    pub(super) fn is_empty(&self) -> bool {
        self.engagement.is_empty() && self.pathway.is_none() && self.context.is_empty()
    }

    /// Takes a setting; the last one of a key counts.
    pub(super) fn set(&mut self, setting: Setting) {
        self.engagement.retain(|known| known.key != setting.key);
        self.engagement.push(setting);
    }

    /// Takes an option that may stand in every scope within a listener; false for another one.
    fn take(&mut self, place: Place, name: &str, value: &Value, notes: &mut Notes) -> bool {
        if let Some(setting) = option::engagement(name, value) {
            match setting {
                Ok(setting) => self.set(setting),
                Err(why) => notes.pass_over(place, format!("{name}: {why}")),
            }
        } else if name.eq_ignore_ascii_case("pathway") {
            match value {
                Value::Text(name) => self.pathway = Some((place, name.clone())),
                _ => notes.pass_over(place, format!("{name}: has a value of one word")),
            }
        } else if name.eq_ignore_ascii_case("context") {
            self.take_context(place, value, notes);
        } else if name.eq_ignore_ascii_case("SMTP_Extensions") {
            self.take_extensions(place, value, notes);
        } else {
            return false;
        }
        true
    }

    fn take_context(&mut self, place: Place, value: &Value, notes: &mut Notes) {
        let Value::Dictionary(entries) = value else {
            return notes.pass_over(place, "context: has a value in square brackets".into());
        };
        for (key, value) in entries {
            match value {
                Value::Text(text) => {
                    self.context.retain(|(known, _)| known != key);
                    self.context.push((key.clone(), text.clone()));
                }
                _ => notes.pass_over(place, format!("context, {key}: has a value of one word")),
            }
        }
    }

    fn take_extensions(&mut self, place: Place, value: &Value, notes: &mut Notes) {
        let words = match value {
            Value::Text(word) => vec![word.as_str()],
            Value::List(values) => values.iter().filter_map(word).collect(),
            Value::Dictionary(_) => Vec::new(),
        };
        self.extensions.clear();
        // STARTTLS comes with the certificate.
        for extension in words.into_iter().filter(|word| !word.eq_ignore_ascii_case("STARTTLS")) {
            match TRUSTED.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)) {
                Some((_, key)) => self.extensions.push(key),
                None => {
                    let why = "mailwake offers what upstream offers";
                    notes.pass_over(place, format!("SMTP_Extensions, {extension}: {why}"));
                }
            }
        }
    }
}

impl Listener {
    /// All scopes in it, its own first.
    pub(super) fn scopes_mut(&mut self) -> impl Iterator<Item = &mut Scope> {
        let sockets = self.sockets.iter_mut().flat_map(|socket| {
            let peers = socket.peers.iter_mut().map(|peer| &mut peer.scope);
            std::iter::once(&mut socket.scope).chain(peers)
        });
        let peers = self.peers.iter_mut().map(|peer| &mut peer.scope);
        std::iter::once(&mut self.scope).chain(sockets).chain(peers)
    }
}

/// Reads an ESMTP_Listener.
pub(super) fn read(
    place: Place,
    label: Option<String>,
    body: Vec<Statement>,
    notes: &mut Notes,
) -> Listener {
    let mut listener = Listener {
        place,
        label,
        scope: Scope::default(),
        certificate: None,
        key: None,
        sockets: Vec::new(),
        peers: Vec::new(),
    };
    for Statement { place, name, content } in body {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match content {
            Content::Stanza { label: Some(label), body } if is("listen") => {
                let Some(socket) = socket(place, &label, body, notes) else { continue };
                match listener.sockets.iter().any(|known| known.address == socket.address) {
                    true => notes.pass_over(place, format!("Listen {label:?}: is there already")),
                    false => listener.sockets.push(socket),
                }
            }
            Content::Stanza { label: Some(label), body } if is("peer") => {
                add_peer(&mut listener.peers, place, label, body, notes);
            }
            Content::Option(Value::Text(file)) if is("TLS_Certificate") => {
                listener.certificate = Some(file);
            }
            Content::Option(Value::Text(file)) if is("TLS_Key") => listener.key = Some(file),
            Content::Option(value) if listener.scope.take(place, &name, &value, notes) => {}
            _ => notes.unknown(place, &name, "ESMTP_Listener"),
        }
    }
    if listener.certificate.is_some() != listener.key.is_some() {
        let why = "mailwake needs TLS_Certificate and TLS_Key, each a file";
        notes.pass_over(listener.place, format!("TLS of ESMTP_Listener: {why}"));
        (listener.certificate, listener.key) = (None, None);
    }
    listener
}

fn socket(place: Place, label: &str, body: Vec<Statement>, notes: &mut Notes) -> Option<Socket> {
    let address = address(label);
    let mut read = Socket {
        address: address.unwrap_or((Ipv4Addr::UNSPECIFIED, 0).into()),
        scope: Scope::default(),
        peers: Vec::new(),
    };
    let mut is_enabled = true;
    for Statement { place, name, content } in body {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match content {
            Content::Stanza { label: Some(label), body } if is("peer") => {
                add_peer(&mut read.peers, place, label, body, notes);
            }
            Content::Option(Value::Text(text)) if is("enable") => {
                is_enabled = option::boolean(&text).unwrap_or(true);
            }
            Content::Option(value) if read.scope.take(place, &name, &value, notes) => {}
            _ => notes.unknown(place, &name, "Listen"),
        }
    }
    if !is_enabled {
        notes.pass_over(place, format!("Listen {label:?}: is not enabled"));
        return None;
    }
    if address.is_none() {
        let why = "mailwake listens at an address and port";
        notes.pass_over(place, format!("Listen {label:?}: {why}"));
        return None;
    }
    Some(read)
}

fn add_peer(
    peers: &mut Vec<Peer>,
    place: Place,
    network: String,
    body: Vec<Statement>,
    notes: &mut Notes,
) {
    let mut scope = Scope::default();
    for Statement { place, name, content } in body {
        match content {
            Content::Option(value) if scope.take(place, &name, &value, notes) => {}
            _ => notes.unknown(place, &name, "Peer"),
        }
    }
    if network.parse::<Network>().is_err() {
        notes.pass_over(place, format!("Peer {network:?}: is neither an address nor a network"));
    } else if peers.iter().any(|known| known.network == network) {
        notes.pass_over(place, format!("Peer {network:?}: is there already"));
    } else {
        peers.push(Peer { network, scope });
    }
}

/// The address of a Listen. `:25` and `*:25` are all addresses of IPv4, `[*]:25` those of IPv6.
fn address(label: &str) -> Option<SocketAddr> {
    let is_bracketed = label.starts_with('[');
    let end =
        if is_bracketed { label.find(']')? + 1 } else { label.find(':').unwrap_or(label.len()) };
    let (host, port) = match label.split_at(end) {
        (host, "") => (host, SMTP_PORT),
        // An address of IPv6 without brackets has no port.
        (_, port) if !is_bracketed && port[1..].contains(':') => (label, SMTP_PORT),
        (host, port) => (host, port.strip_prefix(':')?.parse().ok()?),
    };
    let host = match host {
        "" | "*" => Ipv4Addr::UNSPECIFIED.into(),
        "[*]" => Ipv6Addr::UNSPECIFIED.into(),
        host => host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?,
    };
    Some(SocketAddr::new(host, port))
}

fn word(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}
