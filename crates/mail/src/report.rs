//! Reports about mail: what became of a message that was sent.

pub mod dsn;
