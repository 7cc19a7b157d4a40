//! The tracker as it is run: what it does when something is broken, to whom means harm, and
//! to clients of all kinds. Whatever happens, a link that was sealed redirects, and what was
//! answered is counted.

mod amp;
mod clients;
mod disks;
mod faults;
mod front;
mod hostile;
mod load;
mod machine;
