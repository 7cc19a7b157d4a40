//! Links for a copy, each with a mark by which it is found again.

use std::collections::BTreeMap;
use tracking::rewrite::{LinkRequest, Links};

/// What every link of [`MarkedLinks`] begins with.
pub const MARK: &str = "https://t.example/Xq7-";

/// How the URL of a pixel goes on behind the mark.
pub const PIXEL_URL: &str = "pixel";

/// Longest name of a link (`LinkRequest`).
const NAME_OCTETS_MAX: usize = 63;

/// Gives a URL for every link, and remembers what was asked for.
#[derive(Debug, Default)]
pub struct MarkedLinks {
    /// The targets by the index of their link.
    pub targets: BTreeMap<u32, String>,
    /// How many pixels were asked for.
    pub pixels: usize,
}

/// The URL that stands in for the link of this index. It holds what must be escaped in
/// an attribute.
pub fn click_url(link_index: u32) -> String {
    format!("{MARK}{link_index}?a&b")
}

impl Links for MarkedLinks {
    fn click(&mut self, link: &LinkRequest<'_>, url: &mut String) -> bool {
        let before = self.targets.insert(link.link_index, link.target_url.to_owned());
        assert_eq!(before, None, "an index for each link");
        assert!(link.name.is_none_or(|name| name.len() <= NAME_OCTETS_MAX));
        url.push_str(&click_url(link.link_index));
        true
    }

    fn open(&mut self, _is_amp: bool, url: &mut String) -> bool {
        self.pixels += 1;
        url.extend([MARK, PIXEL_URL]);
        true
    }

    fn initial_open(&mut self, is_amp: bool, url: &mut String) -> bool {
        self.open(is_amp, url)
    }
}
