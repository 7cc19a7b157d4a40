//! Options of Momentum that mailwake has as well: name and value come in, key and value of
//! `[engagement]` go out.

use super::syntax::Value;

const SECONDS_A_DAY: u64 = 86_400;

/// Most days of `link_expiry_days`.
const EXPIRY_DAYS_MAX: u64 = 36_500;

/// A key of `[engagement]` with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// The key.
    pub(super) key: &'static str,
    /// The value, as TOML writes it.
    pub(super) value: String,
    /// What a reader should know of it.
    pub(super) remark: Option<String>,
}

/// What an option is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Boolean,
    Scheme,
    Domain,
    Expiry,
    Octets,
}

/// Options in the order of mailwake's reference: Momentum's name, the key, what it is, and
/// Momentum's default.
const OPTIONS: &[(&str, &str, Kind, &str)] = &[
    ("tracking_domain", "tracking_domain", Kind::Domain, "localhost:8080"),
    ("click_tracking_scheme", "click_tracking_scheme", Kind::Scheme, "http"),
    ("open_tracking_scheme", "open_tracking_scheme", Kind::Scheme, "http"),
    ("open_tracking_enabled", "open_tracking", Kind::Boolean, "false"),
    ("click_tracking_enabled", "click_tracking", Kind::Boolean, "false"),
    ("tracking_link_expiry", "link_expiry_days", Kind::Expiry, "31536000"),
];

/// The options of `engagement_tracker`, which are global.
const TRACKER_OPTIONS: &[(&str, &str, Kind, &str)] = &[
    ("click_tracking_include_metadata", "click_tracking_include_metadata", Kind::Boolean, "true"),
    ("max_metadata_len", "max_metadata_len", Kind::Octets, "1000"),
];

/// The setting of an engagement option; `None` for any other. The error says why the value
/// has none.
pub(super) fn engagement(name: &str, value: &Value) -> Option<Result<Setting, String>> {
    of_table(OPTIONS, name, value)
}

/// As `engagement`, for the options of `engagement_tracker`.
pub(super) fn tracker(name: &str, value: &Value) -> Option<Result<Setting, String>> {
    of_table(TRACKER_OPTIONS, name, value)
}

/// What counts in Momentum where a configuration says nothing.
pub(super) fn defaults() -> impl Iterator<Item = Setting> {
    OPTIONS.iter().chain(TRACKER_OPTIONS).map(|(_, key, kind, default)| {
        let value = Value::Text((*default).to_owned());
        let remark = match kind {
            Kind::Domain => "FILL IN: Momentum's default, which no recipient reaches",
            _ => "Momentum's default",
        };
        let remark = remark.to_owned();
        let setting = setting(key, *kind, &value).expect("a default has the shape of its option");
        Setting { remark: Some(remark), ..setting }
    })
}

fn of_table(
    table: &[(&'static str, &'static str, Kind, &str)],
    name: &str,
    value: &Value,
) -> Option<Result<Setting, String>> {
    let (_, key, kind, _) = table.iter().find(|(known, ..)| name.eq_ignore_ascii_case(known))?;
    Some(setting(key, *kind, value))
}

fn setting(key: &'static str, kind: Kind, value: &Value) -> Result<Setting, String> {
    let Value::Text(text) = value else { return Err("has a value of one word".into()) };
    let text = text.trim();
    let value = match kind {
        Kind::Boolean => boolean(text).map(|is_on| is_on.to_string()),
        Kind::Scheme => ["http", "https"]
            .iter()
            .find(|scheme| text.eq_ignore_ascii_case(scheme))
            .map(|scheme| quoted(scheme)),
        Kind::Domain => is_domain(text).then(|| quoted(text)),
        Kind::Expiry => return expiry(key, text),
        Kind::Octets => text.parse::<u32>().ok().map(|octets| octets.to_string()),
    };
    let right = match kind {
        Kind::Boolean => "\"true\" or \"false\"",
        Kind::Scheme => "\"http\" or \"https\"",
        Kind::Domain => "a host, and perhaps a port",
        Kind::Expiry => "a number of seconds",
        Kind::Octets => "a number of octets",
    };
    let value = value.ok_or_else(|| format!("{text:?} is not {right}"))?;
    Ok(Setting { key, value, remark: None })
}

/// Seconds as whole days, rounded up.
fn expiry(key: &'static str, text: &str) -> Result<Setting, String> {
    let seconds: i64 = text.parse().map_err(|_| format!("{text:?} is not a number of seconds"))?;
    let exact = u64::try_from(seconds).unwrap_or(0);
    let days = exact.div_ceil(SECONDS_A_DAY).clamp(1, EXPIRY_DAYS_MAX);
    let remark = match days * SECONDS_A_DAY {
        whole if whole == exact => None,
        whole if whole < exact => Some(format!("{seconds} seconds are more than mailwake has")),
        _ => Some(format!("{seconds} seconds, rounded up to whole days")),
    };
    Ok(Setting { key, value: days.to_string(), remark })
}

/// What Momentum takes for true or false.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is_one_of = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match text {
        _ if is_one_of(&["true", "1", "yes", "on"]) => Some(true),
        _ if is_one_of(&["false", "0", "no", "off"]) => Some(false),
        _ => None,
    }
}

fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 260
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || b".-_:[]".contains(&octet))
}

/// A text as TOML writes it.
pub(super) fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}
