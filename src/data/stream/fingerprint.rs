//! The hashes of files that were read before, so that they are not read again only to see that nothing changed.
//!
//! A file is known by its path, size, times and inode, as in git's index, and with git's caution: a file written so
//! lately that a change within the same tick of the clock would not show in its times is not remembered. What changes a
//! file and then sets its time back is seen by the time of the change itself, where the system keeps one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::cache::{CacheFolder, lock};
use crate::error::{Error, Result};
use crate::files;
use crate::progress::{Progress, short_bytes};

/// The coarsest clock of a file system in use (FAT's).
const TICK: Duration = Duration::from_secs(2);
/// Sources of more bytes than this are spoken of while they are hashed.
const LARGE: u64 = 1 << 30;
/// After so many bytes hashed, what is known is written down.
const SAVE_EVERY: u64 = 1 << 32;

/// What tells that a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    /// When its content, name or times were changed last; 0 where the system does not say.
    changed: i64,
    /// 0 where the system has none.
    inode: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    #[serde(flatten)]
    stamp: Stamp,
    sha256: String,
}

/// By the file's whole path.
type Index = BTreeMap<String, Known>;

impl Stamp {
    fn of(path: &Path) -> Result<Self> {
        let failed = |e| Error::io(path, "read the file", &e);
        let data = std::fs::metadata(path).map_err(failed)?;
        let modified = nanoseconds(data.modified().map_err(failed)?);
        let (changed, inode) = changed_and_inode(&data);
        Ok(Self { size: data.len(), modified, changed, inode })
    }

    /// How long after `now`, or after the last change if that is later, a change could still look like none.
    fn unsafe_for(&self, now: SystemTime) -> Duration {
        let last = self.modified.max(self.changed);
        let safe = last.saturating_add(TICK.as_nanos() as i64);
        Duration::from_nanos(safe.saturating_sub(nanoseconds(now)).max(0) as u64)
    }
}

#[cfg(unix)]
fn changed_and_inode(data: &std::fs::Metadata) -> (i64, u64) {
    use std::os::unix::fs::MetadataExt;
    (data.ctime().saturating_mul(1_000_000_000).saturating_add(data.ctime_nsec()), data.ino())
}

#[cfg(not(unix))]
fn changed_and_inode(_: &std::fs::Metadata) -> (i64, u64) {
    (0, 0)
}

fn nanoseconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
    }
}

/// The SHA-256 of each file: remembered where nothing about the file has changed, else computed.
pub(super) fn hashes(name: &str, paths: &[PathBuf], cache: &CacheFolder, progress: &Progress) -> Result<Vec<String>> {
    let known = read(&cache.fingerprints());
    let mut work = Work { cache, progress, fresh: Index::new(), unsaved: 0 };
    let mut hashes = vec![None; paths.len()];
    let mut unknown = Vec::new();
    for (path, hash) in paths.iter().zip(&mut hashes) {
        let stamp = Stamp::of(path)?;
        *hash = place(path).and_then(|place| known.get(&place)).filter(|k| k.stamp == stamp).map(|k| k.sha256.clone());
        if hash.is_none() {
            unknown.push(stamp.size);
        }
    }
    let bytes = unknown.iter().sum::<u64>();
    if bytes > LARGE {
        progress.say(format!("{name:>16}  reading {} to tell whether they were tokenized before", short_bytes(bytes)));
    }
    let all = paths.iter().zip(hashes).map(|(path, hash)| hash.map_or_else(|| work.hash(path), Ok)).collect();
    work.save();
    all
}

/// Files that are being hashed.
struct Work<'a> {
    cache: &'a CacheFolder,
    progress: &'a Progress,
    fresh: Index,
    unsaved: u64,
}

impl Work<'_> {
    fn hash(&mut self, path: &Path) -> Result<String> {
        let before = Stamp::of(path)?;
        let young = before.unsafe_for(SystemTime::now());
        let wait = before.size > LARGE && young <= TICK;
        if wait {
            // Rather than hash it once more the next time.
            std::thread::sleep(young);
        }
        let sha256 = files::sha256_of_file(path)?;
        let same = Stamp::of(path)? == before;
        if let Some(place) = place(path).filter(|_| same && (wait || young.is_zero())) {
            self.fresh.insert(place, Known { stamp: before, sha256: sha256.clone() });
            self.unsaved += before.size;
            if self.unsaved >= SAVE_EVERY {
                self.save();
            }
        }
        Ok(sha256)
    }

    /// Adds what is new to what is known. Where that cannot be written, the files are hashed again the next time.
    fn save(&mut self) {
        if !self.fresh.is_empty()
            && let Err(error) = self.try_save()
        {
            self.progress.say(format!("the hashes of files are not remembered: {error}"));
        }
        self.fresh.clear();
        self.unsaved = 0;
    }

    fn try_save(&self) -> Result<()> {
        let path = self.cache.fingerprints();
        files::make_folder(self.cache.root())?;
        let _lock = lock(&path.with_extension("lock"), || {})?;
        let mut index = read(&path);
        index.extend(self.fresh.clone());
        files::write_json(&path, &index)
    }
}

/// Forgets files that are no longer there.
pub(super) fn forget(cache: &CacheFolder) -> Result<()> {
    let path = cache.fingerprints();
    if !path.exists() {
        return Ok(());
    }
    let _lock = lock(&path.with_extension("lock"), || {})?;
    let mut index = read(&path);
    index.retain(|place, _| Path::new(place).exists());
    files::write_json(&path, &index)
}

/// What is known; nothing where the file is absent or damaged, for all of it can be found again.
fn read(path: &Path) -> Index {
    files::read_json(path).unwrap_or_default()
}

/// A path that means the same from every folder; none for a path that JSON cannot hold.
fn place(path: &Path) -> Option<String> {
    std::fs::canonicalize(path).ok()?.to_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        cache: CacheFolder,
    }

    impl Place {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            Self { cache: CacheFolder::new(folder.path().join("cache")), folder }
        }

        fn file(&self, text: &str, age: Duration) -> PathBuf {
            let path = self.folder.path().join("a.txt");
            std::fs::write(&path, text).unwrap();
            set_time(&path, SystemTime::now() - age);
            path
        }

        fn hash(&self, path: &Path) -> String {
            hashes("a", &[path.to_owned()], &self.cache, &Progress::silent()).unwrap().remove(0)
        }

        /// Makes what is remembered of all files a lie that can be seen.
        fn lie(&self) -> usize {
            let mut index = read(&self.cache.fingerprints());
            index.values_mut().for_each(|known| known.sha256 = "remembered".into());
            files::write_json(&self.cache.fingerprints(), &index).unwrap();
            index.len()
        }
    }

    fn set_time(path: &Path, time: SystemTime) {
        File::options().write(true).open(path).unwrap().set_times(FileTimes::new().set_modified(time)).unwrap();
    }

    const OLD: Duration = Duration::from_secs(100);

    /// The time of the last change cannot be set back, so an old file has to be waited for.
    fn grow_old() {
        std::thread::sleep(TICK + Duration::from_millis(50));
    }

    #[test]
    fn a_file_that_did_not_change_is_not_read_again_and_one_that_did_is() {
        let place = Place::new();
        let path = place.file("one", OLD);
        grow_old();
        assert_eq!(place.hash(&path), files::sha256("one"));
        assert_eq!(place.lie(), 1);
        assert_eq!(place.hash(&path), "remembered");
        std::fs::write(&path, "another").unwrap();
        assert_eq!(place.hash(&path), files::sha256("another"), "another size");
        let time = path.metadata().unwrap().modified().unwrap();
        std::fs::write(&path, "ANOTHER").unwrap();
        set_time(&path, time);
        assert_eq!(place.hash(&path), files::sha256("ANOTHER"), "the same size, and its time set back");
        std::fs::write(place.cache.fingerprints(), "{").unwrap();
        assert_eq!(place.hash(&path), files::sha256("ANOTHER"), "what is damaged is found again");
        std::fs::remove_file(&path).unwrap();
        forget(&place.cache).unwrap();
        assert_eq!(place.lie(), 0);
    }

    #[test]
    fn a_file_written_just_now_or_in_the_future_is_not_remembered() {
        let place = Place::new();
        let path = place.file("one", Duration::ZERO);
        place.hash(&path);
        assert!(!place.cache.fingerprints().exists());
        let stamp = |modified: i64, changed| Stamp { size: 1, modified, changed, inode: 0 };
        let now = SystemTime::now();
        let at = nanoseconds(now);
        assert_eq!(stamp(at - 1_999_999_999, 0).unsafe_for(now), Duration::from_nanos(1));
        assert_eq!(stamp(at - 2_000_000_000, 0).unsafe_for(now), Duration::ZERO);
        assert!(stamp(at + 5_000_000_000, 0).unsafe_for(now) > TICK, "not even waited for");
        assert!(!stamp(0, at).unsafe_for(now).is_zero(), "its time is old, but it was set just now");
    }
}
