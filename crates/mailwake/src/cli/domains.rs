//! `mailwake domains`: the domains of tracked links.

use crate::config::Tracker;
use anyhow::Result;
use std::io::Write;

/// Tells where a tracker listens, and the names that it has certificates for.
pub(super) fn tell(out: &mut impl Write, tracker: &Tracker) -> Result<()> {
    let listeners = tracker.listeners.iter().map(|listener| match listener.is_tls {
        true => format!("{} (TLS)", listener.listen),
        false => listener.listen.to_string(),
    });
    writeln!(out, "  tracker: {}", listeners.collect::<Vec<_>>().join(", "))?;
    let obtained = |name: &String| {
        let acme = tracker.acme.as_ref();
        acme.is_some_and(|acme| acme.domains.contains(name))
    };
    let domains = tracker.domains.iter().map(|(name, _)| match obtained(name) {
        true => format!("{name} (ACME)"),
        false => name.clone(),
    });
    let domains: Vec<_> = domains.collect();
    if !domains.is_empty() {
        writeln!(out, "    certificates: {}", domains.join(", "))?;
    }
    Ok(())
}
