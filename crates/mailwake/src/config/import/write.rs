//! What was read of Momentum's configuration, as mailwake's TOML.

use super::{
    Plan,
    listener::{Listener, Peer, Scope, Socket},
    option::{self, Setting, quoted},
};
use std::{collections::BTreeSet, fmt::Write, path::Path};

/// How long the name of a listener may be.
const NAME_OCTETS_MAX: usize = 64;

/// Peers that are trusted without a word: this machine.
const LOOPBACK: &[&str] = &["127.0.0.0/8", "::1"];

/// Writes a configuration, given from where it comes and what was passed over.
pub(super) fn toml(path: &Path, plan: &Plan, passed_over: &[String]) -> String {
    let mut out = Toml::default();
    let file = path.display().to_string();
    out.comment(&format!("Made by `mailwake import-config` of {file}."));
    out.comment("Lines with FILL IN need an answer; `mailwake check-config` tells what is wrong.");
    out.engagement(plan);
    out.gateway(plan);
    for pathway in &plan.pathways {
        out.table(&["pathway", &pathway.name]);
        out.settings(&pathway.scope.engagement);
    }
    for group in &plan.groups {
        out.table(&["pathway_group", &group.name]);
        out.settings(&group.scope.engagement);
        for pathway in &group.pathways {
            out.table(&["pathway_group", &group.name, "pathway", &pathway.name]);
            out.settings(&pathway.scope.engagement);
        }
    }
    out.scripts(&plan.scripts);
    out.table(&["tracker"]);
    out.comment("FILL IN: links lead to tracking_domain, and must reach this address.");
    out.value("listen", &quoted("127.0.0.1:8888"));
    if !passed_over.is_empty() {
        out.text.push('\n');
        out.comment("Passed over:");
        passed_over.iter().for_each(|line| out.comment(&format!("  {line}")));
    }
    out.text
}

#[derive(Debug, Default)]
struct Toml {
    text: String,
}

impl Toml {
    fn comment(&mut self, text: &str) {
        // A file may be named with anything.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.line(&format!("# {text}"));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn value(&mut self, key: &str, value: &str) {
        self.line(&format!("{key} = {value}"));
    }

    fn table(&mut self, path: &[&str]) {
        let path: Vec<String> = path.iter().map(|part| key(part)).collect();
        self.line(&format!("\n[{}]", path.join(".")));
    }

    fn settings(&mut self, settings: &[Setting]) {
        for Setting { key, value, remark } in settings {
            let remark = remark.as_ref().map(|remark| format!("  # {remark}"));
            self.line(&format!("{key} = {value}{}", remark.unwrap_or_default()));
        }
    }

    fn engagement(&mut self, plan: &Plan) {
        self.table(&["engagement"]);
        if !plan.has_smtpapi {
            self.comment(
                "There is no smtpapi stanza: Momentum tracks only where an option says so.",
            );
        }
        let set = |key: &str| plan.global.engagement.iter().find(|setting| setting.key == key);
        let settings: Vec<Setting> = option::defaults()
            .map(|default| set(default.key).cloned().unwrap_or(default))
            .collect();
        self.settings(&settings);
        self.comment("As smtpapi does: the top text part and the top HTML part, and its escapes.");
        self.value("parts", &quoted("top"));
        self.value("substitution_escapes", "true");
    }

    fn gateway(&mut self, plan: &Plan) {
        self.table(&["gateway"]);
        match &plan.listeners[..] {
            [] => {
                self.comment("FILL IN: where mail comes in; there was no ESMTP_Listener.");
                self.value("listen", &quoted(""));
                self.upstream();
            }
            [listener] => self.listener(&["gateway"], listener),
            listeners => {
                self.upstream();
                let mut names = BTreeSet::from(["default".to_owned()]);
                for (number, listener) in (1..).zip(listeners) {
                    let name = listener_name(listener, number, &mut names);
                    self.table(&["gateway", "listener", &name]);
                    self.listener(&["gateway", "listener", &name], listener);
                }
            }
        }
    }

    fn upstream(&mut self) {
        self.comment("FILL IN: the MTA that delivers, host and port. Momentum delivers by itself;");
        self.comment("mailwake stands before an MTA.");
        self.value("upstream", &quoted(""));
    }

    /// What a listener says, in the table of this path, whose head is there already.
    fn listener(&mut self, path: &[&str], listener: &Listener) {
        let sockets: Vec<Socket> =
            listener.sockets.iter().map(|socket| with_peers(socket, &listener.peers)).collect();
        let is_plain = |socket: &Socket| socket.scope.is_empty() && socket.peers.is_empty();
        let has_tables = !sockets.iter().all(is_plain);
        if !has_tables {
            let addresses: Vec<String> =
                sockets.iter().map(|socket| quoted(&socket.address.to_string())).collect();
            match &addresses[..] {
                [address] => self.value("listen", address),
                addresses => self.value("listen", &format!("[{}]", addresses.join(", "))),
            }
        }
        if path == ["gateway"] {
            self.upstream();
        }
        if let (Some(certificate), Some(key)) = (&listener.certificate, &listener.key) {
            self.value("tls", &quoted("starttls"));
            self.value("tls_certificate_file", &quoted(certificate));
            self.value("tls_key_file", &quoted(key));
        }
        self.extensions(listener);
        self.scope(path, &listener.scope);
        for socket in sockets.iter().filter(|_| has_tables) {
            let address = socket.address.to_string();
            let path = [path, &["listen", &address]].concat();
            self.table(&path);
            self.scope(&path, &socket.scope);
            for Peer { network, scope } in &socket.peers {
                let path = [&path[..], &["peer", network]].concat();
                self.table(&path);
                self.scope(&path, scope);
            }
        }
    }

    /// Momentum offers an extension to all who reach a listener, mailwake to named peers.
    fn extensions(&mut self, listener: &Listener) {
        let Listener { scope, sockets, peers, .. } = listener;
        let peers = || sockets.iter().flat_map(|socket| &socket.peers).chain(peers);
        let own = || sockets.iter().map(|socket| &socket.scope).chain([scope]);
        let offered = own().chain(peers().map(|peer| &peer.scope));
        let keys: BTreeSet<&str> = offered.flat_map(|scope| scope.extensions.clone()).collect();
        for key in keys {
            let has = |scope: &Scope| scope.extensions.contains(&key);
            let is_for_all = own().any(has);
            let loopback = LOOPBACK.iter().filter(|_| is_for_all).map(|it| (*it).to_owned());
            let named = peers().filter(|peer| has(&peer.scope)).map(|peer| peer.network.clone());
            let mut networks: Vec<String> = loopback.chain(named).collect();
            networks.dedup();
            if is_for_all && sockets.iter().any(|socket| !socket.address.ip().is_loopback()) {
                let whom = "whom to trust with it, besides this machine. Momentum trusts all.";
                self.comment(&format!("FILL IN: {whom}"));
            }
            let networks: Vec<String> = networks.iter().map(|network| quoted(network)).collect();
            self.value(key, &format!("[{}]", networks.join(", ")));
        }
    }

    /// The pathway, the presets and the engagement options of a scope.
    fn scope(&mut self, path: &[&str], scope: &Scope) {
        if let Some((_, pathway)) = &scope.pathway {
            self.value("pathway", &quoted(pathway));
        }
        if !scope.context.is_empty() {
            let presets = scope.context.iter();
            let presets: Vec<String> =
                presets.map(|(name, value)| format!("{} = {}", key(name), quoted(value))).collect();
            self.value("context", &format!("{{ {} }}", presets.join(", ")));
        }
        if !scope.engagement.is_empty() {
            self.table(&[path, &["engagement"]].concat());
            self.settings(&scope.engagement);
        }
    }

    fn scripts(&mut self, scripts: &[String]) {
        if scripts.is_empty() {
            return;
        }
        self.text.push('\n');
        self.comment("FILL IN: scripts of scriptlet, in their order. Take out those that are no");
        self.comment("policy for mail, which only you know, and the # before the rest.");
        self.comment("[policy]");
        self.comment("scripts = [");
        scripts.iter().for_each(|source| self.comment(&format!("  {},", one_line(source))));
        self.comment("]");
    }
}

/// A socket with the peers of its listener, whose options count where its own say nothing.
fn with_peers(socket: &Socket, peers: &[Peer]) -> Socket {
    let mut all = socket.peers.clone();
    for peer in peers {
        match all.iter_mut().find(|known| known.network == peer.network) {
            Some(known) => fall_back(&mut known.scope, &peer.scope),
            None => all.push(peer.clone()),
        }
    }
    all.retain(|peer| !peer.scope.is_empty());
    Socket { address: socket.address, scope: socket.scope.clone(), peers: all }
}

fn fall_back(scope: &mut Scope, to: &Scope) {
    for setting in &to.engagement {
        if !scope.engagement.iter().any(|known| known.key == setting.key) {
            scope.engagement.push(setting.clone());
        }
    }
    for (name, value) in &to.context {
        if !scope.context.iter().any(|(known, _)| known == name) {
            scope.context.push((name.clone(), value.clone()));
        }
    }
    scope.pathway = scope.pathway.take().or_else(|| to.pathway.clone());
}

/// A name that a listener may have: that of its label, or else its number.
fn listener_name(listener: &Listener, number: usize, taken: &mut BTreeSet<String>) -> String {
    let label = listener.label.as_deref().unwrap_or_default();
    let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    let is_name =
        !label.is_empty() && label.len() <= NAME_OCTETS_MAX && label.bytes().all(is_right);
    let mut name = if is_name { label.to_owned() } else { format!("esmtp{number}") };
    while !taken.insert(name.clone()) {
        name = format!("esmtp{number}_{}", taken.len());
    }
    name
}

/// A key as TOML writes it.
fn key(name: &str) -> String {
    let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.to_owned(),
        false => one_line(name),
    }
}

/// A text in quotes. A value might be written with three of them and over several lines, or
/// as a literal; a key, and a value in a comment, may not.
fn one_line(text: &str) -> String {
    let mut line = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            // A String takes every write.
            c if c.is_control() => {
                write!(line, "\\u{:04X}", u32::from(c)).ok();
            }
            c => line.push(c),
        }
    }
    line + "\""
}
