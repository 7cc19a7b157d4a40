use super::*;
use tokio::{io::AsyncWriteExt, net::TcpListener};

const LIMIT: Duration = Duration::from_secs(20);

/// The two ends of a connection: that of a balancer, and ours.
async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let balancer = TcpStream::connect(address).await.expect("a connection");
    (balancer, listener.accept().await.expect("a connection").0)
}

#[tokio::test]
async fn what_stands_behind_the_header_is_left_in_the_socket() {
    let line: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 54321 25\r\n";
    let binary: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\xd4\x31\0\x19";
    for header in [line, binary] {
        let (mut balancer, mut stream) = connection().await;
        balancer.write_all(&[header, b"\x16\x03\x01"].concat()).await.expect("sent");
        drop(balancer);
        let read = read(&mut stream, LIMIT).await.expect("a header");
        assert_eq!(read.client, Some(([192, 0, 2, 7], 54_321).into()));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).await.expect("the rest");
        assert_eq!(rest, b"\x16\x03\x01");
    }
}

#[tokio::test]
async fn header_that_is_not_whole_is_told_from_none() {
    for (sent, is_whole) in [(&b""[..], true), (b"PROXY TCP4 192", false)] {
        let (mut balancer, mut stream) = connection().await;
        balancer.write_all(sent).await.expect("sent");
        drop(balancer);
        let error = read(&mut stream, LIMIT).await.expect_err("no header");
        assert_eq!(matches!(error, ReadError::Closed), is_whole, "{error}");
    }
}

#[tokio::test]
async fn header_has_its_time_all_together() {
    let (mut balancer, mut stream) = connection().await;
    balancer.write_all(b"PROXY TCP4 192").await.expect("sent");
    let error = read(&mut stream, Duration::from_millis(20)).await.expect_err("no header");
    assert!(matches!(error, ReadError::TimedOut(_)), "{error}");
}
