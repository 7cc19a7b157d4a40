//! The header that a load balancer puts in front of a connection (PROXY protocol, versions
//! 1 and 2, proxy-protocol.txt of HAProxy). Octets come in; whose connection it is and
//! where the header ends goes out. Whether the balancer may say so is not decided here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// What version 2 begins with (§2.2).
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Octets of version 2 up to the addresses: the signature, the version with the command, the
/// family with the transport, and the length of what follows.
const FIXED_OCTETS: usize = 16;

/// Shortest header of either version, in octets: `PROXY UNKNOWN` with its CRLF.
const OCTETS_MIN: usize = 15;

/// Longest header of version 1, in octets, with its CRLF (§2.1).
const LINE_OCTETS_MAX: usize = 107;

/// Longest header of version 2 that is taken, in octets. It may have as much as 64 KiB of
/// further values, none of which is used here; a balancer sends some hundred.
const OCTETS_MAX: usize = 4_096;

/// A whole header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyHeader {
    /// How many octets it has; what stands behind belongs to the connection.
    pub octets: usize,
    /// Who connected to the balancer. None where the balancer speaks for itself, as for a
    /// check of health, or does not know: then the address of the connection holds.
    pub client: Option<SocketAddr>,
}

/// How far octets are a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many octets more belong to it at least.
    Missing(usize),
    /// It is whole.
    Whole(ProxyHeader),
}

/// Why octets are no header, and never will be. Nothing of the connection can be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProxyHeaderError {
    /// They begin like neither version.
    #[error("no PROXY header")]
    Absent,
    /// More octets than a header may have.
    #[error("the PROXY header is too long")]
    TooLong,
    /// They begin like a header and go on otherwise.
    #[error("malformed PROXY header")]
    Malformed,
}

/// Reads what has come of a connection so far. An address in the form that a socket for
/// both families gives it (RFC 4291 §2.5.5.2) is given as IPv4.
pub fn parse(octets: &[u8]) -> Result<Progress, ProxyHeaderError> {
    if octets.is_empty() {
        return Ok(Progress::Missing(OCTETS_MIN));
    }
    if begins_like(octets, &SIGNATURE) {
        return parse_binary(octets);
    }
    if begins_like(octets, b"PROXY ") {
        return parse_line(octets);
    }
    Err(ProxyHeaderError::Absent)
}

fn begins_like(octets: &[u8], with: &[u8]) -> bool {
    octets.iter().zip(with).all(|(octet, wanted)| octet == wanted)
}

/// Version 1 (§2.1): a line of text.
fn parse_line(octets: &[u8]) -> Result<Progress, ProxyHeaderError> {
    let scanned = &octets[..octets.len().min(LINE_OCTETS_MAX)];
    let Some(end) = memchr::memchr(b'\n', scanned) else {
        return match octets {
            [.., b'\r'] if octets.len() < LINE_OCTETS_MAX => Ok(Progress::Missing(1)),
            _ if octets.len() + 2 <= LINE_OCTETS_MAX => Ok(Progress::Missing(2)),
            _ => Err(ProxyHeaderError::TooLong),
        };
    };
    let line = octets[..end].strip_suffix(b"\r").ok_or(ProxyHeaderError::Malformed)?;
    let line = std::str::from_utf8(line).map_err(|_| ProxyHeaderError::Malformed)?;
    let words: Vec<_> = line.split(' ').collect();
    let client = match words[..] {
        // What stands behind is to be passed over.
        [_, "UNKNOWN", ..] => None,
        [_, "TCP4", client, proxy, client_port, port] => {
            let _: (Ipv4Addr, u16) = (address(proxy)?, self::port(port)?);
            let client: Ipv4Addr = address(client)?;
            Some((client.into(), self::port(client_port)?))
        }
        [_, "TCP6", client, proxy, client_port, port] => {
            let _: (Ipv6Addr, u16) = (address(proxy)?, self::port(port)?);
            let client: Ipv6Addr = address(client)?;
            Some((client.into(), self::port(client_port)?))
        }
        _ => return Err(ProxyHeaderError::Malformed),
    };
    Ok(whole(end + 1, client))
}

fn address<A: std::str::FromStr>(text: &str) -> Result<A, ProxyHeaderError> {
    text.parse().map_err(|_| ProxyHeaderError::Malformed)
}

/// A port in decimal, without a sign or leading zeros.
fn port(text: &str) -> Result<u16, ProxyHeaderError> {
    let is_decimal = text.bytes().all(|octet| octet.is_ascii_digit());
    let is_short = text == "0" || !text.starts_with('0');
    text.parse().ok().filter(|_| is_decimal && is_short).ok_or(ProxyHeaderError::Malformed)
}

/// Version 2 (§2.2).
fn parse_binary(octets: &[u8]) -> Result<Progress, ProxyHeaderError> {
    let Some((fixed, rest)) = octets.split_first_chunk::<FIXED_OCTETS>() else {
        return Ok(Progress::Missing(FIXED_OCTETS - octets.len()));
    };
    let [.., command, family, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if FIXED_OCTETS + length > OCTETS_MAX {
        return Err(ProxyHeaderError::TooLong);
    }
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return Err(ProxyHeaderError::Malformed),
    };
    let Some(rest) = rest.get(..length) else {
        return Ok(Progress::Missing(length - rest.len()));
    };
    let client = match family {
        // LOCAL has whatever family it likes.
        _ if is_local => None,
        0x11 => Some(of_binary::<4, 12>(rest)?),
        0x21 => Some(of_binary::<16, 36>(rest)?),
        // No family, and sockets of a file system, by stream or datagram.
        0x00 | 0x31 | 0x32 => None,
        _ => return Err(ProxyHeaderError::Malformed),
    };
    Ok(whole(FIXED_OCTETS + length, client))
}

/// The client of two addresses of `WIDTH` octets and two ports, `BLOCK` octets together.
fn of_binary<const WIDTH: usize, const BLOCK: usize>(
    octets: &[u8],
) -> Result<(IpAddr, u16), ProxyHeaderError>
where
    IpAddr: From<[u8; WIDTH]>,
{
    let block = octets.first_chunk::<BLOCK>().ok_or(ProxyHeaderError::Malformed)?;
    let address = block.first_chunk::<WIDTH>().ok_or(ProxyHeaderError::Malformed)?;
    Ok((IpAddr::from(*address), u16::from_be_bytes([block[2 * WIDTH], block[2 * WIDTH + 1]])))
}

fn whole(octets: usize, client: Option<(IpAddr, u16)>) -> Progress {
    let client = client.map(|(address, port)| SocketAddr::new(address.to_canonical(), port));
    Progress::Whole(ProxyHeader { octets, client })
}

#[cfg(test)]
mod tests;
