//! `mailwake keys`: the key ring is made, changed and listed.

use super::random;
use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};
use tracking::token::key::{KeyRing, SECRET_OCTETS};

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Print a new key ring with one key. It is a secret: mailwake keys generate > keys.txt
    Generate,
    /// Add a key to a key ring and have it seal from now on; SIGHUP tells mailwake.
    Rotate(KeyFileArgs),
    /// Add a staged key, for rings that several have: `activate` it when all know it.
    Add(KeyFileArgs),
    /// Have a key seal from now on; SIGHUP tells mailwake.
    Activate(KeyArgs),
    /// Retire a staged key, so that it will not seal.
    Retire(KeyArgs),
    /// List the keys of a key ring, without their secrets.
    List(KeyFileArgs),
}

#[derive(Debug, Args)]
struct KeyFileArgs {
    /// The file of the key ring.
    #[arg(long, value_name = "FILE", env = "MAILWAKE_KEY_FILE")]
    key_file: PathBuf,
}

#[derive(Debug, Args)]
struct KeyArgs {
    /// The id of the key, as `list` shows it.
    id: u8,
    #[command(flatten)]
    ring: KeyFileArgs,
}

pub(super) fn run(args: &KeysArgs) -> Result<()> {
    match &args.command {
        KeysCommand::Generate => Ok(io::stdout().write_all(new_ring()?.to_text().as_bytes())?),
        KeysCommand::Rotate(args) => change(&args.key_file, |ring| {
            let id = ring.rotate(secret()?, &today())?;
            Ok(format!("key {id} seals from now on; mailwake learns of it by SIGHUP"))
        }),
        KeysCommand::Add(args) => change(&args.key_file, |ring| {
            let id = ring.add(secret()?, &today())?;
            let next = "when all who have the ring know it by SIGHUP: mailwake keys activate";
            Ok(format!("key {id} is staged; {next} {id}"))
        }),
        KeysCommand::Activate(KeyArgs { id, ring }) => change(&ring.key_file, |ring| {
            ring.activate(*id)?;
            Ok(format!("key {id} seals from now on; mailwake learns of it by SIGHUP"))
        }),
        KeysCommand::Retire(KeyArgs { id, ring }) => change(&ring.key_file, |ring| {
            ring.retire(*id)?;
            Ok(format!("key {id} is retired: it opens links, and seals none"))
        }),
        KeysCommand::List(args) => list(&args.key_file),
    }
}

/// A key ring with one key, made today.
pub(crate) fn new_ring() -> Result<KeyRing> {
    Ok(KeyRing::generate(secret()?, &today()))
}

/// The key ring in a file, or all that is wrong with it.
fn load(path: &Path) -> Result<KeyRing> {
    Ok(crate::config::KeySource::File(path.into()).load()?)
}

/// May others than its owner and root read the file? Then they can forge links.
pub(super) fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.mode() & 0o007 != 0)
}

/// Changes a key ring in its file, and prints what the change says.
fn change(path: &Path, change: impl FnOnce(&mut KeyRing) -> Result<String>) -> Result<()> {
    let mut ring = load(path)?;
    let told = change(&mut ring)?;
    replace(path, &ring.to_text()).with_context(|| format!("write key ring {}", path.display()))?;
    writeln!(io::stdout(), "{told}")?;
    Ok(())
}

/// Writes the file anew, whole or not at all: a ring that was cut off would make links
/// that are in the mail unreadable.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    let old = fs::metadata(path)?;
    let fresh = path.with_extension("new");
    if fresh.exists() {
        fs::remove_file(&fresh)?;
    }
    let mut file = File::create_new(&fresh)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    // Who could read the ring can read it still, also when root has rotated it.
    fchown(&file, Some(old.uid()), Some(old.gid()))?;
    file.set_permissions(old.permissions())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    File::open(path.parent().filter(|folder| *folder != "").unwrap_or(Path::new(".")))?.sync_all()
}

fn list(path: &Path) -> Result<()> {
    let ring = load(path)?;
    let mut out = io::stdout().lock();
    writeln!(out, "{:>2}  {:7}  created", "id", "state")?;
    for key in ring.keys() {
        writeln!(out, "{:>2}  {:7}  {}", key.id(), key.state().name(), key.created())?;
    }
    Ok(())
}

fn secret() -> Result<[u8; SECRET_OCTETS]> {
    let secret = random()?;
    if secret == [0; SECRET_OCTETS] {
        bail!("the system gives no random octets");
    }
    Ok(secret)
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
