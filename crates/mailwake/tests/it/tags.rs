//! Tags of the system: in the file of a gateway, and in Cassandra, against a double of it
//! (`support::cassandra`).

use crate::support::{
    PATIENCE, cassandra::Cassandra, mailwake::Installation, smtp::Session, upstream::Upstream,
    wait_for,
};
use mailwake::stores::tags::{
    TagStore,
    cassandra::{CassandraConfig, CassandraTags},
};
use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

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

/// Sends a message with these tags.
fn say(installation: &Installation, tags: &str) {
    let mut session = Session::open(installation.gateway_port).expect("a session");
    let content = format!("X-MSYS-API: {{\"tags\": {tags}}}\r\nSubject: sale\r\n\r\nHello.\r\n");
    let reply = session.send("news@a.example", "ann@b.example", content.as_bytes());
    assert_eq!(reply.expect("a reply").code, 250);
}

fn is_counted(installation: &Installation, metric: &str, wanted: f64) {
    wait_for(metric, PATIENCE, || (installation.metric(metric) == wanted).then_some(()));
}

const IGNORED: &str = "mailwake_gateway_tags_ignored_total";
const UNDECIDED: &str = "mailwake_gateway_tags_undecided_total";

#[test]
fn tags_outlive_the_gateway() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let file = installation.data().join("tags");
    let known: String = (0..99).map(|number| format!("\"{number}\"\n")).collect();
    fs::write(&file, &known).expect("a file");
    let serving = installation.serve();
    say(&installation, r#"["0", "spring"]"#);
    assert!(serving.stop().success());
    assert_eq!(fs::read_to_string(&file).expect("the file"), known + "\"spring\"\n");
    let serving = installation.serve();
    say(&installation, r#"["summer", "spring", "98"]"#);
    is_counted(&installation, IGNORED, 1.0);
    is_counted(&installation, UNDECIDED, 0.0);
    assert!(serving.stop().success());
}

#[test]
fn gateways_with_one_cluster_have_the_same_tags() {
    let (upstream, cassandra) = (Upstream::start(), Cassandra::start());
    let installations = [Installation::new(upstream.port), Installation::new(upstream.port)];
    for installation in &installations {
        let tags = format!(
            "[tags]\nstore = \"cassandra\"\nwait_ms_max = 10000\n\
             cassandra_contact_points = [\"{}\"]\n[tracker]\n",
            cassandra.address()
        );
        installation.set("[tracker]\n", &tags);
    }
    let [one, other] = &installations;
    let (first, second) = (one.serve(), other.serve());
    say(one, r#"["spring", "summer"]"#);
    say(other, r#"["summer", "autumn"]"#);
    let mut tags = cassandra.tags();
    tags.sort();
    assert_eq!(tags, ["autumn", "spring", "summer"]);
    is_counted(one, UNDECIDED, 0.0);
    assert!(first.stop().success() && second.stop().success());
}

#[test]
fn mail_does_not_wait_for_a_cluster_that_is_silent() {
    let (upstream, cassandra) = (Upstream::start(), Cassandra::start());
    cassandra.be_silent(true);
    let installation = Installation::new(upstream.port);
    let tags = format!(
        "[tags]\nstore = \"cassandra\"\ncassandra_contact_points = [\"{}\"]\n[tracker]\n",
        cassandra.address()
    );
    installation.set("[tracker]\n", &tags);
    let serving = installation.serve();
    let began = Instant::now();
    say(&installation, r#"["spring"]"#);
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    is_counted(&installation, UNDECIDED, 1.0);
    is_counted(&installation, IGNORED, 0.0);
    // It is told when it answers again.
    cassandra.be_silent(false);
    wait_for("the tag", PATIENCE, || (cassandra.tags() == ["spring"]).then_some(()));
    assert!(serving.stop().success());
}
