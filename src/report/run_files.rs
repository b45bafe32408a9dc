//! What a run folder holds for the report.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::comparison::Comparison;
use crate::error::{Error, Result};
use crate::eval::prediction::{self, Prediction};
use crate::files;
use crate::train::LogLine;

/// One run, read from its folder; nothing else is looked at.
#[derive(Debug)]
pub(super) struct RunFiles {
    pub root: PathBuf,
    /// The folder's name.
    pub name: String,
    /// The resolved recipe.
    pub recipe: String,
    /// `lock.json`.
    pub lock: Value,
    /// `comparison.json`; a study may have no comparison.
    pub comparison: Option<Comparison>,
    /// The steps of each job, in the order of the log.
    pub jobs: Vec<(String, Vec<LogLine>)>,
    /// The ledger of each stage that trained, in the order of the jobs.
    pub ledgers: Vec<Value>,
}

impl RunFiles {
    /// Reads the folder.
    ///
    /// # Errors
    /// It is no run folder, or something in it cannot be read.
    pub fn open(root: &Path) -> Result<Self> {
        let recipe = root.join("recipe.yaml");
        if !recipe.exists() {
            return Err(Error::new("there is no run folder here")
                .at(root.display().to_string())
                .hint("give the folder that `emakeel run` wrote, for example runs/quickstart"));
        }
        let absolute = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        let name = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let comparison = read_if_there(&root.join("comparison.json"))?;
        let jobs = jobs(&root.join("log.jsonl"))?;
        let mut ledgers = Vec::new();
        for (job, _) in &jobs {
            ledgers.extend(read_if_there::<Value>(&root.join("data").join(format!("{job}.ledger.json")))?);
        }
        Ok(Self {
            recipe: files::read_text(&recipe)?,
            lock: read_if_there(&root.join("lock.json"))?.unwrap_or(Value::Null),
            root: root.to_owned(),
            name,
            comparison,
            jobs,
            ledgers,
        })
    }

    /// What a candidate answered in a task, by the name of its file.
    pub fn predictions(&self, candidate: &str, file: &str) -> Result<Vec<Prediction>> {
        prediction::read(&self.root.join("compare").join(candidate).join(format!("{file}.jsonl")))
    }
}

fn read_if_there<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if path.exists() { files::read_json(path).map(Some) } else { Ok(None) }
}

/// The log by job. A line that a running job has not finished writing is none.
fn jobs(path: &Path) -> Result<Vec<(String, Vec<LogLine>)>> {
    let mut jobs: Vec<(String, Vec<LogLine>)> = Vec::new();
    if !path.exists() {
        return Ok(jobs);
    }
    let text = files::read_text(path)?;
    for line in text.lines().filter_map(|line| serde_json::from_str::<LogLine>(line).ok()) {
        match jobs.iter_mut().rev().find(|(job, _)| *job == line.job) {
            Some((_, lines)) => lines.push(line),
            None => jobs.push((line.job.clone(), vec![line])),
        }
    }
    Ok(jobs)
}
