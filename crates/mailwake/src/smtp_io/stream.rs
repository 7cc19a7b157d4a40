//! A connection, in the clear or in TLS: octets out, octets in. It holds no buffer of its
//! own while it waits.

use std::{
    future::poll_fn,
    io,
    mem::{self, MaybeUninit},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, Waker, ready},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Octets that are read at once.
const READ_OCTETS: usize = 16 * 1024;

/// A connection.
pub(super) enum Stream {
    /// As it is on the wire.
    Plain(TcpStream),
    /// Inside TLS.
    Tls(Box<TlsStream<TcpStream>>),
    /// In the middle of a handshake, or behind one that has failed.
    Lost,
}

impl Stream {
    /// Adds what comes next to `input`; nothing more comes when that is nothing.
    pub(super) async fn read(&mut self, input: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            // Behind a short read it knows that there is no more, while `try_read` would ask
            // the system once again.
            Self::Plain(stream) => {
                let read = |context: &mut Context<'_>| {
                    input.reserve(READ_OCTETS);
                    let read = pin!(stream.read_buf(input)).poll(context);
                    if read.is_pending() && input.is_empty() {
                        *input = Vec::new();
                    }
                    read
                };
                poll_fn(read).await
            }
            Self::Tls(stream) => poll_fn(|context| read_now(stream, context, input)).await,
            Self::Lost => Ok(0),
        }
    }

    /// Has the end come, or an error? What comes instead is added to `input`.
    pub(super) fn has_ended(&mut self, input: &mut Vec<u8>) -> bool {
        let read = match self {
            Self::Plain(stream) => {
                input.reserve(READ_OCTETS);
                stream.try_read_buf(input)
            }
            Self::Tls(stream) => {
                match read_now(stream, &mut Context::from_waker(Waker::noop()), input) {
                    Poll::Ready(read) => read,
                    Poll::Pending => return false,
                }
            }
            Self::Lost => Ok(0),
        };
        match read {
            Ok(octets) => octets == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        }
    }

    /// Sends octets.
    pub(super) async fn write_all(&mut self, octets: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.write_all(octets).await,
            Self::Tls(stream) => {
                stream.write_all(octets).await?;
                stream.flush().await
            }
            Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Sends octets and the end, as far as the socket takes them at once.
    pub(super) fn close(self, octets: &[u8]) {
        // Whoever is told goodbye may be gone already, and then there is nobody to tell.
        match self {
            Self::Plain(stream) => drop(stream.try_write(octets)),
            Self::Tls(mut stream) => {
                let mut context = Context::from_waker(Waker::noop());
                let mut stream = Pin::new(&mut stream);
                drop(stream.as_mut().poll_write(&mut context, octets));
                drop(stream.as_mut().poll_shutdown(&mut context));
            }
            Self::Lost => {}
        }
    }

    /// Is what is said hidden from others?
    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Goes into TLS as the server. A stream for which that fails is lost.
    pub(super) async fn accept_tls(&mut self, config: Arc<rustls::ServerConfig>) -> io::Result<()> {
        let stream = self.take_plain()?;
        let stream = TlsAcceptor::from(config).accept(stream).await?;
        *self = Self::Tls(Box::new(stream.into()));
        Ok(())
    }

    /// Goes into TLS as the client. A stream for which that fails is lost.
    pub(super) async fn connect_tls(
        &mut self,
        config: Arc<rustls::ClientConfig>,
        name: rustls::pki_types::ServerName<'static>,
    ) -> io::Result<()> {
        let stream = self.take_plain()?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        *self = Self::Tls(Box::new(stream.into()));
        Ok(())
    }

    fn take_plain(&mut self) -> io::Result<TcpStream> {
        match mem::replace(self, Self::Lost) {
            Self::Plain(stream) => Ok(stream),
            Self::Tls(_) | Self::Lost => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }
}

/// Reads what is there. The buffer is on the stack for so long, because most sessions wait.
fn read_now(
    stream: &mut TlsStream<TcpStream>,
    context: &mut Context<'_>,
    input: &mut Vec<u8>,
) -> Poll<io::Result<usize>> {
    let mut octets = [MaybeUninit::uninit(); READ_OCTETS];
    let mut buffer = ReadBuf::uninit(&mut octets);
    match ready!(Pin::new(stream).poll_read(context, &mut buffer)) {
        Ok(()) => {
            input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok(buffer.filled().len()))
        }
        // An end without a farewell. What it cuts off has no end of its own: a command has
        // its CRLF, and a message its final dot.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(0)),
        Err(error) => Poll::Ready(Err(error)),
    }
}
