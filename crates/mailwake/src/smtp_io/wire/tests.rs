use super::*;
use mail::smtp::data::BareNewlines;
use tokio::{io::AsyncWriteExt, net::TcpListener};

const LIMIT: Duration = Duration::from_secs(5);

/// A wire, and the other end of its connection.
async fn pair() -> (Wire, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let other = TcpStream::connect(listener.local_addr().expect("address")).await.expect("connect");
    let (stream, _) = listener.accept().await.expect("accept");
    (Wire::new(stream).expect("wire"), other)
}

async fn check(sent: &str, wanted: &[Line]) {
    let (mut wire, mut other) = pair().await;
    other.write_all(sent.as_bytes()).await.expect("send");
    drop(other);
    for line in wanted {
        assert_eq!(&wire.read_line(20, LIMIT).await.expect("a line"), line, "{sent:?}");
    }
    assert!(matches!(wire.read_line(20, LIMIT).await, Err(WireError::Closed)));
}

fn whole(line: &str) -> Line {
    Line::Whole(line.into())
}

#[tokio::test]
async fn lines_end_in_crlf() {
    check("NOOP\r\n\r\nQUIT\r\n", &[whole("NOOP"), whole(""), whole("QUIT")]).await;
}

#[tokio::test]
async fn bare_lf_ends_no_command() {
    check("NOOP\nQUIT\r\n", &[Line::Malformed("bare LF in command"), whole("QUIT")]).await;
}

#[tokio::test]
async fn bare_cr_and_nul_are_no_part_of_a_command() {
    let wrong = Line::Malformed("bare CR or NUL in command");
    check("NO\rOP\r\nA\0\r\nQUIT\r\n", &[wrong.clone(), wrong, whole("QUIT")]).await;
}

#[tokio::test]
async fn line_may_be_as_long_as_the_limit() {
    let fits = "a".repeat(20);
    check(&format!("{fits}\r\n"), &[whole(&fits)]).await;
    let too_long = Line::Malformed("line too long");
    check(&format!("{fits}a\r\nQUIT\r\n"), &[too_long.clone(), whole("QUIT")]).await;
    check(&format!("{}\r\nQUIT\r\n", "a".repeat(100_000)), &[too_long, whole("QUIT")]).await;
}

#[tokio::test]
async fn unfinished_line_is_no_line() {
    check("QUIT", &[]).await;
}

#[tokio::test]
async fn content_that_is_always_there_is_read_to_its_end() {
    let (mut wire, mut other) = pair().await;
    let line = [&[b'a'; 98][..], b"\r\n"].concat();
    let sent = [line.repeat(200_000), b".\r\n".to_vec()].concat();
    let sending = tokio::spawn(async move { other.write_all(&sent).await });
    let mut reader = DataReader::new(usize::MAX, BareNewlines::Refuse);
    while !reader.is_done() {
        wire.read_content(&mut reader, LIMIT).await.expect("content");
    }
    assert_eq!(reader.finish().expect("content").len(), 20_000_000);
    sending.await.expect("no panic").expect("sent");
}

#[tokio::test]
async fn silence_ends_the_waiting() {
    let (mut wire, _other) = pair().await;
    let limit = Duration::from_millis(1);
    assert!(matches!(wire.read_line(20, limit).await, Err(WireError::TimedOut(_))));
}

#[tokio::test]
async fn content_crosses_with_its_dots() {
    let (mut near, other) = pair().await;
    let mut far = Wire::new(other).expect("wire");
    let content: String = (0..40_000).map(|n| format!(".line {n}\r\n")).collect();
    let read = async {
        let mut reader = DataReader::new(1 << 20, BareNewlines::Refuse);
        while !reader.is_done() {
            far.read_content(&mut reader, LIMIT).await.expect("content");
        }
        (reader.finish(), far.read_line(20, LIMIT).await)
    };
    let write = async {
        near.send_content(content.as_bytes(), LIMIT).await.expect("sent");
        near.write(b"QUIT\r\n");
        near.flush(LIMIT).await.expect("sent");
    };
    let ((seen, command), ()) = tokio::join!(read, write);
    assert!(seen == Ok(content.into_bytes()));
    assert_eq!(command.expect("a line"), whole("QUIT"));
}
