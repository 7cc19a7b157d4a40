//! What an event of a message's way counts as. An event comes in, numbers for rollups go out.

use super::kind::Kind;
use tracking::bounce::Class;
use tracking::event::{Occurrence, UpstreamReply};
use tracking::ids::MessageId;

/// Something to be counted: what, the class of a bounce or 0, and how much.
pub(super) type Counted = (Kind, i64, i64);

/// What an event counts as. `class` tells the class of a bounce.
pub(super) fn counted(
    occurrence: &Occurrence,
    class: impl Fn(&UpstreamReply) -> Class,
) -> Vec<Counted> {
    let one = |kind| vec![(kind, 0, 1)];
    match occurrence {
        // An MTA tells what the gateway has told already.
        Occurrence::Injection(reply) if reply.attempt.is_some() => Vec::new(),
        Occurrence::Injection(_) => one(Kind::Injection),
        Occurrence::PolicyRejection(_) => one(Kind::PolicyRejection),
        Occurrence::Delivery(reply) => delivery(reply),
        Occurrence::Delay(reply) if reply.attempt.is_none() => one(Kind::Delay),
        Occurrence::Delay(reply) => match is_first(reply) {
            true => one(Kind::DeferralFirst),
            false => one(Kind::DeferralSubsequent),
        },
        Occurrence::Bounce(reply) => {
            let is_record = reply.attempt.is_some();
            bounce(if is_record { Kind::InbandBounce } else { Kind::Bounce }, class(reply))
        }
        Occurrence::OutOfBand(reply) => bounce(Kind::OutOfBand, class(reply)),
        Occurrence::SpamComplaint(_) => one(Kind::SpamComplaint),
        Occurrence::GenerationFailure(_) => one(Kind::GenerationFailure),
        Occurrence::GenerationRejection(_) => one(Kind::GenerationRejection),
        Occurrence::RelayInjection(_) => one(Kind::RelayInjection),
        Occurrence::RelayRejection(_) => one(Kind::RelayRejection),
        Occurrence::RelayDelivery(_) => one(Kind::RelayDelivery),
        Occurrence::RelayTempfail(_) => one(Kind::RelayTempfail),
        Occurrence::RelayPermfail(_) => one(Kind::RelayPermfail),
        _ => Vec::new(),
    }
}

/// Is it nothing that happens to a message that the gateway has had? Mail that comes in, and what
/// could not be made.
pub(super) fn is_of_no_message(occurrence: &Occurrence, message_id: MessageId) -> bool {
    match occurrence {
        Occurrence::RelayInjection(_)
        | Occurrence::RelayRejection(_)
        | Occurrence::RelayDelivery(_)
        | Occurrence::RelayTempfail(_)
        | Occurrence::RelayPermfail(_) => true,
        Occurrence::GenerationFailure(_) | Occurrence::GenerationRejection(_) => {
            message_id == MessageId::UNKNOWN
        }
        _ => false,
    }
}

/// Was there no attempt before it, as far as the record says?
fn is_first(reply: &UpstreamReply) -> bool {
    reply.attempt.as_ref().and_then(|attempt| attempt.num_retries).unwrap_or(0) == 0
}

fn delivery(reply: &UpstreamReply) -> Vec<Counted> {
    let (kind, time) = match is_first(reply) {
        true => (Kind::DeliveryFirst, Kind::DeliveryTimeFirst),
        false => (Kind::DeliverySubsequent, Kind::DeliveryTimeSubsequent),
    };
    let mut counted = vec![(kind, 0, 1)];
    let attempt = reply.attempt.as_deref();
    let amounts = [
        (time, attempt.and_then(|attempt| attempt.queue_time)),
        (Kind::DeliveredVolume, attempt.and_then(|attempt| attempt.msg_size)),
    ];
    for (kind, amount) in amounts {
        // Records are foreign: no number of theirs may spoil a sum.
        let amount = amount.map(|amount| amount.min(AMOUNT_MAX).cast_signed());
        counted.extend(amount.filter(|amount| *amount > 0).map(|amount| (kind, 0, amount)));
    }
    counted
}

/// The largest amount that one event adds: a year in milliseconds, or 31 GB.
const AMOUNT_MAX: u64 = 31_536_000_000;

fn bounce(kind: Kind, class: Class) -> Vec<Counted> {
    vec![(kind, 0, 1), (Kind::BounceClass, class.code().into(), 1)]
}
