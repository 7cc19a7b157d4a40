//! What goes wrong with Redis, and what there is to do then.

use redis::{ErrorKind, ServerErrorKind};
use std::{fmt, io, path::Path};

/// What there is to do about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// Try again: the server is away, starts, is full, or is a replica now.
    Away,
    /// An operator has to act: the server knows us not, or not with these rights, or keys hold
    /// something else.
    Denied,
    /// What was sent is too large for the server.
    Refused,
}

/// Why a command was not done, or may not have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisError {
    failure: Failure,
    reason: String,
    /// The slot is elsewhere, says the server.
    is_redirect: bool,
}

impl std::error::Error for RedisError {}

impl fmt::Display for RedisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// Characters of a server's text that are told.
const TEXT_CHARACTERS_MAX: usize = 200;

impl RedisError {
    /// What there is to do.
    pub fn failure(&self) -> Failure {
        self.failure
    }

    /// One of our own making.
    pub fn new(failure: Failure, reason: impl Into<String>) -> Self {
        Self { failure, reason: reason.into(), is_redirect: false }
    }

    /// The same, of a cluster: where slots are, a new connection finds out.
    pub(super) fn of_cluster(self) -> Self {
        let failure = if self.is_redirect { Failure::Away } else { self.failure };
        Self { failure, ..self }
    }

    pub(super) fn no_answer() -> Self {
        Self::new(Failure::Away, "no answer from Redis")
    }

    pub(super) fn timed_out() -> Self {
        Self::new(Failure::Away, "connect to Redis: no answer in time")
    }

    pub(super) fn file(path: &Path, error: &io::Error) -> Self {
        Self::new(Failure::Denied, format!("read {}: {error}", path.display()))
    }
}

impl From<redis::RedisError> for RedisError {
    fn from(error: redis::RedisError) -> Self {
        let text = error.to_string();
        let redirects = [ServerErrorKind::Moved, ServerErrorKind::Ask].map(ErrorKind::Server);
        let of_script = of_script(&text);
        Self {
            failure: of_script.map_or_else(|| failure(&error, &text), failure_of_script),
            reason: format!("Redis: {}", told(of_script.unwrap_or(&text))),
            is_redirect: redirects.contains(&error.kind()),
        }
    }
}

fn failure(error: &redis::RedisError, text: &str) -> Failure {
    let too_large =
        ["exceeds maximum allowed size", "invalid bulk length", "invalid multibulk length"];
    match error.kind() {
        _ if too_large.iter().any(|words| text.contains(words)) => Failure::Refused,
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::UnexpectedReturnType => Failure::Denied,
        ErrorKind::Server(kind) => match kind {
            ServerErrorKind::ResponseError if text.contains("max number of clients") => {
                Failure::Away
            }
            // Where no cluster is configured, a slot that has moved is not followed.
            ServerErrorKind::ResponseError
            | ServerErrorKind::ExecAbort
            | ServerErrorKind::Moved
            | ServerErrorKind::Ask
            | ServerErrorKind::CrossSlot
            | ServerErrorKind::NoPerm => Failure::Denied,
            _ => Failure::Away,
        },
        ErrorKind::Extension => match error.code().unwrap_or_default() {
            "NOAUTH" | "WRONGPASS" | "WRONGTYPE" | "NOGROUP" | "DENIED" => Failure::Denied,
            // Such as OOM, MISCONF, NOREPLICAS and BUSY, which pass.
            _ => Failure::Away,
        },
        _ => Failure::Away,
    }
}

/// What a command in a script has said, as Redis 6 wraps it: `ERR Error running script (call to
/// f_…): @user_script:1: @user_script: 1: -OOM command not allowed`. Later ones answer with the
/// code of the command itself, and behind it where in the script that was.
fn of_script(text: &str) -> Option<&str> {
    let (_, behind) = text.rsplit_once("@user_script:")?;
    let (line, said) = behind.trim_start_matches(['"', ':', ' ']).split_once(": ")?;
    let is_line = !line.is_empty() && line.bytes().all(|octet| octet.is_ascii_digit());
    is_line.then(|| said.trim_start_matches('-'))
}

fn failure_of_script(said: &str) -> Failure {
    match said.split(' ').next().unwrap_or_default() {
        "OOM" | "READONLY" | "LOADING" | "MISCONF" | "NOREPLICAS" | "CLUSTERDOWN"
        | "MASTERDOWN" | "TRYAGAIN" | "BUSY" => Failure::Away,
        // Such as WRONGTYPE, and those rights that are missing, for which there is no code.
        _ => Failure::Denied,
    }
}

/// A server's text as it may be told: without what was sent to it, which it repeats.
fn told(text: &str) -> String {
    let end = [", with args", " script: "].iter().filter_map(|mark| text.find(mark)).min();
    let text = &text[..end.unwrap_or(text.len())];
    let printable = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(TEXT_CHARACTERS_MAX).collect()
}
