//! A lock between processes: a file that one of them holds, and that the system lets go when the process ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result};

/// How often a process that waits looks again.
const AGAIN: Duration = Duration::from_millis(100);

/// Holds a lock until it is dropped.
#[derive(Debug)]
pub(in crate::data::stream) struct Lock {
    _file: File,
}

/// Takes the lock of that file, or waits for who holds it; `waits` is called once if that has to be.
pub(in crate::data::stream) fn lock(path: &Path, waits: impl FnOnce()) -> Result<Lock> {
    let mut waits = Some(waits);
    loop {
        if let Some(lock) = try_lock(path)? {
            return Ok(lock);
        }
        if let Some(waits) = waits.take() {
            waits();
        }
        std::thread::sleep(AGAIN);
    }
}

/// Takes the lock of that file if nobody holds it.
pub(super) fn try_lock(path: &Path) -> Result<Option<Lock>> {
    let opened = OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = opened.map_err(|e| Error::io(path, "write in the cache folder", &e))?;
    match file.try_lock() {
        // Who cleaned the cache may have removed the file between opening and locking: that lock holds nobody off.
        Ok(()) if is_still_there(&file, path) => Ok(Some(Lock { _file: file })),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(Error::io(path, "lock a file of the cache", &e)
            .hint("choose a cache folder on a disk that can lock files, with --cache or EMAKEEL_CACHE")),
    }
}

/// Removes the file of a lock that is held, where another process cannot mistake it for the next one.
pub(super) fn remove(lock: Lock, path: &Path) {
    if cfg!(unix) {
        // An empty file that stays is no harm.
        let _ = std::fs::remove_file(path);
    }
    drop(lock);
}

#[cfg(unix)]
fn is_still_there(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let same =
        |there: &std::fs::Metadata, held: &std::fs::Metadata| (there.dev(), there.ino()) == (held.dev(), held.ino());
    matches!((std::fs::metadata(path), file.metadata()), (Ok(there), Ok(held)) if same(&there, &held))
}

#[cfg(not(unix))]
fn is_still_there(_: &File, _: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_once_and_a_removed_one_holds_nobody_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.lock");
        let first = try_lock(&path).unwrap().unwrap();
        assert!(try_lock(&path).unwrap().is_none());
        let waiting = std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let mut waited = false;
                let lock = lock(&path, || waited = true).unwrap();
                assert!(waited && try_lock(&path).unwrap().is_none());
                drop(lock);
            });
            std::thread::sleep(Duration::from_millis(50));
            remove(first, &path);
            waiter.join()
        });
        waiting.unwrap();
        assert!(try_lock(&path).unwrap().is_some());
    }
}
