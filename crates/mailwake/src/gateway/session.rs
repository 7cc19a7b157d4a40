//! One session: the client's commands and upstream's replies are carried between the
//! two sockets, as the state machine in `mail::smtp::session` says.

use super::{
    Gateway, ListenerTls, MultiRecipient, RefusalReason, client, in_hand::InHand, transmission,
};
use crate::smtp_io::{
    proxy_header::ReadError,
    transcript::Transcript,
    upstream::{Upstream, UpstreamError},
    upstreams::Unavailable,
    wire::{Line, Wire, WireError},
};
use mail::smtp::{
    auth::LINE_OCTETS_MAX,
    chunking::Assembly,
    client::Client,
    data::{DataError, DataReader},
    reply::Reply,
    secret::Secret,
    session::{Chunk, Rules, Session, Starttls, Step, Transaction, Trust},
};
use std::{io, sync::Arc};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tracing::warn;

/// Why a session broke off.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    #[error("talk to the client: {0}")]
    Client(#[from] WireError),
    #[error("ask a load balancer for the client: {0}")]
    ProxyHeader(#[from] ReadError),
    #[error("a message did not arrive in its time")]
    SlowMessage,
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Command,
    End,
}

struct Conversation<'g> {
    gateway: &'g Gateway,
    client: Wire,
    upstream: Upstream,
    session: Session,
    /// The chunks of a message that has begun, and until when it has to be there.
    assembly: Option<(Assembly, Instant)>,
    /// The message whose reply is to be sent.
    in_hand: Option<InHand<'g>>,
    /// The client's QUIT was passed upstream, which has taken its leave with it.
    has_quit: bool,
}

/// Serves one client to the end of its session.
pub(super) async fn run(gateway: &Gateway, mut stream: TcpStream) -> Result<(), SessionError> {
    let config = &gateway.config;
    let address = client::address(gateway, &mut stream).await?;
    let transcript = Transcript::of_client(gateway.ends.live.load().transcript_for, address);
    let limit = config.listener.client_timeout;
    let mut client = Wire::new(stream).map_err(WireError::Io)?;
    client.transcribe(transcript.clone());
    if config.listener.tls == ListenerTls::Implicit {
        client.accept_tls(certificate(gateway)?, limit).await?;
    }
    let (mut upstream, greeting) = match gateway.ends.upstreams.connect().await {
        Ok(connected) => connected,
        Err(why) => {
            client.write(turned_away(gateway, why).octets());
            client.flush(limit).await?;
            client.close();
            return Ok(());
        }
    };
    upstream.transcribe(transcript);
    client.write(greeting.octets());
    let client_at = Client::at(address);
    let rules = Rules { trust: client::trust(gateway, &client_at), ..rules(gateway) };
    let session = Session::new(config.limits, rules, client_at);
    let mut conversation = Conversation {
        gateway,
        client,
        upstream,
        session,
        assembly: None,
        in_hand: None,
        has_quit: false,
    };
    let ended = conversation.carry_on().await;
    conversation.count_unknown_client();
    let Conversation { mut client, upstream, session, has_quit, .. } = conversation;
    // In the middle of an exchange, QUIT would be taken for a password.
    let has_quit = has_quit || session.awaits_response();
    match &ended {
        Err(SessionError::Upstream(error)) => {
            warn!(%error, "a session was cut off");
            client.write(lost(error).octets());
        }
        Err(SessionError::Client(WireError::TimedOut(_))) => {
            client.write(Reply::new(421, "4.4.2", "you were silent for too long").octets());
        }
        Err(SessionError::SlowMessage) => {
            client.write(Reply::new(421, "4.4.2", "the message took too long").octets());
        }
        _ => {}
    }
    if !has_quit && !matches!(ended, Err(SessionError::Upstream(_))) {
        upstream.quit();
    }
    client.close();
    ended
}

fn rules(gateway: &Gateway) -> Rules {
    let config = &gateway.config;
    Rules {
        is_one_at_a_time: config.multi_recipient == MultiRecipient::OneAtATime,
        starttls: match config.listener.tls {
            ListenerTls::Off | ListenerTls::Implicit => Starttls::Unknown,
            ListenerTls::Starttls => Starttls::Offered,
            ListenerTls::Required => Starttls::Required,
        },
        is_encrypted: config.listener.tls == ListenerTls::Implicit,
        auth_requires_tls: config.listener.auth_requires_tls,
        trust: Trust::default(),
    }
}

/// The certificate as it is now.
fn certificate(gateway: &Gateway) -> Result<Arc<rustls::ServerConfig>, WireError> {
    let certificate = gateway.ends.certificate.as_ref();
    let missing = || WireError::Tls(io::Error::other("this listener has no certificate"));
    certificate.map(|certificate| certificate.current()).ok_or_else(missing)
}

impl Conversation<'_> {
    async fn carry_on(&mut self) -> Result<(), SessionError> {
        while let Some(line) = self.next_line().await? {
            if self.obey(line).await? == Next::End {
                break;
            }
        }
        Ok(self.client.flush(self.gateway.config.listener.client_timeout).await?)
    }

    /// The client's next line; `None` when the gateway stops and the client is not in
    /// the middle of a message.
    async fn next_line(&mut self) -> Result<Option<Line>, SessionError> {
        let limit = self.gateway.config.listener.client_timeout;
        if !self.client.has_line() {
            self.client.flush(limit).await?;
        }
        let is_idle = !self.session.is_in_transaction();
        tokio::select! {
            biased;
            // A line that comes octet by octet has to be there in the same time.
            line = timeout(limit, self.client.read_line(LINE_OCTETS_MAX, limit)) => {
                Ok(Some(line.unwrap_or(Err(WireError::TimedOut(limit)))?))
            }
            () = self.gateway.shutdown.cancelled(), if is_idle => {
                self.client.write(Reply::new(421, "4.3.2", "closing down, come again").octets());
                Ok(None)
            }
        }
    }

    async fn obey(&mut self, line: Line) -> Result<Next, SessionError> {
        let (step, line) = match line {
            Line::Whole(line) => self.decide(Secret::from(line)),
            Line::Malformed(wrong) => {
                self.client.wipe_taken();
                (self.session.malformed(wrong), Secret::from(Vec::new()))
            }
        };
        if let Step::Answer(reply) | Step::End(reply) = &step
            && !reply.is_positive()
        {
            let reason = RefusalReason::of_command(reply);
            self.gateway.counters.refusals.of(reason).increment();
        }
        let (reply, next) = match step {
            Step::Pass => self.pass(&line, Next::Command).await?,
            Step::Greet => {
                let reply = self.upstream.hello(&line, self.session.client()).await?;
                self.replied(reply, Next::Command)
            }
            Step::Begin => {
                let (sender, is_forwarded) = self.session.sender();
                let reply = self.upstream.begin(&line, sender, is_forwarded).await?;
                self.replied(reply, Next::Command)
            }
            Step::BeginAnew => self.begin_anew().await?,
            Step::PassSecret => {
                let reply = self.upstream.exchange_secret(&line).await?;
                self.replied(reply, Next::Command)
            }
            Step::Cancel(reply) => {
                let (_, next) = self.pass(b"*", Next::Command).await?;
                (reply, next)
            }
            Step::StartTls(reply) => {
                self.client.write(reply.octets());
                self.start_tls().await?;
                return Ok(Next::Command);
            }
            Step::PassAndEnd => {
                self.has_quit = true;
                self.pass(&line, Next::End).await?
            }
            Step::Answer(reply) => (reply, Next::Command),
            Step::End(reply) => (reply, Next::End),
            Step::TakeContent(reply, transaction) => {
                self.client.write(reply.octets());
                self.take_message(&transaction).await?
            }
            Step::TakeChunk(chunk) => self.take_chunk(chunk).await?,
            Step::Swallow(octets, reply) => {
                let limit = self.gateway.config.listener.client_timeout;
                let whole = self.gateway.config.listener.message_timeout;
                let read = timeout(whole, self.client.read_octets(octets, limit, |_| {})).await;
                read.map_err(|_elapsed| SessionError::SlowMessage)??;
                (reply, Next::Command)
            }
        };
        if !self.session.is_chunked() {
            self.assembly = None;
        }
        self.client.write(reply.octets());
        if let Some(in_hand) = self.in_hand.take() {
            self.tell(in_hand).await?;
        }
        Ok(next)
    }

    /// Sends the reply to a message. A client that has left already will not see it, and
    /// comes again: none may leave before it has said QUIT (RFC 5321 §4.1.1.10).
    async fn tell(&mut self, in_hand: InHand<'_>) -> Result<(), SessionError> {
        let has_left = self.client.has_ended();
        let sent = self.client.flush(self.gateway.config.listener.client_timeout).await;
        match sent.is_ok() && !has_left {
            true => in_hand.told(),
            false => in_hand.untold(),
        }
        Ok(sent?)
    }

    /// What is to be done with a line, which is forgotten when it is nobody's to see.
    fn decide(&mut self, line: Secret) -> (Step, Secret) {
        let is_secret = self.session.is_secret(&line);
        let step = match self.session.awaits_response() {
            true => self.session.response(&line),
            false => self.session.command(&line),
        };
        if is_secret {
            self.client.wipe_taken();
        }
        (step, line)
    }

    /// Passes a command upstream.
    async fn pass(&mut self, line: &[u8], next: Next) -> Result<(Reply, Next), SessionError> {
        let reply = self.upstream.exchange(line).await?;
        Ok(self.replied(reply, next))
    }

    /// What the client is told of upstream's reply. Upstream that answers 421 closes the
    /// connection.
    fn replied(&mut self, reply: Reply, next: Next) -> (Reply, Next) {
        let next = if reply.code() == 421 { Next::End } else { next };
        (self.session.upstream_replied(reply), next)
    }

    /// Gives the session of another client an upstream of its own, whose greeting is that of
    /// the session. Upstream could not be told to forget what it knows of the one before.
    async fn begin_anew(&mut self) -> Result<(Reply, Next), SessionError> {
        let trust = client::trust(self.gateway, self.session.client());
        self.session.trust(trust);
        self.count_unknown_client();
        self.has_quit = true;
        let transcript = self.upstream.take_leave().await;
        match self.gateway.ends.upstreams.connect().await {
            Ok((mut upstream, greeting)) => {
                upstream.transcribe_on(transcript);
                self.upstream = upstream;
                self.has_quit = false;
                Ok((greeting, Next::Command))
            }
            Err(why) => Ok((turned_away(self.gateway, why), Next::End)),
        }
    }

    fn count_unknown_client(&self) {
        if self.upstream.is_client_unknown() {
            self.gateway.counters.clients_unknown.increment();
        }
    }

    /// Goes into TLS with the client, which has its 220.
    async fn start_tls(&mut self) -> Result<(), SessionError> {
        let limit = self.gateway.config.listener.client_timeout;
        self.client.flush(limit).await?;
        self.client.accept_tls(certificate(self.gateway)?, limit).await?;
        self.session.encrypted();
        Ok(())
    }

    /// Takes the content of a message and brings it upstream.
    async fn take_message(
        &mut self,
        transaction: &Transaction,
    ) -> Result<(Reply, Next), SessionError> {
        let limit = self.gateway.config.listener.client_timeout;
        self.client.flush(limit).await?;
        let mut reader = DataReader::new(self.gateway.config.limits.message_octets_max);
        let whole = self.gateway.config.listener.message_timeout;
        let read = timeout(whole, self.client.read_content(&mut reader, limit)).await;
        read.map_err(|_elapsed| SessionError::SlowMessage)??;
        self.bring(transaction, reader.finish()).await
    }

    /// Takes a chunk (RFC 3030 §2), and brings the message upstream with the last one.
    async fn take_chunk(&mut self, chunk: Chunk) -> Result<(Reply, Next), SessionError> {
        let config = &self.gateway.config;
        let octets_max = config.limits.message_octets_max;
        let (mut assembly, deadline) = match self.assembly.take() {
            Some(begun) if !chunk.is_first => begun,
            _ => (Assembly::new(octets_max), Instant::now() + config.listener.message_timeout),
        };
        let limit = config.listener.client_timeout;
        let read = self.client.read_octets(chunk.octets, limit, |octets| assembly.take(octets));
        let read = timeout_at(deadline, read).await;
        read.map_err(|_elapsed| SessionError::SlowMessage)??;
        match (chunk.last, assembly.error()) {
            (Some(transaction), _) => {
                let content = assembly.finish(transaction.is_binary);
                self.bring(&transaction, content).await
            }
            (None, Some(error)) => {
                self.gateway.own.messages.increment();
                self.session.chunk_refused();
                Ok(self.refuse(error).await)
            }
            (None, None) => {
                self.assembly = Some((assembly, deadline));
                let text = format!("{} octets received", chunk.octets);
                Ok((Reply::new(250, "2.0.0", &text), Next::Command))
            }
        }
    }

    /// Brings a message upstream.
    async fn bring(
        &mut self,
        transaction: &Transaction,
        content: Result<Vec<u8>, DataError>,
    ) -> Result<(Reply, Next), SessionError> {
        self.gateway.own.messages.increment();
        let content = match content {
            Ok(content) => content,
            Err(error) => return Ok(self.refuse(error).await),
        };
        let verdict =
            transmission::transmit(self.gateway, &mut self.upstream, transaction, &content).await;
        self.in_hand = Some(verdict.in_hand);
        Ok((verdict.reply, if verdict.is_upstream_lost { Next::End } else { Next::Command }))
    }

    /// Upstream still waits for the content of a message that is refused here. If it is gone,
    /// the sender is to know all the same that the message will never be taken.
    async fn refuse(&mut self, error: DataError) -> (Reply, Next) {
        self.gateway.refused_message(RefusalReason::of_content(&error), None);
        let is_reset = self.upstream.exchange(b"RSET").await.is_ok();
        (refusal(error), if is_reset { Next::Command } else { Next::End })
    }
}

/// What a sender is told about content that was refused.
fn refusal(error: DataError) -> Reply {
    match error {
        DataError::BareLineFeed => Reply::new(554, "5.6.0", "bare LF in message"),
        DataError::BareCarriageReturn => Reply::new(554, "5.6.0", "bare CR in message"),
        DataError::TooLarge => {
            Reply::new(552, "5.3.4", "message size exceeds the limit of this gateway")
        }
    }
}

/// What a client is told when upstream is gone.
fn lost(error: &UpstreamError) -> Reply {
    match error {
        UpstreamError::NoTls | UpstreamError::Wire(WireError::Tls(_)) => unavailable(error),
        _ => Reply::new(421, "4.4.2", "connection to upstream lost"),
    }
}

/// What a client is told that gets no upstream. What has happened is in the log already.
fn turned_away(gateway: &Gateway, why: Unavailable) -> Reply {
    let reply = match why {
        Unavailable::Greeting(greeting) => return greeting,
        Unavailable::Error(error) => unavailable(&error),
        Unavailable::LeftAlone => {
            let text = "upstream is not available, it refused sessions a moment ago";
            Reply::new(421, "4.3.2", text)
        }
    };
    gateway.counters.refusals.of(RefusalReason::UpstreamUnavailable).increment();
    reply
}

/// What a client is told when there is no upstream: why, and no address.
fn unavailable(error: &UpstreamError) -> Reply {
    let why = match error {
        UpstreamError::Connect { error, .. } => match error.kind() {
            io::ErrorKind::ConnectionRefused => "it refuses connections",
            io::ErrorKind::TimedOut => "it does not answer",
            _ => "it cannot be reached",
        },
        UpstreamError::Wire(WireError::TimedOut(_)) => "it does not greet",
        UpstreamError::Wire(WireError::Tls(_)) => "its TLS failed",
        UpstreamError::NoTls => "it offers no TLS",
        UpstreamError::Wire(_) => "it hung up",
        UpstreamError::Reply(_) | UpstreamError::OutOfStep(..) => "it does not speak SMTP",
    };
    Reply::new(421, "4.3.2", &format!("upstream is not available, {why}"))
}
