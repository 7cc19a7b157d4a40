//! What mailwake says about mail: ids, tokens, events and the tracked copy of a
//! message. Values come in, values go out: `now` and `nonce` are parameters, and
//! nothing here does IO, reads a clock or draws random numbers.

pub mod account;
pub mod bounce;
pub mod context;
pub mod copy;
pub mod decision;
pub mod delivery;
pub mod event;
pub mod forwarded;
pub mod ids;
mod json;
pub mod link;
pub mod message;
pub mod rewrite;
pub mod scope;
pub mod smtpapi;
pub mod sparkpost;
pub mod stream;
pub mod token;
pub mod trk_queue;
pub mod unsubscribe;
pub mod verdict;
