//! What the target `rewrite` knows of copies, without a look at how they are made: links
//! that can be told from all others, and how a copy is turned back into its message.

pub mod links;
pub mod records;
pub mod undo;
