//! What the authority is to be answered (RFC 8555 §8.3), while it asks.

use arc_swap::ArcSwap;
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response,
    header::{CONTENT_TYPE, HeaderValue},
};
use std::{collections::BTreeMap, sync::Arc};

/// Answers by token. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Challenges(Arc<ArcSwap<BTreeMap<String, String>>>);

/// Takes an answer away when it is dropped.
#[must_use]
pub(super) struct Offered {
    challenges: Challenges,
    token: String,
}

impl Challenges {
    /// The answer to the authority, if a request is one of those that are waited for.
    pub(in crate::tracker) fn respond<B>(
        &self,
        request: &Request<B>,
    ) -> Option<Response<Full<Bytes>>> {
        let token = request.uri().path().strip_prefix("/.well-known/acme-challenge/")?;
        let answer = self.0.load().get(token).cloned().filter(|_| request.method() == Method::GET);
        let mut response = Response::new(Full::new(answer?.into()));
        let octets = HeaderValue::from_static("application/octet-stream");
        response.headers_mut().insert(CONTENT_TYPE, octets);
        Some(response)
    }

    pub(super) fn offer(&self, token: &str, answer: &str) -> Offered {
        self.change(|all| drop(all.insert(token.to_owned(), answer.to_owned())));
        Offered { challenges: self.clone(), token: token.to_owned() }
    }

    fn change(&self, change: impl Fn(&mut BTreeMap<String, String>)) {
        self.0.rcu(|all| {
            let mut all = BTreeMap::clone(all);
            change(&mut all);
            all
        });
    }
}

impl Drop for Offered {
    fn drop(&mut self) {
        self.challenges.change(|all| drop(all.remove(&self.token)));
    }
}
