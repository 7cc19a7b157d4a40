//! One session: the client's commands and upstream's replies are carried between the
//! two sockets, as the state machine in `mail::smtp::session` says.

use super::{
    Gateway, ListenerTls, MultiRecipient, RefusalReason, client, gate::Place, in_hand::InHand,
    scopes::ClientScope, turn_away,
};
use crate::{
    net::proxy_header::ReadError,
    smtp_io::{
        transcript::Transcript,
        upstream::{ClientTelling, Upstream, UpstreamError},
        upstreams::Unavailable,
        wire::{Line, Wire, WireError},
    },
};
use mail::smtp::{
    auth::LINE_OCTETS_MAX,
    client::Client,
    reply::Reply,
    secret::Secret,
    session::{Rules, Session, Starttls, Step, Trust},
};
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};
use tokio::{net::TcpStream, time::timeout};
use tracing::warn;
use tracking::context::Context;

mod content;
mod policy;
mod variables;

use content::Begun;
use policy::Asked;

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
    /// The variables of the connection and of the message.
    context: Context,
    /// The socket that the client has come in at.
    listen: SocketAddr,
    /// Whom it asks what is to become of it.
    asked: Asked,
    /// The chunks of a message that has begun.
    assembly: Option<Begun<'g>>,
    /// The message whose reply is to be sent.
    in_hand: Option<InHand<'g>>,
    /// Upstream gets no QUIT any more: the client's was passed on, or it would not hear it.
    has_quit: bool,
}

/// Serves one client to the end of its session.
pub(super) async fn run(
    gateway: &Gateway,
    mut stream: TcpStream,
    listen: SocketAddr,
    place: &mut Place,
) -> Result<(), SessionError> {
    let config = &gateway.config;
    let address = client::address(gateway, &mut stream).await?;
    if let Err(reason) = place.count(address.ip()) {
        turn_away(gateway, &stream, reason);
        return Ok(());
    }
    let transcript = Transcript::of_client(gateway.ends.live.load().transcript_for, address);
    let limit = config.listener.client_timeout;
    let mut client = Wire::new(stream).map_err(WireError::Io)?;
    client.transcribe(transcript.clone());
    if config.listener.tls == ListenerTls::Implicit {
        client.accept_tls(certificate(gateway)?, limit).await?;
    }
    let (client_at, mut asked) = (Client::at(address), Asked::new(gateway));
    let mut context = scope(gateway, listen, client_at.address).context();
    let refusal = asked.connect(gateway, &mut context, &client_at);
    let connected = match refusal {
        Some(refusal) => Err(refusal.reply),
        None => connect(gateway).await,
    };
    let (mut upstream, greeting) = match connected {
        Ok(connected) => connected,
        Err(reply) => {
            client.write(reply.octets());
            client.flush(limit).await?;
            client.close();
            return Ok(());
        }
    };
    upstream.transcribe(transcript);
    client.write(greeting.octets());
    let rules = Rules { trust: client::trust(gateway, &client_at), ..rules(gateway) };
    let session = Session::new(config.limits, rules, client_at);
    let mut conversation = Conversation {
        gateway,
        client,
        upstream,
        session,
        context,
        asked,
        listen,
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
        is_client_told: config
            .upstreams
            .members
            .iter()
            .any(|upstream| upstream.client_telling == ClientTelling::Xclient),
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
        let errors = self.session.errors();
        let (step, line) = match line {
            Line::Whole(line) => self.decide(Secret::from(line)),
            Line::Malformed(wrong) => {
                self.client.wipe_taken();
                (self.session.malformed(wrong), Secret::from(Vec::new()))
            }
        };
        if let Step::Answer(reply) | Step::End(reply) = &step {
            self.count_refusal(reply);
        }
        if self.session.errors() > errors {
            self.hold_back().await?;
        }
        let (reply, next) = match self.ask_about_command(step, &line) {
            Step::Pass => self.pass(&line, Next::Command).await?,
            Step::Greet => {
                let reply = self.upstream.hello(&line, self.session.client()).await?;
                self.replied(reply, Next::Command)
            }
            Step::Begin(instead) => {
                let (sender, is_forwarded) = self.session.sender();
                let line = instead.as_ref().map_or(&*line, |instead| instead.as_bytes());
                let reply = self.upstream.begin(line, sender, is_forwarded).await?;
                self.replied(reply, Next::Command)
            }
            Step::BeginAnew => self.begin_anew().await?,
            Step::PassSecret => self.pass_secret(&line).await?,
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
            Step::SetContext(variables) => (self.set_context(&variables), Next::Command),
            Step::DumpContext => (self.dump_context(), Next::Command),
            Step::TakeContent(reply, transaction) => {
                self.take_message(&reply, &transaction).await?
            }
            Step::TakeChunk(chunk) => self.take_chunk(chunk).await?,
            Step::Swallow(octets, reply) => {
                self.swallow(octets).await?;
                (reply, Next::Command)
            }
        };
        self.forget_what_is_over();
        self.client.write(reply.octets());
        if let Some(in_hand) = self.in_hand.take() {
            self.tell(in_hand).await?;
        }
        Ok(next)
    }

    /// What belongs to a message does not outlive it.
    fn forget_what_is_over(&mut self) {
        if !self.session.is_chunked() {
            self.assembly = None;
        }
        if !self.session.is_in_transaction() {
            self.context.forget_message();
        }
    }

    /// Lets a client wait whose commands are refused again and again. What it is told
    /// otherwise, it is told at once.
    async fn hold_back(&mut self) -> Result<(), SessionError> {
        let delay = self.gateway.config.safety.tarpit.delay(self.session.errors());
        if !delay.is_zero() {
            self.client.flush(self.gateway.config.listener.client_timeout).await?;
            tokio::select! {
                () = tokio::time::sleep(delay) => {}
                () = self.gateway.shutdown.cancelled() => {}
            }
        }
        Ok(())
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
        let client = self.session.client().address;
        let step = match self.session.awaits_response() {
            true => self.session.response(&line),
            false => self.session.command(&line),
        };
        if is_secret {
            self.client.wipe_taken();
        }
        self.follow_client(client);
        (step, line)
    }

    /// Passes a command upstream.
    async fn pass(&mut self, line: &[u8], next: Next) -> Result<(Reply, Next), SessionError> {
        let reply = self.upstream.exchange(line).await?;
        Ok(self.replied(reply, next))
    }

    /// Passes a line of AUTH, whose end may name the customer.
    async fn pass_secret(&mut self, line: &Secret) -> Result<(Reply, Next), SessionError> {
        let reply = self.upstream.exchange_secret(line).await?;
        let is_accepted = reply.is_positive();
        let told = self.replied(reply, Next::Command);
        if is_accepted {
            self.name_customer();
        }
        Ok(told)
    }

    /// Counts a reply of our own that refuses a command.
    fn count_refusal(&self, reply: &Reply) {
        if !reply.is_positive() {
            let reason = RefusalReason::of_command(reply);
            self.gateway.counters.refusals.of(reason).increment();
        }
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
        self.begin_context(self.scope().context());
        self.count_unknown_client();
        self.has_quit = true;
        let transcript = self.upstream.take_leave().await;
        let Self { gateway, context, session, asked, .. } = self;
        if let Some(refusal) = asked.connect(gateway, context, session.client()) {
            return Ok((refusal.reply, Next::End));
        }
        match connect(gateway).await {
            Ok((mut upstream, greeting)) => {
                upstream.transcribe_on(transcript);
                self.upstream = upstream;
                self.has_quit = false;
                Ok((greeting, Next::Command))
            }
            Err(reply) => Ok((reply, Next::End)),
        }
    }

    /// Where the client has come in, and what is said of it there.
    fn scope(&self) -> Arc<ClientScope> {
        self.scope_of(self.session.client().address)
    }

    /// The same for another client.
    fn scope_of(&self, client: Option<IpAddr>) -> Arc<ClientScope> {
        scope(self.gateway, self.listen, client)
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
        self.begin_context(self.asked.context_at_start());
        Ok(())
    }
}

/// Where a client has come in, and what is said of it there.
fn scope(gateway: &Gateway, listen: SocketAddr, client: Option<IpAddr>) -> Arc<ClientScope> {
    gateway.ends.live.load().scopes.of(listen, client).clone()
}

/// What a client is told when upstream is gone.
fn lost(error: &UpstreamError) -> Reply {
    match error {
        UpstreamError::NoTls | UpstreamError::Wire(WireError::Tls(_)) => unavailable(error),
        _ => Reply::new(421, "4.4.2", "connection to upstream lost"),
    }
}

/// Connects to an upstream; the error is what a client is told that gets none.
async fn connect(gateway: &Gateway) -> Result<(Upstream, Reply), Reply> {
    gateway.ends.upstreams.connect().await.map_err(|why| turned_away(gateway, why))
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
