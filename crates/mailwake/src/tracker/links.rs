//! Opens the tokens of links. New keys are used from the next link on.

use arc_swap::{ArcSwap, Cache};
use std::sync::Arc;
use tracking::token::{Link, OpenError, Opener, key::KeyRing};

/// Opens tokens with the current keys.
pub(super) struct Links {
    keys: Cache<Arc<ArcSwap<KeyRing>>, Arc<KeyRing>>,
    current: Arc<KeyRing>,
    opener: Opener,
}

impl Links {
    pub(super) fn new(keys: Arc<ArcSwap<KeyRing>>) -> Self {
        let keys = Cache::new(keys);
        let current = keys.arc_swap().load_full();
        Self { keys, opener: Opener::new(current.clone()), current }
    }

    pub(super) fn open(&mut self, token: &str, host: &str) -> Result<Link, OpenError> {
        let keys = self.keys.load();
        if !Arc::ptr_eq(keys, &self.current) {
            self.current = keys.clone();
            self.opener = Opener::new(self.current.clone());
        }
        self.opener.open(token, host)
    }
}
