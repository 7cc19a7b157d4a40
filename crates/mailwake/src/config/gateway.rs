//! `[gateway]`: the SMTP proxy, its listeners and their upstreams. The table itself is the
//! short form, with one listener; `[gateway.listener.NAME]` are further ones.

use super::{
    DomainName, Gateway, HostPort, Listener, NETWORK, mebibytes,
    reader::Section,
    scopes::{self, Global, Places},
};
use crate::{
    gateway::{
        GatewayConfig, ListenerConfig, ListenerTls, MultiRecipient,
        safety::{Memory, Safety, Tarpit},
        scopes::{Pathways, Place, Socket},
    },
    net::{
        network::Network,
        tls::{
            client::Verification,
            server::{CertificateFiles, ClientCertificates},
        },
    },
    smtp_io::{
        circuit::CircuitConfig,
        upstream::{ClientTelling, Patience, UpstreamConfig, UpstreamProtocol, UpstreamTls},
        upstreams::{Choice, UpstreamsConfig},
    },
};
use mail::smtp::{data::BareNewlines, session::Limits};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The listener of `[gateway]` itself.
pub(super) const DEFAULT_NAME: &str = "default";

/// What a listener does not take over from `[gateway]`.
const OWN_KEYS: &[&str] =
    &["listen", "pathway", "context", "engagement", "listener", "memory_mib_max"];

/// Whether a table is a listener, or holds what listeners have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Listener,
    DefaultsAlone,
}

/// What `[gateway]` is: a listener, when it says where to listen, or has none.
pub(super) fn form(section: &Section<'_>) -> Form {
    match section.has("listen") || !section.has("listener") {
        true => Form::Listener,
        false => Form::DefaultsAlone,
    }
}

/// A listener as it stands in the file.
struct ReadListener {
    sockets: Vec<Socket>,
    place: Place,
    config: GatewayConfig,
}

/// Reads the table.
pub(super) fn read(
    section: &Section<'_>,
    global: &Global<'_, '_>,
    data_directory: &Path,
) -> Gateway {
    let pathways = &global.pathways;
    let form = form(section);
    let shared = read_listener(section, DEFAULT_NAME, form, pathways);
    let sessions_max = shared.config.sessions_max;
    let tables = section.sections_over("listener", section, OWN_KEYS);
    let further = tables.iter().map(|(name, table)| {
        check_name(table, name);
        (table, read_listener(table, name, Form::Listener, pathways))
    });
    let further: Vec<(&Section<'_>, ReadListener)> = further.collect();
    let mut places: Vec<Places<'_, '_>> = further
        .iter()
        .map(|(section, listener)| Places {
            section,
            sockets: &listener.sockets,
            above: vec![&listener.place, &shared.place],
        })
        .collect();
    if form == Form::Listener {
        let (sockets, above) = (&shared.sockets[..], vec![&shared.place]);
        places.insert(0, Places { section, sockets, above });
    }
    let configs = (form == Form::Listener).then(|| shared.config.clone());
    let configs = configs.into_iter().chain(further.iter().map(|(_, one)| one.config.clone()));
    let scopes = scopes::join(&places, global);
    let listeners = configs.zip(scopes).zip(&places).map(|((config, scopes), places)| Listener {
        listen: places.sockets.iter().map(|socket| socket.listen).collect(),
        scopes,
        config,
    });
    let listeners: Vec<Listener> = listeners.collect();
    let told: Vec<_> = places.iter().map(|places| places.section).zip(&listeners).collect();
    for (index, (section, listener)) in told.iter().enumerate() {
        check_addresses(section, listener, &told[..index], &told);
    }
    let memory = read_memory(section, &listeners);
    let accepted_file = data_directory.join("accepted");
    Gateway { listeners, accepted_file, sessions_max, memory }
}

/// Reads a listener, or what listeners have in common.
fn read_listener(
    section: &Section<'_>,
    name: &str,
    form: Form,
    pathways: &Pathways,
) -> ReadListener {
    let sockets = match form {
        Form::Listener => scopes::read_sockets(section, pathways),
        Form::DefaultsAlone => Vec::new(),
    };
    let place = scopes::read_place(section, pathways);
    ReadListener { sockets, place, config: read_config(section, name, form) }
}

/// The name of `[gateway.listener.NAME]` stands in log lines and metrics.
fn check_name(section: &Section<'_>, name: &str) {
    let is_right = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    if name == DEFAULT_NAME || name.is_empty() || name.len() > 64 || !name.bytes().all(is_right) {
        section.mistake_of_all(
            "must have a name of at most 64 letters, digits, - and _, other than \"default\", \
             which is the listener of [gateway]",
        );
    }
}

/// An address must not be taken twice, and nobody may be his own upstream.
fn check_addresses(
    section: &Section<'_>,
    listener: &Listener,
    before: &[(&Section<'_>, &Listener)],
    all: &[(&Section<'_>, &Listener)],
) {
    for (index, listen) in listener.listen.iter().enumerate() {
        let is_taken = |(_, other): &&(_, &Listener)| other.listen.contains(listen);
        let value = toml::Value::from(listen.to_string());
        if listener.listen[..index].contains(listen) {
            section.mistake("listen", Some(&value), "must not be there twice");
        } else if let Some((_, other)) = before.iter().find(is_taken)
            && listen.port() != 0
        {
            let right = format!("must not be that of listener {:?} as well", other.config.name);
            section.mistake("listen", Some(&value), right);
        }
    }
    let upstreams = &listener.config.upstreams.members;
    let is_upstream = |(_, other): &&(_, &Listener)| {
        let addresses = upstreams.iter().filter_map(|upstream| upstream.address.parse().ok());
        addresses.into_iter().any(|address| other.listen.contains(&address))
    };
    if let Some((table, _)) = all.iter().find(is_upstream) {
        let right = format!("must not be the gateway itself, {}", table.path_of("listen"));
        section.mistake("upstream", None, right);
    }
}

/// Reads what listener and defaults have in common, in the order of the reference.
fn read_config(section: &Section<'_>, name: &str, form: Form) -> GatewayConfig {
    let (tls, certificate) = read_listener_tls(section, form);
    let auth_requires_tls = section.boolean("auth_requires_tls", false);
    let (proxy_protocol_from, proxy_protocol_timeout) = read_proxy_protocol(section);
    let xclient_from = section.list("xclient_from", NETWORK);
    let xforward_from = section.list("xforward_from", NETWORK);
    let xsetcontext_from = section.list("xsetcontext_from", NETWORK);
    let xdumpcontext_from = section.list("xdumpcontext_from", NETWORK);
    let xremoteip_from = section.list("xremoteip_from", NETWORK);
    let upstreams = read_upstreams(section, form);
    let host_name: Option<DomainName> =
        section.parsed("host_name", "localhost", "must be a domain name, like \"mx.example.com\"");
    let multi_recipient = section.choice(
        "multi_recipient",
        &[("split", MultiRecipient::Split), ("one_at_a_time", MultiRecipient::OneAtATime)],
    );
    let limits = Limits {
        message_octets_max: mebibytes(section, "message_mib_max", 25, 1..=1_024),
        recipients_max: section.count("recipients_max", 1_000, 1..=100_000, "recipients"),
        errors_max: section.count("errors_max", 20, 1..=10_000, "errors"),
    };
    let sessions_max = section.count("sessions_max", 2_000, 1..=1_000_000, "sessions");
    let safety = read_safety(section);
    let client_timeout = seconds(section, "client_timeout_seconds", 300);
    let message_timeout = seconds(section, "message_timeout_seconds", 3_600);
    let upstreams = read_patience(section, upstreams);
    GatewayConfig {
        name: name.to_owned(),
        listener: ListenerConfig {
            tls,
            certificate,
            auth_requires_tls,
            proxy_protocol_from,
            proxy_protocol_timeout,
            xclient_from,
            xforward_from,
            xsetcontext_from,
            xdumpcontext_from,
            xremoteip_from,
            client_timeout,
            message_timeout,
        },
        upstreams,
        host_name: host_name.map(|name| name.0).unwrap_or_default(),
        multi_recipient,
        limits,
        sessions_max,
        safety,
        drain_timeout: seconds(section, "drain_timeout_seconds", 30),
    }
}

/// How long a message waits for memory; its client can well be silent for so long.
const MEMORY_WAIT: Duration = Duration::from_secs(5);

/// The memory for the messages of all listeners.
fn read_memory(section: &Section<'_>, listeners: &[Listener]) -> Memory {
    let octets_max = mebibytes(section, "memory_mib_max", 512, 16..=1_048_576);
    // The largest message, what is decoded of it, and its copy.
    let largest = listeners.iter().map(|listener| listener.config.limits.message_octets_max).max();
    let needed = largest.unwrap_or_default().saturating_mul(4);
    if section.has("memory_mib_max") && octets_max < needed {
        let right = format!("must be at least {}, four times message_mib_max", needed >> 20);
        section.mistake("memory_mib_max", None, right);
    }
    Memory { octets_max: octets_max.max(needed), wait: MEMORY_WAIT }
}

/// What is done against clients that do harm.
fn read_safety(section: &Section<'_>) -> Safety {
    let of_address = section.count("sessions_per_address_max", 500, 0..=1_000_000, "sessions");
    let exempt = section.list("sessions_per_address_exempt", NETWORK);
    let most = section.integer("tarpit_seconds_max", 5, 0..=60, "seconds");
    let newlines = section.choice(
        "bare_newlines",
        &[("refuse", BareNewlines::Refuse), ("repair", BareNewlines::Repair)],
    );
    Safety {
        sessions_per_address_max: if of_address == 0 { usize::MAX } else { of_address },
        exempt,
        tarpit: Tarpit { step: Duration::from_secs(1), most: Duration::from_secs(most) },
        newlines,
        received_max: section.count("received_max", 100, 0..=10_000, "fields"),
    }
}

/// Whether clients are talked to in TLS, and the files of the certificate.
fn read_listener_tls(section: &Section<'_>, form: Form) -> (ListenerTls, Option<CertificateFiles>) {
    let tls = section.choice(
        "tls",
        &[ListenerTls::Off, ListenerTls::Starttls, ListenerTls::Required, ListenerTls::Implicit]
            .map(|tls| (tls.name(), tls)),
    );
    let file = |key| section.parsed::<PathBuf>(key, "", "must be the path of a file in PEM");
    let (certificate, key) = (file("tls_certificate_file"), file("tls_key_file"));
    let authorities = file("tls_client_ca_file");
    let is_required = section.boolean("tls_client_certificate_required", false);
    if is_required && authorities.is_none() && form == Form::Listener {
        section.mistake("tls_client_certificate_required", None, "needs tls_client_ca_file");
    }
    if tls != ListenerTls::Off && form == Form::Listener {
        for (key, file) in [("tls_certificate_file", &certificate), ("tls_key_file", &key)] {
            if file.is_none() && !section.has(key) {
                section.mistake(key, None, "is missing; tls needs it");
            }
        }
    }
    let clients = match authorities {
        None => ClientCertificates::NotAsked,
        Some(path) if is_required => ClientCertificates::Required(path),
        Some(path) => ClientCertificates::Optional(path),
    };
    let files = certificate.zip(key);
    (tls, files.map(|(certificate, key)| CertificateFiles { certificate, key, clients }))
}

/// Load balancers, and how long they may take.
fn read_proxy_protocol(section: &Section<'_>) -> (Vec<Network>, Duration) {
    let from = section.list("proxy_protocol_from", NETWORK);
    (from, seconds(section, "proxy_protocol_timeout_seconds", 10))
}

/// What the upstreams are, but for how long they may take.
fn read_upstreams(section: &Section<'_>, form: Form) -> UpstreamsConfig {
    let right = "must be a host and port, like \"127.0.0.1:25\", or a list of them";
    let addresses: Vec<HostPort> = section.one_or_more("upstream", right);
    if form == Form::Listener && !section.has("upstream") {
        section.mistake("upstream", None, format!("is missing; {right}"));
    }
    let choices = [("priority", Choice::Priority), ("round_robin", Choice::RoundRobin)];
    let choice = section.choice("upstream_choice", &choices);
    let protocol = section.choice(
        "upstream_protocol",
        &[("smtp", UpstreamProtocol::Smtp), ("lmtp", UpstreamProtocol::Lmtp)],
    );
    let tls = section.choice(
        "upstream_tls",
        &[
            UpstreamTls::Off,
            UpstreamTls::Opportunistic,
            UpstreamTls::Required,
            UpstreamTls::Implicit,
        ]
        .map(|tls| (tls.name(), tls)),
    );
    let tls_name: Option<DomainName> =
        section.parsed("upstream_tls_name", "", "must be a domain name, like \"mx.example.com\"");
    let authorities: Option<PathBuf> =
        section.parsed("upstream_tls_ca_file", "", "must be the path of a file in PEM");
    let verification = match section.boolean("upstream_tls_insecure_skip_verify", false) {
        true => Verification::Nothing,
        false => authorities.map_or(Verification::System, Verification::Authorities),
    };
    let client_telling = section.choice(
        "tell_upstream_client",
        &[
            ("none", ClientTelling::Nothing),
            ("xclient", ClientTelling::Xclient),
            ("xforward", ClientTelling::Xforward),
        ],
    );
    let mut members: Vec<UpstreamConfig> = Vec::with_capacity(addresses.len());
    for HostPort(address) in addresses {
        if members.iter().any(|member| member.address == address) {
            let value = toml::Value::from(address.clone());
            section.mistake("upstream", Some(&value), "must not be there twice");
        }
        let (tls_name, verification) = (tls_name.as_ref(), verification.clone());
        let tls_name = tls_name.map(|name| name.0.clone());
        let patience = Patience::default();
        members.push(UpstreamConfig {
            address,
            protocol,
            tls,
            tls_name,
            verification,
            client_telling,
            patience,
        });
    }
    UpstreamsConfig { members, choice, circuit: CircuitConfig::default() }
}

/// How long upstreams may take, and for how long they are left alone.
fn read_patience(section: &Section<'_>, upstreams: UpstreamsConfig) -> UpstreamsConfig {
    let default = Patience::default();
    let read = |key, default: Duration| seconds(section, key, default.as_secs());
    let patience = Patience {
        connect: read("upstream_connect_timeout_seconds", default.connect),
        greeting: read("upstream_greeting_timeout_seconds", default.greeting),
        reply: read("upstream_reply_timeout_seconds", default.reply),
        final_reply: read("upstream_final_reply_timeout_seconds", default.final_reply),
    };
    let default = CircuitConfig::default();
    let refusals_max = section.integer(
        "upstream_refusals_max",
        default.refusals_max.into(),
        1..=1_000,
        "refusals",
    );
    let circuit = CircuitConfig {
        refusals_max: u32::try_from(refusals_max).unwrap_or(default.refusals_max),
        pause_max: read("upstream_pause_seconds_max", default.pause_max),
    };
    let members = upstreams.members.into_iter();
    let members = members.map(|member| UpstreamConfig { patience, ..member }).collect();
    UpstreamsConfig { members, circuit, ..upstreams }
}

fn seconds(section: &Section<'_>, key: &'static str, default: u64) -> Duration {
    Duration::from_secs(section.integer(key, default, 1..=86_400, "seconds"))
}
