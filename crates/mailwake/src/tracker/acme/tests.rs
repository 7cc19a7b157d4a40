use super::*;
use std::net::TcpListener;
use tokio::runtime::Builder;

/// Each order that is not kept would count against what the authority allows in a week.
#[test]
fn authority_is_not_asked_when_nothing_can_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let in_the_way = folder.path().join("file");
    fs::write(&in_the_way, "").expect("written");
    let authority = TcpListener::bind("127.0.0.1:0").expect("bound");
    authority.set_nonblocking(true).expect("a socket");
    let config = AcmeConfig {
        directory: format!("https://{}/", authority.local_addr().expect("bound")),
        email: None,
        terms_of_service_agreed: true,
        ca_file: None,
        folder: in_the_way.join("acme"),
        domains: vec!["track.example.com".into()],
    };
    let counters = Arc::<Counters>::default();
    let shutdown = CancellationToken::new();
    let obtaining = run(config, Challenges::default(), counters.clone(), shutdown.clone());
    let ended = async {
        while counters.front.certificates_failed.get() == 0 {
            tokio::task::yield_now().await;
        }
        shutdown.cancel();
    };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::join!(obtaining, ended) });
    let asked = authority.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(asked, Err(io::ErrorKind::WouldBlock));
}
