use super::*;
use rcgen::{CertificateParams, KeyPair};
use std::fs;
use tempfile::TempDir;

/// A certificate for a name, in PEM, with its key.
fn pem(name: &str) -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
    (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
}

fn files(folder: &TempDir, name: &str) -> (String, DomainCertificate) {
    let path = |end: &str| folder.path().join(format!("{}.{end}", name.replace('*', "any")));
    let (certificate, key) = (path("certificate.pem"), path("key.pem"));
    let (chain, secret) = pem(name);
    fs::write(&certificate, chain).expect("write");
    fs::write(&key, secret).expect("write");
    (name.to_owned(), DomainCertificate::Files { certificate, key })
}

fn check(tls: &DomainsTls, asked: Option<&str>, same_as: Option<&str>) {
    let certificate =
        |name: Option<&str>| tls.certificates.of(name).map(|certified| certified.cert[0].to_vec());
    let wanted = same_as.map(|name| {
        let live = &tls.certificates.by_name[name];
        live.current().expect("a certificate").cert[0].to_vec()
    });
    assert_eq!(certificate(asked), wanted, "{asked:?}");
}

#[test]
fn the_client_names_the_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["a.example", "*.b.example", "Upper.example"];
    let tls = DomainsTls::load(names.map(|name| files(&folder, name)), None).expect("read");
    check(&tls, Some("a.example"), Some("a.example"));
    check(&tls, Some("A.Example"), Some("a.example"));
    check(&tls, Some("upper.example"), Some("upper.example"));
    check(&tls, Some("x.b.example"), Some("*.b.example"));
    for unknown in [None, Some("b.example"), Some("y.x.b.example"), Some("x.a.example")] {
        check(&tls, unknown, None);
    }
}

#[test]
fn the_default_is_for_who_names_no_domain_or_another() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = ["a.example", "b.example"].map(|name| files(&folder, name));
    let tls = DomainsTls::load(names, Some("B.example".into())).expect("read");
    check(&tls, Some("a.example"), Some("a.example"));
    check(&tls, Some("c.example"), Some("b.example"));
    check(&tls, None, Some("b.example"));
}

#[test]
fn what_is_obtained_later_is_taken_then() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("a.example.pem");
    let domain = ("a.example".to_owned(), DomainCertificate::Obtained(file.clone()));
    let tls = DomainsTls::load([domain], None).expect("nothing to read");
    check(&tls, Some("a.example"), None);
    for _ in 0..2 {
        let (chain, key) = pem("a.example");
        fs::write(&file, key + &chain).expect("write");
        check(&tls, Some("a.example"), Some("a.example"));
    }
}

#[test]
fn files_that_are_not_there_are_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let (name, domain) = files(&folder, "a.example");
    fs::remove_file(folder.path().join("a.example.key.pem")).expect("remove");
    let error = DomainsTls::load([(name, domain)], None).map(drop).expect_err("wrong");
    assert!(error.to_string().contains("a.example.key.pem"), "{error}");
}
