//! Sealers that wait for the next message. Each remembers what it has compressed, and the
//! messages of a newsletter have the same links, whichever sessions they come in.

use std::sync::{Arc, Mutex, PoisonError};
use tracking::token::{Sealer, key::KeyRing};

/// As many as wait. More are needed only while more messages are sealed at one moment,
/// and that is one a core.
const WAITING_MAX: usize = 64;

/// Sealers for all sessions.
#[derive(Default)]
pub(super) struct Sealers {
    waiting: Mutex<Vec<Sealer>>,
}

impl Sealers {
    /// Gives `work` a sealer with these keys.
    pub(super) fn with<T>(&self, keys: &Arc<KeyRing>, work: impl FnOnce(&mut Sealer) -> T) -> T {
        // Whatever a panic has left in the list is whole.
        let waiting = || self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let sealer = waiting().pop();
        let mut sealer = match sealer {
            Some(mut sealer) => {
                sealer.set_keys(keys.clone());
                sealer
            }
            None => Sealer::new(keys.clone()),
        };
        let done = work(&mut sealer);
        let mut waiting = waiting();
        if waiting.len() < WAITING_MAX {
            waiting.push(sealer);
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracking::{
        ids::{MessageId, Timestamp},
        token::{Engagement, Link, Opener},
    };

    #[test]
    fn a_sealer_that_waited_has_the_keys_of_now() {
        let sealers = Sealers::default();
        let link = Link::new(
            MessageId::new(Timestamp(1_795_233_600_000), [1, 2, 3, 4, 5]),
            Engagement::Click { target_url: "https://shop.example/".into() },
        );
        for secret in [[1; 32], [2; 32]] {
            let keys = Arc::new(KeyRing::generate(secret, "2026-11-21"));
            let token = sealers.with(&keys, |sealer| sealer.seal(&link, None)).expect("it fits");
            assert_eq!(Opener::new(keys).open(&token, "").as_ref(), Ok(&link));
        }
        assert_eq!(sealers.waiting.lock().expect("nobody panicked").len(), 1);
    }
}
