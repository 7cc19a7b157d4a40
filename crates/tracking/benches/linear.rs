//! What a rewrite costs for each octet, and how much memory it takes: for messages from
//! 1 kB to 25 MB, for messages that are made to be slow, each at two sizes, and for
//! messages that need no edit. Peak memory counts the message itself. It fails where that is
//! over three times the message and some fixed kilobytes, unless the links that were put in
//! make the copy itself that large; and where not the very input comes out.

mod newsletter;
mod ready;

use ready::Ready;
use std::{
    alloc::{GlobalAlloc, Layout, System},
    borrow::Cow,
    fmt::Write as _,
    hint::black_box,
    io::{self, Write},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::{Duration, Instant},
};
use tracking::{
    decision::Decision,
    rewrite::{TrackedCopy, rewrite},
};

/// For each message, at least so long and so often.
const MEASURE: Duration = Duration::from_millis(300);
const ROUNDS_MIN: usize = 3;
/// Peak memory may be so many times the message, which is itself one of them, and so many
/// octets for what a message of any size takes.
const PEAK_MAX: usize = 3;
const FIXED_OCTETS_MAX: usize = 6 << 10;
/// A copy that is longer than this many times its message is no measure for others.
const COPY_MAX: f64 = 1.25;
/// What is allocated for a message that needs no edit: reports and buffers that do not
/// grow with it.
const UNEDITED_OCTETS_MAX: usize = 64 << 10;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The system's allocator, with the octets in use, their peak, and all ever asked for.
struct Counting;

static IN_USE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);
static TOTAL: AtomicUsize = AtomicUsize::new(0);

fn taken(octets: usize) {
    let in_use = IN_USE.fetch_add(octets, Relaxed) + octets;
    PEAK.fetch_max(in_use, Relaxed);
    TOTAL.fetch_add(octets, Relaxed);
}

#[expect(unsafe_code, reason = "an allocator is unsafe by its nature; this one only counts")]
// SAFETY: every call goes to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, octets: usize) -> *mut u8 {
        // Both may be there at a time.
        taken(octets);
        IN_USE.fetch_sub(layout.size(), Relaxed);
        unsafe { System.realloc(place, layout, octets) }
    }
}

/// What one message costs.
struct Cost {
    fastest: Duration,
    /// Octets in use at most while it was rewritten, without the message.
    peak: usize,
    /// Octets that were asked for in all.
    total: usize,
    /// How long the copy is.
    copy: usize,
    is_borrowed: bool,
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    sizes(&mut out)?;
    hostile(&mut out)?;
    unedited(&mut out)
}

fn cost(message: &[u8]) -> Cost {
    let decision = Decision::default();
    let run = || rewrite(black_box(message), &decision, None, &mut Ready);
    let before = (IN_USE.load(Relaxed), TOTAL.load(Relaxed));
    PEAK.store(before.0, Relaxed);
    let copy: TrackedCopy<'_> = run();
    let (peak, total) = (PEAK.load(Relaxed) - before.0, TOTAL.load(Relaxed) - before.1);
    assert!(!copy.report.safety_net, "the copy is faithful");
    let is_borrowed = matches!(&copy.octets, Cow::Borrowed(octets) if *octets == message);
    let copy_len = copy.octets.len();
    drop(copy);
    let mut fastest = Duration::MAX;
    let (start, mut rounds) = (Instant::now(), 0);
    while rounds < ROUNDS_MIN || start.elapsed() < MEASURE {
        let start = Instant::now();
        black_box(run());
        fastest = fastest.min(start.elapsed());
        rounds += 1;
    }
    Cost { fastest, peak, total, copy: copy_len, is_borrowed }
}

fn nanoseconds_per_octet(cost: &Cost, message: &[u8]) -> f64 {
    cost.fastest.as_secs_f64() * 1e9 / message.len() as f64
}

/// Copy and peak memory, as multiples of the message. Memory must stay within its bound.
fn multiples(name: &str, cost: &Cost, message: &[u8]) -> (f64, f64) {
    let multiple = |octets: usize| octets as f64 / message.len() as f64;
    let (copy, peak) = (multiple(cost.copy), cost.peak + message.len());
    let bound = message.len() * PEAK_MAX + FIXED_OCTETS_MAX;
    assert!(peak <= bound || copy > COPY_MAX, "{name}: {peak} octets of memory");
    (copy, multiple(peak))
}

fn sizes(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "encoding               octets       links        time  ns/octet  copy  peak/message"
    )?;
    for encoding in ["quoted-printable", "base64", "8bit"] {
        for octets in [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 25_000_000] {
            let message = sized(encoding, octets);
            let cost = cost(&message);
            let (copy, peak) = multiples(encoding, &cost, &message);
            writeln!(
                out,
                "{encoding:<18} {:>10} {:>11} {:>11.1?} {:>9.2} {copy:>5.2} {peak:>13.2}",
                message.len(),
                links(&message),
                cost.fastest,
                nanoseconds_per_octet(&cost, &message),
            )?;
        }
    }
    writeln!(out)
}

fn links(message: &[u8]) -> usize {
    rewrite(message, &Decision::default(), None, &mut Ready).report.links_tracked()
}

/// A newsletter of about so many octets, encoded.
fn sized(encoding: &str, octets: usize) -> Vec<u8> {
    let of_one = newsletter::html(200).len() / 200;
    let octets = if encoding == "base64" { octets * 73 / 100 } else { octets * 93 / 100 };
    let html = newsletter::html((octets / of_one).max(1));
    let body = match encoding {
        "quoted-printable" => newsletter::quoted_printable(&html),
        "base64" => newsletter::base64(&html),
        _ => html.replace('\n', "\r\n"),
    };
    newsletter::message("text/html", encoding, &body)
}

/// A kind of message that a careless reader takes quadratic time for, of about so many
/// octets.
type Kind = (&'static str, fn(usize) -> Vec<u8>);

const HOSTILE: [Kind; 18] = [
    ("< in HTML", |octets| html(&"<".repeat(octets))),
    ("& in HTML", |octets| html(&"&".repeat(octets))),
    ("& in one link", |octets| {
        html(&format!("<a href='http://a.example/{}'>", "&".repeat(octets)))
    }),
    ("links", |octets| html(&"<a href=http://a.example>".repeat(octets / 25))),
    ("open tags", |octets| html(&"<a b".repeat(octets / 4))),
    ("open comments", |octets| html(&"<!--".repeat(octets / 4))),
    ("attributes", |octets| html(&format!("<a {}>", "b=c ".repeat(octets / 4)))),
    ("open svg", |octets| html(&"<svg><math><mi>".repeat(octets / 15))),
    ("scripts", |octets| html(&"<script><!--<script>".repeat(octets / 20))),
    ("= lines", |octets| encoded("quoted-printable", &"=\r\n".repeat(octets / 3))),
    ("= in one line", |octets| encoded("quoted-printable", &"=".repeat(octets))),
    ("digits in lines", |octets| encoded("base64", &"QQ\r\n".repeat(octets / 4))),
    ("digits apart", |octets| {
        let line = "QUJD ".repeat(15) + "\r\n";
        encoded("base64", &line.repeat(octets / line.len()))
    }),
    ("links in one line", |octets| text(&"http://a.example/ ".repeat(octets / 18))),
    ("URLs in one line", |octets| text(&"http://a.example/).".repeat(octets / 19))),
    ("brackets", |octets| text(&format!("http://a.example/{}", "(]".repeat(octets / 2)))),
    ("header", |octets| header(octets)),
    ("-- lines, nested", |octets| nested(octets)),
];

fn hostile(out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "made to be slow        octets        time  ns/octet  copy  peak/message   growth"
    )?;
    for (name, make) in HOSTILE {
        let mut before = None;
        for octets in [1_000_000, 4_000_000] {
            let message = make(octets);
            let cost = cost(&message);
            let per_octet = nanoseconds_per_octet(&cost, &message);
            let growth = before.replace(per_octet).map_or(1.0, |before| per_octet / before);
            let (copy, peak) = multiples(name, &cost, &message);
            writeln!(
                out,
                "{name:<18} {:>10} {:>11.1?} {per_octet:>9.2} {copy:>5.2} {peak:>13.2} {growth:>8.2}",
                message.len(),
                cost.fastest,
            )?;
        }
    }
    writeln!(out)
}

fn html(body: &str) -> Vec<u8> {
    newsletter::message("text/html", "8bit", body)
}

fn text(body: &str) -> Vec<u8> {
    newsletter::message("text/plain", "8bit", body)
}

fn encoded(encoding: &str, body: &str) -> Vec<u8> {
    newsletter::message("text/html", encoding, &format!("{body}\r\n"))
}

/// Fields, folds and encoded words that never end.
fn header(octets: usize) -> Vec<u8> {
    let third = octets / 3;
    let fields = "A: b\r\n".repeat(third / 6);
    let folds = "\r\n b".repeat(third / 4);
    let parameters = "; a*1=(((\"\\".repeat(third / 10);
    format!("{fields}Subject: {folds}\r\nContent-Type: text/html{parameters}\r\n\r\nx").into_bytes()
}

/// Multiparts to the limit of their depth, and lines that are almost delimiters.
fn nested(octets: usize) -> Vec<u8> {
    let mut message = String::new();
    for level in 0..31 {
        write!(message, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
            .expect("a string takes what is written");
    }
    message += "\r\n";
    message += &"--b\r\n".repeat(octets / 5);
    message.into_bytes()
}

/// Messages in which there is nothing to edit. What stands in an encoding has to be
/// decoded to know that, so only what is not encoded costs no memory.
fn unedited(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "nothing to edit          octets        time  allocated in all  borrowed")?;
    let words = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr.\r\n".repeat(170_000);
    let attachment = newsletter::base64(&words);
    let two_parts = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\n\
         Content-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{attachment}\r\n--b--\r\n"
    );
    let kinds = [
        ("text without links", text(&words), true),
        ("attachment", two_parts.into_bytes(), true),
        ("frameset", html(&format!("<frameset>{words}")), true),
        ("quoted-printable", newsletter::message("text/plain", "quoted-printable", &words), false),
    ];
    for (name, message, costs_none) in kinds {
        let cost = cost(&message);
        writeln!(
            out,
            "{name:<20} {:>10} {:>11.1?} {:>17} {:>9}",
            message.len(),
            cost.fastest,
            cost.total,
            cost.is_borrowed
        )?;
        assert!(cost.is_borrowed, "{name}: the very input comes out");
        assert!(!costs_none || cost.total <= UNEDITED_OCTETS_MAX, "{name}: {} octets", cost.total);
    }
    Ok(())
}
