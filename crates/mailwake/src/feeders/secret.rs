//! Secrets that sinks show to the far side. They come from files and the environment, and are
//! told to nobody else: neither in the configuration nor in logs.

use std::{env, fmt, fs, io, path::PathBuf};

/// Octets of a secret. A larger file is another one.
const OCTETS_MAX: usize = 64 * 1024;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file; a line end behind it is no part of it.
    File(PathBuf),
    /// In an environment variable.
    Variable(String),
}

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("read {}: {error}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// There is no such variable.
    #[error("the environment has no variable {0}")]
    Variable(String),
    /// There is nothing, or more than a secret.
    #[error("{0} must have one line with the secret")]
    Content(Secret),
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Variable(name) => write!(f, "variable {name}"),
        }
    }
}

impl Secret {
    /// Reads it, as it is now.
    pub fn load(&self) -> Result<String, SecretError> {
        let text = match self {
            Self::File(path) => fs::read_to_string(path)
                .map_err(|error| SecretError::File { path: path.clone(), error })?,
            Self::Variable(name) => {
                env::var(name).map_err(|_| SecretError::Variable(name.clone()))?
            }
        };
        let text = text.trim_end_matches(['\r', '\n']);
        let is_one_line = !text.bytes().any(|octet| octet.is_ascii_control());
        if text.is_empty() || text.len() > OCTETS_MAX || !is_one_line {
            return Err(SecretError::Content(self.clone()));
        }
        Ok(text.to_owned())
    }
}
