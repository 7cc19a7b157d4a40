use super::{answer::retry_after, *};
use hyper::{StatusCode, header::RETRY_AFTER};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, sync_channel},
    thread,
    time::SystemTime,
};
use tokio::{net::TcpSocket, time::timeout};

fn client(reach: Reach) -> Client {
    let config = HttpConfig {
        allows_http: true,
        reach,
        verification: Verification::Nothing,
        own_certificate: None,
        timeout: Duration::from_secs(10),
    };
    Client::load(config).expect("a client")
}

fn call(body: &'static str) -> Call {
    Call {
        method: Method::POST,
        headers: HeaderMap::new(),
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// Answers requests with these, one connection after the other, and tells on which connection
/// each request came.
fn server(connections: Vec<Vec<&'static str>>) -> (Url, Receiver<(usize, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}/in?a=b", listener.local_addr().expect("bound"));
    let (told, requests) = sync_channel(16);
    thread::spawn(move || {
        for (number, answers) in connections.into_iter().enumerate() {
            let (stream, _) = listener.accept().expect("a client");
            let mut stream = BufReader::new(stream);
            for answer in answers {
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    assert_ne!(stream.read_line(&mut head).expect("a request"), 0, "{head}");
                }
                let mut body = [0; 2];
                stream.read_exact(&mut body).expect("a body");
                told.send((number, head)).expect("somebody reads");
                stream.get_mut().write_all(answer.as_bytes()).expect("an answer");
            }
        }
    });
    (url.parse().expect("a URL"), requests)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn connections_are_kept_and_made_anew() {
    let (url, requests) = server(vec![vec![OK, OK], vec![OK]]);
    let (mut client, mut sent) = (client(Reach::Everywhere), 0);
    for number in [0, 0, 1] {
        let answer = client.call(&url, call("hi")).await.expect("an answer");
        assert_eq!((answer.status, &answer.content[..]), (StatusCode::OK, b"ok".as_slice()));
        let (connection, head) = requests.recv().expect("a request");
        assert_eq!(connection, number);
        assert!(head.starts_with("POST /in?a=b HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("user-agent: mailwake/"), "{head}");
        sent += 1;
        // The server closes behind two answers. A request that goes out before that is seen here
        // may have arrived, so it would fail.
        let is_open = |client: &Client| client.kept.iter().any(|(_, sender)| !sender.is_closed());
        while sent == 2 && is_open(&client) {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_status_counts_though_the_content_breaks_off() {
    let (url, _requests) = server(vec![vec!["HTTP/1.1 202 OK\r\nContent-Length: 9\r\n\r\nok"]]);
    let answer = client(Reach::Everywhere).call(&url, call("hi")).await.expect("an answer");
    assert_eq!((answer.status.as_u16(), &answer.content[..]), (202, b"ok".as_slice()));
}

#[tokio::test]
async fn an_answer_that_is_cut_is_none() {
    let (url, _requests) = server(vec![vec!["HTTP/1.1 2"]]);
    let told = client(Reach::Everywhere).call(&url, call("hi")).await;
    assert!(matches!(told, Err(HttpError::Http(_))), "{told:?}");
}

#[tokio::test]
async fn hosts_that_are_not_of_the_internet_are_not_connected_to() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    listener.set_nonblocking(true).expect("set");
    let url = format!("http://localhost:{}/", listener.local_addr().expect("bound").port());
    let url: Url = url.parse().expect("a URL");
    let told = client(Reach::Internet(Vec::new())).call(&url, call("hi")).await;
    assert!(matches!(told, Err(HttpError::Private)), "{told:?}");
    assert!(listener.accept().is_err(), "nobody has come");
    let config = HttpConfig { allows_http: false, ..client(Reach::Everywhere).config };
    let told = Client::load(config).expect("a client").call(&url, call("hi")).await;
    assert!(matches!(told, Err(HttpError::NotHttps)), "{told:?}");
}

/// Its queue is full of those whom nobody accepts, so who else comes gets no answer.
#[tokio::test]
async fn an_address_that_is_silent_takes_no_time_from_the_next_one() {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("bound");
    let silent = socket.listen(1).expect("it listens");
    let silent_at = silent.local_addr().expect("bound");
    let mut waiting = Vec::new();
    while let Ok(connected) =
        timeout(Duration::from_millis(200), TcpStream::connect(silent_at)).await
    {
        waiting.push(connected.expect("a place in the queue"));
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = listener.local_addr().expect("bound");
    let refused = TcpListener::bind("127.0.0.1:0").and_then(|gone| gone.local_addr());
    let addresses = vec![refused.expect("bound"), silent_at, address];
    let connected = timeout(Duration::from_secs(30), connect_to_first(addresses)).await;
    let stream = connected.expect("in time").expect("an address").expect("a connection");
    assert_eq!(stream.peer_addr().expect("connected"), address);
    assert!(connect_to_first(Vec::new()).await.is_none());
}

#[test]
fn families_of_addresses_go_by_turns() {
    let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().expect("an address")).collect()
    };
    let found = addresses(&["[::1]:1", "[::2]:1", "[::3]:1", "10.0.0.1:1", "10.0.0.2:1"]);
    let right = addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1", "[::3]:1"]);
    assert_eq!(interlaced(found), right);
}

#[test]
fn urls_are_taken_apart() {
    let url: Url = "https://[2001:db8::1]:8443/a/b?key=secret".parse().expect("a URL");
    assert_eq!((url.host(), url.port(), url.is_https()), ("2001:db8::1", 8443, true));
    assert_eq!(url.to_string(), "https://[2001:db8::1]:8443/a/b");
    let plain: Url = "http://shop.example".parse().expect("a URL");
    assert_eq!((plain.port(), plain.path().path()), (80, "/"));
    for wrong in ["", "shop.example", "ftp://a.example/", "https:///x", "https://a:b@c.example/"] {
        assert_eq!(wrong.parse::<Url>(), Err(target::UrlError), "{wrong}");
    }
}

#[test]
fn urls_of_others_lose_who_asks() {
    let url = Url::without_user("https://me:pw@Shop.example:8443/u?x=1").expect("a URL");
    assert_eq!(url.to_string(), "https://Shop.example:8443/u");
    assert_eq!(url.authority(), "Shop.example:8443");
    assert_eq!(Url::without_user("mailto:ann@shop.example"), Err(target::UrlError));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
    let check = |value: &str, seconds: Option<u64>| {
        let headers = [(RETRY_AFTER, value.parse().expect("a value"))].into_iter().collect();
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{value}");
    };
    check("120", Some(120));
    check("Sun, 06 Nov 1994 08:49:37 GMT", Some(7));
    check("Sun, 06 Nov 1994 08:49:00 GMT", Some(0));
    check("soon", None);
}
