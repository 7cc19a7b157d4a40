use super::*;
use std::net::Ipv4Addr;
use tokio::{io::AsyncWriteExt, net::TcpListener, runtime::Builder};

/// An address where every connection gets this greeting, and nothing more.
async fn greeting(text: &'static str) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(text.as_bytes()).await.expect("a client that reads");
            open.push(stream);
        }
    });
    address
}

/// An address where nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    listener.local_addr().expect("bound")
}

fn target(patience: Patience) -> Arc<Target> {
    let config = UpstreamConfig {
        address: "mx.example:25".into(),
        protocol: UpstreamProtocol::Smtp,
        tls: UpstreamTls::Off,
        tls_name: None,
        verification: Verification::System,
        client_telling: ClientTelling::Nothing,
        patience,
    };
    Arc::new(Target::load(config, CircuitConfig::default()).expect("no authorities to read"))
}

/// What comes of a host with these addresses: a code, or an error.
async fn outcome(addresses: &[SocketAddr]) -> Result<u16, String> {
    let limit = Duration::from_millis(300);
    let target = target(Patience { greeting: limit, ..Patience::default() });
    let connected = Upstream::connect_to_one(&target, addresses).await;
    connected.map(|(_, greeting)| greeting.code()).map_err(|error| error.to_string())
}

fn check<F: Future<Output = ()>>(test: F) {
    Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(test);
}

#[test]
fn address_that_takes_no_session_is_passed_over_for_the_next() {
    check(async {
        let (down, good) = (nobody().await, greeting("220 ready\r\n").await);
        let busy = greeting("421 4.3.2 too busy\r\n").await;
        let silent = greeting("").await;
        let nonsense = greeting("hello\r\n").await;
        for first in [down, busy, silent, nonsense] {
            assert_eq!(outcome(&[first, good]).await, Ok(220));
        }
        assert_eq!(outcome(&[good, down]).await, Ok(220));
    });
}

#[test]
fn first_answer_is_told_when_no_address_is_good() {
    check(async {
        let (down, busy) = (nobody().await, greeting("421 4.3.2 too busy\r\n").await);
        let refusing = greeting("554 5.7.1 no\r\n").await;
        assert_eq!(outcome(&[busy, refusing, down]).await, Ok(421));
        let error = outcome(&[down, busy]).await.expect_err("refused");
        assert!(error.starts_with(&format!("connect to upstream {down}: ")), "{error}");
        let error = outcome(&[]).await.expect_err("nowhere to go");
        assert!(error.starts_with("connect to upstream mx.example:25: "), "{error}");
    });
}
