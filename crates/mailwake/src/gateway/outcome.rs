//! What came of each recipient's copy, and the one reply that tells the sender. Pure:
//! outcomes in, reply and events out.

use super::counters::Fate;
use mail::smtp::reply::Reply;
use tracking::{
    delivery::queue_id,
    event::{Occurrence, UpstreamReply},
    ids::MessageId,
};

/// Characters of a reply that an event carries.
const REASON_CHARACTERS_MAX: usize = 1_000;

/// What came of the copy for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Upstream answered.
    Answered(Reply),
    /// Policy refused the copy, and upstream did not get it.
    Judged(Reply),
    /// Upstream had accepted the copy when the sender came with this message before.
    AcceptedBefore,
    /// The conversation with upstream broke off before its answer.
    Lost,
}

impl Outcome {
    pub(super) fn is_accepted(&self) -> bool {
        match self {
            Self::Answered(reply) => reply.is_positive(),
            Self::AcceptedBefore => true,
            Self::Judged(_) | Self::Lost => false,
        }
    }

    /// Refused, and no use to try again.
    pub(super) fn is_refused(&self) -> bool {
        !self.is_accepted() && self.reply().is_some_and(|reply| !reply.is_transient())
    }

    fn is_deferred(&self) -> bool {
        self.fate() == Fate::Deferred
    }

    /// What it means for the recipient.
    pub(super) fn fate(&self) -> Fate {
        match self {
            _ if self.is_accepted() => Fate::Accepted,
            _ if self.is_refused() => Fate::Refused,
            _ => Fate::Deferred,
        }
    }

    pub(super) fn reply(&self) -> Option<&Reply> {
        match self {
            Self::Answered(reply) | Self::Judged(reply) => Some(reply),
            Self::AcceptedBefore | Self::Lost => None,
        }
    }
}

/// What came of one recipient's copy; without an id, the event log has no reception of it.
pub(super) struct Attempt {
    pub(super) message_id: Option<MessageId>,
    pub(super) outcome: Outcome,
}

/// What the sender is told about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    /// The message was accepted for every recipient.
    Accepted(Reply),
    /// It was accepted for some; a notification has to tell of the others, who
    /// refused it for good.
    AcceptedWithFailures(Reply),
    /// The message has to come again. Recipients who accepted must be remembered.
    Deferred(Reply),
    /// It was refused for every recipient.
    Refused(Reply),
}

impl Told {
    pub(super) fn reply(&self) -> &Reply {
        match self {
            Self::Accepted(reply)
            | Self::AcceptedWithFailures(reply)
            | Self::Deferred(reply)
            | Self::Refused(reply) => reply,
        }
    }
}

/// Puts the outcomes of all recipients into one reply, as ARCHITECTURE.md says under
/// "Many recipients". There is at least one outcome.
pub(super) fn tell(outcomes: &[Outcome]) -> Told {
    let count = |is: fn(&Outcome) -> bool| outcomes.iter().filter(|outcome| is(outcome)).count();
    let accepted = count(Outcome::is_accepted);
    let (deferred, refused) = (count(Outcome::is_deferred), count(Outcome::is_refused));
    if accepted == 0 {
        return tell_none_accepted(outcomes);
    }
    if deferred > 0 {
        return Told::Deferred(come_again(outcomes, accepted, deferred, refused));
    }
    let reply = accepted_reply(outcomes, accepted);
    if refused > 0 { Told::AcceptedWithFailures(reply) } else { Told::Accepted(reply) }
}

/// Upstream's own reply, one that allows another try before one that does not.
fn tell_none_accepted(outcomes: &[Outcome]) -> Told {
    let replies = || outcomes.iter().filter_map(Outcome::reply);
    let transient = replies().find(|reply| reply.is_transient());
    match (transient, replies().next()) {
        _ if outcomes.contains(&Outcome::Lost) => Told::Deferred(lost("")),
        (Some(reply), _) => Told::Deferred(reply.clone()),
        (None, Some(reply)) => Told::Refused(reply.clone()),
        (None, None) => Told::Deferred(lost("")),
    }
}

/// The session cannot go on without upstream, so it ends with this reply.
fn lost(counts: &str) -> Reply {
    Reply::new(421, "4.4.2", &format!("connection to upstream lost{counts}"))
}

fn come_again(outcomes: &[Outcome], accepted: usize, deferred: usize, refused: usize) -> Reply {
    let counts = format!(
        "accepted for {accepted} of {} recipients, deferred for {deferred}, refused for \
         {refused}; send again, the accepted ones get it once",
        outcomes.len()
    );
    match outcomes.contains(&Outcome::Lost) {
        true => lost(&format!(", {counts}")),
        false => Reply::new(451, "4.7.1", &counts),
    }
}

fn accepted_reply(outcomes: &[Outcome], accepted: usize) -> Reply {
    let first = outcomes.iter().filter(|outcome| outcome.is_accepted()).find_map(Outcome::reply);
    let Some(first) = first else {
        return Reply::new(250, "2.0.0", "accepted when it came before");
    };
    if outcomes.len() == 1 {
        return first.clone();
    }
    let text = format!("{} ({accepted} of {} recipients)", first.text(), outcomes.len());
    Reply::of_lines(250, [text.as_str()])
}

/// The event that an outcome is, given what the sender was told; `None` where the
/// event was told when the message came before.
pub(super) fn occurrence(outcome: &Outcome, told: &Told) -> Option<Occurrence> {
    let reply = match outcome {
        Outcome::AcceptedBefore => return None,
        Outcome::Lost => UpstreamReply {
            error_code: 421,
            raw_reason: "4.4.2 connection to upstream lost".into(),
            ..UpstreamReply::default()
        },
        Outcome::Answered(reply) | Outcome::Judged(reply) => upstream_reply(reply),
    };
    Some(match told {
        _ if outcome.is_accepted() => Occurrence::Injection(reply),
        Told::AcceptedWithFailures(_) => Occurrence::Bounce(reply),
        Told::Refused(_) => Occurrence::PolicyRejection(reply),
        // The sender comes again, also for those who refused for good.
        Told::Deferred(_) | Told::Accepted(_) => Occurrence::Delay(reply),
    })
}

/// The enhanced status code at the start of a reply, such as `5.1.1` (RFC 3463 §2).
pub(super) fn enhanced_status(reply: &Reply) -> Option<String> {
    let text = reply.text();
    let code = text.split(' ').next()?;
    let mut numbers = code.split('.');
    let is_number = |number: &str| {
        (1..=3).contains(&number.len()) && number.bytes().all(|c| c.is_ascii_digit())
    };
    let is_code = matches!(numbers.next(), Some("2" | "4" | "5"))
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_some_and(is_number)
        && numbers.next().is_none();
    is_code.then(|| code.to_owned())
}

/// What an event tells of a reply.
pub(super) fn upstream_reply(reply: &Reply) -> UpstreamReply {
    let raw_reason: String = reply.text().chars().take(REASON_CHARACTERS_MAX).collect();
    let queue_id = queue_id(&raw_reason).filter(|_| reply.is_positive()).map(str::to_owned);
    UpstreamReply { error_code: reply.code(), raw_reason, queue_id, attempt: None }
}

#[cfg(test)]
mod tests;
