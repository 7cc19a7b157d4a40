//! What the tracker knows of visitors and keeps of them: keys of `[tracker]`, and the files
//! that they name.

use super::{reader::Section, tracker::read_up_to};
use crate::tracker::{DoNotTrack, Geo, IpAddresses, Visitors};
use std::path::PathBuf;
use tracking::verdict::recognition::Recognition;

/// Octets of a table of user agents or networks.
const TABLE_OCTETS_MAX: u64 = 16 << 20;

pub(super) fn read(section: &Section<'_>) -> Visitors {
    let agents = table(section, "user_agents_file");
    let networks = table(section, "networks_file");
    let geo = read_geo(section);
    let ip_addresses = section.choice(
        "ip_addresses",
        &[
            ("full", IpAddresses::Full),
            ("truncated", IpAddresses::Truncated),
            ("none", IpAddresses::None),
        ],
    );
    let do_not_track = section.choice(
        "respect_do_not_track",
        &[
            ("ignore", DoNotTrack::Ignore),
            ("truncate", DoNotTrack::Truncate),
            ("anonymous", DoNotTrack::Anonymous),
        ],
    );
    let known = read_tables(section, agents.as_ref(), networks.as_ref());
    Visitors::new(ip_addresses, do_not_track, known, geo)
}

/// The file of a table, and what is in it.
struct Table {
    key: &'static str,
    path: PathBuf,
    text: String,
}

fn table(section: &Section<'_>, key: &'static str) -> Option<Table> {
    let path: PathBuf = section.parsed(key, "", "must be the path of a file of TOML")?;
    let read = read_up_to(&path, TABLE_OCTETS_MAX).map_err(|error| error.to_string());
    match read.and_then(|octets| String::from_utf8(octets).map_err(|error| error.to_string())) {
        Ok(text) => Some(Table { key, path, text }),
        Err(error) => {
            tell(section, key, &path, format!("must be a file that can be read: {error}"));
            None
        }
    }
}

/// Reads the tables, and where one is wrong each by itself: then it is told of its own key.
fn read_tables(
    section: &Section<'_>,
    agents: Option<&Table>,
    networks: Option<&Table>,
) -> Recognition {
    let of_agents = agents.map(|table| table.text.as_str());
    let of_networks = networks.map(|table| table.text.as_str());
    if let Ok(known) = Recognition::new(of_agents, of_networks) {
        return known;
    }
    for (table, read) in [
        (agents, Recognition::new(of_agents, None)),
        (networks, Recognition::new(None, of_networks)),
    ] {
        let Some(Table { key, path, .. }) = table else { continue };
        for mistake in read.err().into_iter().flatten() {
            tell(section, key, path, format!("has a mistake: {mistake}"));
        }
    }
    Recognition::default()
}

fn read_geo(section: &Section<'_>) -> Option<Geo> {
    let key = "geo_file";
    let path: PathBuf = section.parsed(key, "", "must be the path of a MaxMind DB file")?;
    match Geo::open(&path) {
        Ok(geo) => Some(geo),
        Err(error) => {
            tell(section, key, &path, format!("must be a MaxMind DB file: {error}"));
            None
        }
    }
}

fn tell(section: &Section<'_>, key: &'static str, path: &std::path::Path, right: String) {
    let value = toml::Value::from(path.display().to_string());
    section.mistake(key, Some(&value), right);
}
