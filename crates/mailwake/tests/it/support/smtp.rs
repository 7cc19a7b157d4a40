//! A small SMTP client: says what it is told, gives the replies as they are. It waits for
//! each reply before the next command.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    time::Duration,
};

/// A reply (RFC 5321 §4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its three digits.
    pub(crate) code: u16,
    /// Its lines without the code, joined by LF.
    pub(crate) text: String,
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    stream: BufReader<TcpStream>,
}

impl Session {
    /// Connects, reads the greeting and says EHLO.
    pub(crate) fn open(port: u16) -> io::Result<Self> {
        Self::open_at((Ipv4Addr::LOCALHOST, port).into())
    }

    /// The same at any address.
    pub(crate) fn open_at(address: SocketAddr) -> io::Result<Self> {
        let mut session = Self::connect_to(address)?;
        session.command("EHLO client.example.com")?;
        Ok(session)
    }

    /// Connects and reads the greeting.
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        Self::connect_to((Ipv4Addr::LOCALHOST, port).into())
    }

    fn connect_to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut session = Self { stream: BufReader::new(stream) };
        session.reply()?;
        Ok(session)
    }

    /// Says one line and reads the reply.
    pub(crate) fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.stream.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends a message to one recipient and gives the reply that decided its fate. Lines
    /// of `message` end in CRLF, the last one too.
    pub(crate) fn send(
        &mut self,
        reverse_path: &str,
        recipient: &str,
        message: &[u8],
    ) -> io::Result<Reply> {
        for line in [
            format!("MAIL FROM:<{reverse_path}>"),
            format!("RCPT TO:<{recipient}>"),
            "DATA".to_owned(),
        ] {
            let reply = self.command(&line)?;
            if reply.code >= 400 {
                return Ok(reply);
            }
        }
        let mut content = Vec::with_capacity(message.len() + 8);
        for line in message.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                content.push(b'.');
            }
            content.extend_from_slice(line);
        }
        content.extend_from_slice(b".\r\n");
        self.stream.get_mut().write_all(&content)?;
        self.reply()
    }

    /// Sends octets as they are, and waits for nothing.
    pub(crate) fn push(&mut self, octets: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(octets)
    }

    /// Reads the next reply.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line)?;
            let malformed = || io::Error::new(io::ErrorKind::UnexpectedEof, format!("{line:?}"));
            // A line without its end was cut: the server is gone.
            let whole = line.strip_suffix("\r\n").ok_or_else(malformed)?;
            let code = whole.get(..3).and_then(|code| code.parse().ok()).ok_or_else(malformed)?;
            lines.push(whole.get(4..).unwrap_or_default().to_owned());
            if whole.as_bytes().get(3) != Some(&b'-') {
                return Ok(Reply { code, text: lines.join("\n") });
            }
        }
    }
}
