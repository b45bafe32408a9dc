//! The folder of the cache, shared by all studies of a person.
//!
//! ```text
//! <cache>/tokens/<key>.tokens     the ids of a source
//!         tokens/<key>.json       who used it last, and when
//!         tokens/<key>.lock       held while the file is built or removed
//!         tokens/<key>.damaged    there where damage was found after opening
//!         tokens/.<key>.*.partial  what is being built
//!         fingerprints.json       the hashes of files that were read before
//! ```

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::lock::{self, Lock, lock};
use crate::error::{Error, Result};
use crate::files;
use crate::progress::Progress;

/// The folder that keeps tokenized sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheFolder {
    root: PathBuf,
}

impl CacheFolder {
    /// The cache in that folder; it is made when something is put there.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder that was asked for, else `EMAKEEL_CACHE`, else the one that the system means for caches:
    /// `$XDG_CACHE_HOME/emakeel`, `~/.cache/emakeel`, or `%LOCALAPPDATA%\emakeel` on Windows.
    ///
    /// # Errors
    /// Nothing says where it is.
    pub fn choose(asked: Option<&Path>) -> Result<Self> {
        choose(asked, cfg!(windows), |name| std::env::var_os(name)).map(Self::new)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The files of tokens.
    pub(super) fn tokens(&self) -> PathBuf {
        self.root.join("tokens")
    }

    /// The hashes of files that were read before.
    pub(in crate::data::stream) fn fingerprints(&self) -> PathBuf {
        self.root.join("fingerprints.json")
    }

    /// What belongs to a key.
    pub(in crate::data::stream) fn entry(&self, key: [u8; 32]) -> Entry {
        let name = key.iter().map(|byte| format!("{byte:02x}")).collect();
        Entry { folder: self.tokens(), key, name }
    }

    /// Removes what processes left that were killed while they built. Returns the bytes freed.
    pub(in crate::data::stream) fn sweep(&self, dry_run: bool) -> Result<u64> {
        let mut freed = 0;
        for path in files_in(&self.tokens())? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let Some(inner) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".partial")) else { continue };
            let key = inner.split('.').next().unwrap_or_default();
            let lock_path = self.tokens().join(format!("{key}.lock"));
            // Whoever builds holds the lock.
            let Some(held) = lock::try_lock(&lock_path)? else { continue };
            freed += path.metadata().map_or(0, |data| data.len());
            if !dry_run {
                let _ = std::fs::remove_file(&path);
                if !self.tokens().join(format!("{key}.tokens")).exists() {
                    lock::remove(held, &lock_path);
                }
            }
        }
        Ok(freed)
    }
}

fn choose(asked: Option<&Path>, windows: bool, variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let chosen = asked.map(Path::to_owned).or_else(|| path("EMAKEEL_CACHE"));
    let system = || match windows {
        true => path("LOCALAPPDATA").map(|folder| folder.join("emakeel")),
        // A relative path there means nothing, says the XDG specification.
        false => path("XDG_CACHE_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| path("HOME").map(|home| home.join(".cache")))
            .map(|folder| folder.join("emakeel")),
    };
    chosen.or_else(system).ok_or_else(|| {
        Error::usage("nothing says where the cache folder is").hint("give it with --cache DIR or EMAKEEL_CACHE")
    })
}

/// The files of a folder, by name; none where there is no folder.
pub(super) fn files_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, "list the cache folder", &e);
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(failed)?,
    };
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// A file of tokens and what lies beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::data::stream) struct Entry {
    folder: PathBuf,
    key: [u8; 32],
    name: String,
}

/// Who used an entry last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Use {
    /// The source's name in the recipe.
    pub source: String,
    /// When, in seconds since 1970.
    pub at: u64,
}

impl Entry {
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }

    /// The key in hexadecimal.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn tokens(&self) -> PathBuf {
        self.folder.join(format!("{}.tokens", self.name))
    }

    pub fn damaged(&self) -> PathBuf {
        self.folder.join(format!("{}.damaged", self.name))
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.name))
    }

    pub(super) fn used_path(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.name))
    }

    /// Names for the table and the marks while they wait.
    pub fn sides(&self) -> [PathBuf; 2] {
        ["table", "marks"].map(|part| self.folder.join(format!(".{}.{part}.partial", self.name)))
    }

    /// Makes sure that only this process builds the file, after waiting for another one that does.
    pub fn lock(&self, source: &str, progress: &Progress) -> Result<Lock> {
        files::make_folder(&self.folder)?;
        let waits = || progress.say(format!("{source:>16}  another process is tokenizing it; waiting for that"));
        lock(&self.lock_path(), waits)
    }

    /// Lets go of the lock of a file that could not be built; nothing of it stays.
    pub fn give_up(&self, held: Lock) {
        if !self.tokens().exists() {
            lock::remove(held, &self.lock_path());
        }
    }

    /// Notes who uses the file. A note that cannot be written is only missing from a list.
    pub fn used_by(&self, source: &str) {
        let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let Ok(text) = serde_json::to_string(&Use { source: source.to_owned(), at }) else { return };
        // Other processes may do the same at this moment.
        let temporary = self.folder.join(format!(".{}.{}.partial", self.name, std::process::id()));
        let written = std::fs::write(&temporary, text).and_then(|()| std::fs::rename(&temporary, self.used_path()));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_comes_before_the_variable_and_that_before_the_system() {
        let folder = |asked: Option<&str>, windows: bool, variables: &[(&str, &str)]| {
            let find = |name: &str| Some(variables.iter().find(|(known, _)| *known == name)?.1.into());
            choose(asked.map(Path::new), windows, find).map(|path| path.display().to_string())
        };
        let all = [("EMAKEEL_CACHE", "/e"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h"), ("LOCALAPPDATA", "/l")];
        assert_eq!(folder(Some("given"), false, &all).unwrap(), "given");
        assert_eq!(folder(None, false, &all).unwrap(), "/e");
        assert_eq!(folder(None, false, &all[1..]).unwrap(), "/x/emakeel");
        assert_eq!(folder(None, false, &all[2..]).unwrap(), "/h/.cache/emakeel");
        assert_eq!(folder(None, true, &all[1..]).unwrap(), "/l/emakeel");
        let relative = [("EMAKEEL_CACHE", ""), ("XDG_CACHE_HOME", "x"), ("HOME", "/h")];
        assert_eq!(folder(None, false, &relative).unwrap(), "/h/.cache/emakeel", "empty and relative paths are none");
        let error = folder(None, false, &[]).unwrap_err();
        assert!(error.to_string().contains("hint: give it with --cache DIR"), "{error}");
    }
}
