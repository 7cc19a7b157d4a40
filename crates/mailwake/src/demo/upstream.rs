//! The MTA of the demo: it takes every mail, knows at once what becomes of it, and writes that
//! down. What was sent is kept in memory, to be looked at.

use super::records::Records;
use crate::smtp_io::wire::{Line, Wire, WireError};
use anyhow::{Context, Result};
use mail::{
    message::header::fields,
    smtp::{
        command::Command,
        data::{BareNewlines, DataReader},
        reply::Reply,
    },
};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, SyncSender},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

const LIMIT: Duration = Duration::from_secs(20);
/// Mails that wait to be looked at.
const MAILS_MAX: usize = 100;

/// Who is not there any more, and what the MTA hears of that.
const GONE: (&str, &str) = ("eve@example.org", "550 5.1.1 no such mailbox");

const MESSAGE_OCTETS_MAX: usize = 25 << 20;

/// A mail as it arrived.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) recipient: String,
    pub(super) content: Vec<u8>,
    /// The reply of the recipient's own MTA, where that refused it.
    pub(super) refusal: Option<&'static str>,
}

impl Arrived {
    fn new(recipient: String, content: Vec<u8>) -> Self {
        let refusal = (recipient == GONE.0).then_some(GONE.1);
        Self { recipient, content, refusal }
    }

    /// The message id that mailwake gave it.
    pub(super) fn message_id(&self) -> Result<String> {
        let id = fields(&self.content).find(|field| field.is("X-Sp-Message-Id"));
        let id = id.context("a mail without X-Sp-Message-Id")?;
        Ok(String::from_utf8_lossy(&id.value()).into_owned())
    }
}

/// Where mail goes.
struct Delivery {
    records: Mutex<Records>,
    mails: SyncSender<Arrived>,
}

impl Delivery {
    fn deliver(&self, mail: Arrived) -> Result<()> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).tell(&mail)?;
        // When the demo was shown nobody looks at more.
        drop(self.mails.try_send(mail));
        Ok(())
    }
}

/// The running MTA.
pub(super) struct Upstream {
    address: SocketAddr,
    mails: Receiver<Arrived>,
    _runtime: Runtime,
}

impl Upstream {
    pub(super) fn start(records: Records) -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let (sender, mails) = mpsc::sync_channel(MAILS_MAX);
        let delivery = Arc::new(Delivery { records: Mutex::new(records), mails: sender });
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let delivery = Arc::clone(&delivery);
                tokio::spawn(async move {
                    // A client that hangs up has said all it wanted to say.
                    drop(serve(stream, &delivery).await);
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
async fn serve(stream: TcpStream, delivery: &Delivery) -> Result<(), WireError> {
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
                let mut mails =
                    recipients.drain(..).map(|recipient| Arrived::new(recipient, content.clone()));
                match mails.try_for_each(|mail| delivery.deliver(mail)) {
                    Ok(()) => Reply::new(250, "2.0.0", "Ok: queued as DEMO"),
                    Err(error) => Reply::new(451, "4.3.0", &error.to_string()),
                }
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
