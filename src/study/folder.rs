//! The run folder: where each thing a study makes has its place, held by one process at a time.
//!
//! ```text
//! runs/<study>/
//!   recipe.yaml                       as resolved        lock.json   hashes and versions
//!   data/<stage>.ledger.json          where every row and token goes; tokens themselves are in the cache
//!   log.jsonl                         one line a step     tb/<stage>/  TensorBoard events
//!   training/<stage>/                 checkpoints, while the stage is not finished
//!   base/                             a base that was taken out of the program, made here, or given new pieces
//!   pretrain/snapshots/<tokens>/      Hugging Face model folders
//!   adapters/<name>/                  PEFT folder (or a model folder for a full tune) and its card
//!   compare/<candidate>/<task>.jsonl  every prediction
//!   comparison.json  comparison.md  comparison.csv  report.html
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::files;

/// The folder of one study, locked for this process as long as the value lives.
#[derive(Debug)]
pub struct RunFolder {
    root: PathBuf,
    _lock: File,
}

/// What a finished stage leaves beside its result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// The hash of everything that the result follows from.
    pub key: String,
    /// The same, readable: what was asked and what it was made from.
    pub inputs: Value,
    /// What came out: losses, counts, hashes.
    pub outcome: Value,
}

/// The name of the record in a stage's folder.
const RECORD: &str = "stage.json";

impl RunFolder {
    /// Makes or opens the folder and locks it.
    ///
    /// # Errors
    /// Another process works in it, or it cannot be written.
    pub fn open(root: &Path) -> Result<Self> {
        files::make_folder(root)?;
        let path = root.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|e| Error::io(&path, "write in the run folder", &e))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new("another process works in this run folder")
                .at(root.display().to_string())
                .hint("wait for it, stop it, or give the study another name with --set name=…")),
            Err(TryLockError::Error(e)) => Err(Error::io(&path, "lock the run folder", &e)),
        }
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the folder.
    pub fn path(&self, inside: impl AsRef<Path>) -> PathBuf {
        self.root.join(inside)
    }

    /// Ledgers.
    pub fn data(&self) -> PathBuf {
        self.path("data")
    }

    /// The log of all stages, one line a step.
    pub fn log(&self) -> PathBuf {
        self.path("log.jsonl")
    }

    /// TensorBoard's event files of a stage.
    pub fn events(&self, stage: &str) -> PathBuf {
        self.path("tb").join(stage)
    }

    /// Checkpoints of a stage while it trains.
    pub fn training(&self, stage: &str) -> PathBuf {
        self.path("training").join(stage)
    }

    /// A snapshot of pretraining.
    pub fn snapshot(&self, tokens: u64) -> PathBuf {
        self.path("pretrain/snapshots").join(tokens.to_string())
    }

    /// A base that was taken out of the program, made here, or given new pieces.
    pub fn base(&self) -> PathBuf {
        self.path("base")
    }

    /// A finished adapter.
    pub fn adapter(&self, name: &str) -> PathBuf {
        self.path("adapters").join(name)
    }

    /// The predictions of a candidate.
    pub fn candidate(&self, name: &str) -> PathBuf {
        self.path("compare").join(name)
    }

    /// The record of a finished stage; `None` if it is not finished.
    pub fn record(&self, folder: &Path) -> Result<Option<StageRecord>> {
        let path = folder.join(RECORD);
        if path.exists() { files::read_json(&path).map(Some) } else { Ok(None) }
    }

    /// Writes the record into a folder that is about to be put in its place.
    pub fn write_record(&self, folder: &Path, record: &StageRecord) -> Result<()> {
        files::write_json(&folder.join(RECORD), record)
    }

    /// Moves a result that another recipe made out of the way; nothing is deleted.
    ///
    /// Returns where it is now.
    pub fn set_aside(&self, result: &Path) -> Result<PathBuf> {
        let name = result.strip_prefix(&self.root).unwrap_or(result).to_string_lossy().replace('/', "-");
        let place = (1..)
            .map(|n| self.path("replaced").join(format!("{name}-{n}")))
            .find(|place| !place.exists())
            .unwrap_or_else(|| self.path("replaced").join(&name));
        files::make_folder(&self.path("replaced"))?;
        std::fs::rename(result, &place).map_err(|e| Error::io(result, "move the older result away", &e))?;
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_cannot_share_a_run_folder() {
        let place = tempfile::tempdir().unwrap();
        let first = RunFolder::open(place.path()).unwrap();
        let refused = RunFolder::open(place.path()).unwrap_err().to_string();
        assert!(refused.contains("another process works in this run folder"), "{refused}");
        drop(first);
        assert!(RunFolder::open(place.path()).is_ok());
    }

    #[test]
    fn results_set_aside_do_not_overwrite_each_other() {
        let place = tempfile::tempdir().unwrap();
        let folder = RunFolder::open(place.path()).unwrap();
        for word in ["first", "second"] {
            let result = folder.adapter("general");
            files::make_folder(&result).unwrap();
            files::write(&result.join("word"), word).unwrap();
            folder.set_aside(&result).unwrap();
        }
        assert_eq!(files::read_text(&folder.path("replaced/adapters-general-1/word")).unwrap(), "first");
        assert_eq!(files::read_text(&folder.path("replaced/adapters-general-2/word")).unwrap(), "second");
    }
}
