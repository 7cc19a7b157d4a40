//! Upstream is told of the client, whom the gateway hides from it: by XCLIENT for the
//! session, or by XFORWARD for a message (XCLIENT_README and XFORWARD_README of Postfix).
//! Where upstream does not hear it, mail goes on without.

use super::{ClientTelling, Upstream, UpstreamError};
use mail::smtp::{
    client::{
        Client,
        attribute::{Attribute, Verb},
    },
    extensions,
    reply::Reply,
};
use tracing::debug;

/// What upstream is told of the client, and was.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// XCLIENT was taken. Behind it, upstream trusts the client and not us.
    is_introduced: bool,
    /// What it offers to hear by XFORWARD.
    forwarded: Vec<Attribute>,
    /// It did not hear what it should.
    is_unknown: bool,
}

/// What became of XCLIENT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Introduction {
    /// It was not wanted, or not possible.
    None,
    /// Upstream begins anew.
    Made,
    /// Upstream knows the client now, and does not want it.
    Refused(Reply),
}

impl Upstream {
    /// Was upstream to be told of the client, and could not?
    pub fn is_client_unknown(&self) -> bool {
        self.told.is_unknown
    }

    /// Is upstream told of every client?
    pub(super) fn is_client_told(&self) -> bool {
        self.target.config.client_telling != ClientTelling::Nothing
    }

    /// Tells upstream of the client by XCLIENT, once, given its reply to EHLO.
    pub(super) async fn introduce(
        &mut self,
        ehlo: &Reply,
        client: &Client,
    ) -> Result<Introduction, UpstreamError> {
        let telling = self.target.config.client_telling;
        if telling != ClientTelling::Xclient || self.told.is_introduced || !ehlo.is_positive() {
            return Ok(Introduction::None);
        }
        let offered = offered(ehlo, Verb::Xclient);
        let Some(command) = Verb::Xclient.commands(&offered, client).pop() else {
            self.was_not_heard("it does not offer XCLIENT");
            return Ok(Introduction::None);
        };
        let reply = self.exchange(command.as_bytes()).await?;
        match reply.code() {
            _ if reply.is_positive() => {
                self.told.is_introduced = true;
                Ok(Introduction::Made)
            }
            // The command is refused, not the client.
            500..=504 | 550 => {
                self.was_not_heard("it refused XCLIENT");
                Ok(Introduction::None)
            }
            _ => Ok(Introduction::Refused(reply)),
        }
    }

    /// Remembers what upstream offers to hear, given its reply to EHLO.
    pub(super) fn hear_offer(&mut self, ehlo: &Reply) {
        self.told.forwarded = offered(ehlo, Verb::Xforward);
    }

    /// Sends MAIL, and reads the reply. Upstream is told before it from whom the message
    /// comes: if it is told of every client by XFORWARD, or if a peer has told us so.
    pub async fn begin(
        &mut self,
        mail: &[u8],
        sender: &Client,
        is_forwarded: bool,
    ) -> Result<Reply, UpstreamError> {
        if is_forwarded || self.target.config.client_telling == ClientTelling::Xforward {
            let commands = Verb::Xforward.commands(&self.told.forwarded, sender);
            if commands.is_empty() {
                self.was_not_heard("it does not offer XFORWARD");
            }
            for command in commands {
                let reply = self.exchange(command.as_bytes()).await?;
                if reply.code() == 421 {
                    return Ok(reply);
                }
                if !reply.is_positive() {
                    self.was_not_heard("it refused XFORWARD");
                }
            }
        }
        self.exchange(mail).await
    }

    fn was_not_heard(&mut self, why: &'static str) {
        if !self.told.is_unknown {
            debug!(why, "upstream could not be told of the client");
        }
        self.told.is_unknown = true;
    }
}

fn offered(ehlo: &Reply, verb: Verb) -> Vec<Attribute> {
    let words = extensions::argument(ehlo, verb.keyword()).unwrap_or_default();
    verb.offered(&words)
}
