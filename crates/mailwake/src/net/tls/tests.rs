use super::{
    client::{ClientTls, Verification},
    server::{CertificateFiles, ClientCertificates, ServerTls},
};
use rcgen::{CertificateParams, KeyPair};
use std::{fs, path::Path};
use tempfile::TempDir;

/// Writes a self-signed certificate and its key.
fn write_pair(folder: &Path) {
    let key = KeyPair::generate().expect("a key");
    let names = vec!["mx.example".to_owned()];
    let certificate = CertificateParams::new(names).expect("a name").self_signed(&key);
    fs::write(folder.join("certificate.pem"), certificate.expect("a certificate").pem())
        .expect("write");
    fs::write(folder.join("key.pem"), key.serialize_pem()).expect("write");
}

fn files(folder: &Path) -> CertificateFiles {
    CertificateFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        clients: ClientCertificates::NotAsked,
    }
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    write_pair(folder.path());
    folder
}

#[test]
fn certificate_is_read_again_when_its_files_change() {
    let folder = folder();
    let tls = ServerTls::load(files(folder.path())).expect("a certificate");
    let first = tls.current();
    assert!(std::sync::Arc::ptr_eq(&first, &tls.current()), "read again without a change");
    write_pair(folder.path());
    assert!(!std::sync::Arc::ptr_eq(&first, &tls.current()));
}

#[test]
fn old_certificate_stays_while_its_files_are_wrong() {
    let folder = folder();
    let tls = ServerTls::load(files(folder.path())).expect("a certificate");
    let first = tls.current();
    let whole = fs::read(folder.path().join("key.pem")).expect("a key");
    // Another certificate without its key, as when both are replaced one by one.
    write_pair(folder.path());
    fs::write(folder.path().join("key.pem"), &whole).expect("write");
    assert!(std::sync::Arc::ptr_eq(&first, &tls.current()));
    fs::remove_file(folder.path().join("key.pem")).expect("remove");
    assert!(std::sync::Arc::ptr_eq(&first, &tls.current()));
    tls.reload();
    assert!(std::sync::Arc::ptr_eq(&first, &tls.current()));
    write_pair(folder.path());
    assert!(!std::sync::Arc::ptr_eq(&first, &tls.current()));
}

#[test]
fn files_that_are_wrong_are_told() {
    let folder = folder();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let load = |files| ServerTls::load(files).map(drop).expect_err("wrong").to_string();
    let missing = CertificateFiles { key: folder.path().join("none.pem"), ..files(folder.path()) };
    assert!(load(missing).ends_with("none.pem: No such file or directory (os error 2)"));
    let swapped = CertificateFiles {
        certificate: key.clone(),
        key: certificate.clone(),
        ..files(folder.path())
    };
    assert!(load(swapped).ends_with("key.pem: no certificate in PEM"));
    let no_key = CertificateFiles { key: certificate, ..files(folder.path()) };
    assert!(load(no_key).ends_with("certificate.pem: no private key in PEM"));
    let no_authority =
        CertificateFiles { clients: ClientCertificates::Required(key), ..files(folder.path()) };
    assert!(load(no_authority).ends_with("key.pem: no certificate in PEM"));
}

#[test]
fn key_of_another_certificate_is_told() {
    let (folder, other) = (folder(), folder());
    let mixed = CertificateFiles { key: other.path().join("key.pem"), ..files(folder.path()) };
    let error = ServerTls::load(mixed).map(drop).expect_err("wrong").to_string();
    assert!(error.contains("certificate.pem: keys may not be consistent"), "{error}");
}

#[test]
fn name_of_a_server_is_a_domain_or_an_address() {
    for right in ["mx.example", "192.0.2.1", "2001:db8::1"] {
        assert!(ClientTls::load(right, &Verification::Nothing).is_ok(), "{right}");
    }
    for wrong in ["", "a b", "mx.example:25"] {
        assert!(ClientTls::load(wrong, &Verification::Nothing).is_err(), "{wrong}");
    }
}
