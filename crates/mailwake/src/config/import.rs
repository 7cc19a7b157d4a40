//! Momentum's configuration as mailwake's: `ecelerity.conf` and what it includes come in, TOML
//! goes out, and a list of what was passed over, each with its file and line. Files are opened
//! by whoever calls; docs/momentum.md says what becomes of what.

mod listener;
mod option;
mod pathway;
mod source;
pub mod syntax;
mod write;

pub use source::ImportError;

use self::{
    listener::{Listener, Scope},
    pathway::{Group, Pathway},
    syntax::{Content, Place, Statement, Value},
};
use std::{
    io,
    path::{Path, PathBuf},
};

/// A configuration that was imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// As TOML; what was passed over stands at its end.
    pub toml: String,
    /// What was passed over, a line each.
    pub passed_over: Vec<String>,
}

/// Reads a configuration of Momentum. `open` gives the text of a file.
pub fn import(
    path: &Path,
    mut open: impl FnMut(&Path) -> io::Result<String>,
) -> Result<Imported, ImportError> {
    let source = source::read(path, &mut open)?;
    let mut notes = Notes { passed_over: source.passed_over };
    let mut plan = Plan::default();
    for statement in source.statements {
        plan.take(statement, &mut notes);
    }
    plan.keep_what_can_listen(&mut notes);
    plan.keep_pathways_that_exist(&mut notes);
    let passed_over = notes.lines(&source.files);
    let toml = write::toml(path, &plan, &passed_over);
    Ok(Imported { toml, passed_over })
}

/// What was passed over.
#[derive(Debug)]
struct Notes {
    passed_over: Vec<(Place, String)>,
}

impl Notes {
    fn pass_over(&mut self, place: Place, what: String) {
        self.passed_over.push((place, what));
    }

    /// An option or stanza that mailwake does not have, in this stanza.
    fn unknown(&mut self, place: Place, name: &str, stanza: &str) {
        let within = if stanza.is_empty() { String::new() } else { format!(" in {stanza}") };
        self.pass_over(place, format!("{name}{within}: {}", reason(name)));
    }

    fn lines(mut self, files: &[PathBuf]) -> Vec<String> {
        self.passed_over.sort();
        let line = |(place, what): &(Place, String)| {
            let file = files.get(place.file).map(|file| file.display().to_string());
            let what: String = what.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            format!("{}:{}: {what}", file.unwrap_or_default(), place.line)
        };
        self.passed_over.iter().map(line).collect()
    }
}

/// Why an option or stanza is passed over.
fn reason(name: &str) -> &'static str {
    const REASONS: &[(&[&str], &str)] = &[
        (&["binding", "binding_group", "domain", "host"], "delivery is upstream's"),
        (&["substitution_engine", "httpsrv"], "mailwake does what smtpapi needs it for by itself"),
        (&["cassandra_client"], "tags are kept where [tags] says"),
        (&["http_listener"], "links lead to [tracker], which is a server of its own"),
        (
            &["tls_certificate", "tls_key", "tls_ca", "tls_protocols", "tls_ciphers"],
            "mailwake has one certificate and key for a listener",
        ),
    ];
    let is_it = |names: &&(&[&str], &str)| names.0.iter().any(|it| name.eq_ignore_ascii_case(it));
    REASONS.iter().find(is_it).map_or("is no part of engagement tracking", |(_, why)| why)
}

/// What of a configuration mailwake knows.
#[derive(Debug, Default)]
struct Plan {
    /// What holds everywhere.
    global: Scope,
    /// There is a stanza `smtpapi`.
    has_smtpapi: bool,
    listeners: Vec<Listener>,
    pathways: Vec<Pathway>,
    groups: Vec<Group>,
    /// The files of Lua scripts of `scriptlet`, in order.
    scripts: Vec<String>,
}

impl Plan {
    fn take(&mut self, statement: Statement, notes: &mut Notes) {
        let Statement { place, name, content } = statement;
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match content {
            Content::Stanza { label, body } if is("esmtp_listener") => {
                self.listeners.push(listener::read(place, label, body, notes));
            }
            Content::Stanza { label: Some(name), body } if is("pathway") => {
                pathway::add(&mut self.pathways, pathway::read(name, body, notes));
            }
            Content::Stanza { label: Some(name), body } if is("pathway_group") => {
                pathway::add_group(&mut self.groups, pathway::read_group(name, body, notes));
            }
            Content::Stanza { body, .. } if is("smtpapi") => self.take_smtpapi(body, notes),
            Content::Stanza { body, .. } if is("engagement_tracker") => {
                self.take_tracker(body, notes);
            }
            Content::Stanza { body, .. } if is("msg_gen") => pass_msg_gen_over(body, notes),
            Content::Stanza { body, .. } if is("scriptlet") => self.take_scripts(body, notes),
            Content::Stanza { label: Some(label), .. } => {
                notes.pass_over(place, format!("{name} {label:?}: {}", reason(&name)));
            }
            Content::Option(value) => match option::engagement(&name, &value) {
                Some(Ok(setting)) => self.global.set(setting),
                Some(Err(why)) => notes.pass_over(place, format!("{name}: {why}")),
                None => notes.unknown(place, &name, ""),
            },
            Content::Stanza { label: None, .. } | Content::Include(_) => {
                notes.unknown(place, &name, "");
            }
        }
    }

    fn take_smtpapi(&mut self, body: Vec<Statement>, notes: &mut Notes) {
        self.has_smtpapi = true;
        for Statement { place, name, content } in body {
            let is_off = name.eq_ignore_ascii_case("enabled")
                && matches!(&content, Content::Option(Value::Text(text))
                    if option::boolean(text) == Some(false));
            match is_off {
                true => notes.pass_over(
                    place,
                    "smtpapi: is not enabled, so Momentum tracks nothing; it is imported as if \
                     it were"
                        .into(),
                ),
                false => notes.unknown(place, &name, "smtpapi"),
            }
        }
    }

    fn take_tracker(&mut self, body: Vec<Statement>, notes: &mut Notes) {
        for Statement { place, name, content } in body {
            let setting = match &content {
                Content::Option(value) => option::tracker(&name, value),
                _ => None,
            };
            match setting {
                Some(Ok(setting)) => self.global.set(setting),
                Some(Err(why)) => notes.pass_over(place, format!("{name}: {why}")),
                None => notes.unknown(place, &name, "engagement_tracker"),
            }
        }
    }

    fn take_scripts(&mut self, body: Vec<Statement>, notes: &mut Notes) {
        for Statement { place, name, content } in body {
            match content {
                Content::Stanza { label: Some(label), body }
                    if name.eq_ignore_ascii_case("script") =>
                {
                    match source_of(body) {
                        // A name of a module is looked up among those of Momentum.
                        Some(module) if !module.contains('/') => {
                            let what = format!("script {label:?}: {module} is Momentum's own");
                            notes.pass_over(place, what);
                        }
                        Some(source) => self.scripts.push(source),
                        None => notes.pass_over(place, format!("script {label:?}: has no source")),
                    }
                }
                _ => notes.unknown(place, &name, "scriptlet"),
            }
        }
    }

    /// Passes pathways over that are attached and stand nowhere.
    fn keep_pathways_that_exist(&mut self, notes: &mut Notes) {
        let grouped = self.groups.iter().flat_map(|group| &group.pathways);
        let names: Vec<&str> =
            self.pathways.iter().chain(grouped).map(|pathway| pathway.name.as_str()).collect();
        for scope in self.listeners.iter_mut().flat_map(Listener::scopes_mut) {
            let unknown = scope.pathway.take_if(|(_, name)| !names.contains(&name.as_str()));
            if let Some((place, name)) = unknown {
                notes.pass_over(place, format!("pathway {name:?}: there is no such Pathway"));
            }
        }
    }

    /// Passes listeners without a socket over.
    fn keep_what_can_listen(&mut self, notes: &mut Notes) {
        self.listeners.retain(|listener| {
            let can_listen = !listener.sockets.is_empty();
            if !can_listen {
                let what = "ESMTP_Listener: has no Listen that mailwake could take";
                notes.pass_over(listener.place, what.into());
            }
            can_listen
        });
    }
}

/// The option `source` of a script.
fn source_of(body: Vec<Statement>) -> Option<String> {
    body.into_iter().find_map(|statement| match statement.content {
        Content::Option(Value::Text(source))
            if statement.name.eq_ignore_ascii_case("source") && !source.is_empty() =>
        {
            Some(source)
        }
        _ => None,
    })
}

/// Its options of tracking are for what is injected by REST: smtpapi, which mailwake is in the
/// place of, does not fall back to them, as its documentation says.
fn pass_msg_gen_over(body: Vec<Statement>, notes: &mut Notes) {
    for Statement { place, name, content } in body {
        let is_engagement = match &content {
            Content::Option(value) => {
                option::engagement(&name, value).is_some()
                    || name.eq_ignore_ascii_case("engagement_tracking_host")
            }
            _ => false,
        };
        match is_engagement {
            true => {
                let why = "is for REST, and smtpapi does not fall back to it";
                notes.pass_over(place, format!("{name} in msg_gen: {why}"));
            }
            false => notes.unknown(place, &name, "msg_gen"),
        }
    }
}

#[cfg(test)]
mod tests;
