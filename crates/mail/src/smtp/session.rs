//! A session of a proxy as a state machine (RFC 5321 §4.1.4). Command lines of the
//! client and replies of upstream come in; what is to be done goes out. Upstream
//! judges commands; the session answers itself what must not reach upstream, and
//! knows after each reply who sends to whom. It owns no socket.

mod peer;
mod rules;
mod size;
mod transaction;

pub use rules::{Limits, Rules, Starttls, Trust};
pub use transaction::{Chunk, EnvelopeLine, Transaction};

use super::{
    auth::{self, Exchange},
    chunking::ChunkSize,
    client::Client,
    command::{Command, Envelope},
    extensions::{self, Own},
    reply::Reply,
};

/// Commands that would change the meaning of the connection under our feet, and are
/// not handled. They are not offered, and refused when they come all the same.
const REFUSED: &[&str] = &["ATRN", "TURN", "BURL", "SEND", "SOML", "SAML", "PROXY"];

/// Longest command line, in octets, without its CRLF: RFC 5321 §4.5.3.1.4 wants 512, and
/// extensions and addresses in UTF-8 make it longer. AUTH may be longer still.
pub const COMMAND_OCTETS_MAX: usize = 4_096;

/// What is to be done with a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The line goes upstream; upstream's reply goes to `upstream_replied`.
    Pass,
    /// As for `Pass`. The line is EHLO or HELO, before whose reply is given to the client
    /// there may be more to say to upstream.
    Greet,
    /// As for `Pass`. The line is MAIL, before which upstream may be told of the client that
    /// `sender` gives. Where there is another line, that goes upstream in its place.
    Begin(Option<String>),
    /// As for `Pass`. The line is of an AUTH exchange and nobody's to see; upstream's reply
    /// may ask for more, and then the client's next line is a response, for `response`.
    PassSecret,
    /// Upstream gets `*`, which ends the exchange (RFC 4954 §4), its reply goes to
    /// `upstream_replied`, and the client gets this one.
    Cancel(Reply),
    /// The client gets this reply, the handshake of TLS follows, and then `encrypted`.
    StartTls(Reply),
    /// The client gets this reply, upstream nothing.
    Answer(Reply),
    /// The session is that of another client, whom `client` gives now, and begins anew: with
    /// an upstream that knows nothing of the one before, its greeting, and `trust`.
    BeginAnew,
    /// The variables of the connection get these values, by name.
    SetContext(Vec<(String, String)>),
    /// The client is told the variables of the connection and of the message.
    DumpContext,
    /// The client gets this reply and sends the content of a message, whose
    /// transaction ends with it.
    TakeContent(Reply, Transaction),
    /// A chunk of a message follows; then it is put to those before it.
    TakeChunk(Chunk),
    /// So many octets follow, which belong to no message; the client gets this reply behind
    /// them.
    Swallow(u64, Reply),
    /// The client gets this reply, and the session ends.
    End(Reply),
    /// The line goes upstream, its reply to the client, and the session ends.
    PassAndEnd,
}

/// What upstream's next reply is about.
#[derive(Debug)]
enum Pending {
    Greeting { is_extended: bool },
    Mail { reverse_path: EnvelopeLine, is_binary: bool },
    Recipient(EnvelopeLine),
    Reset,
    Auth(Exchange),
    Other,
}

/// The state of one session.
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    rules: Rules,
    client: Client,
    /// What a peer told of the client by XCLIENT, which the client's own EHLO does not change.
    introduced: Option<Client>,
    /// Of whom a peer told by XFORWARD, for the next message.
    forwarded: Option<Client>,
    is_greeted: bool,
    /// Upstream waits for a response of this exchange.
    exchange: Option<Exchange>,
    is_authenticated: bool,
    login: Option<String>,
    /// Upstream and we take binary content.
    takes_binary: bool,
    /// The largest message that upstream takes, in octets.
    upstream_size_max: Option<u64>,
    transaction: Option<Transaction>,
    /// The content of the transaction has begun, in chunks.
    is_chunked: bool,
    pending: Option<Pending>,
    errors: usize,
}

impl Session {
    /// A session whose client was not greeted yet.
    pub fn new(limits: Limits, rules: Rules, client: Client) -> Self {
        Self {
            limits,
            rules,
            client,
            introduced: None,
            forwarded: None,
            is_greeted: false,
            exchange: None,
            is_authenticated: false,
            login: None,
            takes_binary: false,
            upstream_size_max: None,
            transaction: None,
            is_chunked: false,
            pending: None,
            errors: 0,
        }
    }

    /// The connection is in TLS now. What the client said before does not count any more
    /// (RFC 3207 §4.2): it has to say EHLO again, which ends upstream's transaction, too.
    pub fn encrypted(&mut self) {
        self.rules.is_encrypted = true;
        self.is_greeted = false;
        self.forget_transaction();
    }

    /// A chunk that is not the last was refused: the transaction is over (RFC 3030 §2), and
    /// what still comes of the message is none's.
    pub fn chunk_refused(&mut self) {
        self.forget_transaction();
    }

    /// Has the content of a message begun, in chunks, and not ended?
    pub fn is_chunked(&self) -> bool {
        self.is_chunked
    }

    /// Takes a command line, without its CRLF.
    pub fn command(&mut self, line: &[u8]) -> Step {
        if line.len() > COMMAND_OCTETS_MAX && !self.is_secret(line) {
            return self.malformed("line too long");
        }
        let step = self.decide(line);
        match &step {
            // RFC 5321 §4.5.3.1.10: a recipient too many is no error of the client, who
            // sends the rest in another transaction.
            Step::Answer(reply) | Step::Swallow(_, reply)
                if !reply.is_positive() && !reply.is_transient() =>
            {
                self.refused(step)
            }
            _ => step,
        }
    }

    /// Takes a line that is no command: too long, or with a bare CR or LF.
    pub fn malformed(&mut self, text: &str) -> Step {
        if self.exchange.is_some() {
            return self.cancel(text);
        }
        self.refused(Step::Answer(Reply::new(500, "5.5.2", text)))
    }

    /// Is the client's next line a response to upstream's 334, and no command?
    pub fn awaits_response(&self) -> bool {
        self.exchange.is_some()
    }

    /// Is this line nobody's to see? `AUTH: PLAIN …` is AUTH as well, in wrong words.
    pub fn is_secret(&self, line: &[u8]) -> bool {
        // What ends the verb need be no space.
        let is_auth = line.split_at_checked(4).is_some_and(|(verb, behind)| {
            verb.eq_ignore_ascii_case(b"AUTH")
                && !behind.first().is_some_and(u8::is_ascii_alphanumeric)
        });
        is_auth || self.awaits_response()
    }

    /// Takes a response, without its CRLF.
    pub fn response(&mut self, line: &[u8]) -> Step {
        if !auth::is_response(line) {
            return self.cancel("response is not base64");
        }
        let Some(mut exchange) = self.exchange.take() else { return self.command(line) };
        exchange.response(line);
        self.pending = Some(Pending::Auth(exchange));
        Step::PassSecret
    }

    /// Takes upstream's reply to the line that was passed. Gives the reply for the
    /// client, which is the same but for EHLO.
    pub fn upstream_replied(&mut self, reply: Reply) -> Reply {
        if reply.is_positive() {
            self.errors = 0;
        }
        match self.pending.take() {
            Some(Pending::Greeting { is_extended }) if reply.is_positive() => {
                self.is_greeted = true;
                self.forget_transaction();
                self.takes_binary = is_extended
                    && ["CHUNKING", "BINARYMIME"]
                        .iter()
                        .all(|keyword| extensions::is_offered(&reply, keyword));
                self.upstream_size_max = extensions::size_max(&reply).filter(|_| is_extended);
                if is_extended {
                    return extensions::offer(&reply, self.own_extensions());
                }
            }
            Some(Pending::Mail { reverse_path, is_binary }) if reply.is_positive() => {
                self.transaction = Some(self.transaction(reverse_path, is_binary));
            }
            Some(Pending::Recipient(recipient)) if reply.is_positive() => {
                // A recipient who is named twice gets one copy, as from any MTA.
                if let Some(transaction) = &mut self.transaction {
                    match transaction.recipients.contains(&recipient) {
                        true => transaction.has_repetition = true,
                        false => transaction.recipients.push(recipient),
                    }
                }
            }
            Some(Pending::Auth(exchange)) if reply.is_intermediate() => {
                self.exchange = Some(exchange);
            }
            Some(Pending::Auth(exchange)) if reply.is_positive() => {
                self.is_authenticated = true;
                self.login = exchange.into_name();
            }
            Some(Pending::Reset) if reply.is_positive() => self.forget_transaction(),
            _ => {}
        }
        reply
    }

    /// How many commands in a row were refused.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Is the client between MAIL and the end of its message?
    pub fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    fn decide(&mut self, line: &[u8]) -> Step {
        // RFC 6531 §3.3 allows nothing else. Were such a line passed on, upstream might
        // take it for a RCPT of which the session knows nothing.
        let Ok(text) = std::str::from_utf8(line) else {
            let refusal = Reply::new(501, "5.5.2", "command line is not UTF-8");
            let is_bdat = line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"));
            return if is_bdat { Step::End(refusal) } else { Step::Answer(refusal) };
        };
        let command = Command::parse(text);
        if self.needs_tls(&command) {
            let refusal = Reply::new(530, "5.7.0", "must issue a STARTTLS command first");
            return match command {
                Command::Bdat(Some(size)) => Step::Swallow(size.octets, refusal),
                _ => Step::Answer(refusal),
            };
        }
        match command {
            Command::Helo => self.greet(text, false),
            Command::Ehlo => self.greet(text, true),
            Command::Auth(argument) => self.authenticate(argument.0),
            Command::StartTls { has_argument } => self.start_tls(has_argument),
            Command::Quit => {
                self.pending = Some(Pending::Other);
                Step::PassAndEnd
            }
            Command::Mail(_) | Command::Rcpt(_) | Command::Data if self.is_chunked => {
                answer(503, "5.5.1", "a message has begun with BDAT")
            }
            Command::Mail(envelope) => self.begin(text, envelope),
            Command::Rcpt(envelope) => match &self.transaction {
                None => answer(503, "5.5.1", "need MAIL before RCPT"),
                Some(transaction) if transaction.recipients.len() >= self.recipients_max() => {
                    answer(452, "4.5.3", "too many recipients in one message")
                }
                Some(_) => self.pass(Pending::Recipient(envelope_line(text, envelope.path))),
            },
            Command::Data if self.transaction.as_ref().is_some_and(|open| open.is_binary) => {
                answer(503, "5.5.1", "BINARYMIME goes with BDAT")
            }
            Command::Data => match self.end_transaction("DATA") {
                Ok(transaction) => Step::TakeContent(
                    Reply::of_lines(354, ["end data with <CR><LF>.<CR><LF>"]),
                    transaction,
                ),
                Err(refusal) => Step::Answer(refusal),
            },
            Command::Bdat(None) => {
                // How many octets follow is not known, and none of them is a command.
                Step::End(Reply::new(501, "5.5.4", "BDAT needs a size, closing connection"))
            }
            Command::Bdat(Some(size)) => self.take_chunk(size),
            Command::Rset => self.pass(Pending::Reset),
            Command::Xclient(argument) => self.xclient(argument),
            Command::Xforward(argument) => self.xforward(argument),
            Command::Xsetcontext(argument) => self.xsetcontext(argument),
            Command::Xdumpcontext(argument) => self.xdumpcontext(argument),
            Command::Xremoteip(argument) => self.xremoteip(argument),
            Command::Other(verb) if REFUSED.contains(&verb.as_str()) => {
                answer(502, "5.5.1", "command not implemented")
            }
            Command::Other(verb) if verb.is_empty() => answer(500, "5.5.2", "no command"),
            Command::Noop | Command::Other(_) => self.pass(Pending::Other),
        }
    }

    fn begin(&mut self, line: &str, envelope: Envelope<'_>) -> Step {
        let is_binary =
            envelope.parameter("BODY").is_some_and(|body| body.eq_ignore_ascii_case("BINARYMIME"));
        match envelope.parameter("SIZE").and_then(|size| size.parse().ok()) {
            _ if !self.is_greeted => answer(503, "5.5.1", "say EHLO first"),
            // RFC 1870 §6.1: refused before the octets are sent.
            Some(size) if self.is_too_large(size) => {
                answer(552, "5.3.4", "message size exceeds the limit of this gateway")
            }
            _ if is_binary && !self.takes_binary => {
                answer(555, "5.5.4", "BODY=BINARYMIME is not offered")
            }
            _ => {
                let enlarged = size::enlarge(line, &envelope, self.upstream_size_max);
                let sent = enlarged.as_deref().unwrap_or(line);
                let reverse_path = envelope_line(sent, envelope.path);
                self.pending = Some(Pending::Mail { reverse_path, is_binary });
                Step::Begin(enlarged)
            }
        }
    }

    /// Gives the transaction whose content follows, or the reply where there is none.
    fn end_transaction(&mut self, verb: &str) -> Result<Transaction, Reply> {
        match self.transaction.take_if(|open| !open.recipients.is_empty()) {
            Some(transaction) => Ok(transaction),
            None if self.transaction.is_some() => {
                Err(Reply::new(554, "5.5.1", "no valid recipients"))
            }
            None => Err(Reply::new(503, "5.5.1", &format!("need MAIL before {verb}"))),
        }
    }

    fn take_chunk(&mut self, size: ChunkSize) -> Step {
        let transaction = match self.end_transaction("BDAT") {
            Ok(transaction) => transaction,
            // A client that does not wait has sent the octets already.
            Err(refusal) => return Step::Swallow(size.octets, refusal),
        };
        let is_first = !self.is_chunked;
        self.is_chunked = !size.is_last;
        let last = match size.is_last {
            true => Some(transaction),
            false => {
                self.transaction = Some(transaction);
                None
            }
        };
        Step::TakeChunk(Chunk { octets: size.octets, is_first, last })
    }

    fn forget_transaction(&mut self) {
        self.transaction = None;
        self.forwarded = None;
        self.is_chunked = false;
    }

    fn greet(&mut self, line: &str, is_extended: bool) -> Step {
        self.client_greets(line, is_extended);
        self.pending = Some(Pending::Greeting { is_extended });
        Step::Greet
    }

    /// RFC 4954 §4 names what must not go before it.
    fn authenticate(&mut self, argument: &str) -> Step {
        if !self.is_greeted {
            return answer(503, "5.5.1", "say EHLO first");
        }
        if !self.may_authenticate() {
            let text = "encryption required for requested authentication mechanism";
            return answer(538, "5.7.11", text);
        }
        if self.is_authenticated {
            return answer(503, "5.5.1", "already authenticated");
        }
        if self.transaction.is_some() {
            return answer(503, "5.5.1", "AUTH is not permitted in a transaction");
        }
        if argument.is_empty() {
            return answer(501, "5.5.4", "AUTH needs a mechanism");
        }
        self.pending = Some(Pending::Auth(Exchange::begin(argument)));
        Step::PassSecret
    }

    /// Ends an exchange whose client sent what is no response (RFC 4954 §6).
    fn cancel(&mut self, text: &str) -> Step {
        self.exchange = None;
        self.pending = Some(Pending::Other);
        self.errors += 1;
        Step::Cancel(match text {
            "line too long" => Reply::new(500, "5.5.6", "authentication exchange line is too long"),
            text => Reply::new(501, "5.5.2", text),
        })
    }

    fn may_authenticate(&self) -> bool {
        self.rules.is_encrypted || !self.rules.auth_requires_tls
    }

    fn start_tls(&self, has_argument: bool) -> Step {
        match self.rules.starttls {
            Starttls::Unknown if !self.rules.is_encrypted => {
                answer(502, "5.5.1", "command not implemented")
            }
            _ if self.rules.is_encrypted => answer(503, "5.5.1", "TLS is active already"),
            // Upstream cannot be told to forget it, and who is authenticated could be another
            // one than who begins TLS.
            _ if self.is_authenticated => answer(503, "5.5.1", "no STARTTLS behind AUTH"),
            _ if has_argument => answer(501, "5.5.4", "STARTTLS takes no argument"),
            _ => Step::StartTls(Reply::new(220, "2.0.0", "ready to start TLS")),
        }
    }

    /// RFC 3207 §4 names the commands that a server takes before TLS that it requires.
    fn needs_tls(&self, command: &Command<'_>) -> bool {
        let is_free = matches!(
            command,
            Command::Ehlo
                | Command::Helo
                | Command::Noop
                | Command::Quit
                | Command::StartTls { .. }
        );
        self.rules.starttls == Starttls::Required && !self.rules.is_encrypted && !is_free
    }

    fn own_extensions(&self) -> Own {
        Own {
            message_octets_max: self.limits.message_octets_max,
            starttls: self.rules.starttls != Starttls::Unknown
                && !self.rules.is_encrypted
                && !self.is_authenticated,
            auth: self.may_authenticate(),
            trust: self.rules.trust,
        }
    }

    fn pass(&mut self, pending: Pending) -> Step {
        self.pending = Some(pending);
        Step::Pass
    }

    fn recipients_max(&self) -> usize {
        if self.rules.is_one_at_a_time { 1 } else { self.limits.recipients_max }
    }

    fn is_too_large(&self, size: u64) -> bool {
        usize::try_from(size).map_or(true, |size| size > self.limits.message_octets_max)
    }

    fn refused(&mut self, step: Step) -> Step {
        self.errors += 1;
        if self.errors < self.limits.errors_max {
            return step;
        }
        Step::End(Reply::new(421, "4.7.0", "too many errors, closing connection"))
    }
}

fn answer(code: u16, enhanced_status: &str, text: &str) -> Step {
    Step::Answer(Reply::new(code, enhanced_status, text))
}

fn envelope_line(line: &str, mailbox: &str) -> EnvelopeLine {
    EnvelopeLine { line: line.into(), mailbox: mailbox.into() }
}

#[cfg(test)]
mod tests;
