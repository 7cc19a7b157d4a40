//! Whether a domain of tracked links leads to this tracker: its addresses, its certificate,
//! and what answers. Nothing of it is counted as an engagement: the link that is asked for has
//! expired, and is asked for with HEAD.

use crate::net::tls::{
    client::{ClientTls, Verification},
    validity,
};
use rustls::{ClientConnection, StreamOwned};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs},
    time::{Duration, SystemTime},
};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer's head is read no further, in octets.
const HEAD_OCTETS_MAX: u64 = 64 << 10;

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate that ends sooner should have been renewed.
const TIME_LEFT_MIN: Duration = Duration::from_secs(14 * 86_400);

/// What is checked.
pub(super) struct Domain {
    pub(super) name: String,
    /// In place of those that the system finds.
    pub(super) addresses: Vec<IpAddr>,
    pub(super) http_port: u16,
    pub(super) https_port: u16,
    pub(super) verification: Verification,
    /// A link of the key ring that has expired, as path, and where it leads.
    pub(super) path: String,
    pub(super) target: String,
}

/// What was found, in words.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    Right(String),
    /// And what would be right.
    Wrong(String),
}

use Finding::{Right, Wrong};

impl Domain {
    /// The addresses of the domain.
    pub(super) fn resolve(&self) -> Result<Vec<IpAddr>, Finding> {
        if !self.addresses.is_empty() {
            return Ok(self.addresses.clone());
        }
        let wrong = |why: String| {
            Wrong(format!("{why}; make an A, AAAA or CNAME record that leads to the tracker"))
        };
        let found = (self.name.as_str(), self.https_port).to_socket_addrs();
        let found = found.map_err(|error| wrong(format!("no address was found: {error}")))?;
        let mut addresses: Vec<_> = found.map(|address| address.ip()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        match addresses.is_empty() {
            true => Err(wrong("it has no address".into())),
            false => Ok(addresses),
        }
    }

    /// What answers without TLS.
    pub(super) fn http(&self, address: IpAddr) -> Finding {
        let address = SocketAddr::from((address, self.http_port));
        match connect(address).and_then(|stream| self.ask(stream)) {
            Ok(answer) => self.judge(&format!("http at {address}"), &answer),
            Err(error) => unreachable(&format!("http at {address}"), &error),
        }
    }

    /// What answers in TLS, and with what certificate.
    pub(super) fn https(&self, address: IpAddr) -> Vec<Finding> {
        let address = SocketAddr::from((address, self.https_port));
        let place = format!("https at {address}");
        let stream = match connect(address) {
            Ok(stream) => stream,
            Err(error) => return vec![unreachable(&place, &error)],
        };
        match self.secure(stream, &self.verification) {
            Ok(stream) => {
                let certificate = time_left(&place, &stream);
                let answer = match self.ask(stream) {
                    Ok(answer) => self.judge(&place, &answer),
                    Err(error) => unreachable(&place, &error),
                };
                vec![certificate, answer]
            }
            Err(error) => {
                let why = format!("{place}: no TLS: {error}");
                // The time of a certificate that is not taken may be why.
                let unchecked = connect(address)
                    .and_then(|stream| self.secure(stream, &Verification::Nothing))
                    .ok();
                let time = unchecked.map(|stream| time_left(&place, &stream));
                let right = "its certificate must be for the name, of an authority that \
                             clients know, with the chain up to it, and its time not over";
                let wrong = Wrong(format!("{why}; {right}"));
                std::iter::once(wrong).chain(time).collect()
            }
        }
    }

    fn secure(
        &self,
        mut stream: TcpStream,
        verification: &Verification,
    ) -> io::Result<StreamOwned<ClientConnection, TcpStream>> {
        let tls = ClientTls::load(&self.name, verification).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(tls.config, tls.name).map_err(io::Error::other)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok(StreamOwned::new(connection, stream))
    }

    /// The head of the answer to the link.
    fn ask(&self, mut stream: impl Read + Write) -> io::Result<Vec<String>> {
        let Self { path, name, .. } = self;
        write!(stream, "HEAD {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")?;
        stream.flush()?;
        let lines = BufReader::new(stream.take(HEAD_OCTETS_MAX)).lines();
        let lines: Result<Vec<_>, _> =
            lines.take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty())).collect();
        lines
    }

    fn judge(&self, place: &str, answer: &[String]) -> Finding {
        let status = answer.first().map_or("nothing", |line| line.as_str());
        let locations = answer.iter().filter_map(|line| line.split_once(':'));
        let mut locations = locations.filter(|(name, _)| name.eq_ignore_ascii_case("location"));
        match locations.next().map(|(_, value)| value.trim()) {
            Some(location) if location == self.target => {
                Right(format!("{place}: a link of this key ring is answered as it should be"))
            }
            Some(_) => Wrong(format!(
                "{place}: another server answers, {status:?}, and sends on to elsewhere; \
                 the domain must lead to the tracker, with the path of links as it came"
            )),
            None => Wrong(format!(
                "{place}: a link is answered {status:?} and not sent on; the domain must lead to \
                 a tracker that has the keys of this configuration"
            )),
        }
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn unreachable(place: &str, error: &io::Error) -> Finding {
    Wrong(format!(
        "{place}: no answer: {error}; the tracker, or a proxy in front of it, must listen there, \
         and no firewall be in the way"
    ))
}

fn time_left(place: &str, stream: &StreamOwned<ClientConnection, TcpStream>) -> Finding {
    let certificates = stream.conn.peer_certificates().unwrap_or_default();
    let validity = certificates.first().and_then(|certificate| validity::of(certificate));
    let Some(validity) = validity else {
        return Wrong(format!("{place}: its certificate tells no time"));
    };
    match validity.not_after.duration_since(SystemTime::now()) {
        Ok(left) if left >= TIME_LEFT_MIN => {
            let days = left.as_secs() / DAY.as_secs();
            Right(format!("{place}: the certificate has {days} days left"))
        }
        Ok(left) => {
            let days = left.as_secs() / DAY.as_secs();
            Wrong(format!("{place}: the certificate has {days} days left; renew it"))
        }
        Err(_over) => Wrong(format!("{place}: the time of the certificate is over; renew it")),
    }
}
