//! Records of MTAs: lines of each format become events, as they do where files are read.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use tracking::{
    bounce::Rules,
    delivery::{Format, Lines, Reading},
    event::{Event, UpstreamReply},
    ids::Timestamp,
};

const POWERMTA: &str = "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,\
    bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,dlvEsmtpAvailable,dlvSize,vmta,\
    jobId,envId,queue,vmtaPool,header_X-Sp-Message-Id\n\
    d,2026-11-22 09:00:05+0000,2026-11-22 09:00:02+0000,news@shop.example,ann@example.com,,relayed,\
    2.0.0 (success),smtp;250 2.0.0 OK 1795338005 x7si1234567 - gsmtp,mx1.example.com (203.0.113.9),\
    ,smtp,mailwake (192.0.2.1),smtp,198.51.100.7,203.0.113.9,\
    \"ENHANCEDSTATUSCODES,PIPELINING,8BITMIME\",20481,vmta1,job-7,,example.com/vmta1,pool-a,\
    00f3a5c7e9b1d4f60718\n\
    b,2026-11-22 09:00:06+0000,2026-11-22 09:00:02+0000,news@shop.example,bob@example.net,,failed,\
    5.1.1 (bad destination mailbox address),\"smtp;550 5.1.1 <bob@example.net>: User unknown\",\
    mx.example.net (203.0.113.10),bad-mailbox,smtp,,smtp,198.51.100.7,203.0.113.10,,999,vmta1,\
    job-7,,example.net/vmta1,pool-a,00f3a5c7e9b1d4f60719";

const KUMOMTA: &str = include_str!("../testdata/delivery/kumomta/types.log");
const MOMENTUM: &str = include_str!("../testdata/delivery/momentum/types.log");

fn formats(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("records");
    for (format, lines) in
        [(Format::PowerMta, POWERMTA), (Format::KumoMta, KUMOMTA), (Format::Momentum, MOMENTUM)]
    {
        let lines: Vec<_> = lines.lines().filter(|line| !line.is_empty()).collect();
        let reading = Reading::new(Timestamp(1_795_341_600_000));
        let mut reader = Lines::new(format, &reading);
        group.throughput(Throughput::Elements(lines.len() as u64));
        let mut events: Vec<Event> = Vec::new();
        group.bench_function(format.name(), |bencher| {
            bencher.iter(|| {
                for line in &lines {
                    events.clear();
                    reader.line(black_box(line.as_bytes()), &mut events).expect("a record");
                }
            });
        });
    }
    group.finish();
}

fn classes(criterion: &mut Criterion) {
    let rules = Rules::built_in();
    let replies = include_str!("../testdata/bounce/providers.tsv");
    let replies: Vec<_> = replies
        .lines()
        .filter_map(|line| line.split('\t').nth(2))
        .map(|text| UpstreamReply { raw_reason: text.into(), ..UpstreamReply::default() })
        .collect();
    let mut group = criterion.benchmark_group("bounces");
    group.throughput(Throughput::Elements(replies.len() as u64));
    group.bench_function("classify", |bencher| {
        bencher.iter(|| {
            for reply in &replies {
                black_box(rules.classify(black_box(reply)));
            }
        });
    });
    group.finish();
    criterion.bench_function("rules, read at start", |bencher| {
        bencher.iter_batched(|| (), |()| Rules::built_in(), BatchSize::SmallInput);
    });
}

criterion_group!(benches, formats, classes);
criterion_main!(benches);
