//! The pages and answers for those who unsubscribe (RFC 8058). A language is chosen by what
//! the client prefers; a page says nothing of the request, and has nothing from elsewhere.

mod form;
mod template;

pub(super) use form::{FormError, posted};
pub use template::{PageTemplate, PageTemplateError};

use super::answer::{Answer, Template, UNCACHED, UNINDEXED};
use bytes::Bytes;
use hyper::{
    StatusCode,
    header::{self, HeaderMap, HeaderName, HeaderValue},
};
use serde::Deserialize;
use template::Words;
use tracking::unsubscribe::language;

#[cfg(test)]
mod tests;

/// The texts of all languages.
const LANGUAGES: &str = include_str!("unsubscribe/languages.toml");

/// The query of a form that a person has sent, who is to see a page.
pub(super) const PAGE_QUERY: &str = "page";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Languages {
    language: Vec<Language>,
}

/// The texts of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Language {
    tag: String,
    #[serde(default)]
    direction: Direction,
    question: String,
    explanation: String,
    button: String,
    done: String,
    farewell: String,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Direction {
    #[default]
    Ltr,
    Rtl,
}

fn languages() -> Vec<Language> {
    let languages: Languages = toml::from_str(LANGUAGES).expect("a test holds that it is right");
    languages.language
}

/// Answers that are ready to be sent.
pub(super) struct Pages {
    /// In the order of the others.
    tags: Vec<String>,
    questions: Vec<Template>,
    farewells: Vec<Template>,
    done: Template,
    bad_form: Template,
    too_large: Template,
    too_slow: Template,
    not_now: Template,
}

impl Pages {
    pub(super) fn new(template: &PageTemplate, server: Option<&HeaderValue>) -> Self {
        let languages = languages();
        let question = |one: &Language| {
            let words = (&*one.question, &*one.explanation, Some(&*one.button));
            page(template, server, one, words)
        };
        let farewell =
            |one: &Language| page(template, server, one, (&one.done, &one.farewell, None));
        let text = |status, content: &'static str| {
            Template::new(status, server, &TEXT_FIELDS, Bytes::from_static(content.as_bytes()))
        };
        let refusal = |status, content| {
            // What is left of the body is not read.
            text(status, content).with(header::CONNECTION, HeaderValue::from_static("close"))
        };
        Self {
            questions: languages.iter().map(question).collect(),
            farewells: languages.iter().map(farewell).collect(),
            done: text(StatusCode::OK, "Unsubscribed.\n"),
            bad_form: text(StatusCode::BAD_REQUEST, "Not List-Unsubscribe=One-Click.\n"),
            too_large: refusal(StatusCode::PAYLOAD_TOO_LARGE, "Too large.\n"),
            too_slow: refusal(StatusCode::REQUEST_TIMEOUT, "Too slow.\n"),
            not_now: text(StatusCode::SERVICE_UNAVAILABLE, "Not now. Please try again later.\n")
                .with(header::RETRY_AFTER, HeaderValue::from_static("60")),
            tags: languages.into_iter().map(|language| language.tag).collect(),
        }
    }

    /// The page that asks, for a client with these fields.
    pub(super) fn question(&self, client: &HeaderMap) -> Answer {
        self.questions[self.language(client)].answer()
    }

    /// What is answered when somebody has unsubscribed: a page to a person, a word to a
    /// program. RFC 8058 §3.1: never a redirect.
    pub(super) fn done(&self, client: &HeaderMap, is_person: bool) -> Answer {
        match is_person {
            true => self.farewells[self.language(client)].answer(),
            false => self.done.answer(),
        }
    }

    /// What is answered when it could not be recorded that somebody unsubscribes.
    pub(super) fn not_now(&self) -> Answer {
        self.not_now.answer()
    }

    /// What is answered to anything that is not the form.
    pub(super) fn refusal(&self, error: FormError) -> Answer {
        match error {
            FormError::Other => self.bad_form.answer(),
            FormError::TooLarge => self.too_large.answer(),
            FormError::TooSlow => self.too_slow.answer(),
        }
    }

    /// The place of the language that the client prefers.
    fn language(&self, client: &HeaderMap) -> usize {
        let field = client.get(header::ACCEPT_LANGUAGE).map(HeaderValue::as_bytes);
        let available: Vec<&str> = self.tags.iter().map(String::as_str).collect();
        language::preferred(field.unwrap_or_default(), &available)
    }
}

/// The page with a heading, a text and a button in a language.
fn page(
    template: &PageTemplate,
    server: Option<&HeaderValue>,
    language: &Language,
    (title, text, button): (&str, &str, Option<&str>),
) -> Template {
    let dir = match language.direction {
        Direction::Ltr => "ltr",
        Direction::Rtl => "rtl",
    };
    let lang = lang(&language.tag);
    let content = template.fill(&Words { lang: &lang, dir, title, text, button });
    let lang = HeaderValue::from_str(&lang).expect("a tag is letters and hyphens");
    Template::new(StatusCode::OK, server, &PAGE_FIELDS, content.into())
        .with(header::CONTENT_LANGUAGE, lang)
}

/// A tag as it is usually written: `pt-BR`, `zh-Hant` (RFC 5646 §2.1.1).
fn lang(tag: &str) -> String {
    match tag.split_once('-') {
        Some((language, region)) if region.len() == 2 => {
            format!("{language}-{}", region.to_ascii_uppercase())
        }
        Some((language, script)) => {
            let (first, rest) = script.split_at(1);
            format!("{language}-{}{rest}", first.to_ascii_uppercase())
        }
        None => tag.into(),
    }
}

const PAGE_FIELDS: [(HeaderName, &str); 9] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::VARY, "Accept-Language"),
    UNCACHED,
    UNINDEXED,
    // The address of the page is the link itself, which is nobody else's.
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
    ),
];

const TEXT_FIELDS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    UNCACHED,
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];
