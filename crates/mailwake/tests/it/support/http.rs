//! A small HTTP client: one request for each connection, the answer as it came.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Field names in lower case, values as they came.
    pub(crate) fields: Vec<(String, String)>,
    /// The content; empty for HEAD.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// The value of the first field with this name, in lower case; empty for none.
    pub(crate) fn field(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(field, _)| field == name);
        found.map_or("", |(_, value)| value)
    }
}

/// Fetches a URL of the form `http://127.0.0.1:PORT/…`.
pub(crate) fn get(url: &str) -> Answer {
    request("GET", url, "mailwake-test/1").unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

/// Asks for the head alone.
pub(crate) fn head(url: &str) -> Answer {
    request("HEAD", url, "mailwake-test/1").unwrap_or_else(|error| panic!("HEAD {url}: {error}"))
}

/// One request. An answer that breaks off before its end is an error.
pub(crate) fn request(method: &str, url: &str, user_agent: &str) -> io::Result<Answer> {
    let malformed = |what: &str| io::Error::other(format!("{what} in {url}"));
    let rest = url.strip_prefix("http://").ok_or_else(|| malformed("no http://"))?;
    let (authority, path) = rest.split_once('/').ok_or_else(|| malformed("no path"))?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let request = format!(
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {user_agent}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut octets = Vec::new();
    stream.read_to_end(&mut octets)?;
    answer(&octets, method == "HEAD")
}

fn answer(octets: &[u8], is_head: bool) -> io::Result<Answer> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the answer broke off");
    let end = octets.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(cut)?;
    let head = String::from_utf8_lossy(&octets[..end]);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .ok_or_else(cut)?;
    let fields: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let answer = Answer { status, fields, body: octets[end + 4..].to_vec() };
    let length = answer.field("content-length").parse().unwrap_or(0);
    if !is_head && answer.body.len() < length {
        return Err(cut());
    }
    Ok(answer)
}
