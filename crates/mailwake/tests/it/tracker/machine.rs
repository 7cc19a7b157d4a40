//! Parts of the machine that a test breaks: a disk of its own, which can stand still, fail
//! or fill up. Only root can.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

/// A file system in a file, mounted on a directory.
pub(super) struct Disk {
    directory: PathBuf,
}

impl Disk {
    /// Makes one of so many MiB, and mounts it; the error says why it cannot be had.
    pub(super) fn mount(directory: &Path, mebibytes: u64) -> Result<Self, String> {
        let image = directory.with_extension("img");
        let file = File::create(&image).map_err(|error| error.to_string())?;
        file.set_len(mebibytes << 20).map_err(|error| error.to_string())?;
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &text(&image)])?;
        run("mount", &["-o", "loop", &text(&image), &text(directory)])?;
        Ok(Self { directory: directory.into() })
    }

    /// Lets whoever writes wait, until the guard is dropped.
    pub(super) fn stall(&self) -> Stall<'_> {
        run("fsfreeze", &["--freeze", &text(&self.directory)]).expect("a frozen file system");
        Stall { disk: self }
    }

    /// Has the disk refuse all that is written from now on, as one that has failed does.
    pub(super) fn fail(&self) {
        run("mount", &["-o", "remount,abort", &text(&self.directory)]).expect("an aborted journal");
    }

    /// Takes the disk away, and gives it back as it was.
    pub(super) fn repair(&self) {
        let (directory, image) = (text(&self.directory), self.directory.with_extension("img"));
        run("umount", &[&directory]).expect("nobody uses it");
        run("e2fsck", &["-p", &text(&image)]).ok();
        run("mount", &["-o", "loop", &text(&image), &directory]).expect("mounted again");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Whoever still has a file open loses it with its process.
        run("umount", &["-l", &text(&self.directory)]).ok();
    }
}

/// A disk that stands still.
pub(super) struct Stall<'a> {
    disk: &'a Disk,
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        // A disk that goes on is what was wanted, and nothing else can be done.
        run("fsfreeze", &["--unfreeze", &text(&self.disk.directory)]).ok();
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// Runs a program to its end; the error is what it said.
pub(super) fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.args(arguments).env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin:/sbin"));
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}
