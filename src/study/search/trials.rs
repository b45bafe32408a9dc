//! What was tried, in a file: a search that was stopped goes on, and what is known is not computed again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files;

/// One combination and its loss.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The hash of all that the loss follows from.
    pub key: String,
    /// The adapters' weights, in the order in which they were given.
    pub weights: Vec<f64>,
    /// The share of entries that stay, for methods that take one.
    pub density: Option<f64>,
    /// The loss on the held-out rows.
    pub bits_per_byte: f64,
}

/// Trials by their keys.
#[derive(Debug, Default)]
pub(super) struct Trials {
    path: PathBuf,
    known: Vec<Trial>,
}

#[derive(Default, Serialize, Deserialize)]
struct Kept {
    trials: Vec<Trial>,
}

impl Trials {
    /// The trials in a file, or none yet.
    ///
    /// # Errors
    /// The file is there and is none of ours.
    pub fn open(path: &Path) -> Result<Self> {
        let kept: Kept = if path.exists() { files::read_json(path)? } else { Kept::default() };
        Ok(Self { path: path.to_owned(), known: kept.trials })
    }

    /// The trial of that key.
    pub fn find(&self, key: &str) -> Option<&Trial> {
        self.known.iter().find(|trial| trial.key == key)
    }

    /// Keeps one, at once.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, trial: Trial) -> Result<()> {
        self.known.push(trial);
        files::write_json(&self.path, &Kept { trials: self.known.clone() })
    }
}
