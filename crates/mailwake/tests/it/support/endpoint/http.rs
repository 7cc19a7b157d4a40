//! As much of HTTP/1.1 as an endpoint needs that answers otherwise than it should.

use std::{
    collections::HashMap,
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A request, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(super) method: String,
    /// By names in lower case, and the path by `:path`.
    pub(crate) fields: HashMap<String, String>,
    /// The octets of its content.
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The value of a field; empty for none.
    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }
}

/// A connection of a sender.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// The next request; none when the sender has ended.
    pub(super) fn read(&mut self) -> io::Result<Option<Request>> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let method = line.split(' ').next().unwrap_or_default().to_owned();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut fields = HashMap::from([(":path".to_owned(), path)]);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            fields.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let octets = fields.get("content-length").and_then(|octets| octets.parse().ok());
        let mut body = vec![0; octets.unwrap_or(0)];
        self.stream.read_exact(&mut body)?;
        Ok(Some(Request { method, fields, body }))
    }

    /// Answers; `fields` are whole lines.
    pub(super) fn answer(&mut self, status: u16, fields: &str, body: &str) -> io::Result<()> {
        let answer = format!(
            "HTTP/1.1 {status} By Plan\r\nContent-Type: application/json\r\n{fields}\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        self.write(answer.as_bytes())
    }

    /// Writes octets.
    pub(super) fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Has the sender gone?
    pub(super) fn is_over(&mut self) -> bool {
        let stream = self.stream.get_mut();
        if stream.set_nonblocking(true).is_err() {
            return true;
        }
        let peeked = stream.peek(&mut [0]);
        let is_over = match peeked {
            Ok(octets) => octets == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        is_over || stream.set_nonblocking(false).is_err()
    }

    /// Until the sender goes.
    pub(super) fn wait_for_end(&mut self) {
        let mut octet = [0];
        while self.stream.get_mut().read(&mut octet).is_ok_and(|octets| octets > 0) {}
    }
}
