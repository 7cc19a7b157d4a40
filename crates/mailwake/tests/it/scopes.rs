//! Scopes as senders and operators see them: sockets, peers and pathways of one listener.

use crate::support::{
    PATIENCE, free_port, mailwake::Installation, message, smtp::Session, upstream::Upstream,
    wait_for,
};
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
};

const ANN: &str = "ann@example.com";
const TARGET: &str = "https://shop.example/sale";

/// Sends a message with a link, and gives where the link and the pixel of its copy lead.
fn send(session: &mut Session, upstream: &Upstream, from: &str, header: &str) -> (String, String) {
    let before = upstream.messages().len();
    let content = format!(
        "From: Shop <{from}>\r\n{header}MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
         <html><body><a href=\"{TARGET}\">sale</a></body></html>\r\n"
    );
    let reply = session.send("bounces@example.net", ANN, content.as_bytes()).expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    let messages = upstream.messages();
    assert_eq!(messages.len(), before + 1);
    let html = message::part(&messages[before], "text/html");
    let pixel = message::attributes(&html, "src").pop().unwrap_or_default();
    (message::attributes(&html, "href").remove(0), pixel)
}

/// Adds tables before `[tracker]`.
fn add(installation: &Installation, tables: &str) {
    installation.set("[tracker]\n", &format!("{tables}\n[tracker]\n"));
}

/// The example of Momentum's documentation: two sockets, opens off and clicks on.
#[test]
fn documented_example_listens_at_two_sockets() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let v4 = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let v6 = SocketAddr::from((Ipv6Addr::LOCALHOST, free_port()));
    add(
        &installation,
        &format!(
            "[gateway.listener.smtp]\nlisten = [\"{v4}\", \"{v6}\"]\nsessions_max = 1\n\
             engagement = {{ open_tracking = false, click_tracking = true }}\n"
        ),
    );
    let serving = installation.serve();
    for address in [v4, v6] {
        let mut session = Session::open_at(address).expect("a session");
        let (link, pixel) = send(&mut session, &upstream, "a@shop.example", "");
        assert!(link.starts_with(&installation.tracking_url), "{address} {link}");
        assert_eq!(pixel, "", "{address}");
        // The message decides for itself.
        let header =
            "X-MSYS-API: {\"options\":{\"open_tracking\":true,\"click_tracking\":false}}\r\n";
        let (link, pixel) = send(&mut session, &upstream, "a@shop.example", header);
        assert_eq!(link, TARGET, "{address}");
        assert!(pixel.starts_with(&installation.tracking_url), "{address} {pixel}");
        // The sockets have the listener's limits together.
        assert!(Session::open_at(if address == v4 { v6 } else { v4 }).is_err());
        assert_eq!(session.command("QUIT").expect("a reply").code, 221);
        wait_for("the end of the session", PATIENCE, || {
            let open = installation.metric("mailwake_gateway_sessions_open{listener=\"smtp\"}");
            (open == 0.0).then_some(())
        });
    }
    let messages = installation.metric("mailwake_gateway_messages_total{listener=\"smtp\"}");
    assert_eq!(messages, 4.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// A listener with peers and pathways; its port, and what it is told.
fn add_tree(installation: &Installation) -> SocketAddr {
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    let socket = format!("[gateway.listener.app.listen.\"{listen}\"");
    add(
        installation,
        &format!(
            "[engagement.tracking_domain_by_sender]\n\"*.shop.example\" = \"t.shop.example\"\n\
             [gateway.listener.app]\n\
             xclient_from = [\"127.0.0.1\"]\nxremoteip_from = [\"127.0.0.1\"]\nxsetcontext_from = [\"127.0.0.1\", \"10.0.0.0/8\"]\n\
             xdumpcontext_from = [\"127.0.0.1\", \"10.0.0.0/8\"]\n\
             {socket}]\ncontext = {{ mo_customer_id = \"acme\", team = \"all\" }}\n\
             {socket}.peer.\"10.0.0.0/8\"]\npathway = \"internal\"\ncontext = {{ team = \"ten\" }}\n\
             {socket}.peer.\"10.1.0.0/16\".engagement]\ntracking_domain = \"peer.example:8443\"\n\
             [pathway.internal]\nclick_tracking = false\n\
             [pathway_group.brands]\nopen_tracking_scheme = \"https\"\n\
             [pathway_group.brands.pathway.shop]\ntracking_domain = \"brand.example\"\n"
        ),
    );
    listen
}

/// Says that another client is there, as a trusted proxy does.
fn speak_for(session: &mut Session, address: &str) {
    let reply = session.command(&format!("XCLIENT ADDR={address}")).expect("a reply");
    assert_eq!(reply.code, 220, "{reply:?}");
    assert_eq!(session.command("EHLO client.example.com").expect("a reply").code, 250);
}

#[test]
fn peers_and_pathways_have_options_of_their_own() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let listen = add_tree(&installation);
    let serving = installation.serve();
    let url = format!("{}/", installation.tracking_url);
    let check = |session: &mut Session, from: &str, link: &str, pixel: &str| {
        let seen = send(session, &upstream, from, "");
        let begins =
            |seen: &str, wanted: &str| seen.starts_with(wanted) && seen.len() > wanted.len();
        assert!(seen.0 == link || begins(&seen.0, link), "{seen:?}");
        assert!(begins(&seen.1, pixel), "{seen:?}");
    };
    // Nothing in particular is said of this client; its sender may have a host of its own.
    let mut session = Session::open_at(listen).expect("a session");
    check(&mut session, "a@other.example", &url, &url);
    check(&mut session, "a@news.shop.example", "http://t.shop.example/", "http://t.shop.example/");
    // A pathway of its network, and the longest prefix.
    speak_for(&mut session, "10.9.9.9");
    check(&mut session, "a@other.example", TARGET, &url);
    let mut session = Session::open_at(listen).expect("a session");
    speak_for(&mut session, "10.1.2.3");
    let peer = "http://peer.example:8443/";
    check(&mut session, "a@other.example", peer, peer);
    check(&mut session, "a@news.shop.example", peer, peer);
    // Another pathway, which the connection chooses.
    let mut session = Session::open_at(listen).expect("a session");
    assert_eq!(session.command("XREMOTEIP 10.9.9.9").expect("a reply").code, 250);
    check(&mut session, "a@other.example", TARGET, &url);
    assert_eq!(session.command("XREMOTEIP 192.0.2.1").expect("a reply").code, 250);
    assert_eq!(session.command("XSETCONTEXT pathway=shop").expect("a reply").code, 250);
    check(&mut session, "a@other.example", "http://brand.example/", "https://brand.example/");
    for _ in 0..2 {
        assert_eq!(session.command("XSETCONTEXT pathway=nowhere").expect("a reply").code, 250);
        check(&mut session, "a@other.example", &url, &url);
    }
    assert_eq!(installation.metric("mailwake_gateway_pathways_unknown_total"), 2.0);
    let log = serving.log();
    assert_eq!(log.matches("a pathway was chosen in vain").count(), 1, "told once: {log}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
    let receptions = installation.events(&["--type", "reception"]);
    assert_eq!(receptions.len(), 9);
    for reception in receptions {
        assert_eq!(reception["customer_id"], "acme", "{reception}");
    }
}

#[test]
fn context_of_a_client_begins_with_what_the_configuration_says() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let listen = add_tree(&installation);
    let serving = installation.serve();
    let mut session = Session::open_at(listen).expect("a session");
    let dump =
        |session: &mut Session| format!("{:?}", session.command("XDUMPCONTEXT").expect("a reply"));
    let told = dump(&mut session);
    assert!(told.contains("mo_customer_id acme") && told.contains("team all"), "{told}");
    speak_for(&mut session, "10.9.9.9");
    let told = dump(&mut session);
    assert!(told.contains("mo_customer_id acme") && told.contains("team ten"), "{told}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn sighup_changes_peers_and_pathways_at_once() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let listen = add_tree(&installation);
    let serving = installation.serve();
    let mut session = Session::open_at(listen).expect("a session");
    speak_for(&mut session, "10.9.9.9");
    assert_eq!(send(&mut session, &upstream, "a@b.example", "").0, TARGET);
    installation.set("click_tracking = false", "tracking_domain = \"new.example\"");
    let other = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
    add(&installation, &format!("[gateway.listener.app.listen.\"{other}\"]\n"));
    serving.reload();
    // The session goes on, and its next message finds what is new.
    wait_for("the new pathway", PATIENCE, || {
        let (link, _) = send(&mut session, &upstream, "a@b.example", "");
        link.starts_with("http://new.example/").then_some(())
    });
    let needs_restart = |text: &str| {
        wait_for("what needs a restart to be told", PATIENCE, || {
            serving.log().contains(text).then_some(())
        });
    };
    needs_restart("a new socket needs a restart");
    // A socket that is gone from the configuration goes on as it is.
    installation.set(&format!("listen.\"{listen}\""), "listen.\"127.0.0.1:1\"");
    installation.set("tracking_domain = \"new.example\"", "tracking_domain = \"newer.example\"");
    serving.reload();
    needs_restart("a socket that is to go needs a restart");
    let (link, _) = send(&mut session, &upstream, "a@b.example", "");
    assert!(link.starts_with("http://new.example/"), "{link}");
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn explain_tells_what_counts_and_why() {
    let installation = Installation::new(25);
    let listen = add_tree(&installation);
    let listen = listen.to_string();
    let explain = |more: &[&str]| {
        let asked = ["check-config", "--explain", "--listener", "app", "--listen", &listen];
        installation.run(&[&asked[..], more].concat())
    };
    let check = |told: &str, key_and_value: &str, origin: &str| {
        let line = told.lines().find(|line| line.trim_start().starts_with(key_and_value));
        let seen = line.and_then(|line| line.rsplit_once(" # ")).map(|(_, origin)| origin);
        assert_eq!(seen, Some(origin), "{key_and_value} in\n{told}");
    };
    let told = explain(&["--client", "10.9.9.9", "--set", "smtpapi_open_tracking=0"]);
    assert!(
        told.starts_with(&format!("listener \"app\" at {listen}:\n  by pathway \"internal\"\n"))
    );
    check(&told, "click_tracking = false", "[pathway.internal]");
    check(&told, "open_tracking = false", "context variable smtpapi_open_tracking");
    check(&told, "initial_open_tracking = false", "context variable smtpapi_open_tracking");
    check(&told, "text_links = true", "default");
    check(&told, "tracking_url = ", "[engagement]");
    let told = explain(&["--client", "10.1.2.3", "--from", "a@b.shop.example"]);
    let peer =
        format!("[gateway.listener.app.listen.\"{listen}\".peer.\"10.1.0.0/16\"].engagement");
    check(&told, "tracking_domain = \"peer.example:8443\"", &peer);
    let told = explain(&["--from", "a@b.shop.example"]);
    let by_sender = "tracking_domain_by_sender of [engagement]";
    check(&told, "tracking_domain = \"t.shop.example\"", by_sender);
    let header = "{\"options\":\n{\"click_tracking\":true}}";
    let told = explain(&["--pathway", "shop", "--header", header]);
    check(&told, "click_tracking = true", "X-MSYS-API");
    check(&told, "open_tracking_scheme = \"https\"", "[pathway_group.brands]");
    check(&told, "tracking_domain = \"brand.example\"", "[pathway_group.brands.pathway.shop]");
    // What the command line says goes before the header of a message.
    let message = installation.folder().join("message.eml");
    let own = "{\"options\":{\"click_tracking\":false,\n \"open_tracking\":false}}";
    let content = format!("X-MSYS-API: {own}\nFrom: a@b.shop.example\n\nHi\n");
    fs::write(&message, content).expect("a file");
    let told = explain(&["--message", &message.to_string_lossy(), "--header", header]);
    check(&told, "click_tracking = true", "X-MSYS-API");
    check(&told, "open_tracking = false", "X-MSYS-API");
    check(&told, "tracking_domain = \"t.shop.example\"", by_sender);
    for (arguments, told) in [
        (["--header", "{"], "would be refused: 550 5.6.0 X-MSYS-API must be of type 'json object'"),
        (["--pathway", "none"], "pathway \"none\" is not taken"),
        (["--listener", "none"], "there is no such listener; there are \"default\" at "),
        (["--set", "smtpapi_open_tracking"], "must be NAME=VALUE"),
    ] {
        let asked = [&["check-config", "--explain"][..], &arguments].concat();
        let seen = installation.run_failing(&asked);
        assert!(seen.contains(told), "{seen}");
    }
}
