//! Keys change while mail is out: new links carry the new key, old ones stay good.

use super::{TARGET, last_link, send};
use crate::support::{PATIENCE, http, mailwake::Installation, upstream::Upstream, wait_for};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

#[test]
fn rotated_keys_seal_new_links_and_old_ones_still_redirect() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let link_of_next_mail = || {
        let reply = send(&installation, "ann@example.com");
        assert_eq!(reply.code, 250, "{reply:?}");
        last_link(&upstream)
    };
    let old = link_of_next_mail();
    installation.rotate_keys();
    assert_eq!(key_of(&link_of_next_mail()), key_of(&old), "a key before SIGHUP");
    serving.reload();
    let new = wait_for("a link with the new key", PATIENCE, || {
        let link = link_of_next_mail();
        (key_of(&link) != key_of(&old)).then_some(link)
    });
    for link in [&old, &new] {
        let answer = http::get(link);
        assert_eq!((answer.status, answer.field("location")), (302, TARGET), "{link}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");

    // The same holds for a process that starts with the new ring.
    let serving = installation.serve();
    assert_eq!(http::get(&old).status, 302);
    assert_eq!(key_of(&link_of_next_mail()), key_of(&new));
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// With several trackers, a key is known everywhere before it seals anywhere.
#[test]
fn a_staged_key_seals_when_it_is_activated() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let serving = installation.serve();
    let link_of_next_mail = || {
        assert_eq!(send(&installation, "ann@example.com").code, 250);
        last_link(&upstream)
    };
    let reloads = || serving.log().matches("were reloaded").count();
    let reload = || {
        let before = reloads();
        serving.reload();
        wait_for("the reload", PATIENCE, || (reloads() > before).then_some(()));
    };
    assert!(installation.keys(&["add"]).contains("key 2 is staged"));
    reload();
    let old = link_of_next_mail();
    assert_eq!(key_of(&old), 1);
    let listed = installation.keys(&["list"]);
    assert!(listed.contains(" 1  active") && listed.contains(" 2  staged"), "{listed}");

    assert!(installation.keys(&["activate", "2"]).contains("key 2 seals from now on"));
    reload();
    let new = link_of_next_mail();
    assert_eq!(key_of(&new), 2);
    for link in [&old, &new] {
        assert_eq!(http::get(link).field("location"), TARGET, "{link}");
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// The key id in a link: the lower five bits of its token's first octet.
fn key_of(link: &str) -> u8 {
    let (_, token) = link.rsplit_once('/').expect("a path");
    BASE64_URL_SAFE_NO_PAD.decode(token).expect("a token")[0] & 0b1_1111
}
