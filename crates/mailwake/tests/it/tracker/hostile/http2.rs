//! HTTP/2 with prior knowledge, abused (RFC 9113 §10.5): frames by the thousand that cost
//! little to send and much to answer.

use super::Target;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET` of a path that is no link, as HPACK literals without an index (RFC 7541 §6.2.2).
pub(super) fn head(path: &str) -> Vec<u8> {
    // From the static table: :method GET, :scheme http; then :path and :authority.
    let mut block = vec![0x82, 0x86];
    for (index, value) in [(4_u8, path), (1, "t.example")] {
        block.extend([index, u8::try_from(value.len()).expect("short")]);
        block.extend(value.as_bytes());
    }
    block
}

/// Sends a flood and reads what comes until the tracker closes or the flood has ended.
fn flood(target: &Target, frames: &[u8], times: usize) {
    let address = target.installation.tracking_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    let mut reading = stream.try_clone().expect("a second handle");
    let reader = std::thread::spawn(move || {
        let mut buffer = [0; 16 * 1_024];
        let mut octets = 0;
        while let Ok(read @ 1..) = reading.read(&mut buffer) {
            octets += read;
        }
        octets
    });
    let opening = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    stream.write_all(&opening).expect("sent");
    for _ in 0..times {
        // Closed by the tracker, which is what was wanted.
        if stream.write_all(frames).is_err() {
            break;
        }
    }
    stream.shutdown(Shutdown::Write).ok();
    reader.join().expect("no panic");
}

#[test]
fn rapid_resets_are_cut_off() {
    let target = Target::start("");
    let streams = (0..50_000_u32).map(|number| 2 * number + 1);
    let frames: Vec<u8> = streams
        .flat_map(|stream| {
            let asked = frame(HEADERS, END_STREAM | END_HEADERS, stream, &head("/x"));
            [asked, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
        })
        .collect();
    for _ in 0..4 {
        flood(&target, &frames, 1);
    }
    target.end();
}

#[test]
fn headers_that_go_on_and_on_are_cut_off() {
    let target = Target::start("");
    let begin = frame(HEADERS, END_STREAM, 1, &head("/x"));
    flood(&target, &begin, 1);
    // A literal field without an index, in each frame another.
    let field = [&[0, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let mut frames = begin;
    for _ in 0..1_000 {
        frames.extend(frame(CONTINUATION, 0, 1, &field));
    }
    let endless = frame(CONTINUATION, 0, 1, &field).repeat(20_000);
    frames.extend(endless);
    flood(&target, &frames, 1);
    target.end();
}

#[test]
fn pings_settings_and_windows_by_the_thousand_are_no_memory() {
    let target = Target::start("");
    let ping = frame(PING, 0, 0, &[7; 8]);
    let setting = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]);
    let window = frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    for frames in [ping, setting, window] {
        flood(&target, &frames.repeat(1_000), 100);
    }
    target.end();
}

#[test]
fn nonsense_in_frames_is_the_end_of_it() {
    let target = Target::start("");
    let nonsense = [
        frame(HEADERS, END_STREAM | END_HEADERS, 2, &head("/x")),
        frame(HEADERS, END_STREAM | END_HEADERS, 0, &head("/x")),
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0xff; 60]),
        frame(RST_STREAM, 0, 0, &[0; 4]),
        frame(SETTINGS, 0, 1, &[]),
        frame(SETTINGS, 0, 0, &[0; 5]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        frame(CONTINUATION, END_HEADERS, 1, &[]),
        vec![0xff; 9],
    ];
    for frames in &nonsense {
        for _ in 0..20 {
            flood(&target, frames, 1);
        }
    }
    target.end();
}
