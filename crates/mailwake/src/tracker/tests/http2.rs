//! HTTP/2 with prior knowledge, spoken frame by frame (RFC 9113 §4).

use super::support::{PATIENCE, Recording, TARGET, Tracker, click, get};
use crate::tracker::TrackerConfig;
use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::Duration,
};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const ENHANCE_YOUR_CALM: u32 = 11;

pub(super) struct Http2<S> {
    stream: S,
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

impl Http2<TcpStream> {
    fn connect(tracker: &Tracker) -> Self {
        let stream = TcpStream::connect(tracker.address).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        Self::begin(stream)
    }
}

impl<S: Read + Write> Http2<S> {
    pub(super) fn begin(mut stream: S) -> Self {
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("sent");
        let mut client = Self { stream };
        client.send(SETTINGS, 0, 0, &[]);
        client
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        assert!(self.try_send(kind, flags, stream, payload), "the connection is open");
    }

    /// Whether the connection is open still.
    fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.stream.write_all(&[&head, payload].concat()).is_ok()
    }

    pub(super) fn ask(&mut self, stream: u32, path: &str) {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, &fields(path));
    }

    /// None where the connection has ended.
    fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if let Err(error) = self.stream.read_exact(&mut head) {
            assert_ne!(error.kind(), ErrorKind::WouldBlock, "nothing came");
            return None;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    pub(super) fn is_answered(&mut self) -> bool {
        self.wait_for(HEADERS).is_some()
    }

    fn wait_for(&mut self, kind: u8) -> Option<Frame> {
        std::iter::from_fn(|| self.frame()).find(|frame| frame.kind == kind)
    }

    /// The code that the connection ends with; none where it just ends.
    fn goodbye(&mut self) -> Option<u32> {
        let payload = self.wait_for(GOAWAY)?.payload;
        Some(u32::from_be_bytes(payload[4..8].try_into().expect("four octets")))
    }
}

/// A GET, in HPACK without compression (RFC 7541 §6).
fn fields(path: &str) -> Vec<u8> {
    let text = |index: u8, value: &str| {
        let length = u8::try_from(value.len()).ok().filter(|length| *length < 127);
        let length = match length {
            Some(length) => vec![length],
            None => {
                let more = value.len() - 127;
                vec![127, 0x80 | (more % 128) as u8, (more / 128) as u8]
            }
        };
        [vec![index], length, value.into()].concat()
    };
    [vec![0x82, 0x86], text(0x41, "t.example"), text(0x44, path)].concat()
}

fn contains(octets: &[u8], text: &str) -> bool {
    octets.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_click_arrives_over_http2() {
    let recording = Recording::start();
    let path = recording.tracker.path(click());
    let mut client = Http2::connect(&recording.tracker);
    for stream in [1, 3] {
        client.ask(stream, &path);
        let answer = client.wait_for(HEADERS).expect("an answer");
        assert_eq!(answer.stream, stream);
    }
    assert_eq!(recording.events().len(), 2);
    assert_eq!(recording.tracker.counters.front.http2_connections.get(), 1);
    drop(client);
    recording.stop();
}

#[test]
fn a_link_bound_to_its_host_works_over_http2() {
    let recording = Recording::start();
    let link = super::support::link(click());
    for (host, clicks) in [("t.example", 1), ("other.example", 1)] {
        let path = recording.tracker.path_of(&link, Some(host));
        let mut client = Http2::connect(&recording.tracker);
        client.ask(1, &path);
        client.wait_for(HEADERS).expect("an answer");
        assert_eq!(recording.tracker.counters.clicks.get(), clicks, "{host}");
    }
    recording.stop();
}

#[test]
fn a_pixel_has_its_content_over_http2() {
    let recording = Recording::start();
    let path = recording.tracker.path(tracking::token::Engagement::Open);
    let mut client = Http2::connect(&recording.tracker);
    client.ask(1, &path);
    let pixel = client.wait_for(DATA).expect("a pixel");
    assert!(contains(&pixel.payload, "GIF89a"));
    drop(client);
    recording.stop();
}

#[test]
fn head_has_the_length_of_what_get_has_and_no_content_over_http2() {
    let recording = Recording::start();
    let pixel = recording.tracker.path(tracking::token::Engagement::Open);
    let click = recording.tracker.path(click());
    let mut client = Http2::connect(&recording.tracker);
    for (stream, path) in (1..).step_by(2).zip([&pixel, &click, "/x"]) {
        let mut head = fields(path);
        // An indexed name without an index for its value: `:method` HEAD.
        head.splice(..1, [&[2, 4][..], b"HEAD"].concat());
        client.send(HEADERS, END_STREAM | END_HEADERS, stream, &head);
        let answer = client.wait_for(HEADERS).expect("an answer");
        assert_ne!(answer.flags & END_STREAM, 0, "{path}");
    }
    assert_eq!(recording.tracker.counters.heads.get(), 2);
    drop(client);
    recording.stop();
}

#[test]
fn a_preface_in_pieces_is_one() {
    let recording = Recording::start();
    let mut stream = TcpStream::connect(recording.tracker.address).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    for octet in b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" {
        stream.write_all(&[*octet]).expect("sent");
    }
    let mut client = Http2 { stream };
    client.send(SETTINGS, 0, 0, &[]);
    client.ask(1, "/");
    assert!(client.wait_for(HEADERS).is_some());
    drop(client);
    recording.stop();
}

#[test]
fn what_only_begins_like_the_preface_is_http_1() {
    let recording = Recording::start();
    let path = recording.tracker.path(click());
    let mut client = recording.tracker.connect();
    // A method that is not known, and begins as the preface does.
    client.send("PR");
    client.send("OBE / HTTP/1.1\r\nHost: t.example\r\n\r\n");
    assert_eq!(client.receive(true).status, 405);
    assert_eq!(client.ask(&get(&path)).field("location"), Some(TARGET));
    drop(client);
    recording.stop();
}

#[test]
fn a_connection_ends_after_so_many_requests() {
    let config = TrackerConfig { requests_per_connection_max: 2, ..TrackerConfig::default() };
    let recording = Recording::with(config);
    let mut client = Http2::connect(&recording.tracker);
    client.ask(1, "/");
    client.ask(3, "/");
    // Both are answered, and the end is announced.
    let kinds: Vec<_> = std::iter::from_fn(|| {
        let frame = client.frame()?;
        if frame.kind == PING {
            client.try_send(PING, 1, 0, &frame.payload);
        }
        Some(frame.kind)
    })
    .collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == HEADERS).count(), 2, "{kinds:?}");
    assert!(kinds.contains(&GOAWAY), "{kinds:?}");
    drop(client);
    recording.stop();
}

/// Requests that are taken back at once (CVE-2023-44487).
#[test]
fn rapid_reset_ends_the_connection() {
    let recording = Recording::start();
    let mut client = Http2::connect(&recording.tracker);
    for number in 0..2_000 {
        let stream = 2 * number + 1;
        let is_open = client.try_send(HEADERS, END_STREAM | END_HEADERS, stream, &fields("/"))
            && client.try_send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
        if !is_open {
            break;
        }
    }
    // It ends with a reason, or is reset because the client does not stop.
    assert!(matches!(client.goodbye(), None | Some(0 | ENHANCE_YOUR_CALM)));
    assert!(recording.tracker.counters.requests.get() <= 1_100);
    drop(client);
    recording.stop();
}

#[test]
fn endless_header_fields_end_the_connection() {
    let recording = Recording::start();
    let mut client = Http2::connect(&recording.tracker);
    client.send(HEADERS, END_STREAM, 1, &fields("/"));
    // A field of 16 KiB each (CVE-2024-27316).
    let value = [&[0x10, 1, b'x', 127, 0x80, 0x7f][..], &[b'y'; 16_255]].concat();
    let is_open = (0..1_000).all(|_| client.try_send(CONTINUATION, 0, 1, &value));
    assert!(!is_open);
    assert_eq!(recording.tracker.counters.requests.get(), 0);
    drop(client);
    recording.stop();
}

#[test]
fn a_request_with_too_large_a_header_is_refused() {
    let recording = Recording::start();
    let mut client = Http2::connect(&recording.tracker);
    let value = [&[0x10, 1, b'x', 127, 0x81, 0x3f][..], &[b'y'; 8_192]].concat();
    client.send(HEADERS, END_STREAM, 1, &fields("/"));
    client.send(CONTINUATION, 0, 1, &value);
    client.send(CONTINUATION, 0, 1, &value);
    client.send(CONTINUATION, END_HEADERS, 1, &value);
    let answer = client.wait_for(HEADERS);
    // 431, as a literal (RFC 7541 §6.2).
    assert!(answer.is_none_or(|answer| answer.stream == 1));
    assert_eq!(recording.tracker.counters.requests.get(), 0);
    drop(client);
    recording.stop();
}

#[test]
fn too_many_requests_at_a_time_are_refused() {
    let config = TrackerConfig { streams_per_connection_max: 4, ..TrackerConfig::default() };
    let recording = Recording::with(config);
    let mut client = Http2::connect(&recording.tracker);
    let settings = client.wait_for(SETTINGS).expect("settings").payload;
    // SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 §6.5.2).
    assert!(settings.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 4]), "{settings:?}");
    drop(client);
    recording.stop();
}

fn hasty() -> TrackerConfig {
    let soon = Duration::from_millis(50);
    TrackerConfig { header_timeout: soon, idle_timeout: soon, ..TrackerConfig::default() }
}

#[test]
fn a_preface_alone_ends_in_time() {
    let recording = Recording::with(hasty());
    let mut client = Http2::connect(&recording.tracker);
    assert_eq!(client.goodbye(), None);
    drop(client);
    recording.stop();
}

#[test]
fn an_idle_connection_ends_whatever_it_says() {
    let recording = Recording::with(hasty());
    let mut client = Http2::connect(&recording.tracker);
    client.ask(1, "/");
    client.wait_for(HEADERS).expect("an answer");
    // A request whose header never ends, and pings in vain.
    client.try_send(PING, 0, 0, &[0; 8]);
    client.try_send(HEADERS, 0, 3, &fields("/"));
    assert_eq!(client.goodbye(), None);
    drop(client);
    recording.stop();
}
