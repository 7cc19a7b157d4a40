//! Where the tags of the system are kept, so that they outlive a process and several
//! gateways have the same ones. A tag comes in and is kept if there is room; the tags that
//! the system has then go out. Nothing is ever taken out.

pub mod cassandra;
pub mod embedded;

use std::{future::Future, io};

/// A place for tags.
pub trait TagStore: Send + Sync {
    /// The tags that the system has.
    fn all(&self) -> impl Future<Output = Result<Vec<String>, TagStoreError>> + Send;

    /// Keeps a tag if it is not there and has room, and gives the tags that the system has
    /// then. Two who have the last place to give away give it to one tag.
    fn admit(&self, tag: &str) -> impl Future<Output = Result<Vec<String>, TagStoreError>> + Send;
}

/// Why tags are not to be had at the moment.
#[derive(Debug, thiserror::Error)]
pub enum TagStoreError {
    /// The file cannot be read or written.
    #[error("tags in a file: {0}")]
    File(#[from] io::Error),
    /// The cluster does not answer as it should.
    #[error("tags in Cassandra: {0}")]
    Cassandra(String),
    /// It does not answer in time.
    #[error("the store of tags did not answer in time")]
    TimedOut,
}
