//! Links that cost nothing, for benches of what is around them.

use tracking::rewrite::{LinkRequest, Links};

/// Links as long as real ones, at no cost.
pub(crate) struct Ready;

impl Links for Ready {
    fn click(&mut self, _: &LinkRequest<'_>, url: &mut String) -> bool {
        url.push_str(CLICK);
        true
    }

    fn open(&mut self, _is_amp: bool, url: &mut String) -> bool {
        url.push_str(&CLICK[..48]);
        true
    }

    fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool {
        self.open(is_amp, url)
    }
}

const CLICK: &str = "https://t.example/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
