//! The report of a run, or of several: one page that needs nothing else, made from what the run folders hold.
//!
//! | module | concept |
//! |---|---|
//! | `run_files` | what a run folder holds |
//! | `comparison` | its table, as `comparison.json` says it |
//! | `joined` | several runs in one table |
//! | `summary` | the table in words |
//! | `series`, `knee` | scores against tokens and ratios; where more tokens buy less |
//! | `plot`, `curves` | both, and training curves, as SVG |
//! | `answers` | what candidates said, for the page's script |
//! | `table`, `figures`, `ledger` | parts of the page |
//! | `page`, `html` | the page; text from strangers in it |

mod answers;
mod comparison;
mod curves;
mod figures;
mod html;
mod joined;
mod knee;
mod ledger;
mod page;
mod plot;
mod run_files;
mod series;
mod summary;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::files;

use answers::Answers;
use comparison::{Comparison, Task};
use run_files::RunFiles;
use summary::Words;

/// The name of a run's report in its folder.
pub const FILE: &str = "report.html";

/// What one or several runs came to.
#[derive(Debug)]
pub struct Report {
    runs: Vec<RunFiles>,
    comparison: Comparison,
    answers: Vec<Answers>,
    words: Words,
    /// What a reader must know of the table.
    notes: Vec<String>,
}

impl Report {
    /// Reads run folders; of several, the answers are scored again, so that candidates of different runs compare.
    ///
    /// # Errors
    /// One of them is no run folder, or something in it cannot be read.
    pub fn open(folders: &[PathBuf]) -> Result<Self> {
        let mut runs = folders.iter().map(|folder| RunFiles::open(folder)).collect::<Result<Vec<_>>>()?;
        name_apart(&mut runs);
        let [run] = runs.as_slice() else { return Self::of_several(runs) };
        let comparison = run.comparison.clone().unwrap_or_default();
        let mut notes = Vec::new();
        if run.comparison.is_some() && comparison.tasks.is_empty() {
            notes.push(
                "This run was compared by an older program: `emakeel compare` adds answers and plots.".to_owned(),
            );
        }
        let read = |candidate: &str, task: &Task| {
            let path = run.root.join("compare").join(candidate).join(format!("{}.jsonl", task.file));
            if path.exists() { run.predictions(candidate, &task.file).map(Some) } else { Ok(None) }
        };
        let (answers, missing) = answers::all(&comparison, read)?;
        notes.extend(missing);
        Ok(Self { words: summary::words(&comparison), runs, comparison, answers, notes })
    }

    fn of_several(runs: Vec<RunFiles>) -> Result<Self> {
        if runs.is_empty() {
            return Err(Error::usage("no run folder is given"));
        }
        let joined::Joined { comparison, notes, places } = joined::joined(&runs)?;
        let read = |candidate: &str, task: &Task| {
            let Some((run, name, file)) = places.get(&(candidate.to_owned(), task.task.clone())) else {
                return Ok(None);
            };
            runs.get(*run).map(|run| run.predictions(name, file)).transpose()
        };
        let (answers, _) = answers::all(&comparison, read)?;
        Ok(Self { words: summary::words(&comparison), comparison, answers, notes, runs })
    }

    /// The page.
    pub fn to_html(&self) -> String {
        page::page(self)
    }

    /// What it says, as one object: the sentences, what to mind, and the table.
    pub fn to_json(&self) -> Value {
        let tasks: Vec<Value> =
            self.words.tasks.iter().map(|(task, text)| json!({ "task": task, "best": text })).collect();
        json!({
            "runs": self.runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>(),
            "summary": self.words.lead,
            "tasks": tasks,
            "notes": self.notes,
            "comparison": self.comparison,
        })
    }

    /// The sentences, one a line.
    pub fn to_text(&self) -> String {
        let tasks = self.words.tasks.iter().map(|(task, text)| format!("{task}: {text}"));
        self.words.lead.iter().cloned().chain(tasks).chain(self.notes.iter().cloned()).collect::<Vec<_>>().join("\n")
    }
}

/// Writes a run's report into its folder; returns where it is.
///
/// # Errors
/// As [`Report::open`]; the folder cannot be written.
pub fn write(run: &Path) -> Result<PathBuf> {
    let report = Report::open(&[run.to_owned()])?;
    let path = run.join(FILE);
    files::write(&path, report.to_html())?;
    Ok(path)
}

/// Gives runs whose folders have one name numbers behind it.
fn name_apart(runs: &mut [RunFiles]) {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for run in runs {
        let count = seen.entry(run.name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            run.name = format!("{} {count}", run.name);
        }
    }
}
