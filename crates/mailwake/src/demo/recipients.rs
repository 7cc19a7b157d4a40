//! The recipients of the demo: they open their mail and follow some links, over HTTP,
//! as mail clients do.

use super::upstream::Arrived;
use crate::stores::report::Counters;
use anyhow::{Context, Result, ensure};
use mail::message::{encoding, part::split};
use std::{
    collections::BTreeSet,
    fmt,
    io::{Read, Write},
    net::TcpStream,
};

/// What recipients did, or what was counted of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Done {
    outbound: u64,
    /// Mails that the MTA has brought to a recipient's MTA, and of these those refused there.
    sent: u64,
    failed: u64,
    opens: u64,
    readers: u64,
    clicks: u64,
    clickers: u64,
}

impl Done {
    /// So many mails went out, and the MTA has brought them all to where they go. Nobody has read
    /// one.
    pub(super) fn sent(outbound: u64) -> Self {
        Self { outbound, sent: outbound, ..Self::default() }
    }

    /// The same, as a report counts it.
    pub(super) fn of(counters: &Counters) -> Self {
        Self {
            outbound: counters.outbound,
            sent: counters.way.sent,
            failed: counters.failed,
            opens: counters.opens.total,
            readers: counters.opens.unique,
            clicks: counters.clicks.total,
            clickers: counters.clicks.unique,
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { outbound, sent, failed, opens, readers, clicks, clickers } = self;
        write!(
            f,
            "{outbound} mails out, {sent} of them sent, {failed} failed, \
             {opens} opens of {readers}, {clicks} clicks in {clickers}"
        )
    }
}

/// A mail as its recipient sees it.
pub(super) struct Mail {
    recipient: String,
    message_id: String,
    refusal: Option<&'static str>,
    pixels: Vec<String>,
    links: Vec<String>,
}

impl Mail {
    /// Finds the tracked links and pixels of a mail.
    pub(super) fn of(arrived: &Arrived) -> Result<Self> {
        let (mut pixels, mut links) = (BTreeSet::new(), BTreeSet::new());
        for text in texts(&arrived.content) {
            for (at, _) in text.match_indices("http://127.0.0.1:") {
                let is_url = |c: char| c.is_ascii_alphanumeric() || ":/.-_".contains(c);
                let end = text[at..].find(|c| !is_url(c)).map_or(text.len(), |end| at + end);
                let url = text[at..end].trim_end_matches('.');
                let before = text[..at].rfind('<').map_or("", |tag| &text[tag..at]);
                if before.starts_with("<img") { &mut pixels } else { &mut links }
                    .insert(url.to_owned());
            }
        }
        Ok(Self {
            recipient: arrived.recipient.clone(),
            message_id: arrived.message_id()?,
            refusal: arrived.refusal,
            pixels: pixels.into_iter().collect(),
            links: links.into_iter().collect(),
        })
    }
}

/// The texts of a mail, their transfer encodings undone.
fn texts(message: &[u8]) -> Vec<String> {
    let Ok(tree) = split(message) else { return Vec::new() };
    let is_text = |essence: &str| essence.starts_with("text/");
    tree.parts()
        .iter()
        .filter(|part| is_text(&part.content.media_type.essence))
        .filter_map(|part| {
            let body = &message[part.body.clone()];
            encoding::decode(body, part.content.encoding).ok()
        })
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .collect()
}

/// What a recipient does with a mail: all but every third open it, some twice, and
/// those who open it follow a link or two.
pub(super) fn read(
    mail: &Mail,
    number: usize,
    done: &mut Done,
    out: &mut impl Write,
) -> Result<()> {
    writeln!(out, "  {} (message {})", mail.recipient, mail.message_id)?;
    if let Some(reply) = mail.refusal {
        done.failed += 1;
        writeln!(out, "    never got it: {reply}")?;
        return Ok(());
    }
    let is_reader = number % 3 != 2;
    let times = if number == 0 { 2 } else { 1 };
    for pixel in mail.pixels.iter().filter(|_| is_reader) {
        for _ in 0..times {
            let answer = get(pixel)?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "a pixel was answered {answer:?}");
            done.opens += 1;
        }
        done.readers += 1;
        writeln!(out, "    opened {times}x  {pixel}")?;
    }
    // Who sees no pixel, as in plain text, may click all the same.
    let follows = if is_reader || mail.pixels.is_empty() { 2 } else { 0 };
    for link in mail.links.iter().take(follows) {
        let answer = get(link)?;
        let target = location(&answer).context("a click was not redirected")?;
        done.clicks += 1;
        writeln!(out, "    clicked    {link}\n               -> {target}")?;
    }
    done.clickers += u64::from(follows > 0 && !mail.links.is_empty());
    Ok(())
}

fn location(answer: &str) -> Option<&str> {
    answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then_some(value)
    })
}

/// Fetches a URL of the tracker, and gives the whole answer as text.
fn get(url: &str) -> Result<String> {
    let rest = url.strip_prefix("http://").context("a tracked URL of the demo is http")?;
    let (address, path) = rest.split_once('/').context("a tracked URL has a path")?;
    let mut stream = TcpStream::connect(address)?;
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: mailwake demo\r\n\
         Connection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
