//! What a peer tells of the client in its place, by XCLIENT and XFORWARD (Postfix
//! XCLIENT_README, XFORWARD_README) and XREMOTEIP (Momentum), and of the variables of the
//! session (Momentum), if it is trusted.

use super::{EnvelopeLine, Session, Step, Transaction, Trust, answer};
use crate::smtp::{
    client::{
        Client,
        attribute::{AttributeError, Fact, Verb},
    },
    context,
    reply::Reply,
};
use std::net::IpAddr;

impl Session {
    /// Whose session it is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Who sends the next message, and whether a peer has told so for this message.
    pub fn sender(&self) -> (&Client, bool) {
        (self.forwarded.as_ref().unwrap_or(&self.client), self.forwarded.is_some())
    }

    /// The name under which the client is authenticated: by AUTH, or to the peer that tells
    /// of it.
    pub fn login(&self) -> Option<&str> {
        self.login.as_deref().or(self.client.login.as_deref())
    }

    /// What the client may tell of others, from now on.
    pub fn trust(&mut self, trust: Trust) {
        self.rules.trust = trust;
    }

    /// Takes what the client says of itself. A peer says EHLO with its own name, so what it
    /// has told of the client stays.
    pub(super) fn client_greets(&mut self, line: &str, is_extended: bool) {
        self.client.greeted(line, is_extended);
        if let Some(Client { helo, protocol, .. }) = &self.introduced {
            let (helo, protocol) = (helo.clone(), protocol.clone());
            self.client.helo = helo.or(self.client.helo.take());
            self.client.protocol = protocol.or(self.client.protocol.take());
        }
    }

    /// The transaction whose MAIL upstream has accepted.
    pub(super) fn transaction(
        &mut self,
        reverse_path: EnvelopeLine,
        is_binary: bool,
    ) -> Transaction {
        let forwarded = self.forwarded.take();
        Transaction {
            reverse_path,
            recipients: Vec::new(),
            has_repetition: false,
            is_binary,
            is_forwarded: forwarded.is_some(),
            client: forwarded.unwrap_or_else(|| self.client.clone()),
        }
    }

    pub(super) fn xclient(&mut self, argument: &str) -> Step {
        let facts = match self.hear(Verb::Xclient, argument) {
            Ok(facts) => facts,
            Err(refusal) => return Step::Answer(refusal),
        };
        let mut introduced = self.introduced.take().unwrap_or_default();
        if facts.iter().any(|fact| matches!(fact, Fact::Address(_))) {
            introduced.forget_address();
            self.client.forget_address();
        }
        for fact in facts {
            introduced.learn(fact.clone());
            self.client.learn(fact);
        }
        self.client.helo.clone_from(&introduced.helo);
        self.client.protocol.clone_from(&introduced.protocol);
        self.introduced = Some(introduced);
        self.is_greeted = false;
        self.is_authenticated = false;
        self.login = None;
        self.takes_binary = false;
        self.forget_transaction();
        Step::BeginAnew
    }

    pub(super) fn xforward(&mut self, argument: &str) -> Step {
        match self.hear(Verb::Xforward, argument) {
            Ok(facts) => {
                // What is not told is not known: nothing of the session is mixed in.
                let forwarded = self.forwarded.get_or_insert_default();
                facts.into_iter().for_each(|fact| forwarded.learn(fact));
                answer(250, "2.0.0", "Ok")
            }
            Err(refusal) => Step::Answer(refusal),
        }
    }

    /// Momentum takes it at any time, and the session goes on.
    pub(super) fn xremoteip(&mut self, argument: &str) -> Step {
        if !self.rules.trust.xremoteip {
            return untrusted();
        }
        let Some(address) = remote_address(argument) else {
            return answer(501, "5.5.4", "XREMOTEIP: needs an IP address");
        };
        if self.rules.is_client_told && self.is_greeted {
            return answer(
                503,
                "5.5.1",
                "upstream was told of the client, XREMOTEIP goes before EHLO",
            );
        }
        // A message that a peer has told of by XFORWARD stays who it is from.
        let open = self.transaction.as_mut().filter(|open| !open.is_forwarded);
        let told =
            [Some(&mut self.client), self.introduced.as_mut(), open.map(|open| &mut open.client)];
        for client in told.into_iter().flatten() {
            client.forget_address();
            client.learn(Fact::Address(Some(address)));
        }
        answer(250, "2.0.0", "Ok")
    }

    pub(super) fn xsetcontext(&self, argument: &str) -> Step {
        if !self.rules.trust.xsetcontext {
            return untrusted();
        }
        match context::variables(argument) {
            Ok(variables) => Step::SetContext(variables),
            Err(error) => answer(501, "5.5.4", &format!("XSETCONTEXT: {error}")),
        }
    }

    pub(super) fn xdumpcontext(&self, argument: &str) -> Step {
        match argument {
            _ if !self.rules.trust.xdumpcontext => untrusted(),
            "" => Step::DumpContext,
            _ => answer(501, "5.5.4", "XDUMPCONTEXT takes no argument"),
        }
    }

    /// What the peer tells, if it may. The replies are those of Postfix.
    fn hear(&self, verb: Verb, argument: &str) -> Result<Vec<Fact>, Reply> {
        let is_trusted = match verb {
            Verb::Xclient => self.rules.trust.xclient,
            Verb::Xforward => self.rules.trust.xforward,
        };
        if !is_trusted {
            return Err(insufficient_authorization());
        }
        if self.is_in_transaction() {
            return Err(Reply::new(503, "5.5.1", "MAIL transaction in progress"));
        }
        let wrong = |error: AttributeError| {
            Reply::new(501, "5.5.4", &format!("{}: {error}", verb.keyword()))
        };
        verb.parse(argument).map_err(wrong)
    }
}

fn insufficient_authorization() -> Reply {
    Reply::new(550, "5.7.0", "insufficient authorization")
}

fn untrusted() -> Step {
    Step::Answer(insufficient_authorization())
}

/// An address as a peer writes it, with the prefix of XCLIENT or without.
fn remote_address(argument: &str) -> Option<IpAddr> {
    let address = match argument.get(..5) {
        Some(prefix) if prefix.eq_ignore_ascii_case("IPV6:") => {
            argument[5..].parse().ok().map(IpAddr::V6)
        }
        _ => argument.parse().ok(),
    };
    address.map(|address| address.to_canonical())
}
