//! Holds the arrows between the parts of mailwake, as ARCHITECTURE.md draws them: what a
//! part of the application crate may import, what the crates `mail` and `tracking` must
//! not do, and how long a file may be.

use std::{
    fs,
    path::{Path, PathBuf},
};

mod imports;

/// A part of `crates/mailwake/src`, and what it may import besides itself. `event_log::*`
/// stands for the types at the root of that module.
struct Part {
    name: &'static str,
    may_import: &'static [&'static str],
}

const PARTS: &[Part] = &[
    Part { name: "telemetry", may_import: &[] },
    Part { name: "net", may_import: &["telemetry"] },
    Part { name: "event_log", may_import: &["telemetry"] },
    Part { name: "admin", may_import: &["net", "telemetry"] },
    Part { name: "policy", may_import: &["telemetry"] },
    Part { name: "smtp_io", may_import: &["net", "telemetry"] },
    Part { name: "stores", may_import: &["net", "telemetry"] },
    // Producers: a Writer of the log, never a Reader or a cursor, and never each other.
    Part {
        name: "gateway",
        may_import: &["event_log::writer", "event_log::*", "net", "policy", "smtp_io", "telemetry"],
    },
    Part {
        name: "inbound",
        may_import: &["event_log::writer", "event_log::*", "net", "policy", "smtp_io", "telemetry"],
    },
    Part {
        name: "tracker",
        may_import: &["event_log::writer", "event_log::*", "net", "policy", "telemetry"],
    },
    Part {
        name: "delivery",
        may_import: &["event_log::writer", "event_log::*", "net", "policy", "telemetry"],
    },
    // Consumers: a Reader and their own cursor, never a Writer.
    Part {
        name: "feeders",
        may_import: &[
            "event_log::reader",
            "event_log::cursor",
            "event_log::*",
            "net",
            "stores",
            "telemetry",
        ],
    },
    Part { name: "dashboard", may_import: &["net", "stores", "telemetry"] },
];

/// These may import everything, and no part imports them: a part takes a small
/// configuration struct of its own.
const TOP: &[&str] = &["cli", "config", "demo", "lib", "link_tool", "main", "serve"];

/// Types at the root of `event_log` that belong to one end only.
const ENDS: &[(&str, &[&str])] = &[
    ("Writer", &["gateway", "inbound", "tracker", "delivery"]),
    ("Reader", &["feeders"]),
    ("Cursor", &["feeders"]),
];

/// What `mail` and `tracking` must not depend on: they do no IO.
const IO_CRATES: &[&str] = &[
    "async-std",
    "getrandom",
    "hyper",
    "hyper-util",
    "mio",
    "rand",
    "reqwest",
    "rusqlite",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-util",
    "tracing",
];

/// What the source of `mail` and `tracking` must not say: `now` and `nonce` are
/// parameters there, and files and sockets belong to the caller.
const IO_CALLS: &[&str] = &[
    "Instant::now",
    "SystemRandom",
    "SystemTime::now",
    "Timestamp::now",
    "aws_lc_rs::rand",
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::process",
    "std::thread",
];

const FILE_LINES_MAX: usize = 500;

#[test]
fn parts_import_along_the_arrows() {
    let root = crates().join("mailwake/src");
    let violations: Vec<_> = rust_files(&root)
        .iter()
        .filter(|file| !is_test(file))
        .flat_map(|file| {
            let inside = file.strip_prefix(&root).expect("files of this folder");
            violations(inside, &read(file))
        })
        .collect();
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn library_crates_depend_on_no_io() {
    for (name, ours) in [("mail", &[][..]), ("tracking", &["mail"][..])] {
        let manifest = crates().join(name).join("Cargo.toml");
        let manifest: toml::Table = read(&manifest).parse().expect("a Cargo.toml is TOML");
        let dependencies = manifest["dependencies"].as_table().expect("a table of dependencies");
        for dependency in dependencies.keys().map(String::as_str) {
            assert!(
                !IO_CRATES.contains(&dependency),
                "crates/{name}/Cargo.toml depends on {dependency}; {name} does no IO"
            );
            assert!(
                !["mail", "tracking", "mailwake"].contains(&dependency)
                    || ours.contains(&dependency),
                "crates/{name}/Cargo.toml depends on {dependency}; of ours it may have: {ours:?}"
            );
        }
    }
}

#[test]
fn library_crates_do_no_io() {
    for name in ["mail", "tracking"] {
        for file in rust_files(&crates().join(name).join("src")) {
            if is_test(&file) {
                continue;
            }
            let source = read(&file);
            for (index, line) in imports::without_tests(&source).lines().enumerate() {
                let code = line.split("//").next().unwrap_or_default();
                let call = IO_CALLS.iter().find(|call| code.contains(**call));
                assert!(
                    call.is_none(),
                    "{}:{} uses {}; {name} does no IO and reads no clock: make it a parameter",
                    file.display(),
                    index + 1,
                    call.copied().unwrap_or_default()
                );
            }
        }
    }
}

#[test]
fn files_are_of_readable_length() {
    let long: Vec<_> = ["mail", "tracking", "mailwake"]
        .iter()
        .flat_map(|name| rust_files(&crates().join(name).join("src")))
        .filter(|file| !is_test(file) && !is_table(file))
        .filter_map(|file| {
            let lines = imports::without_tests(&read(&file)).lines().count();
            (lines > FILE_LINES_MAX).then(|| format!("{}: {lines} lines", file.display()))
        })
        .collect();
    assert!(
        long.is_empty(),
        "longer than {FILE_LINES_MAX} lines without tests; split them by noun:\n{}\n",
        long.join("\n")
    );
}

#[test]
fn a_forbidden_import_is_told_with_its_place() {
    check("gateway/session.rs", "use crate::net::Peer;\nuse crate::event_log::Writer;", &[]);
    check(
        "gateway/session.rs",
        "//! Head.\nuse crate::{net::Peer, stores::sqlite::Store};",
        &["gateway/session.rs:2 imports stores::sqlite::Store; gateway may import: \
           event_log::writer, event_log::*, net, policy, smtp_io, telemetry"],
    );
}

#[test]
fn producers_do_not_read_the_log() {
    check_forbidden("tracker/mod.rs", "crate::event_log::reader::Reader");
    check_forbidden("tracker/mod.rs", "crate::event_log::Reader");
    check_forbidden("tracker/mod.rs", "super::event_log::cursor");
    check_forbidden("feeders/webhook.rs", "crate::event_log::writer::Writer");
    check_forbidden("feeders/webhook.rs", "crate::event_log::Writer");
}

#[test]
fn producers_do_not_import_each_other() {
    check_forbidden("gateway/mod.rs", "crate::tracker::Visitor");
    check_forbidden("tracker/visit.rs", "super::super::gateway::Session");
}

#[test]
fn nobody_imports_the_top() {
    check_forbidden("net/mod.rs", "crate::config::Config");
    check_forbidden("gateway/mod.rs", "crate::serve::run");
    check("cli.rs", "use crate::{config::Config, serve, stores};", &[]);
}

#[test]
fn a_glob_of_the_whole_crate_is_refused() {
    check_forbidden("gateway/mod.rs", "crate::*");
}

#[test]
fn a_part_without_a_line_is_told() {
    check(
        "sorcery/mod.rs",
        "",
        &["sorcery/mod.rs belongs to no part: give `sorcery` a line in PARTS \
           (tests/it/layering.rs) and in ARCHITECTURE.md"],
    );
}

fn check(file: &str, source: &str, wanted: &[&str]) {
    assert_eq!(violations(Path::new(file), source), wanted);
}

fn check_forbidden(file: &str, path: &str) {
    let found = violations(Path::new(file), &format!("use {path};"));
    assert_eq!(found.len(), 1, "{file} may not import {path}");
}

/// What is wrong with the imports of one file; `file` is relative to `src`.
fn violations(file: &Path, source: &str) -> Vec<String> {
    let module = module_path(file);
    let own = module.first().map_or("lib", String::as_str);
    if TOP.contains(&own) {
        return Vec::new();
    }
    let Some(part) = PARTS.iter().find(|part| part.name == own) else {
        return vec![format!(
            "{} belongs to no part: give `{own}` a line in PARTS (tests/it/layering.rs) \
             and in ARCHITECTURE.md",
            file.display()
        )];
    };
    imports::imports(source, &module)
        .iter()
        .filter(|import| !part.allows(&import.path))
        .map(|import| {
            let may = match part.may_import {
                [] => "nothing".to_owned(),
                some => some.join(", "),
            };
            format!(
                "{}:{} imports {}; {own} may import: {may}",
                file.display(),
                import.line,
                import.path.join("::")
            )
        })
        .collect()
}

impl Part {
    fn allows(&self, path: &[String]) -> bool {
        let [first, rest @ ..] = path else { return true };
        if first == self.name {
            return true;
        }
        self.may_import.iter().any(|allowed| match allowed.split_once("::") {
            None => allowed == first,
            Some((module, "*")) => module == first && self.takes_root_type(rest),
            Some((module, inner)) => {
                module == first && rest.first().is_some_and(|segment| segment == inner)
            }
        })
    }

    /// Whether `rest` starts with a type (not a module), and none of the other end's.
    fn takes_root_type(&self, rest: &[String]) -> bool {
        let Some(name) = rest.first() else { return false };
        let is_type = name.starts_with(|first: char| first.is_ascii_uppercase());
        let is_of_the_other_end = ENDS
            .iter()
            .any(|(end, holders)| name.starts_with(end) && !holders.contains(&self.name));
        is_type && !is_of_the_other_end
    }
}

/// `gateway/session.rs` is `gateway::session`; `gateway/mod.rs` is `gateway`.
fn module_path(file: &Path) -> Vec<String> {
    let mut path: Vec<_> = file
        .with_extension("")
        .iter()
        .map(|segment| segment.to_str().expect("names of modules are ASCII").to_owned())
        .collect();
    if path.last().is_some_and(|last| last == "mod" || last == "lib") {
        path.pop();
    }
    path
}

/// The folder of the workspace's crates.
pub(crate) fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

/// Every Rust file under a folder, in order.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("list {}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry of a folder").path())
        .collect();
    entries.sort();
    let files_of = |path: PathBuf| match path.is_dir() {
        true => rust_files(&path),
        false => Vec::from_iter(path.extension().is_some_and(|end| end == "rs").then_some(path)),
    };
    entries.into_iter().flat_map(files_of).collect()
}

pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()))
}

fn is_test(file: &Path) -> bool {
    file.iter().any(|segment| segment == "tests" || segment == "tests.rs")
}

fn is_table(file: &Path) -> bool {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    name.contains("table") || name.contains("entities")
}
