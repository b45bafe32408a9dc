//! A folder for a test, with small models and tokenizers in it, and the program itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use emakeel::data::Tokenizer;

use crate::model::{small_tokenizer, write_small_model};

/// Runs the program to its end.
pub fn emakeel<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    program().args(arguments).output().expect("the program runs")
}

/// The program, with a cache of tokenized sources that is not the person's own.
pub fn program() -> Command {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_emakeel"));
    command.env("EMAKEEL_CACHE", CACHE.get_or_init(new_cache));
    command
}

/// A folder for this process; those of processes of other days are removed.
fn new_cache() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for old in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = old.metadata().and_then(|data| data.modified()).ok().and_then(|time| time.elapsed().ok());
        let ours = old.file_name().to_string_lossy().starts_with("cache-");
        if ours && age.is_some_and(|age| age.as_secs() > 86_400) {
            let _ = std::fs::remove_dir_all(old.path());
        }
    }
    folder.join(format!("cache-{}", std::process::id()))
}

/// A temporary folder.
pub struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("written");
        self.path(name)
    }

    /// A tokenizer of that many pieces, in a folder.
    pub fn tokenizer(&self, name: &str, vocabulary: usize) -> Tokenizer {
        let tokenizer = small_tokenizer(vocabulary);
        std::fs::create_dir_all(self.path(name)).expect("a folder");
        tokenizer.save(&self.path(name)).expect("saved");
        tokenizer
    }

    /// A model of two layers with random weights and its tokenizer, as a Hugging Face folder.
    pub fn model(&self, name: &str) -> PathBuf {
        write_small_model(&self.path(name));
        self.path(name)
    }
}

/// A disk of a few kilobytes; unmounted when dropped.
pub struct SmallDisk {
    place: PathBuf,
}

impl SmallDisk {
    /// `None` where mounting is not allowed.
    pub fn mount(place: &Path, size: &str) -> Option<Self> {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(place)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self { place: place.to_owned() })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.place).output();
    }
}
