//! A folder for a test, with small models and tokenizers in it, and the program itself.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use candle_core::{DType, Device};
use emakeel::data::Tokenizer;
use emakeel::model::{Config, Llama};
use emakeel::recipe::NewModel;

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
        let words: Vec<String> = (0..400).map(|n| format!("sõna{n} loeb raamatut number {n}")).collect();
        let tokenizer = Tokenizer::train(words, vocabulary).expect("a tokenizer");
        std::fs::create_dir_all(self.path(name)).expect("a folder");
        tokenizer.save(&self.path(name)).expect("saved");
        tokenizer
    }

    /// A model of two layers with random weights and its tokenizer, as a Hugging Face folder.
    pub fn model(&self, name: &str) -> PathBuf {
        let shape = NewModel {
            hidden_size: 32,
            intermediate_size: 48,
            layers: 2,
            heads: 4,
            key_value_heads: 2,
            max_position_embeddings: 128,
            tie_word_embeddings: false,
            rope_theta: 10_000.0,
            initializer_range: 0.02,
        };
        let tokenizer = self.tokenizer(name, 300);
        let config = Config::new(&shape, tokenizer.vocabulary(), Some(tokenizer.bos()), vec![tokenizer.eos()])
            .expect("a config");
        let model = Llama::random(config, 1, DType::F32, &Device::Cpu).expect("a model");
        std::fs::remove_dir_all(self.path(name)).expect("removed");
        model.save(&self.path(name), DType::F32).expect("saved");
        tokenizer.save(&self.path(name)).expect("saved");
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
