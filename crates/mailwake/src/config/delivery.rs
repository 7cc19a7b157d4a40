//! `[delivery]`: where the records of MTAs come from.

use super::reader::Section;
use crate::delivery::{HttpConfig, Place, SourceConfig, Start};
use jiff::tz::{Offset, TimeZone};
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};
use tracking::{
    delivery::{Format, Reading},
    ids::Timestamp,
};

/// How records are read, and what is read.
#[derive(Debug, Clone)]
pub struct DeliveryConfig {
    /// Is there a table at all?
    pub is_there: bool,
    /// How they are read.
    pub reading: Reading,
    /// Longest line, in octets, where the format has no limit of its own.
    pub line_octets_max: usize,
    /// What may wait in the spool, in octets.
    pub spool_octets_max: u64,
    /// Where places and the spool are.
    pub directory: PathBuf,
    /// The files that are followed.
    pub sources: Vec<SourceConfig>,
    /// Where records are posted, if they are.
    pub http: Option<DeliveryHttp>,
}

/// The listener that records are posted to.
#[derive(Debug, Clone)]
pub struct DeliveryHttp {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The file of the secret of those who may post.
    pub token_file: Option<PathBuf>,
    /// How it works, but for the secret.
    pub config: HttpConfig,
}

impl DeliveryHttp {
    /// How it works, with the secret.
    pub fn load(&self) -> io::Result<HttpConfig> {
        let token = self.token_file.as_deref().map(fs::read_to_string).transpose()?;
        let token = token.map(|token| token.trim().to_owned());
        if token.as_deref() == Some("") {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file of the token is empty",
            ));
        }
        Ok(HttpConfig { token, ..self.config.clone() })
    }
}

impl DeliveryConfig {
    /// The folder of the spool.
    pub fn spool(&self) -> PathBuf {
        self.directory.join("spool")
    }
}

/// Reads the table.
pub(super) fn read(section: &Section<'_>, is_there: bool, data_directory: &Path) -> DeliveryConfig {
    let right = "must be the name of a header field";
    let message_id: Option<FieldName> =
        section.parsed("message_id_field", "X-Sp-Message-Id", right);
    let subaccount: Option<FieldName> =
        section.parsed("subaccount_field", "X-Sp-Subaccount-Id", right);
    let right = "must be \"local\", a name like \"Europe/Berlin\", or an offset like \"+01:00\"";
    let time_zone: Option<Zone> = section.parsed("time_zone", "local", right);
    let line = section.count("line_kib_max", 256, 1..=512, "KiB");
    let spool = section.integer("spool_mib_max", 1_024, 1..=1 << 20, "MiB");
    let directory = super::directory(section, data_directory, "delivery");
    let mut reading = Reading::new(Timestamp(0));
    if let (Some(message_id), Some(subaccount)) = (message_id, subaccount) {
        (reading.message_id_header, reading.subaccount_header) = (message_id.0, subaccount.0);
    }
    reading.time_zone = time_zone.map_or(TimeZone::UTC, |zone| zone.0);
    let line_octets_max = line << 10;
    let sources = section.sections("source").into_iter();
    let sources = sources.filter_map(|(name, section)| {
        let is_name = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
        if !(1..=64).contains(&name.len()) || !name.bytes().all(is_name) || ["spool", "http"].contains(&name) {
            section.mistake_of_all(
                "its name must be of 1 to 64 letters, digits, \"-\" and \"_\", and not \"spool\" or \"http\"",
            );
        }
        let names: Vec<_> =
            Format::ALL.iter().map(|format| format!("{:?}", format.name())).collect();
        let format = section.required("format", &format!("must be one of {}", names.join(", ")));
        let right =
            "must be the path of a file, a folder, or a pattern like \"/var/log/pmta/acct*.csv\"";
        let place: Option<AbsolutePlace> = section.required("path", right);
        let start =
            section.choice("start", &[("beginning", Start::Beginning), ("end", Start::End)]);
        let format = format?;
        Some(SourceConfig {
            name: name.into(),
            format,
            place: place?.0,
            start,
            reading: reading.clone(),
            line_octets_max,
            checkpoint: Some(directory.join(format!("{name}.checkpoint"))),
        })
    });
    let sources = sources.collect();
    let http = section.section("http");
    let http = section.has("http").then(|| read_http(&http, &reading)).flatten();
    let spool_octets_max = spool << 20;
    DeliveryConfig {
        is_there,
        reading,
        line_octets_max,
        spool_octets_max,
        directory,
        sources,
        http,
    }
}

fn read_http(section: &Section<'_>, reading: &Reading) -> Option<DeliveryHttp> {
    let listen = section.required("listen", super::LISTEN);
    let path: Option<UrlPath> =
        section.parsed("path", "/records", "must be the path of a URL, like \"/records\"");
    let token_file = section.given("token_file", "must be the path of a file");
    let body = super::mebibytes(section, "body_mib_max", 16, 1..=256);
    let connections_max = section.count("connections_max", 64, 1..=10_000, "connections");
    let seconds = section.integer("timeout_seconds", 30, 1..=3_600, "seconds");
    let config = HttpConfig {
        path: path?.0,
        token: None,
        body_octets_max: body,
        connections_max,
        timeout: Duration::from_secs(seconds),
        reading: reading.clone(),
    };
    Some(DeliveryHttp { listen: listen?, token_file, config })
}

struct UrlPath(String);

impl FromStr for UrlPath {
    type Err = ();

    fn from_str(path: &str) -> Result<Self, ()> {
        let is_of_path = |octet: u8| octet.is_ascii_alphanumeric() || b"/-._~".contains(&octet);
        let is_path = path.starts_with('/') && path.bytes().all(is_of_path);
        is_path.then(|| Self(path.into())).ok_or(())
    }
}

/// The name of a header field, in lower case.
struct FieldName(String);

impl FromStr for FieldName {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        // RFC 5322 §3.6.8.
        let is_printable = |octet: u8| matches!(octet, 33..=126) && octet != b':';
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_printable);
        is_name.then(|| Self(name.to_ascii_lowercase())).ok_or(())
    }
}

struct Zone(TimeZone);

impl FromStr for Zone {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let offset = || {
            let (sign, rest) = name.split_at_checked(1)?;
            let (hours, minutes) = rest.split_once(':')?;
            let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
            let sign = match sign {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            let is_right = (0..=14).contains(&hours) && (0..60).contains(&minutes);
            let seconds = sign * (hours * 3_600 + minutes * 60);
            let offset = Offset::from_seconds(seconds).ok().filter(|_| is_right)?;
            Some(TimeZone::fixed(offset))
        };
        match name {
            "local" => Ok(Self(TimeZone::system())),
            "UTC" => Ok(Self(TimeZone::UTC)),
            name => offset().or_else(|| TimeZone::get(name).ok()).map(Self).ok_or(()),
        }
    }
}

struct AbsolutePlace(Place);

impl FromStr for AbsolutePlace {
    type Err = ();

    fn from_str(path: &str) -> Result<Self, ()> {
        // mailwake is started from any folder.
        let is_absolute = Path::new(path).is_absolute();
        path.parse().map(Self).ok().filter(|_| is_absolute).ok_or(())
    }
}
