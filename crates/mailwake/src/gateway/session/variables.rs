//! The variables of a session: what trusted peers set and read of them, and what the session
//! itself tells in them.

use super::Conversation;
use mail::smtp::{context as command, reply::Reply};
use std::net::IpAddr;
use tracing::warn;
use tracking::{
    account::CUSTOMER_VARIABLE,
    context::{Context, ContextFull, Lifetime},
};

impl Conversation<'_> {
    /// Begins a context as the session begins: with a client, with another one, or in TLS,
    /// where what was said before does not count (RFC 3207 §4.2). The configuration presets
    /// variables of it, by the socket and the client, and scripts may have set others.
    pub(super) fn begin_context(&mut self, context: Context) {
        self.context = context;
        self.name_customer();
    }

    /// A client whose address is another one than before (XREMOTEIP) has the variables that
    /// the configuration presets for it in the place of those of the one before. What was set
    /// since then stays.
    pub(super) fn follow_client(&mut self, before: Option<IpAddr>) {
        if self.session.client().address == before {
            return;
        }
        let of = Lifetime::Connection;
        for (name, value) in self.scope_of(before).context().iter(of) {
            if self.context.get(of, name) == Some(value) {
                self.context.delete(of, name);
            }
        }
        for (name, value) in self.scope().context().iter(of) {
            let is_set = self.context.get(of, name).is_some();
            if !is_set && self.context.set(of, name, value).is_err() {
                warn!(name, "the context of a session is full, so a preset is left out");
            }
        }
    }

    /// Names the customer of the connection, where the client is authenticated.
    pub(super) fn name_customer(&mut self) {
        let Some(login) = self.session.login() else { return };
        if self.context.set(Lifetime::Connection, CUSTOMER_VARIABLE, login).is_err() {
            warn!("the context of a session is full, so its mail names no customer");
        }
    }

    /// Sets variables of the connection, all or none, and gives the reply.
    pub(super) fn set_context(&mut self, variables: &[(String, String)]) -> Reply {
        let mut context = self.context.clone();
        let mut variables = variables.iter();
        let set =
            variables.try_for_each(|(name, value)| context.set(Lifetime::Connection, name, value));
        match set {
            Ok(()) => {
                self.context = context;
                Reply::new(250, "2.0.0", "Ok")
            }
            Err(full @ ContextFull) => {
                let reply = Reply::new(552, "5.3.4", &full.to_string());
                self.count_refusal(&reply);
                reply
            }
        }
    }

    /// The reply that tells the variables.
    pub(super) fn dump_context(&self) -> Reply {
        let of = |lifetime| self.context.iter(lifetime);
        command::dump(of(Lifetime::Connection), of(Lifetime::Message))
    }
}
