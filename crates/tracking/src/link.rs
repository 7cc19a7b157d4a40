//! Tracked links: a tracking URL and what a token in it says.
