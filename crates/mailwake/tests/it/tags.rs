//! Tags of the system in Cassandra, against a double of it (`support::cassandra`).

use crate::support::cassandra::Cassandra;
use mailwake::stores::tags::{
    TagStore,
    cassandra::{CassandraConfig, CassandraTags},
};
use std::{net::TcpListener, time::Duration};

fn config(contact_point: String) -> CassandraConfig {
    CassandraConfig {
        contact_points: vec![contact_point],
        keyspace: "mailwake".into(),
        login: None,
        timeout: Duration::from_secs(20),
    }
}

fn store(cassandra: &Cassandra, tags_max: usize) -> CassandraTags {
    CassandraTags::new(config(cassandra.address()), tags_max)
}

#[tokio::test]
async fn gateways_share_tags_in_cassandra() {
    let cassandra = Cassandra::start();
    let (one, other) = (store(&cassandra, 3), store(&cassandra, 3));
    assert_eq!(one.all().await.expect("tags"), Vec::<String>::new());
    assert_eq!(one.admit("spring").await.expect("tags"), ["spring"]);
    assert_eq!(other.admit("ö \" '").await.expect("tags"), ["spring", "ö \" '"]);
    assert_eq!(one.admit("third").await.expect("tags"), ["spring", "ö \" '", "third"]);
    for store in [&one, &other] {
        assert_eq!(store.admit("fourth").await.expect("tags").len(), 3);
        assert_eq!(store.admit("spring").await.expect("tags").len(), 3);
    }
    assert_eq!(cassandra.tags(), ["spring", "ö \" '", "third"]);
    let later = store(&cassandra, 3);
    assert_eq!(later.all().await.expect("tags"), cassandra.tags());
}

#[tokio::test(flavor = "multi_thread")]
async fn gateways_at_the_same_time_give_a_place_to_one_tag() {
    let cassandra = Cassandra::start();
    let admitting = (0..4).map(|gateway| {
        let store = store(&cassandra, 10);
        tokio::spawn(async move {
            for number in 0..8 {
                let tag = format!("{}", (gateway + number) % 16);
                let tags = store.admit(&tag).await.expect("tags");
                assert!(tags.len() <= 10, "{tags:?}");
            }
        })
    });
    for gateway in admitting.collect::<Vec<_>>() {
        gateway.await.expect("a gateway");
    }
    let mut tags = cassandra.tags();
    assert_eq!(tags.len(), 10);
    tags.sort();
    tags.dedup();
    assert_eq!(tags.len(), 10, "a tag has two places");
}

#[tokio::test]
async fn a_cluster_that_asks_for_a_password_gets_it() {
    let cassandra = Cassandra::start();
    cassandra.ask_for("mailwake", "secret");
    let login = |password: &str| Some(("mailwake".to_owned(), password.to_owned()));
    let right = CassandraConfig { login: login("secret"), ..config(cassandra.address()) };
    assert!(!format!("{right:?}").contains("secret"));
    let store = CassandraTags::new(right, 3);
    assert_eq!(store.admit("spring").await.expect("tags"), ["spring"]);
    let wrong = CassandraConfig { login: login("guess"), ..config(cassandra.address()) };
    let error = CassandraTags::new(wrong, 3).all().await.expect_err("a refusal");
    assert!(!error.to_string().contains("guess"), "{error}");
}

#[tokio::test]
async fn a_cluster_that_was_down_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let store = CassandraTags::new(config(address.to_string()), 3);
    store.all().await.expect_err("nobody listens");
    let cassandra = Cassandra::listen(TcpListener::bind(address).expect("the same port"));
    assert_eq!(store.admit("spring").await.expect("tags"), ["spring"]);
    assert_eq!(cassandra.executed(), 2);
}

#[tokio::test]
async fn a_cluster_that_falls_silent_is_not_waited_for() {
    let cassandra = Cassandra::start();
    let config =
        CassandraConfig { timeout: Duration::from_millis(100), ..config(cassandra.address()) };
    let store = CassandraTags::new(config, 3);
    store.all().await.expect("tags");
    cassandra.be_silent(true);
    store.admit("spring").await.expect_err("silence");
    cassandra.be_silent(false);
    assert_eq!(store.admit("spring").await.expect("tags"), ["spring"]);
}
