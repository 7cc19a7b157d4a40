//! The recipes of docs/recipes.md with a real Postfix: the very files of `etc/`, with other
//! ports.

use crate::{
    layering::{crates, read},
    support::{
        PATIENCE, free_port, is_left_out, mailwake::Installation, message, postfix::Postfix,
        smtp::Session, wait_for,
    },
};
use std::collections::BTreeSet;

const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";

fn example(file: &str) -> String {
    read(&crates().join("../etc").join(file))
}

/// A Postfix with the entries of a recipe, and the mailwake that goes with it.
fn install(master_cf: &str, main_cf: &str) -> (Postfix, Installation) {
    let back = free_port();
    let installation = Installation::new(back);
    installation.set_example(&example("postfix/mailwake.toml"), ("127.0.0.1:10026", back));
    let postfix = Postfix::start_services(
        &[ANN, BOB],
        |_folder| main_cf.to_owned(),
        |port| {
            let gateway = installation.gateway_port;
            example(master_cf)
                .replace("\nsmtp ", &format!("\n127.0.0.1:{port} "))
                .replace("127.0.0.1:10026", &format!("127.0.0.1:{back}"))
                .replace("127.0.0.1:2525", &format!("127.0.0.1:{gateway}"))
                .replace("[127.0.0.1]:2525", &format!("[127.0.0.1]:{gateway}"))
        },
    );
    (postfix, installation)
}

/// Sends one message to two recipients by Postfix, and gives the code of the last reply.
fn send(postfix: &Postfix, subject: &str) -> u16 {
    let mut session = Session::open(postfix.port).expect("a session");
    let content = format!(
        "From: news@shop.example\r\nSubject: {subject}\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html\r\n\r\n\
         <html><body><a href=\"https://shop.example/\">sale</a></body></html>\r\n.\r\n"
    );
    for (line, code) in [
        ("MAIL FROM:<news@shop.example>".to_owned(), 250),
        (format!("RCPT TO:<{ANN}>"), 250),
        ("RCPT TO:<nobody@example.com>".to_owned(), 550),
        (format!("RCPT TO:<{BOB}>"), 250),
        ("DATA".to_owned(), 354),
    ] {
        let reply = session.command(&line).expect("a reply");
        assert_eq!(reply.code, code, "{line}: {reply:?}");
    }
    session.push(content.as_bytes()).expect("a session");
    session.reply().expect("a reply").code
}

/// Each recipient has each message once, with a link and an id that are nobody else's.
fn check_mails(postfix: &Postfix, installation: &Installation, subjects: &[&str]) {
    let mut ids = BTreeSet::new();
    for recipient in [ANN, BOB] {
        let mails = postfix.wait_for_mail(recipient, subjects.len());
        let found: Vec<_> = mails.iter().map(|mail| message::value(mail, "Subject")).collect();
        assert_eq!(found, subjects, "mails to {recipient}");
        for mail in mails {
            let links = message::attributes(&message::part(&mail, "text/html"), "href");
            assert!(links[0].starts_with(&installation.tracking_url), "{links:?}");
            // Only one field: it has not gone round twice.
            assert_eq!(message::values(&mail, "X-Sp-Message-Id").len(), 1);
            assert!(ids.insert(message::value(&mail, "X-Sp-Message-Id")), "an id twice");
        }
    }
    let receptions = wait_for("every reception in the store", PATIENCE, || {
        let events = installation.events(&["--type", "reception"]);
        (events.len() >= ids.len()).then_some(events)
    });
    let recorded: BTreeSet<_> =
        receptions.iter().filter_map(|event| event["message_id"].as_str()).collect();
    assert_eq!(recorded, ids.iter().map(String::as_str).collect());
}

#[test]
fn before_the_queue_of_postfix() {
    if is_left_out("e2e: recipe before the queue") {
        return;
    }
    let (postfix, installation) = install("postfix/before-queue.master.cf", "");
    let serving = installation.serve();
    assert_eq!(send(&postfix, "first"), 250);
    check_mails(&postfix, &installation, &["first"]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    // Nothing is taken that cannot be passed on.
    let mut session = Session::open(postfix.port).expect("a session");
    let reply = session.send("news@shop.example", ANN, b"Subject: x\r\n\r\nx\r\n");
    assert_eq!(reply.expect("a reply").code / 100, 4);
}

#[test]
fn behind_the_queue_of_postfix() {
    if is_left_out("e2e: recipe behind the queue") {
        return;
    }
    let main_cf = example("postfix/after-queue.main.cf");
    let (postfix, installation) = install("postfix/after-queue.master.cf", &main_cf);
    let serving = installation.serve();
    assert_eq!(send(&postfix, "first"), 250);
    check_mails(&postfix, &installation, &["first"]);
    // Postfix keeps what comes while mailwake is down.
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    assert_eq!(send(&postfix, "second"), 250);
    wait_for("Postfix to defer both", PATIENCE, || {
        (postfix.maillog().matches("status=deferred").count() >= 2).then_some(())
    });
    let serving = installation.serve();
    postfix.flush();
    check_mails(&postfix, &installation, &["first", "second"]);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
