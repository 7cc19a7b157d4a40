//! How far the log is durable, told by the one process that writes it to all readers: in
//! this process through memory, in others through the small file `durable`. The file
//! follows a little later, because writing it with each commit would make commits wait for
//! the file system's journal. It is not synced, and recovery sets it anew.

use super::Position;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

const NAME: &str = "durable";

/// Position, segment, and a checksum over both.
const BYTES: usize = 20;

/// How far the log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Published {
    /// The position after the last durable record.
    pub(super) durable: Position,
    /// The base of the segment that is written to.
    pub(super) segment: u64,
}

impl Published {
    fn to_octets(self) -> [u8; BYTES] {
        let mut octets = [0; BYTES];
        octets[..8].copy_from_slice(&self.durable.0.to_le_bytes());
        octets[8..16].copy_from_slice(&self.segment.to_le_bytes());
        let checksum = crc32c::crc32c(&octets[..16]);
        octets[16..].copy_from_slice(&checksum.to_le_bytes());
        octets
    }

    fn from_octets(octets: &[u8; BYTES]) -> Option<Self> {
        let (durable, rest) = octets.split_first_chunk::<8>()?;
        let (segment, checksum) = rest.split_first_chunk::<8>()?;
        (crc32c::crc32c(&octets[..16]).to_le_bytes() == checksum).then(|| Self {
            durable: Position(u64::from_le_bytes(*durable)),
            segment: u64::from_le_bytes(*segment),
        })
    }
}

/// How long the file may lag.
const FILE_INTERVAL: Duration = Duration::from_millis(20);

/// The telling side.
pub(super) struct Publisher {
    /// None while it is dropped, which ends the thread that writes the file.
    memory: Option<watch::Sender<Published>>,
    thread: Option<thread::JoinHandle<()>>,
    closing: CancellationToken,
}

impl Publisher {
    /// Opens or makes the file, and tells `now`.
    pub(super) fn open(directory: &Path, now: Published) -> io::Result<Self> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(directory.join(NAME))?;
        file.write_all_at(&now.to_octets(), 0)?;
        let (memory, published) = watch::channel(now);
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let closing = CancellationToken::new();
        let is_closing = closing.clone();
        let thread = thread::Builder::new()
            .name("log-publish".into())
            .spawn(move || runtime.block_on(follow(&file, published, &is_closing)))?;
        Ok(Self { memory: Some(memory), thread: Some(thread), closing })
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Published> {
        self.memory().subscribe()
    }

    pub(super) fn publish(&self, durable: Position, segment: u64) {
        self.memory().send_replace(Published { durable, segment });
    }

    fn memory(&self) -> &watch::Sender<Published> {
        self.memory.as_ref().expect("only drop takes it")
    }
}

impl Drop for Publisher {
    /// Waits until the file has the last word.
    fn drop(&mut self) {
        self.memory = None;
        self.closing.cancel();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("event log publisher panicked");
        }
    }
}

/// Writes to the file what is told in memory, until nobody tells any more.
async fn follow(
    file: &File,
    mut published: watch::Receiver<Published>,
    closing: &CancellationToken,
) {
    let mut is_told = true;
    while is_told {
        is_told = published.changed().await.is_ok();
        let now = *published.borrow_and_update();
        // The next commit tells again, and readers of this process do not need the file.
        if let Err(error) = file.write_all_at(&now.to_octets(), 0) {
            tracing::warn!(%error, "event log cannot tell other processes how far it is durable");
        }
        // Closing ends the pause early; that is all there is to it.
        drop(tokio::time::timeout(FILE_INTERVAL, closing.cancelled()).await);
    }
}

/// Reads what the file tells; none without a file, or with one that tells nothing sound.
pub(super) fn read(directory: &Path) -> io::Result<Option<Published>> {
    let file = match File::open(directory.join(NAME)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // A read can meet a write halfway, hardly twice.
    for _ in 0..3 {
        let mut octets = [0; BYTES];
        match file.read_exact_at(&mut octets, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Err(error),
            Ok(()) => {
                if let Some(published) = Published::from_octets(&octets) {
                    return Ok(Some(published));
                }
            }
        }
    }
    Ok(None)
}
