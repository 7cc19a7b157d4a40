//! Content in chunks, before a real Postfix.

use crate::support::{
    is_left_out, mailwake::Installation, message, postfix::Postfix, smtp::Session,
};

const ANN: &str = "ann@example.com";

#[test]
fn chunks_arrive() {
    if is_left_out("e2e: BDAT") {
        return;
    }
    let postfix = Postfix::start(&[ANN]);
    let installation = Installation::new(postfix.port);
    let serving = installation.serve();
    let mut session = Session::connect(installation.gateway_port).expect("a greeting");
    let offered = session.command("EHLO client.example.com").expect("a reply").text;
    assert!(offered.contains("CHUNKING"), "{offered}");
    assert!(!offered.contains("BINARYMIME"), "Postfix does not offer it: {offered}");
    let html = "<html><body><a href=\"https://shop.example/\">sale</a></body></html>\r\n";
    for (number, body) in [(1, ""), (2, " BODY=8BITMIME")] {
        let content = format!(
            "Subject: {number}\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n{html}"
        );
        let (first, second) = content.split_at(30);
        let commands = format!(
            "MAIL FROM:<news@shop.example>{body}\r\nRCPT TO:<{ANN}>\r\nBDAT {}\r\n{first}\
             BDAT {} LAST\r\n{second}",
            first.len(),
            second.len()
        );
        session.push(commands.as_bytes()).expect("a session");
        for _ in 0..4 {
            let reply = session.reply().expect("a reply");
            assert_eq!(reply.code, 250, "{reply:?}");
        }
        let mail = postfix.wait_for_mail(ANN, number).pop().expect("a mail");
        assert_eq!(message::value(&mail, "Subject"), number.to_string());
        let links = message::attributes(&message::part(&mail, "text/html"), "href");
        assert!(links[0].starts_with(&installation.tracking_url), "{links:?}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
