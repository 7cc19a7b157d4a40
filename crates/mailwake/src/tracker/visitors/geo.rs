//! Where addresses are, by a file in the MaxMind DB format. It is read into memory once.

use maxminddb::{MaxMindDbError, Reader, geoip2};
use std::{
    fmt,
    fs::File,
    io::{self, Read},
    net::IpAddr,
    path::Path,
};
use tracking::event::GeoIp;

/// Octets of a file; the largest of cities have about 150 MB.
const OCTETS_MAX: u64 = 1 << 30;

/// Octets of the name of a city.
const NAME_OCTETS_MAX: usize = 128;

/// A file of places.
pub struct Geo {
    reader: Reader<Vec<u8>>,
}

/// Why a file tells no places.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It has another format, or is damaged.
    #[error("{0}")]
    Format(#[from] MaxMindDbError),
}

impl fmt::Debug for Geo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let about = self.reader.metadata();
        f.debug_struct("Geo").field("type", &about.database_type).finish_non_exhaustive()
    }
}

impl PartialEq for Geo {
    fn eq(&self, other: &Self) -> bool {
        let of = |geo: &Self| {
            let about = geo.reader.metadata();
            (about.database_type.clone(), about.build_epoch, about.node_count)
        };
        of(self) == of(other)
    }
}

impl Geo {
    /// Reads a file; refuses one that is too large or of another format.
    pub fn open(path: &Path) -> Result<Self, GeoError> {
        let mut octets = Vec::new();
        File::open(path)?.take(OCTETS_MAX + 1).read_to_end(&mut octets)?;
        if octets.len() as u64 > OCTETS_MAX {
            return Err(io::Error::other(format!("it has more than {OCTETS_MAX} octets")).into());
        }
        Ok(Self { reader: Reader::from_source(octets)? })
    }

    /// Where an address is; nothing if the file does not know it.
    pub fn find(&self, address: IpAddr) -> Option<GeoIp> {
        // A file of IPv4 alone has an error for IPv6; a damaged place is no place.
        let found = self.reader.lookup(address.to_canonical()).ok()?;
        let place = found.decode::<geoip2::City<'_>>().ok()??;
        let text = |text: Option<&str>| text.map(beginning).unwrap_or_default();
        let degrees = |number: Option<f64>| number.map(|one| one.to_string()).unwrap_or_default();
        Some(GeoIp {
            country: text(place.country.iso_code),
            region: text(place.subdivisions.first().and_then(|first| first.iso_code)),
            city: text(place.city.names.english),
            latitude: degrees(place.location.latitude),
            longitude: degrees(place.location.longitude),
            postal_code: text(place.postal.code),
        })
    }
}

fn beginning(text: &str) -> String {
    text[..text.floor_char_boundary(NAME_OCTETS_MAX)].to_owned()
}
