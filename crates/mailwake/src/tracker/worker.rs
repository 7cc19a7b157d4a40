//! One thread of the tracker: what it holds, and how it answers a request. A link is
//! opened, an event made, and the answer given when the event is on disk.

use super::{
    answer::{Answer, Answers},
    config::TrackerConfig,
    counters::Counters,
    engagement::occurrence,
    legacy::{LegacyLinks, ReadLink},
    links::Links,
    location::location,
    nonces::Nonces,
    recorder::{Log, Recorder},
    request::{self, Asked},
    visitors::Visitors,
};
use arc_swap::ArcSwap;
use hyper::{Method, Request};
use std::{cell::RefCell, net::IpAddr, rc::Rc, sync::Arc, time::SystemTime};
use tracking::{
    event::{Event, Occurrence},
    ids::{EventId, Timestamp},
    token::{Day, key::KeyRing},
};

/// Answers requests.
pub(super) struct Worker<L> {
    links: RefCell<Links>,
    legacy: LegacyLinks,
    nonces: RefCell<Nonces>,
    answers: Answers,
    counters: Arc<Counters>,
    visitors: Arc<Visitors>,
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
            legacy: config.legacy.clone(),
            nonces: RefCell::default(),
            answers: Answers::new(config),
            counters,
            visitors: config.visitors.clone(),
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
            Asked::Link { token, host } => match self.open(token, host) {
                Some(read) => return self.follow(read, request, visitor, now),
                None => (self.answers.not_found(), &self.counters.unknown),
            },
            Asked::AppLinks(system) => match self.answers.app_links(system) {
                Some(answer) => (answer, &self.counters.app_links),
                None => (self.answers.not_found(), &self.counters.unknown),
            },
            Asked::Robots => (self.answers.robots(), &self.counters.robots),
            Asked::Favicon => (self.answers.favicon(), &self.counters.favicons),
            Asked::Options => (self.answers.options(), &self.counters.options),
            Asked::OtherMethod => (self.answers.other_method(), &self.counters.other_methods),
            Asked::BadHost => (self.answers.bad_host(), &self.counters.bad_hosts),
        };
        counter.increment();
        (answer, None)
    }

    /// What is behind a token: a link that was sealed with our keys, or one of the Go
    /// reference where those are read.
    fn open(&self, token: &str, host: &str) -> Option<ReadLink> {
        let error = match self.links.borrow_mut().open(token, host) {
            Ok(link) => return Some(ReadLink { link, is_identified: true }),
            Err(error) => error,
        };
        let read = self.legacy.read(token, host);
        match &read {
            Some(_) => self.counters.legacy_links.increment(),
            None => tracing::debug!(%error, "answered 404"),
        }
        read
    }

    /// What a link leads to, and the event it is.
    fn follow<B>(
        &self,
        ReadLink { link, is_identified }: ReadLink,
        request: &Request<B>,
        visitor: IpAddr,
        now: Timestamp,
    ) -> (Answer, Option<Event>) {
        let (message_id, expires_after) = (link.message_id, link.expires_after);
        let visit = self.visitors.visit(&link, request.headers(), visitor, now);
        let engaged = occurrence(link, visit)
            .and_then(|occurrence| Some((self.answer(&occurrence)?, occurrence)));
        let Some((answer, occurrence)) = engaged else {
            self.counters.unknown.increment();
            return (self.answers.not_found(), None);
        };
        if *request.method() == Method::HEAD {
            self.visitors.note_head(&message_id, request.headers(), visitor, now);
            self.counters.heads.increment();
            return (answer, None);
        }
        if !is_identified {
            self.counters.unidentified.increment();
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
            Occurrence::Click(click)
            | Occurrence::AmpClick(click)
            | Occurrence::LinkUnsubscribe(click) => {
                Some(self.answers.redirect(location(&click.target_link_url)?))
            }
            _ => Some(self.answers.pixel()),
        }
    }

    fn count(&self, occurrence: &Occurrence) {
        let counter = match occurrence {
            Occurrence::Click(_) | Occurrence::AmpClick(_) => &self.counters.clicks,
            Occurrence::LinkUnsubscribe(_) => &self.counters.unsubscribes,
            Occurrence::InitialOpen(_) | Occurrence::AmpInitialOpen(_) => {
                &self.counters.initial_opens
            }
            _ => &self.counters.opens,
        };
        counter.increment();
        if let Some(verdict) = occurrence.visit().and_then(|visit| visit.verdict) {
            self.counters.engagement(verdict);
        }
    }
}
