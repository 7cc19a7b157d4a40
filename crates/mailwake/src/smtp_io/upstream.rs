//! The connection to upstream: commands out, whole replies in.

use super::{
    transcript::Transcript,
    wire::{Line, Wire, WireError},
};
use mail::smtp::reply::{LINE_OCTETS_MAX, Reply, ReplyError, ReplyParser};
use std::{io, time::Duration};
use tokio::{net::TcpStream, time::timeout};

/// How long upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the connection.
    pub connect: Duration,
    /// For a reply.
    pub reply: Duration,
    /// For the reply to the final dot, at which a server does its work (RFC 5321
    /// §4.5.3.2.6 wants ten minutes).
    pub final_reply: Duration,
}

/// Why there is no talking to upstream any more.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// It did not take the connection.
    #[error("connect to upstream {address}: {error}")]
    Connect {
        /// The address that was tried.
        address: String,
        /// What came of it.
        error: io::Error,
    },
    /// The conversation broke off.
    #[error("talk to upstream: {0}")]
    Wire(#[from] WireError),
    /// It answered what is no reply.
    #[error("talk to upstream: {0}")]
    Reply(#[from] ReplyError),
    /// Its reply is none to what it was asked: what stands behind cannot be trusted.
    #[error("talk to upstream: {0} is no answer to {1}")]
    OutOfStep(u16, &'static str),
}

/// An open connection to upstream.
#[derive(Debug)]
pub struct Upstream {
    wire: Wire,
    patience: Patience,
}

impl Upstream {
    /// Connects to a host and port, and reads the greeting.
    pub async fn connect(
        address: &str,
        patience: Patience,
    ) -> Result<(Self, Reply), UpstreamError> {
        let refused = |error| UpstreamError::Connect { address: address.to_owned(), error };
        let stream = timeout(patience.connect, TcpStream::connect(address))
            .await
            .map_err(|_elapsed| refused(io::ErrorKind::TimedOut.into()))?
            .map_err(refused)?;
        let mut upstream = Self { wire: Wire::new(stream).map_err(refused)?, patience };
        let greeting = upstream.read_reply(patience.reply).await?;
        Ok((upstream, greeting))
    }

    /// Writes the dialogue down from here on, given the client's transcript.
    pub fn transcribe(&mut self, transcript: Option<Transcript>) {
        self.wire.transcribe(transcript.map(Transcript::of_upstream));
    }

    /// Sends a command line, without its CRLF, and reads the reply. A reply that asks
    /// for more, as only DATA may, is an error for other commands.
    pub async fn exchange(&mut self, line: &[u8]) -> Result<Reply, UpstreamError> {
        let reply = self.ask(line).await?;
        if reply.is_intermediate() {
            return Err(UpstreamError::OutOfStep(reply.code(), "a command"));
        }
        Ok(reply)
    }

    /// Sends a message with DATA. Where upstream refuses DATA, that is the reply. A
    /// positive one to DATA itself is an error: it would be taken for acceptance of
    /// content that upstream never saw.
    pub async fn send_message(&mut self, content: &[u8]) -> Result<Reply, UpstreamError> {
        let reply = self.ask(b"DATA").await?;
        if reply.is_positive() {
            return Err(UpstreamError::OutOfStep(reply.code(), "DATA"));
        }
        if !reply.is_intermediate() {
            return Ok(reply);
        }
        self.wire.send_content(content, self.patience.reply).await?;
        let reply = self.read_reply(self.patience.final_reply).await?;
        if reply.is_intermediate() {
            return Err(UpstreamError::OutOfStep(reply.code(), "a message"));
        }
        Ok(reply)
    }

    /// Says QUIT and closes, without waiting for an answer.
    pub fn quit(mut self) {
        self.wire.write(b"QUIT\r\n");
        self.wire.close();
    }

    async fn ask(&mut self, line: &[u8]) -> Result<Reply, UpstreamError> {
        self.wire.write(line);
        self.wire.write(b"\r\n");
        self.wire.flush(self.patience.reply).await?;
        self.read_reply(self.patience.reply).await
    }

    async fn read_reply(&mut self, limit: Duration) -> Result<Reply, UpstreamError> {
        let mut parser = ReplyParser::default();
        loop {
            let line = match self.wire.read_line(LINE_OCTETS_MAX, limit).await? {
                Line::Whole(line) => line,
                Line::Malformed(_) => return Err(ReplyError::NoCode.into()),
            };
            if let Some(reply) = parser.line(&line)? {
                return Ok(reply);
            }
        }
    }
}
