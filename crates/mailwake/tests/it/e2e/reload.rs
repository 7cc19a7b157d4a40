//! SIGHUP: the configuration is read again, links that are out stay good.

use crate::support::{
    PATIENCE, http, is_left_out, mailwake::Installation, message, postfix::Postfix, smtp::Session,
    wait_for,
};

const ANN: &str = "ann@example.com";
const TARGET: &str = "https://shop.example/sale";

#[test]
fn sighup_turns_tracking_off_and_old_links_still_redirect() {
    if is_left_out("e2e: reload") {
        return;
    }
    let postfix = Postfix::start(&[ANN]);
    let installation = Installation::new(postfix.port);
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let mut delivered = 0;
    let mut link_of_next_mail = || {
        let html = format!(
            "From: news@shop.example\r\nSubject: sale\r\nMIME-Version: 1.0\r\n\
             Content-Type: text/html\r\n\r\n\
             <html><body><a href=\"{TARGET}\">sale</a></body></html>\r\n"
        );
        let reply = session.send("news@shop.example", ANN, html.as_bytes()).expect("a reply");
        assert_eq!(reply.code, 250, "{reply:?}");
        delivered += 1;
        let mail = postfix.wait_for_mail(ANN, delivered).pop().expect("a mail");
        message::attributes(&message::part(&mail, "text/html"), "href").remove(0)
    };

    let tracked = link_of_next_mail();
    assert!(tracked.starts_with(&installation.tracking_url), "{tracked}");
    installation.set("click_tracking = true", "click_tracking = false");
    serving.reload();
    wait_for("a mail without tracked links", PATIENCE, || {
        (link_of_next_mail() == TARGET).then_some(())
    });
    let answer = http::get(&tracked);
    assert_eq!((answer.status, answer.field("location")), (302, TARGET));

    // A configuration with a mistake is refused as a whole: what was running goes on.
    installation.set("click_tracking = false", "click_traking = true");
    serving.reload();
    wait_for("the mistake to be told", PATIENCE, || {
        serving.log().contains("click_traking").then_some(())
    });
    assert_eq!(link_of_next_mail(), TARGET);
}
