//! Momentum's configurations, as files: `tests/momentum/NAME.conf`, in `NAME.toml` what
//! `mailwake import-config` makes of it, and in `NAME.txt` what it says on standard error.
//! Those named `wrong_…` are refused. `UPDATE_GOLDEN=1` writes what is expected.

use crate::support::mailwake::BINARY;
use std::{
    fs,
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
