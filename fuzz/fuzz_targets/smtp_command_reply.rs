//! A session between a client and an upstream that say anything. A model that knows
//! only which commands upstream accepted says when content may be taken.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mail::smtp::{
    client::{Client, attribute::Verb},
    command::Command,
    context,
    extensions::{self, Own},
    reply::{LINES_MAX, Reply, ReplyParser},
    session::{Limits, Rules, Session, Starttls, Step, Transaction, Trust},
};

const LIMITS: Limits = Limits { message_octets_max: 1000, recipients_max: 3, errors_max: 20 };

/// What upstream has accepted, as far as a listener at the wire can tell.
#[derive(Debug, Default)]
struct Model {
    has_mail: bool,
    recipients: Vec<String>,
    is_chunked: bool,
}

// Lines go in turn to the session and to the parser of replies.
fuzz_target!(|input: &[u8]| {
    let Some((&first, stream)) = input.split_first() else { return };
    let mut session = Session::new(LIMITS, rules(first), Client::default());
    let mut model = Model::default();
    let mut is_encrypted = false;
    let mut parser = ReplyParser::default();
    let mut lines = stream.split(|octet| *octet == b'\n');
    while let Some(line) = lines.next() {
        let is_response = session.awaits_response();
        let step = match is_response {
            true => session.response(line),
            false => session.command(line),
        };
        match step {
            Step::PassSecret => {
                // A response or AUTH, and nothing that upstream takes for another command.
                assert!(is_response || session.is_secret(line));
                assert!(!model.has_mail);
                let Some(reply) = next_reply(&mut parser, &mut lines) else { return };
                session.upstream_replied(reply.clone());
                assert_eq!(session.awaits_response(), reply.is_intermediate());
            }
            Step::Cancel(reply) => {
                check_reply(&reply);
                assert!(is_response);
                let Some(reply) = next_reply(&mut parser, &mut lines) else { return };
                session.upstream_replied(reply);
                assert!(!session.awaits_response());
            }
            Step::Pass | Step::Greet | Step::Begin(_) => {
                let instead = match &step {
                    Step::Begin(Some(instead)) => instead.as_bytes(),
                    _ => line,
                };
                let Some(reply) = next_reply(&mut parser, &mut lines) else { return };
                model.passed(instead, &reply);
                let told = session.upstream_replied(reply.clone());
                assert_eq!(told.code(), reply.code());
            }
            Step::Answer(reply) => check_reply(&reply),
            Step::BeginAnew => {
                assert!(!model.has_mail && first & 16 != 0);
                check_told(&session);
                session.trust(Trust { xclient: first & 32 != 0, ..Trust::default() });
            }
            Step::SetContext(variables) => {
                assert!(first & 32 != 0 && !variables.is_empty());
                check_reply(&context::dump(pairs(&variables), pairs(&variables)));
            }
            Step::DumpContext => assert!(first & 64 != 0),
            Step::StartTls(reply) => {
                check_reply(&reply);
                assert!(!is_encrypted);
                is_encrypted = true;
                session.encrypted();
                model = Model::default();
            }
            Step::TakeContent(reply, transaction) => {
                check_reply(&reply);
                assert_eq!(reply.code(), 354);
                model.take_content(&transaction);
                assert!(!session.is_in_transaction());
            }
            Step::TakeChunk(chunk) => {
                assert!(model.has_mail && !model.recipients.is_empty());
                assert_eq!(chunk.is_first, !model.is_chunked);
                model.is_chunked = chunk.last.is_none();
                assert_eq!(session.is_chunked(), model.is_chunked);
                match chunk.last {
                    Some(transaction) => model.take_content(&transaction),
                    None if chunk.octets % 8 == 7 => {
                        session.chunk_refused();
                        model = Model::default();
                    }
                    None => {}
                }
            }
            Step::Swallow(_, reply) => {
                check_reply(&reply);
                assert!(model.recipients.is_empty());
            }
            Step::End(reply) => return check_reply(&reply),
            Step::PassAndEnd => return,
        }
        assert_eq!(session.is_in_transaction(), model.has_mail);
    }
});

fn rules(choice: u8) -> Rules {
    Rules {
        is_one_at_a_time: choice & 1 != 0,
        starttls: match choice >> 1 & 3 {
            0 => Starttls::Unknown,
            1 => Starttls::Required,
            _ => Starttls::Offered,
        },
        is_encrypted: false,
        auth_requires_tls: choice & 8 != 0,
        is_client_told: choice & 128 != 0,
        trust: Trust {
            xclient: choice & 16 != 0,
            xforward: choice & 64 != 0,
            xsetcontext: choice & 32 != 0,
            xdumpcontext: choice & 64 != 0,
            xremoteip: choice & 32 != 0,
        },
    }
}

fn pairs(variables: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
}

impl Model {
    fn passed(&mut self, line: &[u8], reply: &Reply) {
        let line = std::str::from_utf8(line).expect("nothing else is passed on");
        match Command::parse(line) {
            Command::Rset if reply.is_positive() => *self = Self::default(),
            _ if !reply.is_positive() => {}
            Command::Helo | Command::Ehlo => *self = Self::default(),
            Command::Mail(_) => *self = Self { has_mail: true, ..Self::default() },
            // A recipient who is named twice in the same words counts once.
            Command::Rcpt(_) if self.recipients.iter().any(|known| known == line) => {}
            Command::Rcpt(_) => self.recipients.push(line.to_owned()),
            _ => {}
        }
    }

    fn take_content(&mut self, transaction: &Transaction) {
        assert!(self.has_mail && !self.recipients.is_empty());
        let lines: Vec<_> = transaction.recipients.iter().map(|known| &known.line).collect();
        assert_eq!(lines, self.recipients.iter().collect::<Vec<_>>());
        assert!(lines.len() <= LIMITS.recipients_max);
        *self = Self::default();
    }
}

/// What a peer told can be told again, in commands that are none other.
fn check_told(session: &Session) {
    for verb in [Verb::Xclient, Verb::Xforward] {
        for command in verb.commands(verb.attributes(), session.sender().0) {
            assert!(
                command.len() <= 510 && command.bytes().all(|octet| matches!(octet, b' '..=b'~'))
            );
            let (word, argument) = command.split_once(' ').expect("attributes");
            assert!(word == verb.keyword() && verb.parse(argument).is_ok(), "{command}");
        }
    }
}

fn next_reply<'a>(
    parser: &mut ReplyParser,
    lines: &mut impl Iterator<Item = &'a [u8]>,
) -> Option<Reply> {
    for line in lines {
        if let Some(reply) = parser.line(line).ok()? {
            assert!((200..600).contains(&reply.code()));
            assert!(reply.lines().count() <= LINES_MAX);
            reply.text();
            extensions::is_offered(&reply, "SIZE");
            let own = Own {
                message_octets_max: LIMITS.message_octets_max,
                starttls: true,
                auth: true,
                trust: rules(u8::MAX).trust,
            };
            check_reply(&extensions::offer(&reply, own));
            return Some(reply);
        }
    }
    None
}

/// A reply of our own can be read by the parser, whatever went into it.
fn check_reply(reply: &Reply) {
    let mut parser = ReplyParser::default();
    let mut lines = reply.octets().split_inclusive(|octet| *octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        let line = line.strip_suffix(b"\r\n").expect("a line ends in CRLF");
        let parsed = parser.line(line).expect("a reply of our own is one");
        assert_eq!(parsed.is_some(), lines.peek().is_none());
    }
}
