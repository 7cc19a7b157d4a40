//! An upstream that takes every message and keeps it, but for recipients whose name begins
//! with "refused": as many sessions at a time as there are, and no program but ours.

use std::{
    io,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

type Messages = Arc<Mutex<Vec<Vec<u8>>>>;

/// A running upstream. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Upstream {
    _runtime: Runtime,
    messages: Messages,
    /// Where it takes mail.
    pub(crate) port: u16,
}

impl Upstream {
    /// Starts it on a free port.
    pub(crate) fn start() -> Self {
        Self::start_at(0, "220 upstream.example")
    }

    /// Starts it on a port, 0 for a free one, with another greeting.
    pub(crate) fn start_at(port: u16, greeting: &'static str) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = TcpListener::bind(("127.0.0.1", port));
        let listener = runtime.block_on(listener).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let messages = Messages::default();
        runtime.spawn(accept(listener, messages.clone(), greeting));
        Self { _runtime: runtime, messages, port }
    }

    /// All messages taken so far, as they came, dots doubled; lines end in LF.
    pub(crate) fn messages(&self) -> Vec<Vec<u8>> {
        self.messages.lock().expect("sessions do not panic").clone()
    }
}

async fn accept(listener: TcpListener, messages: Messages, greeting: &'static str) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, messages.clone(), greeting));
    }
}

async fn serve(stream: TcpStream, messages: Messages, greeting: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(1_024, stream);
    stream.write_all(format!("{greeting}\r\n").as_bytes()).await?;
    let mut line = Vec::new();
    let mut is_refused = false;
    while stream.read_until(b'\n', &mut line).await? > 0 {
        match line.get(..4).unwrap_or_default() {
            b"DATA" => {
                stream.write_all(b"354 go ahead\r\n").await?;
                let Some(message) = content(&mut stream).await? else { break };
                if is_refused {
                    stream.write_all(b"550 5.1.1 no such user\r\n").await?;
                    line.clear();
                    continue;
                }
                messages.lock().expect("sessions do not panic").push(message);
                stream.write_all(b"250 2.0.0 Ok\r\n").await?;
            }
            b"RCPT" => {
                is_refused = line.starts_with(b"RCPT TO:<refused");
                stream.write_all(b"250 2.1.5 Ok\r\n").await?;
            }
            b"QUIT" => return stream.write_all(b"221 2.0.0 Bye\r\n").await,
            _ => stream.write_all(b"250 2.0.0 Ok\r\n").await?,
        }
        line.clear();
    }
    Ok(())
}

/// The content up to the final dot; none if it broke off.
async fn content(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let start = message.len();
        if stream.read_until(b'\n', &mut message).await? == 0 {
            return Ok(None);
        }
        if message.ends_with(b"\r\n") {
            let end = message.len() - 2;
            message.truncate(end);
            message.push(b'\n');
        }
        if &message[start..] == b".\n" {
            message.truncate(start);
            return Ok(Some(message));
        }
    }
}
