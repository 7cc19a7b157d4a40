//! How a worker answers those who unsubscribe by the List-Unsubscribe field.

use super::{Answer, Log, Worker};
use crate::tracker::{
    engagement::occurrence,
    links::normalized,
    request::Asked,
    unsubscribe::{PAGE_QUERY, posted},
};
use hyper::{Method, Request, body::Body};
use std::{error::Error, net::IpAddr};
use tracking::{
    ids::Timestamp,
    token::{Engagement, Link},
};

impl<L: Log> Worker<L> {
    /// The link that a form was posted to, if it is one that takes forms.
    pub(super) fn link_of_form(&self, asked: Asked<'_>) -> Option<Link> {
        let Asked::Form { token, host } = asked else { return None };
        let opened = self.links.borrow_mut().open(&normalized(token), host);
        opened.ok().filter(has_page)
    }

    /// The answer to a form. It promises what is on disk: otherwise the form is to come again.
    /// However old the link is: people may leave a list at any time.
    pub(super) async fn leave<B>(
        &self,
        link: Link,
        request: Request<B>,
        visitor: IpAddr,
        now: Timestamp,
    ) -> Answer
    where
        B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
    {
        self.counters.requests.increment();
        let fields = request.headers().clone();
        let is_person = request.uri().query() == Some(PAGE_QUERY);
        if let Err(error) = posted(request, self.body_timeout).await {
            self.counters.bad_forms.increment();
            return self.pages.refusal(error);
        }
        let message_id = link.message_id;
        let visit = self.visitors.visit(&link, &fields, visitor, now);
        let occurrence = occurrence(link, visit);
        self.count(&occurrence);
        let event = self.event(now, message_id, occurrence);
        match self.recorder.keep(&event, self.body_timeout).await {
            true => self.pages.done(&fields, is_person),
            false => self.pages.not_now(),
        }
    }

    /// The page of a link that has one, which counts as nothing.
    pub(super) fn page<B>(&self, request: &Request<B>) -> Answer {
        let counter = match *request.method() {
            Method::HEAD => &self.counters.heads,
            _ => &self.counters.unsubscribe_pages,
        };
        counter.increment();
        self.pages.question(request.headers())
    }
}

/// Does it lead to the page that asks? A link that unsubscribes and leads nowhere does, too.
pub(super) fn has_page(link: &Link) -> bool {
    match &link.engagement {
        Engagement::ListUnsubscribe { .. } => true,
        Engagement::Unsubscribe { target_url } => target_url.is_empty(),
        Engagement::Open
        | Engagement::InitialOpen
        | Engagement::Click { .. }
        | Engagement::Honeypot => false,
    }
}
