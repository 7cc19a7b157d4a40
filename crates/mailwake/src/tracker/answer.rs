//! Answers: fixed but for the Location of a redirect. Nothing of the request is in them.

use super::{config::TrackerConfig, page, request::AppSystem};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Response, StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};

/// An answer with its content.
pub(super) type Answer = Response<Full<Bytes>>;

/// A transparent GIF of one pixel: the smallest that every client draws.
pub(super) const PIXEL: &[u8; 43] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff\
    \x21\xf9\x04\x01\0\0\0\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0\x3b";

const ROBOTS: &str = "User-agent: *\nDisallow: /\n";

const OTHER_METHOD: &str = include_str!("other_method.html");
const BAD_HOST: &str = include_str!("bad_host.html");

/// The methods that are answered.
const METHODS: &str = "GET, HEAD, OPTIONS";

pub(super) type Fields<'a> = &'a [(HeaderName, &'static str)];

/// `no-store` says it all (RFC 9111 §5.2.2.5); the others are for caches that know only
/// them. A cached answer would be an engagement that nobody sees.
pub(super) const UNCACHED: (HeaderName, &str) =
    (header::CACHE_CONTROL, "no-store, no-cache, must-revalidate, private, max-age=0");

pub(super) const UNINDEXED: (HeaderName, &str) =
    (HeaderName::from_static("x-robots-tag"), "noindex");

/// Answers that are ready to be sent.
pub(super) struct Answers {
    pixel: Template,
    redirect: Template,
    not_found: Template,
    options: Template,
    other_method: Template,
    bad_host: Template,
    robots: Template,
    favicon: Template,
    apple: Option<Template>,
    android: Option<Template>,
}

impl Answers {
    pub(super) fn new(config: &TrackerConfig) -> Self {
        let server = server(config);
        let template = |status, fields: Fields<'_>, content: &'static [u8]| {
            Template::new(status, server.as_ref(), fields, Bytes::from_static(content))
        };
        let json = |content: &Bytes| {
            Template::new(StatusCode::OK, server.as_ref(), &JSON_FIELDS, content.clone())
        };
        let page = |status, fields: Fields<'_>, content: &'static str| {
            let fields = [page_fields().as_slice(), fields].concat();
            template(status, &fields, content.as_bytes())
        };
        let redirect = [
            UNCACHED,
            UNINDEXED,
            (header::REFERRER_POLICY, "no-referrer"),
            // Without it, HEAD would be answered with other fields than GET.
            (header::CONTENT_LENGTH, "0"),
        ];
        Self {
            pixel: template(StatusCode::OK, &pixel_fields(), PIXEL),
            redirect: template(config.redirect_status.code(), &redirect, b""),
            not_found: Template::new(
                StatusCode::NOT_FOUND,
                server.as_ref(),
                &page_fields(),
                page::not_found(&config.not_found),
            ),
            // No script asks across origins for a link or a pixel, AMP's neither, so that
            // no preflight is allowed anything (Fetch Standard, §3.2).
            options: template(StatusCode::NO_CONTENT, &[(header::ALLOW, METHODS), UNCACHED], b""),
            // RFC 9110 §15.5.6 wants the methods named.
            other_method: page(
                StatusCode::METHOD_NOT_ALLOWED,
                &[(header::ALLOW, METHODS)],
                OTHER_METHOD,
            ),
            bad_host: page(StatusCode::BAD_REQUEST, &[], BAD_HOST),
            robots: template(
                StatusCode::OK,
                &[(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
                ROBOTS.as_bytes(),
            ),
            // A browser that was told so does not ask for a day.
            favicon: template(
                StatusCode::NO_CONTENT,
                &[(header::CACHE_CONTROL, "public, max-age=86400")],
                b"",
            ),
            apple: config.app_links.apple.as_ref().map(json),
            android: config.app_links.android.as_ref().map(json),
        }
    }

    pub(super) fn pixel(&self) -> Answer {
        self.pixel.answer()
    }

    pub(super) fn redirect(&self, location: HeaderValue) -> Answer {
        let mut answer = self.redirect.answer();
        answer.headers_mut().insert(header::LOCATION, location);
        answer
    }

    pub(super) fn not_found(&self) -> Answer {
        self.not_found.answer()
    }

    pub(super) fn options(&self) -> Answer {
        self.options.answer()
    }

    pub(super) fn other_method(&self) -> Answer {
        self.other_method.answer()
    }

    pub(super) fn bad_host(&self) -> Answer {
        self.bad_host.answer()
    }

    pub(super) fn robots(&self) -> Answer {
        self.robots.answer()
    }

    pub(super) fn favicon(&self) -> Answer {
        self.favicon.answer()
    }

    /// None where there is no such file.
    pub(super) fn app_links(&self, system: AppSystem) -> Option<Answer> {
        let template = match system {
            AppSystem::Apple => &self.apple,
            AppSystem::Android => &self.android,
        };
        template.as_ref().map(Template::answer)
    }
}

/// The Server field of answers (RFC 9110 §10.2.4).
pub(super) fn server(config: &TrackerConfig) -> Option<HeaderValue> {
    HeaderValue::from_str(config.server_header.as_deref()?).ok()
}

/// Both systems want JSON that is called so, without a redirect.
const JSON_FIELDS: [(HeaderName, &str); 2] =
    [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=3600")];

fn pixel_fields() -> [(HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, "image/gif"),
        UNCACHED,
        // Web mail that isolates its origin shows only images that allow it (Fetch
        // Standard, Cross-Origin-Resource-Policy).
        (HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ]
}

fn page_fields() -> [(HeaderName, &'static str); 6] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        UNCACHED,
        UNINDEXED,
        // The address of the page is the link itself.
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'unsafe-inline'"),
    ]
}

/// An answer but for what is its own each time.
pub(super) struct Template {
    status: StatusCode,
    fields: HeaderMap,
    content: Bytes,
}

impl Template {
    pub(super) fn new(
        status: StatusCode,
        server: Option<&HeaderValue>,
        fields: Fields<'_>,
        content: Bytes,
    ) -> Self {
        let fixed =
            fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value)));
        let server = server.map(|value| (header::SERVER, value.clone()));
        Self { status, fields: server.into_iter().chain(fixed).collect(), content }
    }

    /// The same with another field.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.fields.insert(name, value);
        self
    }

    pub(super) fn answer(&self) -> Answer {
        let mut answer = Response::new(Full::new(self.content.clone()));
        *answer.status_mut() = self.status;
        *answer.headers_mut() = self.fields.clone();
        answer
    }
}
