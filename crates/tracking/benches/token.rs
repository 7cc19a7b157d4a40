//! What a link costs: sealing at the gateway, opening at the tracker.

use criterion::{Criterion, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use tracking::{
    ids::{MessageId, Timestamp},
    token::{Engagement, Link, Opener, Sealer, key::KeyRing},
};

const TARGET: &str = "https://shop.example/products/winter-boots?utm_source=newsletter&utm_medium=email&utm_campaign=november-2026";

fn link(engagement: Engagement) -> Link {
    Link {
        link_index: 7,
        ..Link::new(MessageId::new(Timestamp(1_795_233_600_123), [1, 2, 3, 4, 5]), engagement)
    }
}

fn tokens(criterion: &mut Criterion) {
    let keys = Arc::new(KeyRing::generate([7; 32], "2026-11-21"));
    let (mut sealer, mut opener) = (Sealer::new(keys.clone()), Opener::new(keys));
    let click = link(Engagement::Click { target_url: TARGET.into() });
    for (name, link) in [("open pixel", link(Engagement::Open)), ("click", click)] {
        let token = sealer.seal(&link, None).expect("short enough");
        criterion.bench_function(&format!("token/seal/{name}"), |bencher| {
            bencher.iter(|| sealer.seal(black_box(&link), None));
        });
        criterion.bench_function(&format!("token/open/{name}"), |bencher| {
            bencher.iter(|| opener.open(black_box(&token), ""));
        });
        let forged = format!("{}A", &token[..token.len() - 1]);
        criterion.bench_function(&format!("token/refuse/{name}"), |bencher| {
            bencher.iter(|| opener.open(black_box(&forged), ""));
        });
    }
}

criterion_group!(benches, tokens);
criterion_main!(benches);
