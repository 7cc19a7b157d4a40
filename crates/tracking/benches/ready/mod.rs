//! Links that cost nothing, for benches of what is around them.

use tracking::rewrite::{LinkRequest, Links};

/// Links as long as real ones, at no cost.
pub(crate) struct Ready;

impl Links for Ready {
    fn click(&mut self, _: &LinkRequest<'_>) -> Option<String> {
        Some(format!("https://t.example/{}", "x".repeat(110)))
    }

    fn open(&mut self) -> Option<String> {
        Some(format!("https://t.example/{}", "x".repeat(30)))
    }

    fn initial_open(&mut self) -> Option<String> {
        self.open()
    }
}
