//! What stands in front of the tracker and between it and its clients: nginx with the file of
//! `etc`, TLS, and an authority for certificates.

use super::load::{TARGET, click, keys, sealed};
use crate::{
    layering::{crates, read},
    support::{
        PATIENCE,
        certificate::Certificate,
        free_port,
        mailwake::{BINARY, Installation, Serving},
        process::{Server, run},
        say, wait_for,
    },
};
use rcgen::{CertificateParams, KeyPair};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const DOMAIN: &str = "track.example.com";

/// Asks by curl, which trusts this authority alone and finds the domain at 127.0.0.1.
fn curl(authority: &Path, port: u16, arguments: &[&str]) -> String {
    let resolve = format!("{DOMAIN}:{port}:127.0.0.1");
    let authority = authority.display().to_string();
    let fixed = ["--silent", "--show-error", "--max-time", "20", "--output", "/dev/null"];
    let told = ["--cacert", &authority, "--resolve", &resolve];
    run("curl", "curl", [&fixed[..], &told, arguments].concat())
}

/// The addresses of the clients who clicked, in order.
fn clients(installation: &Installation, count: usize) -> Vec<String> {
    let events = wait_for("the clicks in the store", PATIENCE, || {
        let events = installation.events(&["--type", "click"]);
        (events.len() == count).then_some(events)
    });
    let mut events: Vec<_> = events
        .iter()
        .map(|event| (event["timestamp"].to_string(), event["ip_address"].clone()))
        .collect();
    events.sort_by(|one, other| one.0.cmp(&other.0));
    events.into_iter().map(|(_, address)| address.as_str().unwrap_or_default().into()).collect()
}

fn nginx(folder: &Path, port: u16, plain: u16, tracker: &str, certificate: &Certificate) -> Server {
    let example = read(&crates().join("../etc/nginx/mailwake.conf"));
    let of_ipv6 = |line: &&str| !line.contains("listen [::]");
    let site: Vec<_> = example.lines().filter(of_ipv6).collect();
    let (chain, key) = (certificate.file.display(), certificate.key_file.display());
    let site = site
        .join("\n")
        .replace("listen 80;", &format!("listen 127.0.0.1:{plain};"))
        .replace("listen 443 ", &format!("listen 127.0.0.1:{port} "))
        .replace("127.0.0.1:8888", tracker)
        .replace("/etc/ssl/track.example.com/fullchain.pem", &chain.to_string())
        .replace("/etc/ssl/track.example.com/privkey.pem", &key.to_string());
    let at = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .concat();
    let whole = format!(
        "daemon off;\npid {at}/nginx.pid;\nerror_log {at}/error.log;\n\
         events {{}}\nhttp {{\n{temporary}{site}\n}}\n"
    );
    let file = folder.join("nginx.conf");
    fs::write(&file, whole).expect("write");
    let mut command = Command::new("nginx");
    command.arg("-e").arg(folder.join("error.log")).arg("-c").arg(&file);
    let mut server = Server::start("nginx", "nginx-light", &mut command, folder.join("nginx.log"));
    server.wait_until_listening(&[port, plain]);
    server
}

#[test]
fn nginx_in_front_tells_the_client_and_no_client_can() {
    let installation = Installation::new(free_port());
    installation.set("[tracker]\n", "[tracker]\ntrusted_proxies = [\"127.0.0.1\"]\n");
    let serving = installation.serve_roles("tracker,store");
    let keys = keys(&installation);
    let certificate = Certificate::write(installation.folder(), DOMAIN);
    let [port, plain] = [free_port(), free_port()];
    let tracker = installation.tracking_url.trim_start_matches("http://");
    let _nginx = nginx(installation.folder(), port, plain, tracker, &certificate);
    let forged = "X-Forwarded-For: 203.0.113.9";
    let ways: [(&str, &[&str]); 3] = [
        ("2", &["--http2", "--interface", "127.0.0.5"]),
        ("1.1", &["--http1.1", "--interface", "127.0.0.6", "--header", forged]),
        (
            "2",
            &["--interface", "127.0.0.7", "--header", forged, "--header", "Forwarded: for=9.9.9.9"],
        ),
    ];
    for (version, way) in ways {
        let url = format!("https://{DOMAIN}:{port}{}", sealed(&keys, click()).1);
        let told = ["--write-out", "%{http_code} %{http_version} %{redirect_url}", &url];
        let printed = curl(&certificate.file, port, &[way, &told].concat());
        assert_eq!(printed, format!("302 {version} {TARGET}"), "{way:?}");
    }
    // Who does not come through nginx, and is not trusted, is not believed.
    let direct = format!("{}{}", installation.tracking_url, sealed(&keys, click()).1);
    let arguments = ["--interface", "127.0.0.8", "--header", forged, &direct];
    curl(&certificate.file, port, &arguments);
    let expected = ["127.0.0.5", "127.0.0.6", "127.0.0.7", "127.0.0.8"];
    assert_eq!(clients(&installation, 4), expected);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// Adds a listener in TLS; gives its port.
fn set_tls(installation: &Installation, domain: &str) -> u16 {
    let port = free_port();
    let tables = format!(
        "[tracker.listener.tls]\nlisten = \"127.0.0.1:{port}\"\ntls = true\n\
         [tracker.domain.\"{DOMAIN}\"]\n{domain}\n[admin]\n"
    );
    installation.set("[admin]\n", &tables);
    port
}

#[test]
fn a_click_lands_in_tls_also_when_the_certificate_is_replaced() {
    let installation = Installation::new(free_port());
    let certificate = Certificate::write(installation.folder(), DOMAIN);
    let port = set_tls(
        &installation,
        &format!(
            "tls_certificate_file = {:?}\ntls_key_file = {:?}",
            certificate.file, certificate.key_file
        ),
    );
    let serving = installation.serve_roles("tracker");
    let keys = keys(&installation);
    for version in ["2", "1.1"] {
        let url = format!("https://{DOMAIN}:{port}{}", sealed(&keys, click()).1);
        let told = ["--write-out", "%{http_code} %{http_version} %{redirect_url}", &url];
        let way = format!("--http{version}");
        let printed = curl(&certificate.file, port, &[&[&*way][..], &told].concat());
        assert_eq!(printed, format!("302 {version} {TARGET}"));
        Certificate::write(installation.folder(), DOMAIN);
    }
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

#[test]
fn domains_check_tells_what_is_wrong_and_counts_nothing() {
    let installation = Installation::new(free_port());
    let certificate = Certificate::write(installation.folder(), DOMAIN);
    let files = format!(
        "tls_certificate_file = {:?}\ntls_key_file = {:?}",
        certificate.file, certificate.key_file
    );
    let port = set_tls(&installation, &files).to_string();
    let serving = installation.serve_roles("tracker");
    let http = installation.tracking_url.rsplit(':').next().expect("a port");
    let authority = certificate.file.display().to_string();
    let at = ["domains", "check", DOMAIN, "--address", "127.0.0.1", "--http-port", http];
    let right = [&at[..], &["--https-port", &port, "--ca-file", &authority]].concat();
    let told = installation.run(&right);
    assert_eq!(told.matches("right").count(), 4, "{told}");
    let unknown = [&at[..], &["--https-port", &port]].concat();
    let told = installation.run_failing(&unknown);
    assert!(told.contains("one thing is wrong with track.example.com"), "{told}");
    let nobody = free_port().to_string();
    let absent = [&at[..], &["--https-port", &nobody, "--ca-file", &authority]].concat();
    assert!(installation.run_failing(&absent).contains("one thing is wrong"));
    let keys = installation.folder().join("keys.toml");
    let ring = fs::read(&keys).expect("a key ring");
    fs::write(&keys, run(BINARY, "mailwake", ["keys", "generate"])).expect("write");
    // The tracker that runs has other keys.
    assert!(installation.run_failing(&right).contains("2 things are wrong"));
    fs::write(&keys, ring).expect("write");
    assert_eq!(installation.metric("mailwake_event_log_events_total"), 0.0);
    assert!(serving.stop().success(), "SIGTERM ends serve in order");
}

/// Where `ci/test-programs` has put the ACME server; none, which is said, without it.
fn acme_server() -> Option<PathBuf> {
    let folder = crates().join("../target/test-programs/acme2certifier");
    let is_there = folder.join("acme2certifier").exists();
    if !is_there {
        say("NOT RUN: certificates by ACME (there is no acme2certifier)");
    }
    is_there.then_some(folder)
}

/// An authority of the test's own. It asks the tracker at this port, as at port 80 of every host.
fn start_authority(program: &Path, folder: &Path, http_port: u16) -> (Server, u16) {
    fs::create_dir(folder).expect("a folder");
    let directory = Certificate::write(folder, "127.0.0.1");
    fs::rename(directory.file, folder.join("directory.certificate.pem")).expect("rename");
    fs::rename(directory.key_file, folder.join("directory.key.pem")).expect("rename");
    let port = free_port();
    let mut command = Command::new("python3");
    command
        .arg(crates().join("mailwake/tests/it/support/acme_server.py"))
        .arg(folder)
        .args([port.to_string(), http_port.to_string()])
        .env("PYTHONPATH", program);
    let log = folder.join("server.log");
    let mut server = Server::start("acme2certifier", "python3", &mut command, log);
    server.wait_until_listening(&[port]);
    (server, port)
}

fn obtained(installation: &Installation, serving: &Serving) -> Vec<u8> {
    wait_for("a certificate", PATIENCE, || {
        let count = installation.metric("mailwake_tracker_certificates_obtained_total");
        assert!(!serving.log().contains("no certificate was obtained"), "{}", serving.log());
        (count > 0.0).then_some(())
    });
    fs::read(installation.data().join(format!("acme/{DOMAIN}.pem"))).expect("a certificate")
}

/// Puts a certificate whose time is over in the place of the one that is there.
fn age(installation: &Installation) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![DOMAIN.to_owned()]).expect("a name");
    params.not_before = rcgen::date_time_ymd(2025, 1, 1);
    params.not_after = rcgen::date_time_ymd(2025, 3, 1);
    let chain = params.self_signed(&key).expect("a certificate").pem();
    let file = installation.data().join(format!("acme/{DOMAIN}.pem"));
    fs::write(file, key.serialize_pem() + &chain).expect("write");
}

#[test]
fn a_certificate_is_obtained_used_and_renewed() {
    let Some(program) = acme_server() else { return };
    let installation = Installation::new(free_port());
    let tracker_port = installation.tracking_url.rsplit(':').next().and_then(|it| it.parse().ok());
    let folder = installation.folder().join("authority");
    let (_authority, directory) = start_authority(&program, &folder, tracker_port.expect("a port"));
    let acme = format!(
        "acme = true\n[tracker.acme]\ndirectory = \"https://127.0.0.1:{directory}/directory\"\n\
         ca_file = {:?}\nemail = \"postmaster@example.com\"\nterms_of_service_agreed = true",
        folder.join("directory.certificate.pem")
    );
    let port = set_tls(&installation, &acme);
    let url = format!("https://{DOMAIN}:{port}/robots.txt");
    let told = ["--write-out", "%{http_code}", &url];
    let mut before = Vec::new();
    for _ in ["obtained", "renewed"] {
        let serving = installation.serve_roles("tracker");
        let certificate = obtained(&installation, &serving);
        assert_ne!(certificate, before);
        before = certificate;
        assert_eq!(curl(&folder.join("ca.certificate.pem"), port, &told), "200");
        assert_eq!(installation.metric("mailwake_tracker_challenges_answered_total"), 1.0);
        assert!(serving.stop().success(), "SIGTERM ends serve in order");
        age(&installation);
    }
    let log = fs::read_to_string(installation.folder().join("serve.log")).expect("a log");
    assert_eq!(log.matches("an account for certificates was made").count(), 1);
}
