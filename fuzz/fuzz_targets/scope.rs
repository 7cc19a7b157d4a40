//! What senders, peers and scripts say of tracking: any value of each context variable, and
//! any From. What is taken makes tracking URLs that are such, whatever they are made of.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use tracking::{
    context::{Context, Lifetime},
    copy::Settings,
    link::TrackingUrl,
    scope::{Layer, SenderPattern, sender_domain},
};

const VARIABLES: [&str; 6] = [
    "smtpapi_open_tracking",
    "smtpapi_click_tracking",
    "smtpapi_open_tracking_scheme",
    "smtpapi_click_tracking_scheme",
    "smtpapi_tracking_domain",
    "smtpapi_tracking_link_expiry",
];

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input);
    let values = text.split('\0').chain(std::iter::repeat(&*text));
    let mut context = Context::default();
    for (name, value) in VARIABLES.into_iter().zip(values) {
        if context.set(Lifetime::Message, name, value).is_err() {
            return;
        }
    }
    let (layer, wrong) = Layer::of_context(&context);
    assert!(wrong.iter().all(|wrong| VARIABLES.contains(&wrong.name)));
    let sender = sender_domain(&[b"From: ", input, b"\r\n\r\n"].concat(), "");
    let senders = Layer {
        tracking_domain_by_sender: sender.parse::<SenderPattern>().ok().map(|pattern| {
            let domain = layer
                .tracking_domain
                .clone()
                .unwrap_or_else(|| "track.example.com".parse().expect("it is a tracking domain"));
            Arc::new([(pattern, domain)].into_iter().collect())
        }),
        ..Layer::default()
    };
    let settings = Arc::new(Settings::default()).under(&senders).for_sender(&sender, "");
    for settings in [settings.under(&layer), settings] {
        for url in [&settings.tracking_urls.open, &settings.tracking_urls.click] {
            assert_eq!(url.as_str().parse::<TrackingUrl>().as_ref(), Ok(url));
        }
        assert!((1..=36_500).contains(&settings.link_expiry_days));
    }
});
