//! Sending by swaks, a client that is none of ours.

use super::process::run;
use std::fs;

/// Sends one message to all recipients in one transaction, and gives the conversation
/// as swaks prints it. Panics when the message is refused. Lines of `message` end in LF.
pub(crate) fn send(port: u16, reverse_path: &str, recipients: &[&str], message: &[u8]) -> String {
    send_with(&[], port, reverse_path, recipients, message)
}

/// As `send`, with further options of swaks.
pub(crate) fn send_with(
    options: &[&str],
    port: u16,
    reverse_path: &str,
    recipients: &[&str],
    message: &[u8],
) -> String {
    let directory = tempfile::tempdir().expect("directory for the message");
    let file = directory.path().join("message.eml");
    // swaks ends the last line itself.
    fs::write(&file, message.strip_suffix(b"\n").unwrap_or(message)).expect("write the message");
    let server = format!("127.0.0.1:{port}");
    let recipients = recipients.join(",");
    let data = format!("@{}", file.display());
    run(
        "swaks",
        "swaks",
        [
            options,
            &[
                "--server",
                &server,
                "--helo",
                "client.example.com",
                "--from",
                reverse_path,
                "--to",
                &recipients,
                "--data",
                &data,
            ],
        ]
        .concat(),
    )
}
