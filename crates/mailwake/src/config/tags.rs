//! `[tags]`: where the tags of the system are kept.

use super::{HostPort, reader::Section};
use crate::stores::tags::cassandra::CassandraConfig;
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a connection to Cassandra and a request may take. No mail waits for it.
const CASSANDRA_TIMEOUT: Duration = Duration::from_secs(2);

/// Where tags are kept, and how long mail waits for that.
#[derive(Debug, Clone)]
pub struct TagsConfig {
    /// Where.
    pub store: TagsPlace,
    /// For so long a message with a new tag waits.
    pub patience: Duration,
}

/// A place for tags.
#[derive(Debug, Clone)]
pub enum TagsPlace {
    /// A file of this process.
    Embedded(PathBuf),
    /// Cassandra, which several gateways share; and the file of the password for it.
    Cassandra(CassandraConfig, Option<PathBuf>),
}

impl TagsPlace {
    /// Cassandra with its password, if it is that; the error names the file.
    pub fn cassandra(&self) -> Result<Option<CassandraConfig>, (PathBuf, io::Error)> {
        let Self::Cassandra(config, file) = self else { return Ok(None) };
        let mut config = config.clone();
        if let (Some(file), Some((_, password))) = (file, &mut config.login) {
            let text = fs::read_to_string(file).map_err(|error| (file.clone(), error))?;
            *password = text.trim_end_matches(['\r', '\n']).to_owned();
        }
        Ok(Some(config))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Embedded,
    Cassandra,
}

/// Reads the table.
pub(super) fn read(section: &Section<'_>, data_directory: &Path) -> TagsConfig {
    let kind =
        section.choice("store", &[("embedded", Kind::Embedded), ("cassandra", Kind::Cassandra)]);
    let wait = section.integer("wait_ms_max", 50, 1..=10_000, "milliseconds");
    let contact_points: Vec<HostPort> =
        section.list("cassandra_contact_points", "must be a host and port, like \"10.0.0.1:9042\"");
    let keyspace: Option<Keyspace> = section.parsed(
        "cassandra_keyspace",
        "mailwake",
        "must be a letter and up to 47 letters, digits and _",
    );
    let user: Option<String> = section.parsed("cassandra_user", "", "must be a name");
    let password_file: Option<PathBuf> =
        section.given("cassandra_password_file", "must be the path of a file");
    if kind == Kind::Cassandra && !section.has("cassandra_contact_points") {
        let right = "is missing; store = \"cassandra\" needs it";
        section.mistake("cassandra_contact_points", None, right);
    }
    if section.has("cassandra_user") != section.has("cassandra_password_file") {
        let right = "goes with cassandra_password_file, and neither without the other";
        section.mistake("cassandra_user", None, right);
    }
    let store = match kind {
        Kind::Embedded => TagsPlace::Embedded(data_directory.join("tags")),
        Kind::Cassandra => {
            let config = CassandraConfig {
                contact_points: contact_points.into_iter().map(|point| point.0).collect(),
                keyspace: keyspace.map(|keyspace| keyspace.0).unwrap_or_default(),
                login: user.map(|user| (user, String::new())),
                timeout: CASSANDRA_TIMEOUT,
            };
            TagsPlace::Cassandra(config, password_file)
        }
    };
    TagsConfig { store, patience: Duration::from_millis(wait) }
}

/// The name of a keyspace, which stands in statements as it is.
struct Keyspace(String);

impl std::str::FromStr for Keyspace {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_';
        let is_right = text.len() <= 48
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(is_name);
        is_right.then(|| Self(text.into())).ok_or(())
    }
}
