//! Tags in Cassandra, by its native protocol in version 4 (Cassandra 3.11 to 5): one
//! partition of numbered places, each of which goes to one tag by a lightweight transaction,
//! so that several gateways together give away no more than there are.
//!
//! ```text
//! CREATE TABLE keyspace.tags (
//!     system text, place int, tag text, PRIMARY KEY (system, place)
//! )
//! ```
//!
//! The keyspace is the operator's to make, whose replication it is; the table is made where
//! it is not there.

use super::{TagStore, TagStoreError};
use scylla::{
    client::{
        PoolSize, execution_profile::ExecutionProfile, session::Session,
        session_builder::SessionBuilder,
    },
    statement::{Consistency, SerialConsistency, prepared::PreparedStatement},
    value::{CqlValue, Row},
};
use std::{fmt, num::NonZeroUsize, time::Duration};
use tokio::sync::OnceCell;

/// The partition of all tags.
const SYSTEM: &str = "mailwake";

/// How often a place is tried to be had that others take in the meantime.
const ATTEMPTS_MAX: usize = 16;

/// Where the cluster is, and what is said to it.
#[derive(Clone, PartialEq, Eq)]
pub struct CassandraConfig {
    /// Nodes to begin with: host and port each.
    pub contact_points: Vec<String>,
    /// The keyspace.
    pub keyspace: String,
    /// Name and password, where the cluster asks for them.
    pub login: Option<(String, String)>,
    /// How long a connection and a request may take.
    pub timeout: Duration,
}

impl fmt::Debug for CassandraConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { contact_points, keyspace, .. } = self;
        write!(f, "CassandraConfig {{ {contact_points:?}, {keyspace} }}")
    }
}

/// Tags in a cluster, which is connected to when it is asked for the first time.
#[derive(Debug)]
pub struct CassandraTags {
    config: CassandraConfig,
    tags_max: usize,
    connected: OnceCell<Connected>,
}

#[derive(Debug)]
struct Connected {
    session: Session,
    select: PreparedStatement,
    insert: PreparedStatement,
}

impl CassandraTags {
    /// A store that holds so many tags.
    pub fn new(config: CassandraConfig, tags_max: usize) -> Self {
        Self { config, tags_max, connected: OnceCell::new() }
    }

    async fn connected(&self) -> Result<&Connected, TagStoreError> {
        self.connected.get_or_try_init(|| Connected::connect(&self.config)).await
    }
}

impl Connected {
    async fn connect(config: &CassandraConfig) -> Result<Self, TagStoreError> {
        let profile = ExecutionProfile::builder()
            .request_timeout(Some(config.timeout))
            .consistency(Consistency::LocalQuorum)
            .serial_consistency(Some(SerialConsistency::LocalSerial))
            .build();
        let mut builder = SessionBuilder::new()
            .known_nodes(&config.contact_points)
            .connection_timeout(config.timeout)
            .hostname_resolution_timeout(Some(config.timeout))
            .pool_size(PoolSize::PerHost(NonZeroUsize::MIN))
            .fetch_schema_metadata(false)
            .fetch_full_schema_metadata(false)
            .default_execution_profile_handle(profile.into_handle());
        if let Some((name, password)) = &config.login {
            builder = builder.user(name, password);
        }
        let session = builder.build().await.map_err(of_cassandra)?;
        let table = format!("{}.tags", config.keyspace);
        let select = format!("SELECT place, tag FROM {table} WHERE system = ?");
        let insert =
            format!("INSERT INTO {table} (system, place, tag) VALUES (?, ?, ?) IF NOT EXISTS");
        // Not every login may make tables, and it is there as a rule.
        let select = match session.prepare(select.as_str()).await {
            Ok(prepared) => prepared,
            Err(_) => {
                let columns = "system text, place int, tag text, PRIMARY KEY (system, place)";
                let create = format!("CREATE TABLE IF NOT EXISTS {table} ({columns})");
                session.query_unpaged(create, ()).await.map_err(of_cassandra)?;
                session.prepare(select).await.map_err(of_cassandra)?
            }
        };
        let mut insert = session.prepare(insert).await.map_err(of_cassandra)?;
        // A place that was taken stays taken, so it may be asked for again.
        insert.set_is_idempotent(true);
        Ok(Self { session, select, insert })
    }

    /// Places with their tags, by place.
    async fn places(&self) -> Result<Vec<(i32, String)>, TagStoreError> {
        let result = self.session.execute_unpaged(&self.select, (SYSTEM,)).await;
        let rows = result.map_err(of_cassandra)?.into_rows_result().map_err(of_cassandra)?;
        let rows = rows.rows::<(i32, String)>().map_err(of_cassandra)?;
        rows.collect::<Result<_, _>>().map_err(of_cassandra)
    }

    /// Gives a place to a tag; false where it was given away before.
    async fn give(&self, place: i32, tag: &str) -> Result<bool, TagStoreError> {
        let result = self.session.execute_unpaged(&self.insert, (SYSTEM, place, tag)).await;
        let rows = result.map_err(of_cassandra)?.into_rows_result().map_err(of_cassandra)?;
        // What stands behind the first column depends on its value.
        let row: Row = rows.first_row().map_err(of_cassandra)?;
        match row.columns.first() {
            Some(Some(CqlValue::Boolean(is_applied))) => Ok(*is_applied),
            _ => Err(TagStoreError::Cassandra("a transaction without [applied]".into())),
        }
    }
}

impl TagStore for CassandraTags {
    async fn all(&self) -> Result<Vec<String>, TagStoreError> {
        let places = self.connected().await?.places().await?;
        Ok(tags_of(places, self.tags_max))
    }

    async fn admit(&self, tag: &str) -> Result<Vec<String>, TagStoreError> {
        let connected = self.connected().await?;
        for _ in 0..ATTEMPTS_MAX {
            let places = connected.places().await?;
            let is_known = places.iter().any(|(_, known)| known == tag);
            let is_free = |place: &i32| !places.iter().any(|(taken, _)| taken == place);
            let free = (0..).take(self.tags_max).find(is_free);
            let Some(place) = free.filter(|_| !is_known) else {
                return Ok(tags_of(places, self.tags_max));
            };
            // Another gateway may have given it away in the meantime, even to the same tag.
            if connected.give(place, tag).await? {
                let tags = tags_of(places, self.tags_max);
                return Ok(tags.into_iter().chain([tag.to_owned()]).collect());
            }
        }
        Err(TagStoreError::Cassandra(format!("no place was had in {ATTEMPTS_MAX} attempts")))
    }
}

fn tags_of(places: Vec<(i32, String)>, tags_max: usize) -> Vec<String> {
    places.into_iter().map(|(_, tag)| tag).take(tags_max).collect()
}

fn of_cassandra(error: impl fmt::Display) -> TagStoreError {
    TagStoreError::Cassandra(error.to_string())
}
