//! Who is in front of the tracker, and how many connections there may be.

use crate::{
    config::{NETWORK, reader::Section},
    net::network::Network,
    tracker::ClientAddressFrom,
};

const CLIENT_ADDRESS_FROM: [(&str, ClientAddressFrom); 4] = [
    ("x-forwarded-for", ClientAddressFrom::XForwardedFor),
    ("forwarded", ClientAddressFrom::Forwarded),
    ("x-real-ip", ClientAddressFrom::XRealIp),
    ("proxy-protocol", ClientAddressFrom::ProxyProtocol),
];

/// Which proxies are trusted, and where they tell of their client.
pub(super) fn read_proxies(section: &Section<'_>) -> (Vec<Network>, ClientAddressFrom) {
    let trusted = section.list("trusted_proxies", NETWORK);
    (trusted, section.choice("client_address_from", &CLIENT_ADDRESS_FROM))
}

pub(super) fn read_connections_per_address(section: &Section<'_>) -> usize {
    let unit = "connections (0: any number)";
    match section.count("connections_per_address_max", 1_000, 0..=1_000_000, unit) {
        0 => usize::MAX,
        most => most,
    }
}

pub(super) fn read_streams(section: &Section<'_>) -> u32 {
    let streams = section.integer("streams_per_connection_max", 100, 1..=10_000, "requests");
    u32::try_from(streams).unwrap_or(u32::MAX)
}
