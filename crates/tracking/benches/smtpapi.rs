//! X-MSYS-API with all that a sender can say, in a header as large as those of newsletters.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use tracking::smtpapi;

const FIELD: &str = "X-MSYS-API: {\"campaign_id\": \"november newsletter\",\r\n \
    \"metadata\": {\"has_pets\": true, \"pet_name\": \"Sp\\u00f6t\", \"age\": 7, \"city\": \"K\u{f6}ln\"},\r\n \
    \"cc\": [{\"email\": \"cc1@example.com\", \"name\": \"CC 1\"}, {\"email\": \"cc2@example.com\", \"name\": \"CC 2\"}],\r\n \
    \"bcc\": [{\"email\": \"bcc1@example.com\", \"name\": \"BCC 1\"}],\r\n \
    \"archive\": [{\"email\": \"archive@example.com\", \"name\": \"Archive\"}],\r\n \
    \"tags\": [\"cat\", \"dog\", \"fish\", \"bird\"],\r\n \
    \"options\": {\"open_tracking\": false, \"click_tracking\": true, \"initial_open\": true,\r\n  \
    \"transactional\": false, \"sandbox\": false, \"skip_suppression\": false,\r\n  \
    \"ip_pool\": \"sp_shared\", \"inline_css\": false, \"dkim_key\": \"marketing\"}}\r\n";

fn message(field: &str) -> Vec<u8> {
    let received =
        "Received: from a.example by b.example with ESMTP; Sat, 21 Nov 2026 08:00:00 +0000\r\n";
    format!(
        "{}From: Shop <news@shop.example>\r\nTo: ann@example.com\r\nSubject: sale\r\n{field}\
         MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nhello\r\n",
        received.repeat(5)
    )
    .into_bytes()
}

fn read(criterion: &mut Criterion) {
    let (full, none) = (message(FIELD), message(""));
    let read = |message: &[u8]| smtpapi::read(black_box(message)).expect("valid");
    assert!(read(&full).is_some_and(|request| request.tags.len() == 4));
    criterion.bench_function("smtpapi, all of it", |bencher| bencher.iter(|| read(&full)));
    criterion.bench_function("smtpapi, no field", |bencher| bencher.iter(|| read(&none)));
}

criterion_group!(benches, read);
criterion_main!(benches);
