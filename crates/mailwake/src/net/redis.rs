//! Redis, or whatever speaks its protocol: where servers are comes in, and a connection goes out
//! that takes commands and says of each failure what there is to do. What keys mean, others know.

mod error;
mod server;

pub use error::{Failure, RedisError};
pub use server::{ServerUrl, ServerUrlError};

use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo,
    IntoConnectionInfo, Pipeline, RedisConnectionInfo, TlsCertificates, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{task::JoinSet, time::timeout};

/// Where servers are, and who we are to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisConfig {
    /// The servers, at least one: all are in TLS or none. Of a cluster, some of its nodes; else
    /// they are tried one after the other, and the first that can be written to is taken.
    pub servers: Vec<ServerUrl>,
    /// Are they nodes of a cluster?
    pub is_cluster: bool,
    /// The name of an ACL user; empty for the one that every connection begins with.
    pub user: String,
    /// The file of the password, if there is one. It is read at each connection.
    pub password_file: Option<PathBuf>,
    /// The authorities that sign certificates, in PEM; those of the system if there is no file.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key, in PEM, if servers ask for one.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// How long a connection may take, and an answer.
    pub timeout: Duration,
}

/// A connection, made when it is needed and again when it is lost.
pub struct Redis {
    config: RedisConfig,
    connection: Option<Connection>,
    /// The server that is tried next.
    next: usize,
}

#[derive(Clone)]
enum Connection {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Redis {
    /// Gets ready; nobody is asked yet.
    pub fn new(config: RedisConfig) -> Self {
        Self { config, connection: None, next: 0 }
    }

    /// Where the servers are.
    pub fn config(&self) -> &RedisConfig {
        &self.config
    }

    /// Sends groups of commands, all at once, and gives what was answered, group by group. The
    /// keys of one group lie in one slot (Redis Cluster specification, hash tags); its commands
    /// are done in their order, groups in any order. The first failure is told, after all have
    /// ended; others of the commands may have been done.
    pub async fn ask(&mut self, groups: Vec<Pipeline>) -> Result<Vec<Vec<Value>>, RedisError> {
        let asked = match self.connected().await {
            Ok(Connection::Server(connection)) => ask_server(connection, groups).await,
            Ok(Connection::Cluster(connection)) => {
                ask_cluster(&connection, groups).await.map_err(RedisError::of_cluster)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = &asked
            && error.failure() != Failure::Refused
        {
            self.connection = None;
            self.next = self.next.wrapping_add(1);
        }
        asked
    }

    /// Sends one command.
    pub async fn ask_one(&mut self, command: Cmd) -> Result<Value, RedisError> {
        let mut group = Pipeline::with_capacity(1);
        group.add_command(command);
        let answers = self.ask(vec![group]).await?;
        answers.into_iter().flatten().next().ok_or_else(RedisError::no_answer)
    }

    async fn connected(&mut self) -> Result<Connection, RedisError> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let limit = self.config.timeout.saturating_mul(2);
        let connected = timeout(limit, connect(&self.config, self.next)).await;
        let connection = connected.unwrap_or_else(|_| Err(RedisError::timed_out()))?;
        self.connection = Some(connection.clone());
        Ok(connection)
    }
}

async fn ask_server(
    mut connection: MultiplexedConnection,
    groups: Vec<Pipeline>,
) -> Result<Vec<Vec<Value>>, RedisError> {
    let sizes: Vec<_> = groups.iter().map(Pipeline::len).collect();
    let mut all = Pipeline::with_capacity(sizes.iter().sum());
    for group in &groups {
        for command in group.cmd_iter() {
            all.add_command(command.clone());
        }
    }
    if all.is_empty() {
        return Ok(vec![Vec::new(); groups.len()]);
    }
    let mut answers = query(&all, &mut connection).await?.into_iter();
    Ok(sizes.into_iter().map(|size| answers.by_ref().take(size).collect()).collect())
}

async fn ask_cluster(
    connection: &ClusterConnection,
    groups: Vec<Pipeline>,
) -> Result<Vec<Vec<Value>>, RedisError> {
    let mut answers = vec![Vec::new(); groups.len()];
    let mut under_way = JoinSet::new();
    for (index, group) in groups.into_iter().enumerate().filter(|(_, group)| !group.is_empty()) {
        let mut connection = connection.clone();
        under_way.spawn(async move {
            let answered = query(&group, &mut connection).await;
            (index, answered)
        });
    }
    let mut failed = None;
    while let Some(ended) = under_way.join_next().await {
        match ended {
            Ok((index, Ok(answered))) => answers[index] = answered,
            Ok((_, Err(error))) => failed = failed.or(Some(error)),
            Err(_) => failed = failed.or(Some(RedisError::no_answer())),
        }
    }
    failed.map_or(Ok(answers), Err)
}

/// Sends commands and gives their answers. Of several errors the first is told, by itself.
async fn query(
    group: &Pipeline,
    connection: &mut impl ConnectionLike,
) -> Result<Vec<Value>, RedisError> {
    let answers = connection.req_packed_commands(group, 0, group.len()).await?;
    let answers = answers.into_iter().map(Value::extract_error);
    Ok(answers.collect::<Result<_, _>>()?)
}

async fn connect(config: &RedisConfig, next: usize) -> Result<Connection, RedisError> {
    let settings = settings(config)?;
    let certificates = certificates(config)?;
    if config.is_cluster {
        let nodes = config.servers.iter().map(|server| info(server, &settings));
        let nodes: Vec<_> = nodes.collect::<Result<_, _>>()?;
        let mut builder = ClusterClient::builder(nodes)
            .connection_timeout(config.timeout)
            .response_timeout(config.timeout)
            // Whoever asks tries again; here it is only followed to where a slot has gone.
            .retries(3)
            .max_retry_wait(200);
        if let Some(certificates) = certificates {
            builder = builder.certs(certificates);
        }
        let client = builder.build()?;
        return Ok(Connection::Cluster(client.get_async_connection().await?));
    }
    let server = &config.servers[next % config.servers.len().max(1)];
    let info = info(server, &settings)?;
    let client = match certificates {
        Some(certificates) => Client::build_with_tls(info, certificates)?,
        None => Client::open(info)?,
    };
    let timeouts = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(config.timeout))
        .set_response_timeout(Some(config.timeout));
    let mut connection = client.get_multiplexed_async_connection_with_config(&timeouts).await?;
    // A server that asks who we are hangs up at the first long command, without a word. One that
    // answers NOPERM knows us.
    match redis::cmd("PING").query_async::<Value>(&mut connection).await {
        Err(error) if error.code() != Some("NOPERM") => Err(error.into()),
        _ => Ok(Connection::Server(connection)),
    }
}

fn info(server: &ServerUrl, settings: &RedisConnectionInfo) -> Result<ConnectionInfo, RedisError> {
    let (host, port) = (server.host.clone(), server.port);
    let address = match server.is_tls {
        true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(host, port),
    };
    let settings = settings.clone().set_db(server.database);
    Ok(address.into_connection_info()?.set_redis_settings(settings))
}

fn settings(config: &RedisConfig) -> Result<RedisConnectionInfo, RedisError> {
    // A user with few rights may not set the name of the library.
    let mut settings = RedisConnectionInfo::default().set_skip_set_lib_name();
    if !config.user.is_empty() {
        settings = settings.set_username(&config.user);
    }
    if let Some(file) = &config.password_file {
        let password = String::from_utf8(read(file)?).map_err(|_| {
            RedisError::file(file, &io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
        })?;
        settings = settings.set_password(password.trim_end_matches(['\r', '\n']));
    }
    Ok(settings)
}

fn certificates(config: &RedisConfig) -> Result<Option<TlsCertificates>, RedisError> {
    if !config.servers.iter().any(|server| server.is_tls) {
        return Ok(None);
    }
    let root_cert = config.ca_file.as_deref().map(read).transpose()?;
    let client_tls = match &config.certificate {
        Some((certificate, key)) => {
            Some(ClientTlsConfig { client_cert: read(certificate)?, client_key: read(key)? })
        }
        None => None,
    };
    Ok(Some(TlsCertificates { client_tls, root_cert }))
}

fn read(file: &Path) -> Result<Vec<u8>, RedisError> {
    fs::read(file).map_err(|error| RedisError::file(file, &error))
}

/// A key in the slot of `key`: behind it, with its hash tag (Redis Cluster specification, hash
/// tags), or with the key as the tag where it has none.
pub fn beside(key: &str, suffix: &str) -> String {
    let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    match tag {
        Some((tag, _)) if !tag.is_empty() => format!("{key}{suffix}"),
        _ => format!("{{{key}}}{suffix}"),
    }
}

#[cfg(test)]
mod tests;
