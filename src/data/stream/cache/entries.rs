//! What the cache holds, and removing it.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::folder::{CacheFolder, Entry, Use, files_in};
use super::header::{HEADER, Header};
use super::lock;
use crate::data::stream::fingerprint;
use crate::error::{Error, Result};
use crate::files;

/// A tokenized source in the cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheEntry {
    /// The hash of all that its tokens follow from.
    pub key: String,
    /// The source's name in the recipe that used it last, if that is known.
    pub source: Option<String>,
    /// Rows.
    pub rows: u64,
    /// Tokens.
    pub tokens: u64,
    /// Its size on the disk.
    pub bytes: u64,
    /// When it was last used, in seconds since 1970.
    pub last_used: u64,
    /// Whether it is known to be damaged; it is then written anew when it is needed.
    pub damaged: bool,
}

/// What cleaning did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cleaned {
    /// Entries that were removed.
    pub removed: Vec<CacheEntry>,
    /// Entries that should go but are in use by a process.
    pub in_use: Vec<CacheEntry>,
    /// Bytes freed, those that killed processes left included.
    pub freed_bytes: u64,
}

impl CacheFolder {
    /// The entries, the one used last first.
    pub fn entries(&self) -> Result<Vec<CacheEntry>> {
        let mut entries = Vec::new();
        for path in files_in(&self.tokens())? {
            if let Some(entry) = path.extension().filter(|end| *end == "tokens").and_then(|_| self.entry_of(&path)) {
                entries.extend(describe(&entry, &path)?);
            }
        }
        entries.sort_by(|a, b| b.last_used.cmp(&a.last_used).then(a.key.cmp(&b.key)));
        Ok(entries)
    }

    /// Removes entries that were not used for so long, those that are damaged, and what killed processes left, and forgets
    /// the hashes of files that are gone; only says what it would remove if `dry_run`.
    pub fn clean(&self, unused_for: Duration, dry_run: bool) -> Result<Cleaned> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let old = |entry: &CacheEntry| now.saturating_sub(entry.last_used) >= unused_for.as_secs();
        let mut cleaned = Cleaned { freed_bytes: self.sweep(dry_run)?, ..Cleaned::default() };
        for entry in self.entries()?.into_iter().filter(|entry| entry.damaged || old(entry)) {
            let path = self.tokens().join(format!("{}.tokens", entry.key));
            match self.entry_of(&path) {
                Some(files) if remove(&files, dry_run)? => {
                    cleaned.freed_bytes += entry.bytes;
                    cleaned.removed.push(entry);
                }
                _ => cleaned.in_use.push(entry),
            }
        }
        if !dry_run {
            fingerprint::forget(self)?;
        }
        Ok(cleaned)
    }

    fn entry_of(&self, path: &Path) -> Option<Entry> {
        let name = path.file_stem()?.to_str()?;
        let mut key = [0; 32];
        for (at, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(name.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(self.entry(key)).filter(|entry| entry.name() == name)
    }
}

/// `None` for a file that went away meanwhile.
fn describe(entry: &Entry, path: &Path) -> Result<Option<CacheEntry>> {
    let failed = |e| Error::io(path, "read the token cache", &e);
    let mut file = match File::open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(failed)?,
    };
    let data = file.metadata().map_err(failed)?;
    let mut first = [0; HEADER as usize];
    let header = file.read_exact(&mut first).ok().and_then(|()| Header::from_bytes(&first));
    let layout = header.as_ref().and_then(Header::layout);
    let whole = layout.is_some_and(|layout| layout.sums.end == data.len()) && !entry.damaged().exists();
    let made = data.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |t| t.as_secs());
    let used: Option<Use> = files::read_json(&entry.used_path()).ok();
    Ok(Some(CacheEntry {
        key: entry.name().to_owned(),
        rows: header.map_or(0, |header| header.rows),
        tokens: header.map_or(0, |header| header.tokens),
        bytes: data.len(),
        last_used: used.as_ref().map_or(made, |used| used.at),
        source: used.map(|used| used.source),
        damaged: !whole,
    }))
}

/// Removes an entry unless it is being built or used; whether it did, or would.
fn remove(entry: &Entry, dry_run: bool) -> Result<bool> {
    let path = entry.tokens();
    let failed = |e| Error::io(&path, "remove from the cache", &e);
    let Some(held) = lock::try_lock(&entry.lock_path())? else { return Ok(false) };
    let file = match OpenOptions::new().read(true).write(true).open(&path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        opened => Some(opened.map_err(failed)?),
    };
    // Readers hold a lock of their own on the file.
    if file.as_ref().is_some_and(|file| file.try_lock().is_err()) {
        return Ok(false);
    }
    if !dry_run {
        for path in [path.clone(), entry.used_path(), entry.damaged()] {
            match std::fs::remove_file(&path) {
                Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(failed(e)),
                _ => {}
            }
        }
        drop(file);
        lock::remove(held, &entry.lock_path());
    }
    Ok(true)
}
