//! Records of MTAs come in, by files, pipes and HTTP; events go to the log. A record is
//! acknowledged, and never read again, only when its events are on disk; read again after a
//! crash, it gives the same ids, by which consumers count it once.
//!
//! | what | where |
//! |---|---|
//! | files that grow, are rotated, truncated, compressed | `source`, with its place in a `checkpoint` |
//! | a file or pipe that is read once | `ingest` |
//! | what other processes have read (`ingest`, `acct-etl`) | `spool` |
//! | what KumoMTA posts | `http` |
//! | what other mailwakes and trackers put into Redis | `redis` |

mod checkpoint;
mod counters;
mod files;
mod http;
mod ingest;
mod lines;
mod recorder;
pub mod redis;
mod source;
mod spool;
mod tracked;

pub use checkpoint::CheckpointError;
pub use counters::{Counters, SourceCounters};
pub use files::Place;
pub use http::{HttpConfig, run as run_http};
pub use ingest::{IngestError, Progress, ingest, open as open_records};
pub use lines::{LineBuffer, Torn};
pub use recorder::{Recorder, Stopped};
pub use source::{SourceConfig, SourceError, Start, run as run_source};
pub use spool::{Spool, SpoolError, take as take_spool};
