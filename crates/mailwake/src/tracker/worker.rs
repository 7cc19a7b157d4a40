//! One thread of the tracker: what it holds, and how it answers a request. A link is
//! opened, an event made, and the answer given when the event is on disk.

use super::{
    answer::{Answer, Answers},
    config::TrackerConfig,
    counters::Counters,
    location::location,
    recorder::{Log, Recorder},
    request::{self, Asked},
};
use arc_swap::{ArcSwap, Cache};
use hyper::{Method, Request};
use std::{cell::RefCell, net::IpAddr, rc::Rc, sync::Arc, time::SystemTime};
use tracking::{
    event::{Click, Event, Occurrence, Visit},
    ids::{EventId, Timestamp},
    token::{Day, Engagement, Link, OpenError, Opener, key::KeyRing},
};

/// Answers requests.
pub(super) struct Worker<L> {
    links: RefCell<Links>,
    nonces: RefCell<Nonces>,
    answers: Answers,
    counters: Arc<Counters>,
    recorder: Rc<Recorder<L>>,
}

impl<L: Log> Worker<L> {
    pub(super) fn new(
        config: &TrackerConfig,
        keys: Arc<ArcSwap<KeyRing>>,
        log: L,
        counters: Arc<Counters>,
    ) -> Self {
        let recorder = Recorder::new(log, config.durable_deadline, counters.clone());
        Self {
            links: RefCell::new(Links::new(keys)),
            nonces: RefCell::default(),
            answers: Answers::new(config),
            counters,
            recorder: Rc::new(recorder),
        }
    }

    /// Answers a request, when the engagement that it is has been recorded.
    pub(super) async fn respond<B>(&self, request: Request<B>, visitor: IpAddr) -> Answer {
        let now = Timestamp::from(SystemTime::now());
        let (answer, event) = self.decide(&request, visitor, now);
        if let Some(event) = event {
            self.recorder.record(event).await;
        }
        answer
    }

    /// The answer, and the event that is to be on disk before it goes out.
    fn decide<B>(
        &self,
        request: &Request<B>,
        visitor: IpAddr,
        now: Timestamp,
    ) -> (Answer, Option<Event>) {
        self.counters.requests.increment();
        let (answer, counter) = match request::read(request) {
            Asked::Link { token, host } => match self.links.borrow_mut().open(token, host) {
                Ok(link) => return self.follow(link, request, visitor, now),
                Err(error) => {
                    tracing::debug!(%error, "answered 404");
                    (self.answers.not_found(), &self.counters.unknown)
                }
            },
            Asked::AppLinks(system) => match self.answers.app_links(system) {
                Some(answer) => (answer, &self.counters.app_links),
                None => (self.answers.not_found(), &self.counters.unknown),
            },
            Asked::Robots => (self.answers.robots(), &self.counters.robots),
            Asked::OtherMethod => (self.answers.other_method(), &self.counters.other_methods),
            Asked::BadHost => (self.answers.bad_host(), &self.counters.bad_hosts),
        };
        counter.increment();
        (answer, None)
    }

    /// What a verified link leads to, and the event it is.
    fn follow<B>(
        &self,
        link: Link,
        request: &Request<B>,
        visitor: IpAddr,
        now: Timestamp,
    ) -> (Answer, Option<Event>) {
        let (message_id, expires_after) = (link.message_id, link.expires_after);
        let visit = visit(&link, visitor, request::user_agent(request.headers()));
        let engaged = occurrence(link, visit)
            .and_then(|occurrence| Some((self.answer(&occurrence)?, occurrence)));
        let Some((answer, occurrence)) = engaged else {
            self.counters.unknown.increment();
            return (self.answers.not_found(), None);
        };
        if *request.method() == Method::HEAD {
            self.counters.heads.increment();
            return (answer, None);
        }
        if expires_after.is_some_and(|last| last < Day::of(now)) {
            self.counters.late.increment();
            return (answer, None);
        }
        self.count(&occurrence);
        let event_id = EventId::new(now, self.nonces.borrow_mut().draw());
        (answer, Some(Event { event_id, timestamp: now, message_id, occurrence }))
    }

    /// None for a click that leads nowhere.
    fn answer(&self, occurrence: &Occurrence) -> Option<Answer> {
        match occurrence {
            Occurrence::Click(click) | Occurrence::LinkUnsubscribe(click) => {
                Some(self.answers.redirect(location(&click.target_link_url)?))
            }
            _ => Some(self.answers.pixel()),
        }
    }

    fn count(&self, occurrence: &Occurrence) {
        let counter = match occurrence {
            Occurrence::Click(_) => &self.counters.clicks,
            Occurrence::LinkUnsubscribe(_) => &self.counters.unsubscribes,
            Occurrence::InitialOpen(_) => &self.counters.initial_opens,
            _ => &self.counters.opens,
        };
        counter.increment();
    }
}

/// Who requests a link, and what the link itself tells of its message.
fn visit(link: &Link, visitor: IpAddr, user_agent: String) -> Visit {
    let told = link.context.as_ref();
    Visit {
        ip_address: Some(visitor),
        user_agent,
        campaign_id: told.map(|told| told.campaign_id.clone()).unwrap_or_default(),
        // What the gateway has sealed is an object.
        rcpt_meta: told
            .and_then(|told| serde_json::from_str(&told.metadata).ok())
            .unwrap_or_default(),
    }
}

/// What happens when a link is requested; nothing for one that leads nowhere. What the page
/// behind a link that unsubscribes makes of it is the sender's.
fn occurrence(link: Link, visit: Visit) -> Option<Occurrence> {
    let Link { link_index, link_name, .. } = link;
    let click = |target_link_url| Click {
        visit: visit.clone(),
        link_index,
        target_link_name: link_name,
        target_link_url,
    };
    match link.engagement {
        Engagement::Open => Some(Occurrence::Open(visit)),
        Engagement::InitialOpen => Some(Occurrence::InitialOpen(visit)),
        Engagement::Unsubscribe { target_url } if target_url.is_empty() => None,
        Engagement::Click { target_url } => Some(Occurrence::Click(click(target_url))),
        Engagement::Unsubscribe { target_url } => {
            Some(Occurrence::LinkUnsubscribe(click(target_url)))
        }
    }
}

/// Opens tokens with the current keys.
struct Links {
    keys: Cache<Arc<ArcSwap<KeyRing>>, Arc<KeyRing>>,
    current: Arc<KeyRing>,
    opener: Opener,
}

impl Links {
    fn new(keys: Arc<ArcSwap<KeyRing>>) -> Self {
        let keys = Cache::new(keys);
        let current = keys.arc_swap().load_full();
        Self { keys, opener: Opener::new(current.clone()), current }
    }

    fn open(&mut self, token: &str, host: &str) -> Result<Link, OpenError> {
        let keys = self.keys.load();
        if !Arc::ptr_eq(keys, &self.current) {
            self.current = keys.clone();
            self.opener = Opener::new(self.current.clone());
        }
        self.opener.open(token, host)
    }
}

/// Octets of an event id that are random.
const NONCE_OCTETS: usize = 10;

/// Random octets, drawn for many events at once.
struct Nonces {
    octets: [u8; 100 * NONCE_OCTETS],
    used: usize,
}

impl Default for Nonces {
    fn default() -> Self {
        let octets = [0; 100 * NONCE_OCTETS];
        Self { octets, used: octets.len() }
    }
}

impl Nonces {
    fn draw(&mut self) -> [u8; NONCE_OCTETS] {
        if self.used == self.octets.len() {
            aws_lc_rs::rand::fill(&mut self.octets)
                .expect("the generator of the system does not fail once the system is up");
            self.used = 0;
        }
        let (nonce, _) = self.octets[self.used..]
            .split_first_chunk()
            .expect("the octets are a whole number of nonces");
        self.used += NONCE_OCTETS;
        *nonce
    }
}
