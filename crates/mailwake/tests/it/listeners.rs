//! Several listeners in one process, as their clients and their operator see them.

use crate::support::{
    PATIENCE, free_port, mailwake::Installation, message, smtp::Session, upstream::Upstream,
    wait_for,
};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

const ANN: &str = "ann@example.com";
const TARGET: &str = "https://shop.example/sale";

/// Adds `[gateway.listener.bulk]`, which tracks no clicks.
fn add_bulk(installation: &Installation, upstream_port: u16) -> u16 {
    let port = free_port();
    installation.set(
        "[tracker]\n",
        &format!(
            "[gateway.listener.bulk]\nlisten = \"127.0.0.1:{port}\"\n\
             upstream = \"127.0.0.1:{upstream_port}\"\n\
             [gateway.listener.bulk.engagement]\nclick_tracking = false\n[tracker]\n"
        ),
    );
    port
}

/// Sends a message with a link, and gives where the link of its copy leads.
fn link_through(port: u16, upstream: &Upstream) -> String {
    let before = upstream.messages().len();
    let mut session = Session::open(port).expect("a session");
    let content = format!(
        "Subject: sale\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
         <html><body><a href=\"{TARGET}\">sale</a></body></html>\r\n"
    );
    let reply = session.send("news@shop.example", ANN, content.as_bytes()).expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    assert_eq!(session.command("QUIT").expect("a reply").code, 221);
    let messages = upstream.messages();
    assert_eq!(messages.len(), before + 1, "it went to another upstream");
    let html = message::part(&messages[before], "text/html");
    message::attributes(&html, "href").remove(0)
}

#[test]
fn each_listener_has_its_own_upstream_options_and_limits() {
    let (first, second) = (Upstream::start(), Upstream::start());
    let installation = Installation::new(first.port);
    let bulk_port = add_bulk(&installation, second.port);
    installation.set("[gateway.listener.bulk]\n", "[gateway.listener.bulk]\nsessions_max = 1\n");
    let serving = installation.serve();
    assert!(
        link_through(installation.gateway_port, &first).starts_with(&installation.tracking_url)
    );
    assert_eq!(link_through(bulk_port, &second), TARGET);

    let series = |metric: &str, listener: &str| {
        installation.metric(&format!("mailwake_gateway_{metric}{{listener=\"{listener}\"}}"))
    };
    assert_eq!(series("messages_total", "default"), 1.0);
    assert_eq!(series("messages_total", "bulk"), 1.0);
    let log = serving.log();
    let line = log.lines().rfind(|line| line.contains("message passed upstream"));
    assert!(line.is_some_and(|line| line.contains("listener=\"bulk\"")), "{log}");

    wait_for("the end of the first session", PATIENCE, || {
        (series("sessions_open", "bulk") == 0.0).then_some(())
    });
    let _one = Session::open(bulk_port).expect("a session");
    assert!(Session::open(bulk_port).is_err(), "one session has all its places");
    Session::open(installation.gateway_port).expect("there is place elsewhere");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn sighup_changes_the_options_of_each_listener() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let bulk_port = add_bulk(&installation, upstream.port);
    let serving = installation.serve();
    assert_eq!(link_through(bulk_port, &upstream), TARGET);
    // What stands above is changed as well: the listener's own goes before it.
    installation.set("click_tracking = true", "click_tracking = false");
    installation.set(
        "[gateway.listener.bulk.engagement]\nclick_tracking = false",
        "[gateway.listener.bulk.engagement]\nclick_tracking = true",
    );
    serving.reload();
    wait_for("a tracked link", PATIENCE, || {
        (link_through(bulk_port, &upstream) != TARGET).then_some(())
    });
    assert_eq!(link_through(installation.gateway_port, &upstream), TARGET);
    // One under another name is a new one, and the old one goes on as it is.
    installation.set("[gateway.listener.bulk", "[gateway.listener.mass");
    serving.reload();
    wait_for("what needs a restart to be told", PATIENCE, || {
        let log = serving.log();
        let is_told = |text: &str| log.lines().any(|line| line.contains(text));
        (is_told("a new listener needs a restart") && is_told("to go needs a restart"))
            .then_some(())
    });
    assert_ne!(link_through(bulk_port, &upstream), TARGET);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn check_config_tells_what_each_listener_will_do() {
    let installation = Installation::new(25);
    let bulk_port = add_bulk(&installation, 26);
    let told = installation.run(&["check-config"]);
    let url = &installation.tracking_url;
    for line in [
        format!(
            "  gateway, listener \"default\": 127.0.0.1:{} (none) before 127.0.0.1:25 (none)\n\
             \x20   tracks opens, clicks; links at {url}/\n",
            installation.gateway_port
        ),
        format!(
            "  gateway, listener \"bulk\": 127.0.0.1:{bulk_port} (none) before 127.0.0.1:26 (none)\n\
             \x20   tracks opens; links at {url}/\n"
        ),
    ] {
        assert!(told.contains(&line), "no\n{line}in\n{told}");
    }
}

/// An address that is taken ends the start before anything has begun.
#[test]
fn nothing_runs_when_an_address_is_taken() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let bulk_port = add_bulk(&installation, upstream.port);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, bulk_port)).expect("a free port");
    let told = installation.run_failing(&["serve"]);
    assert!(
        told.contains(&format!("127.0.0.1:{bulk_port} (gateway.listener.bulk.listen)")),
        "{told}"
    );
    assert!(!told.contains("is ready") && !installation.data().join("log").exists(), "{told}");
    drop(taken);
    let serving = installation.serve();
    TcpStream::connect((Ipv4Addr::LOCALHOST, bulk_port)).expect("it listens");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}
