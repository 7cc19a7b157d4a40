//! Wrong configurations, as files: `tests/bad_configs/NAME.toml`, and in `NAME.txt` what
//! `mailwake check-config` says to it. `UPDATE_GOLDEN=1` writes the latter.

use crate::support::mailwake::BINARY;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

#[test]
fn check_config_tells_all_mistakes_at_once() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_configs");
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut wrong = Vec::new();
    for file in files(&folder) {
        let told = told(&folder, &file);
        let golden = file.with_extension("txt");
        if is_update {
            fs::write(&golden, &told).expect("write what was told");
        }
        let expected = fs::read_to_string(&golden).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{}\nexpected:\n{expected}\ngot:\n{told}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("list configurations");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("a configuration").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "there are no wrong configurations");
    files
}

/// What the operator sees, who works in the folder of the file.
fn told(folder: &Path, file: &Path) -> String {
    let output = Command::new(BINARY)
        .args(["check-config", "--config"])
        .arg(file.file_name().expect("a file"))
        .current_dir(folder)
        .env_remove("MAILWAKE_KEY_RING")
        .output()
        .expect("mailwake runs");
    assert_eq!(output.status.code(), Some(1), "{}: {output:?}", file.display());
    assert!(output.stdout.is_empty(), "{}: {output:?}", file.display());
    String::from_utf8(output.stderr).expect("text")
}
