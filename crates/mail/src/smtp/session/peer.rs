//! What a peer tells of the client in its place, by XCLIENT and XFORWARD (Postfix
//! XCLIENT_README, XFORWARD_README), if it is trusted.

use super::{EnvelopeLine, Session, Step, Transaction, Trust, answer};
use crate::smtp::{
    client::{
        Client,
        attribute::{AttributeError, Fact, Verb},
    },
    reply::Reply,
};

impl Session {
    /// Whose session it is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Who sends the next message, and whether a peer has told so for this message.
    pub fn sender(&self) -> (&Client, bool) {
        (self.forwarded.as_ref().unwrap_or(&self.client), self.forwarded.is_some())
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
            login: self.login.clone().or_else(|| self.client.login.clone()),
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
            // They belong to the address.
            (introduced.name, introduced.port) = (None, None);
            (self.client.name, self.client.port) = (None, None);
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

    /// What the peer tells, if it may. The replies are those of Postfix.
    fn hear(&self, verb: Verb, argument: &str) -> Result<Vec<Fact>, Reply> {
        let is_trusted = match verb {
            Verb::Xclient => self.rules.trust.xclient,
            Verb::Xforward => self.rules.trust.xforward,
        };
        if !is_trusted {
            return Err(Reply::new(550, "5.7.0", "insufficient authorization"));
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
