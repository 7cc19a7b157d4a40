//! What a rewrite costs, without the sealing of links: the usual message, a plan that
//! serves many recipients, and inputs that are made to be slow.

mod ready;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ready::Ready;
use std::{fmt::Write as _, hint::black_box};
use tracking::{
    decision::Decision,
    rewrite::{IdField, Plan, rewrite},
};

const ID: IdField<'_> = IdField { name: "X-Sp-Message-Id", value: "00000123456789abcdef" };

/// A newsletter of about 20 kB with 30 links.
fn newsletter() -> String {
    let mut html =
        String::from("<!DOCTYPE html>\n<html><head><title>News</title></head>\n<body>\n");
    for item in 0..30 {
        writeln!(
            html,
            "<table width=\"600\" cellpadding=\"0\" cellspacing=\"0\" border=\"0\"><tr>\
             <td style=\"padding:12px 24px;font-family:Arial,sans-serif;font-size:14px;color:#333\">\
             Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod \
             tempor invidunt ut labore et dolore magna aliquyam erat, sed diam voluptua.\n\
             <a href=\"https://shop.example/item?id={item}&amp;utm_source=news&amp;utm_medium=email\" \
             style=\"color:#0066cc;text-decoration:underline\">Artikel {item} für Sie</a></td></tr></table>"
        )
        .expect("a string takes what is written");
    }
    html + "</body></html>\n"
}

fn quoted_printable(text: &str) -> String {
    let mut encoded = String::new();
    for line in text.lines() {
        let mut column = 0;
        for octet in line.bytes() {
            let atom = match octet {
                b' '..=b'~' if octet != b'=' => char::from(octet).to_string(),
                _ => format!("={octet:02X}"),
            };
            if column + atom.len() > 75 {
                encoded += "=\r\n";
                column = 0;
            }
            column += atom.len();
            encoded += &atom;
        }
        encoded += "\r\n";
    }
    encoded
}

fn base64(text: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encoded = STANDARD.encode(text);
    let lines = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy);
    lines.map(|line| line.into_owned() + "\r\n").collect()
}

fn message(content_type: &str, encoding: &str, body: &str) -> Vec<u8> {
    let header = "From: a@sender.example\r\nTo: b@reader.example\r\nMIME-Version: 1.0\r\n";
    format!(
        "{header}Content-Type: {content_type}; charset=utf-8\r\n\
         Content-Transfer-Encoding: {encoding}\r\n\r\n{body}"
    )
    .into_bytes()
}

fn usual(criterion: &mut Criterion) {
    let html = newsletter();
    let messages = [
        ("quoted-printable", message("text/html", "quoted-printable", &quoted_printable(&html))),
        ("base64", message("text/html", "base64", &base64(&html))),
        ("8bit", message("text/html", "8bit", &html.replace('\n', "\r\n"))),
    ];
    let mut group = criterion.benchmark_group("newsletter");
    for (name, message) in &messages {
        let decision = Decision::default();
        group.throughput(Throughput::Bytes(message.len() as u64));
        group.bench_function(BenchmarkId::new("one recipient", name), |bencher| {
            bencher.iter(|| rewrite(black_box(message), &decision, Some(ID), &mut Ready));
        });
        let plan = Plan::new(message, &decision);
        group.bench_function(BenchmarkId::new("each further recipient", name), |bencher| {
            bencher.iter(|| black_box(&plan).copy(Some(ID), &mut Ready));
        });
    }
    group.finish();
}

/// Inputs on which a careless reader takes quadratic time. Each must show the same
/// throughput at both sizes.
fn hostile(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hostile");
    group.sample_size(10);
    let html = [
        ("less than", "<"),
        ("ampersands", "<a href='http://a.example/&&&&&&&&'>"),
        ("open tags", "<a b"),
        ("open comments", "<!--"),
        ("comments", "<!-- --!-->"),
        ("svg", "<svg><math></svg></p>"),
        ("scripts", "<script><!--<script>"),
        ("links", "<a href=http://a.example>"),
    ];
    for (name, unit) in html {
        for kilobytes in [100, 1600] {
            let body = unit.repeat(kilobytes * 1000 / unit.len());
            run(&mut group, name, &message("text/html", "8bit", &body));
        }
    }
    let text = [("urls", "http://a.example/)."), ("brackets", "(http://a.example/((((]]]]")];
    for (name, unit) in text {
        for kilobytes in [100, 1600] {
            let body = unit.repeat(kilobytes * 1000 / unit.len());
            run(&mut group, name, &message("text/plain", "8bit", &body));
        }
    }
    for kilobytes in [100, 1600] {
        let nested: String = (0..30)
            .map(|level| {
                format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n")
            })
            .collect();
        let body = nested + "\r\n" + &"--b\r\n".repeat(kilobytes * 200);
        run(&mut group, "delimiters", body.as_bytes());
    }
    group.finish();
}

fn run(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    name: &str,
    message: &[u8],
) {
    let decision = Decision::default();
    group.throughput(Throughput::Bytes(message.len() as u64));
    group.bench_function(BenchmarkId::new(name, message.len() / 1000), |bencher| {
        bencher.iter(|| rewrite(black_box(message), &decision, None, &mut Ready));
    });
}

criterion_group!(benches, usual, hostile);
criterion_main!(benches);
