//! Plain text: its charset and the URLs that readers find in it.

pub mod charset;
pub mod flowed;
pub mod link;
