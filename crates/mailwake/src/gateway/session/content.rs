//! The content of messages: it is taken from the client, by DATA or in chunks, within its
//! limits of memory and time, and brought upstream.

use super::{Conversation, Next, SessionError};
use crate::gateway::{
    Gateway, RefusalReason,
    budget::{LEAST_OCTETS, Share},
    safety, transmission,
};
use mail::smtp::{
    chunking::Assembly,
    data::{DataError, DataReader},
    reply::Reply,
    session::{Chunk, Transaction},
};
use std::borrow::Cow;
use tokio::time::{Instant, timeout, timeout_at};

/// A message in chunks that has begun.
pub(super) struct Begun<'g> {
    assembly: Assembly,
    /// The memory for it.
    share: Share<'g>,
    /// Until when it has to be there.
    deadline: Instant,
}

impl<'g> Begun<'g> {
    fn new(gateway: &'g Gateway) -> Self {
        let config = &gateway.config;
        let octets_max = config.limits.message_octets_max;
        Self {
            assembly: Assembly::new(octets_max, config.safety.newlines),
            share: gateway.ends.shared.budget.share(),
            deadline: Instant::now() + config.listener.message_timeout,
        }
    }
}

impl Conversation<'_> {
    /// Tells the client to send the content of a message, takes it and brings it upstream.
    pub(super) async fn take_message(
        &mut self,
        go_ahead: &Reply,
        transaction: &Transaction,
    ) -> Result<(Reply, Next), SessionError> {
        let gateway = self.gateway;
        let limit = gateway.config.listener.client_timeout;
        let mut share = gateway.ends.shared.budget.share();
        if let Err(error) = share.cover(LEAST_OCTETS).await {
            return Ok(self.refuse(error).await);
        }
        self.client.write(go_ahead.octets());
        self.client.flush(limit).await?;
        let octets_max = gateway.config.limits.message_octets_max;
        let mut reader = DataReader::new(octets_max, gateway.config.safety.newlines);
        let deadline = Instant::now() + gateway.config.listener.message_timeout;
        let mut octets = 0;
        while !reader.is_done() {
            let read = timeout_at(deadline, self.client.read_content(&mut reader, limit)).await;
            octets += read.map_err(|_elapsed| SessionError::SlowMessage)??;
            if let Err(error) = share.cover(growing(reader.memory())).await {
                reader.give_up(error);
            }
        }
        self.client.content_came(octets);
        self.bring(transaction, reader.finish(), share).await
    }

    /// Takes a chunk (RFC 3030 §2), and brings the message upstream with the last one.
    pub(super) async fn take_chunk(&mut self, chunk: Chunk) -> Result<(Reply, Next), SessionError> {
        let gateway = self.gateway;
        let mut begun = match self.assembly.take() {
            Some(begun) if !chunk.is_first => begun,
            _ => Begun::new(gateway),
        };
        let limit = gateway.config.listener.client_timeout;
        let mut left = chunk.octets;
        while left > 0 {
            let piece = left.min(LEAST_OCTETS as u64);
            if let Err(error) = begun.share.cover(growing(begun.assembly.memory())).await {
                begun.assembly.give_up(error);
            }
            let take = |octets: &[u8]| begun.assembly.take(octets);
            let read = timeout_at(begun.deadline, self.client.read_octets(piece, limit, take));
            read.await.map_err(|_elapsed| SessionError::SlowMessage)??;
            left -= piece;
        }
        match (chunk.last, begun.assembly.error()) {
            (Some(transaction), _) => {
                let content = begun.assembly.finish(transaction.is_binary);
                self.bring(&transaction, content, begun.share).await
            }
            (None, Some(error)) => {
                gateway.own.messages.increment();
                self.session.chunk_refused();
                Ok(self.refuse(error).await)
            }
            (None, None) => {
                self.assembly = Some(begun);
                let text = format!("{} octets received", chunk.octets);
                Ok((Reply::new(250, "2.0.0", &text), Next::Command))
            }
        }
    }

    /// Brings a message upstream, given the memory that it has.
    async fn bring(
        &mut self,
        transaction: &Transaction,
        content: Result<Vec<u8>, DataError>,
        mut share: Share<'_>,
    ) -> Result<(Reply, Next), SessionError> {
        self.gateway.own.messages.increment();
        let content = match content {
            Ok(content) => content,
            Err(error) => return Ok(self.refuse(error).await),
        };
        let needed = transmission::memory(content.len(), transaction.recipients.len());
        let needed = needed + self.asked.memory(content.len());
        let covered = share.cover(needed + LEAST_OCTETS).await;
        let received_max = self.gateway.config.safety.received_max;
        if let Err(error) = covered.and_then(|()| safety::check_hops(&content, received_max)) {
            return Ok(self.refuse(error).await);
        }
        let changed = match self.ask_about_message(transaction, &content) {
            Ok(changed) => changed,
            Err(refusal) => return Ok(self.refuse_message(refusal).await),
        };
        let received = matches!(changed, Cow::Owned(_)).then_some(&*content);
        let policy = self.asked.policy_of_copies(received);
        let scope = self.scope();
        let Self { gateway, upstream, context, .. } = self;
        let scoped = transmission::Scoped { scope: &scope, context };
        let verdict =
            transmission::transmit(gateway, upstream, transaction, &changed, scoped, policy).await;
        self.in_hand = Some(verdict.in_hand);
        // An upstream that waits for a message would take QUIT for its first line.
        self.has_quit |= verdict.is_upstream_lost;
        let is_over = verdict.is_upstream_lost || verdict.ends_session;
        Ok((verdict.reply, if is_over { Next::End } else { Next::Command }))
    }

    /// Upstream still waits for the content of a message that is refused here. If it is gone,
    /// the sender is to know all the same that the message will never be taken.
    async fn refuse(&mut self, error: DataError) -> (Reply, Next) {
        self.gateway.refused_message(RefusalReason::of_content(&error), None);
        let is_reset = self.upstream.exchange(b"RSET").await.is_ok();
        (refusal(error), if is_reset { Next::Command } else { Next::End })
    }

    /// Takes octets that are nobody's.
    pub(super) async fn swallow(&mut self, octets: u64) -> Result<(), SessionError> {
        let listener = &self.gateway.config.listener;
        let read = self.client.read_octets(octets, listener.client_timeout, |_| {});
        timeout(listener.message_timeout, read)
            .await
            .map_err(|_elapsed| SessionError::SlowMessage)??;
        Ok(())
    }
}

/// Octets of memory for content that takes so many and may grow by the next that come: it
/// is then there twice for a moment.
fn growing(memory: usize) -> usize {
    2 * memory + memory / 4 + LEAST_OCTETS
}

/// What a sender is told about content that was refused.
fn refusal(error: DataError) -> Reply {
    match error {
        DataError::BareLineFeed => Reply::new(554, "5.6.0", "bare LF in message"),
        DataError::BareCarriageReturn => Reply::new(554, "5.6.0", "bare CR in message"),
        DataError::Nul => Reply::new(554, "5.6.0", "NUL in message"),
        DataError::TooManyHops => Reply::new(554, "5.4.6", "too many hops, message loops"),
        DataError::NoMemory => {
            Reply::new(452, "4.3.1", "no memory for this message, try again later")
        }
        DataError::TooLarge => {
            Reply::new(552, "5.3.4", "message size exceeds the limit of this gateway")
        }
    }
}
