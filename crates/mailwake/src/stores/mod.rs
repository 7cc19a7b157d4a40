//! Read models of the event log, and the questions they answer. A store is told events
//! with their positions and never reads the log itself; `report` has the questions and
//! answers, which are the same for every store.

pub mod ledger;
pub mod outbox;
pub mod report;
pub mod sqlite;
pub mod tags;
pub mod user_agents;
