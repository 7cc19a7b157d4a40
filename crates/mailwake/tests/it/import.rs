//! Momentum's configurations, as files: `tests/momentum/NAME.conf`, in `NAME.toml` what
//! `mailwake import-config` makes of it, and in `NAME.txt` what it says on standard error.
//! Those named `wrong_…` are refused. `UPDATE_GOLDEN=1` writes what is expected.

use crate::{
    layering::crates,
    support::{
        certificate::Certificate,
        free_port,
        mailwake::{BINARY, Installation},
        message,
        process::run,
        smtp::Session,
        upstream::Upstream,
    },
};
use mailwake::config::Config;
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output},
};

#[test]
fn configurations_of_momentum_are_imported() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for file in files() {
        let Output { status, stdout, stderr } = import(&file);
        assert_eq!(status.success(), !is_malformed(&file), "{}", file.display());
        let mut told = vec![("txt", stderr)];
        match status.success() {
            true => told.push(("toml", stdout)),
            false => assert!(stdout.is_empty(), "{}", file.display()),
        }
        for (extension, told) in told {
            let golden = file.with_extension(extension);
            if is_update {
                fs::write(&golden, &told).expect("write what was told");
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            let told = String::from_utf8(told).expect("text");
            if told != expected {
                let file = golden.display();
                wrong.push(format!("{file}\nexpected:\n{expected}\ngot:\n{told}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let output = import(&folder().join("nowhere.conf"));
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8(output.stderr).expect("text");
    assert!(told.starts_with("mailwake: read nowhere.conf: "), "{told}");
}

/// What is imported is right once the lines with FILL IN have their answers, and the files are
/// where they are said to be.
#[test]
fn what_is_imported_is_a_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let certificate = Certificate::write(directory.path(), "mx");
    let keys = directory.path().join("keys.txt");
    fs::write(&keys, run(BINARY, "mailwake", ["keys", "generate"])).expect("a key ring");
    let script = crates().join("../etc/policy/content.lua");
    let mut scripts_found = 0;
    for file in files().into_iter().filter(|file| !is_malformed(file)) {
        let toml = fs::read_to_string(file.with_extension("toml")).expect("a golden file");
        let path = |path: &Path| path.display().to_string();
        let toml = toml
            .replace("upstream = \"\"", "upstream = \"127.0.0.1:2599\"")
            .replace("listen = \"\"", "listen = \"127.0.0.1:2525\"")
            .replace("/opt/msys/ecelerity/etc/tls/mx.pem", &path(&certificate.file))
            .replace("/opt/msys/ecelerity/etc/tls/mx.key", &path(&certificate.key_file));
        let (toml, scripts) = with_policy(&toml, &script);
        let filled = directory.path().join("mailwake.toml");
        let toml = format!("{toml}\n[keys]\nfile = \"{}\"\n", path(&keys));
        fs::write(&filled, toml).expect("a configuration");
        let config = Config::load(&filled);
        let config = config.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(config.gateway.is_some() && config.tracker.is_some(), "{}", file.display());
        assert_eq!(config.policy.scripts.len(), scripts, "{}", file.display());
        run(BINARY, "mailwake", [Path::new("check-config"), "--config".as_ref(), &filled]);
        scripts_found += scripts;
    }
    assert!(scripts_found > 0, "no configuration has scripts");
}

/// Takes the # before `[policy]`, and has each of its scripts be this one. Gives how many there
/// are.
fn with_policy(toml: &str, script: &Path) -> (String, usize) {
    let Some((before, policy)) = toml.split_once("# [policy]\n") else {
        return (toml.to_owned(), 0);
    };
    let (policy, behind) = policy.split_once("\n\n").expect("an end of the table");
    let mut scripts = 0;
    let policy: Vec<String> = policy
        .lines()
        .map(|line| match line.strip_prefix("# ").expect("a comment") {
            line if line.starts_with("  ") => {
                scripts += 1;
                format!("{:?},", script.display().to_string())
            }
            line => line.to_owned(),
        })
        .collect();
    (format!("{before}[policy]\n{}\n\n{behind}", policy.join("\n")), scripts)
}

/// The example of Momentum's documentation, at other ports than 8650 and 8080.
#[test]
fn the_documented_example_takes_mail_at_both_of_its_sockets() {
    let upstream = Upstream::start();
    let installation = Installation::new(upstream.port);
    let port = free_port();
    let tracker = installation.tracking_url.trim_start_matches("http://");
    let toml = fs::read_to_string(folder().join("documented_example.toml")).expect("a file");
    let toml = toml
        .replace("127.0.0.1:8650", "127.0.0.1:2525")
        .replace("[::1]:8650", &format!("[::1]:{port}"))
        .replace("upstream = \"\"", "upstream = \"mx.example.com:25\"")
        .replace("localhost:8080", tracker);
    installation.set_example(&toml, ("mx.example.com:25", upstream.port));
    let serving = installation.serve();
    let sockets: [SocketAddr; 2] = [
        (Ipv4Addr::LOCALHOST, installation.gateway_port).into(),
        (Ipv6Addr::LOCALHOST, port).into(),
    ];
    for socket in sockets {
        let mut session = Session::open_at(socket).expect("a session");
        let offered = session.command("EHLO client.example.com").expect("a reply").text;
        for extension in ["XREMOTEIP", "XDUMPCONTEXT", "XCLIENT NAME", "XSETCONTEXT"] {
            assert!(offered.contains(extension), "{extension} is not offered at {socket}");
        }
        let content = "Subject: sale\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
             <html><body><a href=\"https://shop.example/\">sale</a></body></html>\r\n";
        let reply = session.send("news@a.example", "ann@b.example", content.as_bytes());
        assert_eq!(reply.expect("a reply").code, 250);
        let messages = upstream.messages();
        let html = message::part(messages.last().expect("a message"), "text/html");
        let links = message::attributes(&html, "href");
        let html = String::from_utf8_lossy(&html);
        assert!(links[0].starts_with(&installation.tracking_url), "clicks are not tracked: {html}");
        assert!(!html.contains("<img"), "opens are tracked: {html}");
    }
    assert!(serving.stop().success());
}

/// Imports a file for whoever works in its folder.
fn import(file: &Path) -> Output {
    Command::new(BINARY)
        .arg("import-config")
        .arg(file.file_name().expect("a file"))
        .current_dir(folder())
        .output()
        .expect("mailwake runs")
}

fn is_malformed(file: &Path) -> bool {
    file.file_stem().is_some_and(|name| name.to_string_lossy().starts_with("wrong_"))
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/momentum")
}

fn files() -> Vec<PathBuf> {
    let entries = fs::read_dir(folder()).expect("list configurations");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a configuration").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "conf"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are no configurations");
    files
}
