//! The message that a command is given, and what a sender would be told of it.

use anyhow::{Context as _, Result, bail};
use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};
use tracking::smtpapi::Refusal;

/// Largest message that is read, in octets.
const MESSAGE_OCTETS_MAX: u64 = 1 << 30;

/// Reads a message from a file, or from standard input.
pub(super) fn read(file: Option<&Path>) -> Result<Vec<u8>> {
    let mut message = Vec::new();
    let read = match file {
        None => io::stdin().lock().take(MESSAGE_OCTETS_MAX + 1).read_to_end(&mut message),
        Some(path) => File::open(path)
            .and_then(|file| file.take(MESSAGE_OCTETS_MAX + 1).read_to_end(&mut message)),
    };
    let named = || match file {
        None => "read the message".to_owned(),
        Some(path) => format!("read the message {}", path.display()),
    };
    if read.with_context(named)? as u64 > MESSAGE_OCTETS_MAX {
        bail!("the message has more than {MESSAGE_OCTETS_MAX} octets");
    }
    Ok(message)
}

/// The reply that a sender would get for such a message.
pub(super) fn reply(refusal: &Refusal) -> String {
    format!("{} {} {refusal}", Refusal::CODE, Refusal::ENHANCED)
}
