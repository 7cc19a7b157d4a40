//! The connection to upstream: commands out, whole replies in.

mod client;

use self::client::Introduction;
use super::{
    circuit::{Circuit, CircuitConfig},
    transcript::Transcript,
    upstreams,
    wire::{Line, Wire, WireError},
};
use crate::{
    net::tls::{
        TlsError,
        client::{ClientTls, Verification},
    },
    telemetry::Counter,
};
use mail::smtp::{
    client::Client,
    extensions,
    reply::{LINE_OCTETS_MAX, Reply, ReplyError, ReplyParser},
};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tracing::warn;

/// An upstream and how it is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamConfig {
    /// Its host and port.
    pub address: String,
    /// What it speaks.
    pub protocol: UpstreamProtocol,
    /// Whether it is talked to in TLS.
    pub tls: UpstreamTls,
    /// The name that its certificate must have; `None` for the host of its address.
    pub tls_name: Option<String>,
    /// Against what its certificate is held. Opportunistic TLS holds it against nothing.
    pub verification: Verification,
    /// How it is told of the client.
    pub client_telling: ClientTelling,
    /// How long it may take.
    pub patience: Patience,
}

/// What upstream speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// SMTP (RFC 5321).
    Smtp,
    /// LMTP (RFC 2033), as mail stores do: LHLO in the place of EHLO and HELO, and a reply
    /// for each recipient behind a message. A message goes to one recipient at a time, so
    /// that is one reply.
    Lmtp,
}

/// How upstream is told of the client, who is hidden from it by the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientTelling {
    /// Not at all, but for what a trusted peer tells by XFORWARD.
    Nothing,
    /// By XCLIENT, for the session: upstream decides as if the client had connected to it.
    Xclient,
    /// By XFORWARD, for each message: upstream has it in its log.
    Xforward,
}

/// Whether upstream is talked to in TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpstreamTls {
    /// In the clear.
    Off,
    /// In TLS where that is offered and works, else in the clear (RFC 7435). It keeps
    /// those out who only listen.
    Opportunistic,
    /// In TLS by STARTTLS, or not at all.
    Required,
    /// In TLS from the first octet on (RFC 8314 §3).
    Implicit,
}

impl UpstreamTls {
    /// As the configuration names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Off => "none",
            Self::Opportunistic => "opportunistic",
            Self::Required => "required",
            Self::Implicit => "implicit",
        }
    }
}

impl UpstreamConfig {
    /// Upstream's host without the port.
    pub fn host(&self) -> &str {
        let host = self.address.rsplit_once(':').map_or(&*self.address, |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }
}

/// An upstream that is ready to be talked to.
#[derive(Debug)]
pub struct Target {
    /// What it is.
    pub config: UpstreamConfig,
    tls: Option<ClientTls>,
    /// Whether it is tried at all.
    pub circuit: Circuit,
    /// What came of it.
    pub counters: TargetCounters,
}

/// What is counted of an upstream.
#[derive(Debug, Default)]
pub struct TargetCounters {
    /// Sessions that it has greeted.
    pub sessions: Counter,
    /// Sessions that it refused, or did not greet in time.
    pub refusals: Counter,
}

impl Target {
    /// Reads the authorities that TLS needs.
    pub fn load(config: UpstreamConfig, circuit: CircuitConfig) -> Result<Self, TlsError> {
        let name = config.tls_name.as_deref().unwrap_or(config.host());
        let tls = match config.tls {
            UpstreamTls::Off => None,
            // Who could pass off another certificate could as well hide STARTTLS.
            UpstreamTls::Opportunistic => Some(ClientTls::load(name, &Verification::Nothing)?),
            UpstreamTls::Required | UpstreamTls::Implicit => {
                Some(ClientTls::load(name, &config.verification)?)
            }
        };
        let (circuit, counters) = (Circuit::new(circuit), TargetCounters::default());
        Ok(Self { config, tls, circuit, counters })
    }
}

/// How long upstream may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For the connection; each address of its host has a share of it.
    pub connect: Duration,
    /// For the greeting.
    pub greeting: Duration,
    /// For a reply.
    pub reply: Duration,
    /// For the reply to the final dot, at which a server does its work (RFC 5321
    /// §4.5.3.2.6 wants ten minutes).
    pub final_reply: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            // RFC 5321 §4.5.3.2.1 wants five minutes, which is all that the client has too.
            greeting: Duration::from_secs(60),
            reply: Duration::from_secs(300),
            final_reply: Duration::from_secs(600),
        }
    }
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
    /// It does not offer the TLS that is required, or refuses it.
    #[error("talk to upstream: it offers no TLS")]
    NoTls,
}

/// What upstream answers to DATA.
#[derive(Debug)]
pub enum DataAnswer {
    /// It waits for the message.
    GoAhead,
    /// It wants none.
    Refused(Reply),
}

/// An open connection to upstream.
#[derive(Debug)]
pub struct Upstream {
    wire: Wire,
    target: Arc<Target>,
    /// STARTTLS did not work, and it goes without.
    is_without_tls: bool,
    /// What it is told of the client, and was.
    told: client::Told,
}

impl Upstream {
    /// Connects, and reads the greeting. Of a host with several addresses it is that of
    /// the first one that is positive.
    pub async fn connect(target: &Arc<Target>) -> Result<(Self, Reply), UpstreamError> {
        let UpstreamConfig { address, patience, .. } = &target.config;
        let addresses = timeout(patience.connect, lookup_host(address)).await;
        let addresses = addresses.unwrap_or_else(|_elapsed| Err(io::ErrorKind::TimedOut.into()));
        let refused = |error| UpstreamError::Connect { address: address.clone(), error };
        let addresses: Vec<SocketAddr> = addresses.map_err(refused)?.collect();
        Self::connect_to_one(target, &addresses).await
    }

    /// Tries addresses in turn. When none is good, the first one's answer is given.
    async fn connect_to_one(
        target: &Arc<Target>,
        addresses: &[SocketAddr],
    ) -> Result<(Self, Reply), UpstreamError> {
        let UpstreamConfig { address, patience, .. } = &target.config;
        let limit = patience.connect / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut first = None;
        for socket_address in addresses {
            let answer = Self::connect_to(target, *socket_address, limit).await;
            if answer.as_ref().is_ok_and(|(_, greeting)| greeting.is_positive()) {
                return answer;
            }
            first = first.or(Some(answer));
        }
        let nowhere = || UpstreamError::Connect {
            address: address.clone(),
            error: io::ErrorKind::NotFound.into(),
        };
        first.unwrap_or_else(|| Err(nowhere()))
    }

    async fn connect_to(
        target: &Arc<Target>,
        address: SocketAddr,
        limit: Duration,
    ) -> Result<(Self, Reply), UpstreamError> {
        let refused = |error| UpstreamError::Connect { address: address.to_string(), error };
        let stream = timeout(limit, TcpStream::connect(address))
            .await
            .map_err(|_elapsed| refused(io::ErrorKind::TimedOut.into()))?
            .map_err(refused)?;
        let wire = Wire::new(stream).map_err(refused)?;
        let mut upstream = Self {
            wire,
            target: target.clone(),
            is_without_tls: false,
            told: client::Told::default(),
        };
        if target.config.tls == UpstreamTls::Implicit {
            upstream.handshake().await?;
        }
        let greeting = upstream.read_reply(target.config.patience.greeting).await?;
        Ok((upstream, greeting))
    }

    /// Writes the dialogue down from here on, given the client's transcript.
    pub fn transcribe(&mut self, transcript: Option<Transcript>) {
        self.wire.transcribe(transcript.map(Transcript::of_upstream));
    }

    /// Says QUIT, for another upstream to take its place, which goes on with the transcript.
    pub async fn take_leave(&mut self) -> Option<Transcript> {
        self.wire.write(b"QUIT\r\n");
        // Where upstream is gone already, there is nobody to take leave of.
        self.wire.flush(self.target.config.patience.reply).await.ok();
        self.wire.take_transcript()
    }

    /// Goes on with the transcript of the upstream before.
    pub fn transcribe_on(&mut self, transcript: Option<Transcript>) {
        self.wire.transcribe(transcript);
    }

    /// Sends EHLO or HELO, and reads the reply. Where TLS is wanted and not active yet, it
    /// goes before that, and so does XCLIENT, which tells of the client; behind each the line
    /// is sent again (RFC 3207 §4.2, XCLIENT_README of Postfix).
    pub async fn hello(&mut self, line: &[u8], client: &Client) -> Result<Reply, UpstreamError> {
        let is_tls_wanted =
            matches!(self.target.config.tls, UpstreamTls::Opportunistic | UpstreamTls::Required)
                && !self.wire.is_encrypted()
                && !self.is_without_tls;
        let (verb, name) = line.split_at_checked(4).unwrap_or((line, b""));
        let is_helo = verb.eq_ignore_ascii_case(b"HELO");
        if is_helo && !self.is_lmtp() && !is_tls_wanted && !self.is_client_told() {
            return self.exchange(line).await;
        }
        // HELO gets no list of extensions, so a client that says it has EHLO said for it, and
        // LMTP knows neither.
        let extended = match self.target.config.protocol {
            UpstreamProtocol::Lmtp => [b"LHLO", name].concat(),
            UpstreamProtocol::Smtp if is_helo => [b"EHLO", name].concat(),
            UpstreamProtocol::Smtp => line.to_vec(),
        };
        let is_last = !is_helo || self.is_lmtp();
        let mut reply = self.exchange(&extended).await?;
        if is_last && !reply.is_positive() {
            return Ok(reply);
        }
        let is_in_tls = is_tls_wanted && self.start_wanted_tls(&reply).await?;
        if is_in_tls && (is_last || self.is_client_told()) {
            reply = self.exchange(&extended).await?;
        }
        match self.introduce(&reply, client).await? {
            Introduction::None => {}
            Introduction::Made if is_last => reply = self.exchange(&extended).await?,
            Introduction::Made => {}
            Introduction::Refused(refusal) => return Ok(refusal),
        }
        self.hear_offer(&reply);
        match is_last {
            true if is_helo => Ok(Reply::of_lines(reply.code(), reply.lines().next().as_deref())),
            true => Ok(reply),
            false => self.exchange(line).await,
        }
    }

    /// Does it give a reply for each recipient behind a message?
    pub fn is_lmtp(&self) -> bool {
        self.target.config.protocol == UpstreamProtocol::Lmtp
    }

    /// Goes into TLS as it is configured. An upstream without the TLS that it must have is
    /// one that does not take sessions.
    async fn start_wanted_tls(&mut self, offered: &Reply) -> Result<bool, UpstreamError> {
        let started = self.start_tls(offered).await;
        if self.target.config.tls == UpstreamTls::Required {
            upstreams::judge(&self.target, started.is_ok());
        }
        started
    }

    /// Goes into TLS where upstream offers it. False when it goes on in the clear.
    async fn start_tls(&mut self, offered: &Reply) -> Result<bool, UpstreamError> {
        let is_required = self.target.config.tls == UpstreamTls::Required;
        let is_offered = offered.is_positive() && extensions::is_offered(offered, "STARTTLS");
        if !is_offered || !self.exchange(b"STARTTLS").await?.is_positive() {
            self.is_without_tls = !is_required;
            return if is_required { Err(UpstreamError::NoTls) } else { Ok(false) };
        }
        match self.handshake().await {
            Err(error) if !is_required => {
                warn!(%error, "TLS with upstream failed, it is talked to in the clear");
                let transcript = self.wire.take_transcript();
                let (upstream, greeting) = Box::pin(Self::connect(&self.target)).await?;
                *self = Self { is_without_tls: true, ..upstream };
                self.wire.transcribe(transcript);
                match greeting.is_positive() {
                    // Whatever was said is to be said again.
                    true => Ok(true),
                    false => Err(UpstreamError::OutOfStep(greeting.code(), "a connection")),
                }
            }
            shaken => shaken.map(|()| true),
        }
    }

    async fn handshake(&mut self) -> Result<(), UpstreamError> {
        let target = &self.target;
        let tls = target.tls.as_ref().ok_or(UpstreamError::NoTls)?;
        Ok(self.wire.connect_tls(tls, target.config.patience.connect).await?)
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

    /// Sends a line of an AUTH exchange, which is nobody's to see, and reads the reply. It
    /// may be 334, which asks for the next one (RFC 4954 §4).
    pub async fn exchange_secret(&mut self, line: &[u8]) -> Result<Reply, UpstreamError> {
        let limit = self.target.config.patience.reply;
        self.wire.send_secret_line(line, limit).await?;
        let reply = self.read_reply(limit).await?;
        if reply.is_intermediate() && reply.code() != 334 {
            return Err(UpstreamError::OutOfStep(reply.code(), "AUTH"));
        }
        Ok(reply)
    }

    /// Says DATA. A positive reply to it is an error: it would be taken for acceptance of
    /// content that upstream never saw.
    pub async fn open_data(&mut self) -> Result<DataAnswer, UpstreamError> {
        let reply = self.ask(b"DATA").await?;
        match reply {
            reply if reply.is_positive() => Err(UpstreamError::OutOfStep(reply.code(), "DATA")),
            reply if reply.is_intermediate() => Ok(DataAnswer::GoAhead),
            reply => Ok(DataAnswer::Refused(reply)),
        }
    }

    /// Sends the message that upstream waits for, and reads the reply to it.
    pub async fn send_message(&mut self, content: &[u8]) -> Result<Reply, UpstreamError> {
        self.wire.send_content(content, self.target.config.patience.reply).await?;
        self.read_final_reply().await
    }

    /// Sends a message with BDAT, in one chunk (RFC 3030 §2): its octets go as they are.
    pub async fn send_chunk(&mut self, content: &[u8]) -> Result<Reply, UpstreamError> {
        self.wire.write(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
        self.wire.send_octets(content, self.target.config.patience.reply).await?;
        self.read_final_reply().await
    }

    /// The reply to a whole message.
    async fn read_final_reply(&mut self) -> Result<Reply, UpstreamError> {
        let reply = self.read_reply(self.target.config.patience.final_reply).await?;
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
        let limit = self.target.config.patience.reply;
        self.wire.flush(limit).await?;
        self.read_reply(limit).await
    }

    async fn read_reply(&mut self, limit: Duration) -> Result<Reply, UpstreamError> {
        let mut parser = ReplyParser::default();
        loop {
            let line = match self.wire.read_line(LINE_OCTETS_MAX, limit).await? {
                Line::Whole(line) => line,
                Line::Malformed(_) => return Err(ReplyError::NoCode.into()),
            };
            if let Some(reply) = parser.line(&line)? {
                // Nothing more comes before there is another command, and that may be long.
                self.wire.forget_taken();
                return Ok(reply);
            }
        }
    }
}

#[cfg(test)]
mod tests;
