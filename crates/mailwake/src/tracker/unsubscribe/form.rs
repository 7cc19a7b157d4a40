//! The body of a request that unsubscribes: octets come in, in a given time and number, and
//! whether they are the form goes out.

use http_body_util::{BodyExt, Limited};
use hyper::{Request, body::Body, header::CONTENT_TYPE};
use std::{error::Error, time::Duration};
use tokio::time::timeout;
use tracking::unsubscribe::is_form;

/// Octets of a body that are read: many times what any client sends.
const BODY_OCTETS_MAX: usize = 16 * 1024;

/// Why nobody has unsubscribed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tracker) enum FormError {
    /// It is something else, or broke off.
    Other,
    /// There are more octets than are read.
    TooLarge,
    /// It did not come in time.
    TooSlow,
}

/// Reads the body of a request, which has to be `List-Unsubscribe=One-Click` and nothing else
/// (RFC 8058 §3.2).
pub(in crate::tracker) async fn posted<B>(
    request: Request<B>,
    patience: Duration,
) -> Result<(), FormError>
where
    B: Body<Error: Into<Box<dyn Error + Send + Sync>>>,
{
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let size = request.body().size_hint().lower();
    if size > BODY_OCTETS_MAX as u64 {
        return Err(FormError::TooLarge);
    }
    let body = Limited::new(request.into_body(), BODY_OCTETS_MAX).collect();
    let collected = timeout(patience, body).await.map_err(|_elapsed| FormError::TooSlow)?;
    let body = collected.map_err(|error| match error.is::<http_body_util::LengthLimitError>() {
        true => FormError::TooLarge,
        false => FormError::Other,
    })?;
    let content_type = content_type.as_ref().map(hyper::header::HeaderValue::as_bytes);
    match is_form(content_type, &body.to_bytes()) {
        true => Ok(()),
        false => Err(FormError::Other),
    }
}
