//! `log.jsonl`: one line of JSON for each step, readable while the run goes on.
//!
//! Several jobs of a study may write to one file, one after the other; each line names its job. When a
//! job goes on from a checkpoint, its lines after that step are taken out first: those steps are going
//! to be done again.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files;

/// What a step left in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// The job: `pretrain`, or an adapter's name.
    pub job: String,
    /// Steps done, this one included.
    pub step: u64,
    /// Tokens read up to here.
    pub tokens: u64,
    /// Times through the mixture up to here, where the budget is in epochs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<f64>,
    /// Mean loss over the step's target tokens, natural log.
    pub loss: f64,
    /// Global norm of the gradient, before clipping.
    pub gradient_norm: f64,
    /// The rate that this step used.
    pub learning_rate: f64,
    /// Tokens of this step a second.
    pub tokens_per_s: f64,
    /// Seconds that this step took.
    pub seconds: f64,
    /// Mean loss over the held-out target tokens, where this step measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation_loss: Option<f64>,
}

/// The log, open for one job.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
}

impl Log {
    /// Opens the log for a job that goes on after `step` steps: that job's later lines are removed.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, job: &str, step: u64) -> Result<Self> {
        if let Some(folder) = path.parent() {
            files::make_folder(folder)?;
        }
        if path.exists() {
            let text = files::read_text(path)?;
            let kept: String = text.split_inclusive('\n').filter(|line| belongs(line, job, step)).collect();
            if kept.len() < text.len() {
                files::write(path, kept)?;
            }
        }
        let file = OpenOptions::new().create(true).append(true).open(path);
        let file = file.map_err(|e| Error::io(path, "write the file", &e))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// The disk is full or the file is gone.
    pub fn append(&mut self, line: &LogLine) -> Result<()> {
        let mut text = serde_json::to_string(line).map_err(|e| Error::new(format!("cannot write JSON: {e}")))?;
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(|e| Error::io(&self.path, "write the file", &e))
    }

    /// Waits until all lines are on the disk, so that a checkpoint never has steps that the log lacks.
    ///
    /// # Errors
    /// The disk is full.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io(&self.path, "write the file", &e))
    }
}

/// Reads the lines of one job.
///
/// # Errors
/// The file cannot be read.
pub fn read(path: &Path, job: &str) -> Result<Vec<LogLine>> {
    let text = files::read_text(path)?;
    let lines = text.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok());
    Ok(lines.filter(|line| line.job == job).collect())
}

/// Whether a line stays: a whole one, and of another job or a step not done again.
fn belongs(line: &str, job: &str, step: u64) -> bool {
    line.ends_with('\n') && serde_json::from_str::<LogLine>(line).is_ok_and(|line| line.job != job || line.step <= step)
}

/// A number with nine digits after the point: what logs keep of a loss or a norm.
///
/// Fifteen digits or fewer survive JSON exactly, in any reader.
pub(crate) fn rounded(value: f64) -> f64 {
    let rounded = (value * 1e9).round() / 1e9;
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(job: &str, step: u64) -> LogLine {
        LogLine {
            job: job.into(),
            step,
            tokens: 64 * step,
            epoch: None,
            loss: 2.5,
            gradient_norm: 0.25,
            learning_rate: 1e-4,
            tokens_per_s: 1000.0,
            seconds: 0.064,
            evaluation_loss: step.is_multiple_of(2).then_some(3.0),
        }
    }

    #[test]
    fn lines_after_the_checkpoint_are_taken_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("runs/log.jsonl");
        for (job, steps) in [("pretrain", 3), ("general", 4)] {
            let mut log = Log::open(&path, job, 0).unwrap();
            (1..=steps).for_each(|step| log.append(&line(job, step)).unwrap());
        }
        // The process died within a line.
        OpenOptions::new().append(true).open(&path).unwrap().write_all(br#"{"job":"general","step":5,"#).unwrap();

        let mut log = Log::open(&path, "general", 2).unwrap();
        log.append(&line("general", 3)).unwrap();
        log.sync().unwrap();
        let steps = |job| read(&path, job).unwrap().iter().map(|line| line.step).collect::<Vec<_>>();
        assert_eq!(steps("pretrain"), [1, 2, 3]);
        assert_eq!(steps("general"), [1, 2, 3]);
        assert_eq!(files::read_text(&path).unwrap().lines().count(), 6);
        assert_eq!(read(&path, "general").unwrap()[1], line("general", 2));
    }

    #[test]
    fn rounded_numbers_survive_json() {
        for value in [std::f64::consts::LN_10, 1e-9, 11.123456789012, 0.1 + 0.2] {
            let text = serde_json::to_string(&rounded(value)).unwrap();
            assert_eq!(serde_json::from_str::<f64>(&text).unwrap().to_bits(), rounded(value).to_bits());
            assert!((rounded(value) - value).abs() <= 5e-10);
        }
        assert!(rounded(f64::NAN).is_nan());
    }
}
