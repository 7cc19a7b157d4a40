//! A mail that went through the gateway, in Chromium: its pixel is drawn once, its link lands,
//! and the page that unsubscribes can be read and used by everybody.

use crate::support::{
    PATIENCE, free_port, is_left_out,
    mailwake::Installation,
    message::{attributes, part, value},
    mta::programs,
    process::run,
    say,
    sink::Sink,
    smtp::Session,
    wait_for,
};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    thread,
};

const CHROMIUM: &str = "/usr/bin/chromium";

fn is_without_browser(test: &str) -> bool {
    let modules = programs().join("node_modules");
    let missing =
        [Path::new(CHROMIUM).to_owned(), modules.join("playwright-core"), modules.join("axe-core")]
            .into_iter()
            .find(|program| !program.exists());
    if let Some(program) = &missing {
        say(&format!("NOT RUN: {test} (there is no {})", program.display()));
    }
    missing.is_some()
}

/// A shop where the link of the mail lands, at this port.
fn shop(port: u16) {
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|octets| octets > 2) {}
            let page = "<!DOCTYPE html><title>the shop</title>";
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{page}",
                page.len()
            );
            // A browser may have gone already.
            stream.get_mut().write_all(answer.as_bytes()).ok();
        }
    });
}

/// Sends a mail with a link to this URL, and gives the copy that arrives.
fn send(installation: &Installation, sink: &Sink, target: &str) -> Vec<u8> {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    for line in ["MAIL FROM:<news@shop.example>", "RCPT TO:<ann@example.com>", "DATA"] {
        session.command(line).expect("a reply");
    }
    let content = format!(
        "From: news@shop.example\r\nSubject: sale\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/html; charset=utf-8\r\n\r\n\
         <html><body><p>Hello.</p><a href=\"{target}\">sale</a></body></html>\r\n.\r\n"
    );
    session.push(content.as_bytes()).expect("a session");
    assert_eq!(session.reply().expect("a reply").code, 250);
    wait_for("the mail", PATIENCE, || sink.messages().into_iter().find(|one| !one.is_empty()))
}

/// What came of it in the store.
fn check_events(installation: &Installation) {
    for (name, number) in [("open", 1), ("click", 1), ("list_unsubscribe", 1)] {
        let events = wait_for(&format!("{name} in the store"), PATIENCE, || {
            let events = installation.events(&["--type", name]);
            (events.len() >= number).then_some(events)
        });
        assert_eq!(events.len(), number, "{name}");
    }
}

#[test]
fn mail_is_read_followed_and_left_in_a_browser() {
    let test = "e2e: Chromium";
    if is_left_out(test) || is_without_browser(test) {
        return;
    }
    let sink = Sink::start();
    let installation = Installation::new(sink.port);
    installation
        .set("click_tracking = true\n", "click_tracking = true\nlist_unsubscribe = \"add\"\n");
    let serving = installation.serve();
    let shop_port = free_port();
    shop(shop_port);
    let target = format!("http://127.0.0.1:{shop_port}/sale?a=1&b=2");
    let mail = send(&installation, &sink, &target);
    let html = part(&mail, "text/html");
    let file = installation.folder().join("mail.html");
    fs::write(&file, &html).expect("write the mail");
    let pixel = attributes(&html, "src").pop().expect("a pixel");
    let field = value(&mail, "List-Unsubscribe");
    let unsubscribe = field.trim_matches(['<', '>']);
    let screenshots = installation.folder().join("screenshots");
    fs::create_dir(&screenshots).expect("a folder");
    let asked = json!({
        "mail": file, "pixel": pixel, "unsubscribe": unsubscribe, "screenshots": screenshots,
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/e2e/browser.js");
    let modules = format!("NODE_PATH={}", programs().join("node_modules").display());
    let seen = run("env", "nodejs", [&modules, "node", script, &asked.to_string()]);
    let seen: Value = serde_json::from_str(&seen).expect("JSON");
    let read = json!({
        "pixels": 1,
        "image": { "isComplete": true, "width": 1 },
        "landed": { "url": target, "title": "the shop" },
    });
    assert_eq!(seen["read"], read);
    let looks = seen["look"].as_array().expect("a list");
    assert_eq!(looks.len(), 16);
    for look in looks {
        let way = look["way"].as_str().expect("a text");
        let dir = if way.contains("ar-EG") { "rtl" } else { "ltr" };
        assert_eq!((&look["dir"], &look["isTooWide"]), (&json!(dir), &json!(false)), "{way}");
        assert_eq!(look["violations"], json!([]), "{way}");
    }
    assert_eq!(seen["leave"], json!({ "heading": "You have unsubscribed", "cookies": 0 }));
    check_events(&installation);
    if let Some(folder) = std::env::var_os("MAILWAKE_SCREENSHOTS") {
        let copy = |entry: fs::DirEntry| {
            fs::copy(entry.path(), Path::new(&folder).join(entry.file_name()))
        };
        for entry in fs::read_dir(&screenshots).expect("list screenshots") {
            copy(entry.expect("a screenshot")).expect("copy a screenshot");
        }
    }
    drop(serving);
}
