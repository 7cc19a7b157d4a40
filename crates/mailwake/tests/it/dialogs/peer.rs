//! One end of a connection with the gateway, in the clear or in TLS.

use crate::support::certificate::Certificate;
use rustls::{ClientConnection, ServerConnection, StreamOwned};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpStream},
    time::Duration,
};

/// One end of a connection with the gateway.
pub(super) struct Peer {
    stream: BufReader<Transport>,
}

/// What octets go over.
enum Transport {
    Plain(TcpStream),
    Client(Box<StreamOwned<ClientConnection, TcpStream>>),
    Server(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Transport {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Client(stream) => &stream.sock,
            Self::Server(stream) => &stream.sock,
        }
    }
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Client(stream) => stream.read(buffer),
            Self::Server(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(octets),
            Self::Client(stream) => stream.write(octets),
            Self::Server(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Client(stream) => stream.flush(),
            Self::Server(stream) => stream.flush(),
        }
    }
}

impl Peer {
    pub(super) fn new(stream: TcpStream, deadline: Duration) -> Self {
        stream.set_nodelay(true).expect("a TCP socket");
        stream.set_read_timeout(Some(deadline)).expect("a socket");
        stream.set_write_timeout(Some(deadline)).expect("a socket");
        Self { stream: BufReader::new(Transport::Plain(stream)) }
    }

    /// Goes into TLS as the client, who trusts this certificate.
    pub(super) fn connect_tls(&mut self, certificate: &Certificate) -> io::Result<()> {
        let mut socket = self.take_socket()?;
        let mut connection = certificate.client();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let stream = StreamOwned::new(connection, socket);
        self.stream = BufReader::new(Transport::Client(Box::new(stream)));
        Ok(())
    }

    /// Goes into TLS as the server, who has this certificate.
    pub(super) fn accept_tls(&mut self, certificate: &Certificate) -> io::Result<()> {
        let mut socket = self.take_socket()?;
        let mut connection = certificate.server();
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        let stream = StreamOwned::new(connection, socket);
        self.stream = BufReader::new(Transport::Server(Box::new(stream)));
        Ok(())
    }

    fn take_socket(&self) -> io::Result<TcpStream> {
        assert!(self.stream.buffer().is_empty(), "something came in the clear before TLS");
        self.stream.get_ref().socket().try_clone()
    }

    /// Sends octets. Whether the gateway is still there is seen by what it answers.
    pub(super) fn send(&mut self, octets: &[u8]) {
        let stream = self.stream.get_mut();
        stream.write_all(octets).and_then(|()| stream.flush()).ok();
    }

    /// Everything up to the next LF; less when nothing more comes.
    pub(super) fn line(&mut self) -> Got {
        let mut line = Vec::new();
        let ended = self.stream.read_until(b'\n', &mut line);
        Got::new(line, ended.map(drop))
    }

    /// So many octets; less when nothing more comes.
    pub(super) fn octets(&mut self, number: usize) -> Got {
        let mut octets = Vec::new();
        let ended = (&mut self.stream).take(number as u64).read_to_end(&mut octets);
        Got::new(octets, ended.map(drop))
    }

    /// Has anything come that was not read yet?
    pub(super) fn has_input(&self) -> bool {
        let stream = self.stream.get_ref().socket();
        stream.set_nonblocking(true).expect("a socket");
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).expect("a socket");
        !self.stream.buffer().is_empty() || peeked.is_ok()
    }

    /// Closes the way out: the gateway sees the end, and what it still says can be read.
    pub(super) fn close(&mut self) {
        let stream = self.stream.get_mut();
        match stream {
            Transport::Plain(_) => {}
            Transport::Client(stream) => stream.conn.send_close_notify(),
            Transport::Server(stream) => stream.conn.send_close_notify(),
        }
        // A connection that is gone already is what was wanted.
        stream.flush().ok();
        stream.socket().shutdown(Shutdown::Write).ok();
    }
}

/// What a side got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    /// Octets; perhaps fewer than were asked for.
    Octets(Vec<u8>),
    /// Nothing: the connection was closed.
    End,
    /// Nothing in time.
    Nothing,
}

impl Got {
    fn new(octets: Vec<u8>, ended: io::Result<()>) -> Self {
        match ended {
            _ if !octets.is_empty() => Self::Octets(octets),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) =>
            {
                Self::Nothing
            }
            _ => Self::End,
        }
    }
}
