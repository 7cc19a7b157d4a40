//! Tags in a small file: a line for each, as a JSON string. A line is on disk before its tag
//! is told; one that was torn by a crash is cut off.

use super::{TagStore, TagStoreError};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// Most octets that are read of the file.
const FILE_OCTETS_MAX: u64 = 16 << 20;

/// Tags in a file, which one process has.
#[derive(Debug, Clone)]
pub struct EmbeddedTags {
    kept: Arc<Mutex<Kept>>,
    tags_max: usize,
}

#[derive(Debug)]
struct Kept {
    file: File,
    tags: Vec<String>,
    /// Octets of the file's whole lines.
    octets: u64,
}

impl EmbeddedTags {
    /// Reads the file, which is made if it is not there, and knows so many tags of it at most.
    /// Refuses a file with a whole line that is no tag: who has written it meant something else,
    /// and it would be lost.
    pub fn open(path: &Path, tags_max: usize) -> io::Result<Self> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut octets = Vec::new();
        Read::by_ref(&mut file).take(FILE_OCTETS_MAX).read_to_end(&mut octets)?;
        let mut kept = Kept { file, tags: Vec::new(), octets: 0 };
        for (index, line) in octets.split_inclusive(|octet| *octet == b'\n').enumerate() {
            // A line without an end was never told to anybody.
            let Some(whole) = line.strip_suffix(b"\n") else { break };
            let tag = serde_json::from_slice(whole).map_err(|error| {
                let text = format!("line {} must be a tag, a JSON string: {error}", index + 1);
                io::Error::new(io::ErrorKind::InvalidData, text)
            })?;
            kept.octets += line.len() as u64;
            if kept.tags.len() < tags_max && !kept.tags.contains(&tag) {
                kept.tags.push(tag);
            }
        }
        Ok(Self { kept: Arc::new(Mutex::new(kept)), tags_max })
    }

    fn admit_now(&self, tag: &str) -> io::Result<Vec<String>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.tags.len() < self.tags_max && !kept.tags.iter().any(|known| known == tag) {
            kept.append(tag)?;
        }
        Ok(kept.tags.clone())
    }
}

impl Kept {
    fn append(&mut self, tag: &str) -> io::Result<()> {
        let line = format!("{}\n", serde_json::Value::from(tag));
        // A line that did not get whole to the disk is written over.
        self.file.set_len(self.octets)?;
        self.file.seek(SeekFrom::Start(self.octets))?;
        self.file.write_all(line.as_bytes())?;
        self.file.sync_data()?;
        self.octets += line.len() as u64;
        self.tags.push(tag.to_owned());
        Ok(())
    }
}

impl TagStore for EmbeddedTags {
    async fn all(&self) -> Result<Vec<String>, TagStoreError> {
        Ok(self.kept.lock().unwrap_or_else(PoisonError::into_inner).tags.clone())
    }

    async fn admit(&self, tag: &str) -> Result<Vec<String>, TagStoreError> {
        let (store, tag) = (self.clone(), tag.to_owned());
        // It waits for the disk.
        let admitted = tokio::task::spawn_blocking(move || store.admit_now(&tag)).await;
        Ok(admitted.map_err(io::Error::other)??)
    }
}

#[cfg(test)]
mod tests;
