//! What the tracker counts. Every request is counted once more by what was answered, so
//! the numbers add up.

mod front;

pub use front::FrontCounters;

use crate::telemetry::{Counter, Exposition};
use tracking::verdict::Verdict;

/// The tracker's counters, since it started.
#[derive(Debug, Default)]
pub struct Counters {
    /// What is counted of connections alone.
    pub front: FrontCounters,
    /// Connections that were accepted.
    pub connections: Counter,
    /// How often a thread stopped accepting because of `connections_max`.
    pub connections_at_limit: Counter,
    /// Requests that could be read: the sum of those below, up to `app_links`.
    pub requests: Counter,
    /// Pixels at the end of a message, each with an event.
    pub opens: Counter,
    /// Pixels at the top of a message, each with an event.
    pub initial_opens: Counter,
    /// Redirects, each with an event.
    pub clicks: Counter,
    /// Redirects of links that unsubscribe, each with an event.
    pub unsubscribes: Counter,
    /// Unsubscriptions by the List-Unsubscribe field, each with an event.
    pub list_unsubscribes: Counter,
    /// Links that no person sees, each with an event.
    pub honeypots: Counter,
    /// Pages that ask whether to unsubscribe, which change nothing.
    pub unsubscribe_pages: Counter,
    /// Forms that are none of those that unsubscribe.
    pub bad_forms: Counter,
    /// Pixels and redirects that were answered and not counted: the link has expired.
    pub late: Counter,
    /// Pixels and redirects of the Go reference's links that were answered and not counted:
    /// their message id is none.
    pub unidentified: Counter,
    /// Pixels and redirects asked with HEAD, which is no engagement.
    pub heads: Counter,
    /// Paths that are no link of ours, forged ones among them.
    pub unknown: Counter,
    /// Requests that asked with OPTIONS what may be asked.
    pub options: Counter,
    /// Methods other than GET, HEAD and OPTIONS, and forms for links that take none.
    pub other_methods: Counter,
    /// Requests that name no host, or several (RFC 9112 §3.2).
    pub bad_hosts: Counter,
    /// Requests for `/robots.txt`.
    pub robots: Counter,
    /// Requests for `/favicon.ico`, which browsers make by themselves.
    pub favicons: Counter,
    /// Requests for the files that link a domain with apps.
    pub app_links: Counter,
    /// Tokens that name a key which is not in the key ring. They are unknown links as well.
    pub unknown_keys: Counter,
    /// How often the file of the key ring was found to have new keys because a link had one.
    pub keys_read_again: Counter,
    /// Links of the Go reference that were answered. They are counted above as well.
    pub legacy_links: Counter,
    /// Engagements by their first verdict, in the order of `Verdict::ALL`.
    pub verdicts: [Counter; Verdict::ALL.len()],
    /// Events whose answer went out before they were on disk: the disk was too slow.
    pub past_deadline: Counter,
    /// Events that the event log refused: they are lost.
    pub not_recorded: Counter,
}

impl Counters {
    /// Counts an engagement that becomes an event.
    pub(super) fn engagement(&self, verdict: Verdict) {
        let place = Verdict::ALL.iter().position(|one| *one == verdict);
        if let Some(counter) = place.and_then(|place| self.verdicts.get(place)) {
            counter.increment();
        }
    }

    /// Each counter's name and what it has counted, as `docs/events.md` lists them.
    pub fn all(&self) -> Vec<(&'static str, u64)> {
        let own = [
            ("connections", &self.connections),
            ("connections_at_limit", &self.connections_at_limit),
            ("requests", &self.requests),
            ("opens", &self.opens),
            ("initial_opens", &self.initial_opens),
            ("clicks", &self.clicks),
            ("unsubscribes", &self.unsubscribes),
            ("list_unsubscribes", &self.list_unsubscribes),
            ("honeypots", &self.honeypots),
            ("unsubscribe_pages", &self.unsubscribe_pages),
            ("bad_forms", &self.bad_forms),
            ("late", &self.late),
            ("unidentified", &self.unidentified),
            ("heads", &self.heads),
            ("unknown", &self.unknown),
            ("options", &self.options),
            ("other_methods", &self.other_methods),
            ("bad_hosts", &self.bad_hosts),
            ("robots", &self.robots),
            ("favicons", &self.favicons),
            ("app_links", &self.app_links),
            ("unknown_keys", &self.unknown_keys),
            ("keys_read_again", &self.keys_read_again),
            ("legacy_links", &self.legacy_links),
            ("past_deadline", &self.past_deadline),
            ("not_recorded", &self.not_recorded),
        ];
        let own = own.map(|(name, counter)| (name, counter.get()));
        own.into_iter().chain(self.front.all()).collect()
    }

    /// Tells the tracker's metrics.
    pub fn expose(&self, to: &mut Exposition) {
        to.counter(
            "mailwake_tracker_connections_total",
            "Connections that were accepted.",
            self.connections.get(),
        );
        to.counter(
            "mailwake_tracker_connections_at_limit_total",
            "How often a thread stopped accepting because of connections_max.",
            self.connections_at_limit.get(),
        );
        self.front.expose(to);
        to.counter_of(
            "mailwake_tracker_requests_total",
            "Requests that could be read, by what was answered.",
            "answer",
            self.answers().map(|(answer, counter)| (answer, counter.get())),
        );
        to.counter_of(
            "mailwake_tracker_engagements_total",
            "Engagements that became events, by their first verdict.",
            "verdict",
            Verdict::ALL.iter().zip(&self.verdicts).map(|(one, of)| (one.name(), of.get())),
        );
        to.counter(
            "mailwake_tracker_unknown_keys_total",
            "Tokens that name a key which is not in the key ring.",
            self.unknown_keys.get(),
        );
        to.counter(
            "mailwake_tracker_keys_read_again_total",
            "How often the file of the key ring had new keys because a link had one.",
            self.keys_read_again.get(),
        );
        to.counter(
            "mailwake_tracker_legacy_links_total",
            "Links of the Go reference that were answered.",
            self.legacy_links.get(),
        );
        to.counter(
            "mailwake_tracker_events_past_deadline_total",
            "Events whose answer went out before they were on disk: the disk was too slow.",
            self.past_deadline.get(),
        );
        to.counter(
            "mailwake_tracker_events_not_recorded_total",
            "Events that the event log refused: they are lost.",
            self.not_recorded.get(),
        );
    }

    /// What was answered to requests, each with its stable name.
    fn answers(&self) -> [(&'static str, &Counter); 18] {
        [
            ("open", &self.opens),
            ("initial_open", &self.initial_opens),
            ("click", &self.clicks),
            ("unsubscribe", &self.unsubscribes),
            ("list_unsubscribe", &self.list_unsubscribes),
            ("honeypot", &self.honeypots),
            ("unsubscribe_page", &self.unsubscribe_pages),
            ("bad_form", &self.bad_forms),
            ("late", &self.late),
            ("unidentified", &self.unidentified),
            ("head", &self.heads),
            ("unknown", &self.unknown),
            ("options", &self.options),
            ("other_method", &self.other_methods),
            ("bad_host", &self.bad_hosts),
            ("robots", &self.robots),
            ("favicon", &self.favicons),
            ("app_link", &self.app_links),
        ]
    }
}
