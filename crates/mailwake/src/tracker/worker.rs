//! One thread of the tracker: what it holds, and how it answers a request. A link is
//! opened, an event made, and the answer given when the event is on disk.

mod unsubscribe;

use super::{
    answer::{self, Answer, Answers},
    config::TrackerConfig,
    counters::Counters,
    engagement::occurrence,
    legacy::{LegacyLinks, ReadLink},
    links::{Links, normalized},
    location::location,
    nonces::Nonces,
    recorder::{Log, Recorder},
    request::{self, Asked},
    unsubscribe::Pages,
    visitors::Visitors,
};
use arc_swap::ArcSwap;
use hyper::{Method, Request, body::Body};
use std::{
    cell::RefCell,
    error::Error,
    net::IpAddr,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tracking::{
    event::{Event, Occurrence},
    ids::{EventId, MessageId, Timestamp},
    token::{Day, key::KeyRing},
};

/// An answer on its way. Each connection has room for one, so it is small.
pub(super) enum Answering<R> {
    /// It goes out when its event is on disk, if there is one.
    Decided { answer: Answer, recorded: Option<R> },
    /// What is posted has to arrive first.
    Form(Pin<Box<dyn Future<Output = Answer>>>),
}

impl<R: Future<Output = ()>> Answering<R> {
    pub(super) async fn answer(self) -> Answer {
        match self {
            Self::Decided { answer, recorded } => {
                if let Some(recorded) = recorded {
                    recorded.await;
                }
                answer
            }
            Self::Form(form) => form.await,
        }
    }
}

/// Answers requests.
pub(super) struct Worker<L> {
    links: RefCell<Links>,
    legacy: LegacyLinks,
    nonces: RefCell<Nonces>,
    answers: Answers,
    pages: Pages,
    /// How long a form may take to arrive.
    body_timeout: Duration,
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
            links: RefCell::new(Links::new(keys, config.key_file.clone(), counters.clone())),
            legacy: config.legacy.clone(),
            nonces: RefCell::default(),
            answers: Answers::new(config),
            pages: Pages::new(&config.unsubscribe_page, answer::server(config).as_ref()),
            body_timeout: config.header_timeout,
            counters,
            visitors: config.visitors.clone(),
            recorder: Rc::new(recorder),
        }
    }

    /// Answers a request, when the engagement that it is has been recorded. All but the
    /// waiting is done in this call, so that the request need not be kept.
    pub(super) fn respond<B>(
        self: &Rc<Self>,
        request: Request<B>,
        visitor: IpAddr,
    ) -> Answering<impl Future<Output = ()> + use<L, B>>
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>> + 'static,
    {
        let now = Timestamp::from(SystemTime::now());
        let asked = request::read(&request);
        if let Some(link) = self.link_of_form(asked) {
            let this = self.clone();
            return Answering::Form(Box::pin(async move {
                this.leave(link, request, visitor, now).await
            }));
        }
        let (answer, event) = self.decide(asked, &request, visitor, now);
        let recorded = event.map(|event| self.recorder.record(&event));
        Answering::Decided { answer, recorded }
    }

    /// Hands over to the event log what it does not have yet.
    pub(super) async fn close(&self) {
        self.recorder.close().await;
    }

    /// The answer, and the event that is to be on disk before it goes out.
    fn decide<B>(
        &self,
        asked: Asked<'_>,
        request: &Request<B>,
        visitor: IpAddr,
        now: Timestamp,
    ) -> (Answer, Option<Event>) {
        self.counters.requests.increment();
        let (answer, counter) = match asked {
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
            // A link that takes a form is not decided here.
            Asked::OtherMethod | Asked::Form { .. } => {
                (self.answers.other_method(), &self.counters.other_methods)
            }
            Asked::BadHost => (self.answers.bad_host(), &self.counters.bad_hosts),
        };
        counter.increment();
        (answer, None)
    }

    /// What is behind a token: a link that was sealed with our keys, or one of the Go
    /// reference where those are read.
    fn open(&self, token: &str, host: &str) -> Option<ReadLink> {
        let token = &*normalized(token);
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
        if unsubscribe::has_page(&link) {
            return (self.page(request), None);
        }
        let (message_id, expires_after) = (link.message_id, link.expires_after);
        let visit = self.visitors.visit(&link, request.headers(), visitor, now);
        let occurrence = occurrence(link, visit);
        let Some(answer) = self.answer(&occurrence) else {
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
        // People may leave a list at any time.
        let counts_always = matches!(occurrence, Occurrence::LinkUnsubscribe(_));
        if expires_after.is_some_and(|last| last < Day::of(now)) && !counts_always {
            self.counters.late.increment();
            return (answer, None);
        }
        self.count(&occurrence);
        (answer, Some(self.event(now, message_id, occurrence)))
    }

    fn event(&self, now: Timestamp, message_id: MessageId, occurrence: Occurrence) -> Event {
        let event_id = EventId::new(now, self.nonces.borrow_mut().draw());
        Event { event_id, timestamp: now, message_id, occurrence, is_from_elsewhere: false }
    }

    /// None for a click that leads nowhere.
    fn answer(&self, occurrence: &Occurrence) -> Option<Answer> {
        match occurrence {
            Occurrence::Click(click)
            | Occurrence::AmpClick(click)
            | Occurrence::LinkUnsubscribe(click) => {
                Some(self.answers.redirect(location(&click.target_link_url)?))
            }
            // The page of unknown links tells nothing to whoever has got there.
            Occurrence::Honeypot(_) => Some(self.answers.not_found()),
            _ => Some(self.answers.pixel()),
        }
    }

    fn count(&self, occurrence: &Occurrence) {
        let counter = match occurrence {
            Occurrence::Click(_) | Occurrence::AmpClick(_) => &self.counters.clicks,
            Occurrence::LinkUnsubscribe(_) => &self.counters.unsubscribes,
            Occurrence::ListUnsubscribe(_) => &self.counters.list_unsubscribes,
            Occurrence::Honeypot(_) => &self.counters.honeypots,
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
