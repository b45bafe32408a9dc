//! What was tried, in a file: a search that was stopped goes on, and what is known is not computed again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::files;

/// One combination and what it reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The hash of all that the loss follows from.
    pub key: String,
    /// The adapters' weights, in the order in which they were given.
    pub weights: Vec<f64>,
    /// The share of entries that stay, for methods that take one.
    pub density: Option<f64>,
    /// What is made small: bits per byte of held-out rows; of tasks the mean of their scores, each with its sign turned
    /// where more is better.
    #[serde(alias = "bits_per_byte")]
    pub loss: f64,
    /// The main score of each task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<f64>,
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
