//! Variables of a session as trusted peers see them, with what the configuration presets.

use crate::support::{mailwake::Installation, smtp::Session, upstream::Upstream};

/// A gateway that presets variables for its socket, and others for two networks of peers.
fn install(upstream: &Upstream) -> Installation {
    let installation = Installation::new(upstream.port);
    let address = format!("127.0.0.1:{}", installation.gateway_port);
    let trusted = "xremoteip_from = [\"127.0.0.1\"]\nxdumpcontext_from = [\"127.0.0.1\"]\n\
                   xsetcontext_from = [\"127.0.0.1\"]\n";
    installation.set(&format!("listen = \"{address}\"\n"), trusted);
    let table = format!("[gateway.listen.\"{address}\"");
    let tables = format!(
        "{table}]\ncontext = {{ mo_customer_id = \"1\", note = \"preset\" }}\n\
         {table}.peer.\"192.0.2.0/24\"]\ncontext = {{ mo_customer_id = \"7\", color = \"red\" }}\n\
         [tracker]\n"
    );
    installation.set("[tracker]\n", &tables);
    installation
}

fn dump(session: &mut Session) -> String {
    let reply = session.command("XDUMPCONTEXT").expect("a reply");
    assert_eq!(reply.code, 250, "{reply:?}");
    reply.text.replace("[connection] ", "").replace("\nXDUMPCONTEXT complete", "")
}

#[test]
fn presets_go_with_the_address_of_the_client() {
    let upstream = Upstream::start();
    let installation = install(&upstream);
    let serving = installation.serve();
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let mut say = |line: &str| {
        assert_eq!(session.command(line).expect("a reply").code, 250, "{line}");
        dump(&mut session)
    };
    assert_eq!(say("NOOP"), "mo_customer_id 1\nnote preset");
    assert_eq!(say("XSETCONTEXT size=2"), "mo_customer_id 1\nnote preset\nsize 2");
    let of_peer = "color red\nmo_customer_id 7\nnote preset\nsize 2";
    assert_eq!(say("XREMOTEIP 192.0.2.7"), of_peer, "the socket's note is the peer's as well");
    assert_eq!(say("XREMOTEIP 192.0.2.8"), of_peer);
    assert_eq!(say("XSETCONTEXT color=blue"), of_peer.replace("red", "blue"));
    let of_socket = "color blue\nmo_customer_id 1\nnote preset\nsize 2";
    assert_eq!(say("XREMOTEIP 198.51.100.1"), of_socket);
    assert!(serving.stop().success());
}
