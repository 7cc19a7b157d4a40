//! The receiving MTA of the demo: it takes every mail and keeps it in memory.

use crate::smtp_io::wire::{Line, Wire, WireError};
use anyhow::{Context, Result};
use mail::smtp::{
    command::Command,
    data::{BareNewlines, DataReader},
    reply::Reply,
};
use std::{
    net::SocketAddr,
    sync::mpsc::{self, Receiver, SyncSender},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const LIMIT: Duration = Duration::from_secs(20);
/// Mails that wait to be looked at.
const MAILS_MAX: usize = 100;

const MESSAGE_OCTETS_MAX: usize = 25 << 20;

/// A mail as it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) recipient: String,
    pub(super) content: Vec<u8>,
}

/// The running MTA.
pub(super) struct Upstream {
    address: SocketAddr,
    mails: Receiver<Arrived>,
    _runtime: Runtime,
}

impl Upstream {
    pub(super) fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (sender, mails) = mpsc::sync_channel(MAILS_MAX);
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    // A client that hangs up has said all it wanted to say.
                    drop(serve(stream, &sender).await);
                });
            }
        });
        Ok(Self { address, mails, _runtime: runtime })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next mails, as many as were sent.
    pub(super) fn mails(&self, number: usize) -> Result<Vec<Arrived>> {
        (0..number)
            .map(|_| self.mails.recv_timeout(LIMIT).context("a mail did not arrive"))
            .collect()
    }
}

/// One session (RFC 5321), without any limit of what it takes.
async fn serve(stream: TcpStream, mails: &SyncSender<Arrived>) -> Result<(), WireError> {
    let mut client = Wire::new(stream)?;
    let mut recipients: Vec<String> = Vec::new();
    client.write(b"220 demo.example ESMTP, takes everything\r\n");
    loop {
        client.flush(LIMIT).await?;
        let Line::Whole(line) = client.read_line(4_096, LIMIT).await? else {
            return Ok(());
        };
        let reply = match Command::parse(&String::from_utf8_lossy(&line)) {
            Command::Ehlo => Reply::of_lines(250, ["demo.example", "8BITMIME", "SIZE 26214400"]),
            Command::Rcpt(envelope) => {
                recipients.push(envelope.path.into());
                Reply::new(250, "2.1.5", "Ok")
            }
            Command::Data => {
                client.write(b"354 go ahead\r\n");
                client.flush(LIMIT).await?;
                let mut reader = DataReader::new(MESSAGE_OCTETS_MAX, BareNewlines::Refuse);
                while !reader.is_done() {
                    client.read_content(&mut reader, LIMIT).await?;
                }
                let content = reader.finish().unwrap_or_default();
                for recipient in recipients.drain(..) {
                    // Nobody waits for mail any more when the demo is over.
                    drop(mails.send(Arrived { recipient, content: content.clone() }));
                }
                Reply::new(250, "2.0.0", "Ok: queued as DEMO")
            }
            Command::Quit => {
                client.write(b"221 2.0.0 Bye\r\n");
                return client.flush(LIMIT).await;
            }
            _ => {
                recipients.clear();
                Reply::new(250, "2.0.0", "Ok")
            }
        };
        client.write(reply.octets());
    }
}
