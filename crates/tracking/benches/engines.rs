//! Our whole rewrite beside lol_html's work on the bare HTML, in one run. Ours splits the
//! message, decodes it, finds the links, seals 30 tokens, encodes and checks the copy;
//! lol_html has its HTML ready, sets the same precomputed URL in each link, and appends
//! the pixel. Rounds of both take turns, so that what disturbs one disturbs the other.

mod newsletter;

use lol_html::{HtmlRewriter, Settings as LolSettings, element, html_content::ContentType};
use std::{
    hint::black_box,
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};
use tracking::{
    context::Context,
    copy::{self, Settings, Terms},
    ids::{MessageId, Timestamp},
    rewrite::Plan,
    token::{Sealer, key::KeyRing},
};

/// What `mailwake` allocates with, for both.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const LINKS: usize = 30;
const ROUNDS: usize = 400;
const RUNS_PER_ROUND: u32 = 10;
const NOW: Timestamp = Timestamp(1_795_233_600_123);

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "engine                                     octets     fastest      median")?;
    compare(&mut out, "styles in each element", &newsletter::html(LINKS))?;
    compare(&mut out, "many short tags", &newsletter::dense_html(LINKS))
}

fn compare(out: &mut impl Write, name: &str, html: &str) -> io::Result<()> {
    let encoded = newsletter::quoted_printable(html);
    let message = newsletter::message("text/html", "quoted-printable", &encoded);
    let terms = terms();
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let mut sealer = Sealer::new(keys);
    let links = rewritten(&message, &terms, &mut sealer);
    assert_eq!(links, LINKS, "each link is sealed");
    let url = format!("https://t.example/{}", "x".repeat(110));
    let mut rounds = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        rounds[0].push(timed(|| rewritten(black_box(&message), &terms, &mut sealer)));
        rounds[1].push(timed(|| rewritten_by_lol_html(black_box(html), &url)));
        rounds[2].push(timed(|| rewritten_by_lol_html(black_box(""), &url)));
        rounds[3].push(timed(|| Plan::new(black_box(&message), &terms.settings.decision)));
    }
    writeln!(out, "{name}")?;
    report(out, &message, html, rounds)
}

fn terms() -> Terms {
    let settings = Settings::new("https://t.example/".parse().expect("it is a tracking URL"));
    let none = Context::default();
    Terms::new(&Arc::new(settings), None, &none).expect("nothing is asked for")
}

/// Makes one copy, and tells how many of its links are tracked.
fn rewritten(message: &[u8], terms: &Terms, sealer: &mut Sealer) -> usize {
    let plan = Plan::new(message, &terms.settings.decision);
    let id = MessageId::new(NOW, [1, 2, 3, 4, 5]);
    let copy = copy::make(&plan, terms, &id.into(), NOW, sealer);
    assert!(!black_box(&copy).report.safety_net, "the copy is faithful");
    copy.report.links_tracked()
}

fn rewritten_by_lol_html(html: &str, url: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(html.len() * 3 / 2);
    let settings = LolSettings::new()
        .append_element_content_handler(element!("a[href]", |link| {
            Ok(link.set_attribute("href", url)?)
        }))
        .append_element_content_handler(element!("body", |body| {
            body.append("<img src=\"https://t.example/o\" alt=\"\">", ContentType::Html);
            Ok(())
        }));
    let sink = |piece: &[u8]| octets.extend_from_slice(piece);
    let mut rewriter = HtmlRewriter::new(settings, sink);
    rewriter.write(html.as_bytes()).expect("it is HTML");
    rewriter.end().expect("it is HTML");
    octets
}

/// How long one run takes, of a round of several.
fn timed<T>(mut run: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    for _ in 0..RUNS_PER_ROUND {
        black_box(run());
    }
    start.elapsed() / RUNS_PER_ROUND
}

fn report(
    out: &mut impl Write,
    message: &[u8],
    html: &str,
    rounds: [Vec<Duration>; 4],
) -> io::Result<()> {
    let [ours, lol_html, empty, plan] = rounds.map(|mut rounds| {
        rounds.sort_unstable();
        (rounds[0], rounds[rounds.len() / 2])
    });
    let mut line = |name: &str, octets: usize, (fastest, median): (Duration, Duration)| {
        writeln!(out, "{name:<40} {octets:>8} {fastest:>11.1?} {median:>11.1?}")
    };
    line("mailwake, whole rewrite", message.len(), ours)?;
    line("  of that split, decode, tokenize", message.len(), plan)?;
    line("lol_html, bare HTML", html.len(), lol_html)?;
    line("  of that its rewriter, without HTML", 0, empty)?;
    let ratio = |ours: Duration, theirs: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
    let (fastest, median) = (ratio(ours.0, lol_html.0), ratio(ours.1, lol_html.1));
    writeln!(out, "mailwake is {fastest:.2} times as fast (median {median:.2})")
}
