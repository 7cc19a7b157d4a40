//! A message with an AMP part: what is done there are events of its own.

use super::load::{Client, fresh_link, keys};
use crate::support::{
    PATIENCE, http, mailwake::Installation, message, smtp::Session, upstream::Upstream, wait_for,
};
use tracking::token::{Engagement, Link, Sealer};

const TARGET: &str = "https://shop.example/sale?a=1";

const CONTENT: &str = "From: news@shop.example\r\nTo: ann@example.com\r\nSubject: sale\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/x-amp-html; charset=utf-8\r\n\r\n\
    <!doctype html><html amp4email><head><meta charset=\"utf-8\"></head>\
    <body><a href=\"https://shop.example/sale?a=1\">sale</a></body></html>\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
    <body><a href=\"https://shop.example/sale?a=1\">sale</a></body>\r\n--b--\r\n";

#[test]
fn clicks_in_the_amp_part_are_told_from_those_in_the_html_part() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    installation.set("click_tracking = true", "click_tracking = true\namp = true");
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let reply = session.send("news@shop.example", "ann@example.com", CONTENT.as_bytes());
    assert_eq!(reply.expect("a reply").code, 250);
    let mail = upstream.messages().pop().expect("a message");
    let part = |media_type| message::part(&mail, media_type);
    let (amp, html) = (part("text/x-amp-html"), part("text/html"));
    // The links of this installation do not lead to https, so there is no pixel: an AMP part
    // with one would not be shown.
    assert!(!String::from_utf8_lossy(&amp).contains("amp-img"));
    for part in [&amp, &html] {
        let link = message::attributes(part, "href").remove(0);
        let answer = http::get(&link);
        assert_eq!((answer.status, answer.field("location")), (302, TARGET));
    }
    let pixel = Link { is_amp: true, ..fresh_link(Engagement::Open) };
    let token = Sealer::new(keys(&installation)).seal(&pixel, None).expect("short enough");
    let mut client = Client::connect(&installation).expect("a connection");
    assert_eq!(client.get(&format!("/{token}")).expect("an answer").status, 200);

    let of_type = |name: &str| installation.events(&["--type", name]).len();
    wait_for("the events", PATIENCE, || {
        let counts = ["amp_click", "click", "amp_open"].map(of_type);
        (counts == [1, 1, 1]).then_some(())
    });
    let reception = installation.events(&["--type", "reception"]).remove(0);
    assert_eq!(reception["amp_enabled"], true, "{reception}");
    let clicks = installation.report()["counters"]["clicks"].take();
    assert_eq!((clicks["total"].as_u64(), clicks["unique"].as_u64()), (Some(2), Some(1)));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
