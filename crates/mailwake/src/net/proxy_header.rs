//! The header of a load balancer in front of a connection (PROXY protocol). A socket comes
//! in, of which nothing was read; whose connection it is goes out, and nothing behind the
//! header was read, because TLS may begin there.

use mail::smtp::proxy_header::{Progress, ProxyHeader, ProxyHeaderError, parse};
use std::{io, time::Duration};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

/// Why a connection has no header.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It was closed before a single octet, as balancers do that only look whether somebody
    /// listens.
    #[error("the connection was closed at once")]
    Closed,
    /// What came is no header.
    #[error(transparent)]
    Header(#[from] ProxyHeaderError),
    /// It did not come in time.
    #[error("no PROXY header came in {} s", .0.as_secs())]
    TimedOut(Duration),
    /// The socket failed, or was closed in the middle of the header.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the header. It has `limit` to come.
pub async fn read(stream: &mut TcpStream, limit: Duration) -> Result<ProxyHeader, ReadError> {
    timeout(limit, read_all(stream)).await.map_err(|_elapsed| ReadError::TimedOut(limit))?
}

async fn read_all(stream: &mut TcpStream) -> Result<ProxyHeader, ReadError> {
    let mut octets = Vec::new();
    loop {
        let missing = match parse(&octets)? {
            Progress::Whole(header) => return Ok(header),
            Progress::Missing(missing) => missing,
        };
        let read = (&mut *stream).take(missing as u64).read_buf(&mut octets).await?;
        match read {
            0 if octets.is_empty() => return Err(ReadError::Closed),
            0 => return Err(ReadError::Io(io::ErrorKind::UnexpectedEof.into())),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
