//! Several runs in one table: their answers scored anew, so that the same tests hold between runs as within one.

use std::collections::BTreeMap;

use super::comparison::{Comparison, MadeOf, Task};
use super::run_files::RunFiles;
use crate::error::{Place, Result};
use crate::eval::anew::KeptTask;
use crate::eval::table::Table;
use crate::eval::{Metric, Prediction, TaskResult};
use crate::files;
use crate::recipe::Recipe;

/// The table of all runs, and what a reader must know of it.
pub(super) struct Joined {
    pub comparison: Comparison,
    pub notes: Vec<String>,
    /// Run number, candidate and file of predictions, by the names that the table has for candidate and task.
    pub places: BTreeMap<(String, String), (usize, String, String)>,
}

/// Tasks seen so far: by name, which fingerprints there are and under which name each is shown.
type Seen = BTreeMap<String, Vec<(String, String)>>;

/// Scores the answers of all runs, candidates named `run/candidate`. A task is the same in two runs where its name, its
/// prompts, its right answers and its scoring are the same; else it is another column, with a note.
///
/// # Errors
/// A recipe or a file of predictions cannot be read.
pub(super) fn joined(runs: &[RunFiles]) -> Result<Joined> {
    let mut join = Join::default();
    let tokenizers: Vec<_> = runs.iter().map(|run| run.lock.pointer("/origins/tokenizer").cloned()).collect();
    let one_tokenizer = tokenizers.windows(2).all(|pair| pair.first() == pair.last());
    if !one_tokenizer {
        let note = "Perplexity per token is left out: the runs have different tokenizers, and it compares models of one \
                    tokenizer only. Bits per byte compare.";
        join.notes.push(note.to_owned());
    }
    for (number, run) in runs.iter().enumerate() {
        join.add(number, run, one_tokenizer).at(run.root.display().to_string())?;
    }
    let mut comparison: Comparison = serde_json::from_value(join.table.to_json()).unwrap_or_default();
    for row in &mut comparison.candidates {
        row.made_of = join.made_of.remove(&row.candidate);
    }
    comparison.tasks = join.tasks;
    Ok(Joined { comparison, notes: join.notes, places: join.places })
}

#[derive(Default)]
struct Join {
    table: Table,
    notes: Vec<String>,
    seen: Seen,
    tasks: Vec<Task>,
    made_of: BTreeMap<String, MadeOf>,
    places: BTreeMap<(String, String), (usize, String, String)>,
    /// Of the first run: all draws follow from one seed, so that differences are paired.
    seed: Option<u64>,
}

impl Join {
    fn add(&mut self, number: usize, run: &RunFiles, one_tokenizer: bool) -> Result<()> {
        let study = Recipe::open(run.root.join("recipe.yaml"), &[])?.study;
        let (Some(compare), Some(comparison)) = (&study.compare, &run.comparison) else {
            self.notes.push(format!("{} has no comparison; only its training is shown.", run.name));
            return Ok(());
        };
        let seed = *self.seed.get_or_insert(study.seed);
        for row in &comparison.candidates {
            if let Some(made_of) = &row.made_of {
                self.made_of.insert(format!("{}/{}", run.name, row.candidate), made_of.clone());
            }
        }
        for task in KeptTask::all(compare) {
            let described = comparison.tasks.iter().find(|it| it.task == task.name);
            let mut shown: Option<String> = None;
            for row in &comparison.candidates {
                let file = run.root.join("compare").join(&row.candidate).join(format!("{}.jsonl", task.file_name));
                if !file.exists() {
                    self.notes.push(format!("{}/{} has no answers to {}.", run.name, row.candidate, task.name));
                    continue;
                }
                let predictions = run.predictions(&row.candidate, &task.file_name)?;
                let shown = shown.get_or_insert_with(|| self.shown_as(run, &task, &predictions, described)).clone();
                let mut result = task.score(predictions, seed)?;
                rename(&mut result, &shown, one_tokenizer);
                let name = format!("{}/{}", run.name, row.candidate);
                self.table.add(&name, &result);
                self.places.insert((name, shown), (number, row.candidate.clone(), task.file_name.clone()));
            }
        }
        Ok(())
    }

    /// The name of the column that a run's task belongs to.
    fn shown_as(&mut self, run: &RunFiles, task: &KeptTask, answers: &[Prediction], known: Option<&Task>) -> String {
        let fingerprint = fingerprint(task, answers);
        let of_name = self.seen.entry(task.name.clone()).or_default();
        if let Some((_, shown)) = of_name.iter().find(|(other, _)| *other == fingerprint) {
            return shown.clone();
        }
        let shown = if of_name.is_empty() { task.name.clone() } else { format!("{} ({})", task.name, run.name) };
        if !of_name.is_empty() {
            self.notes.push(format!(
                "{} of {} is a column of its own: its examples, prompts or scoring are not those of the runs before.",
                task.name, run.name
            ));
        }
        of_name.push((fingerprint, shown.clone()));
        if let Some(known) = known {
            self.tasks.push(Task { task: shown.clone(), ..known.clone() });
        }
        shown
    }
}

/// Puts a result under the name of its column; perplexity per token goes where tokenizers differ.
fn rename(result: &mut TaskResult, shown: &str, one_tokenizer: bool) {
    result.columns.retain(|column| one_tokenizer || column.metric != Metric::Perplexity);
    shown.clone_into(&mut result.task);
    result.columns.iter_mut().for_each(|column| shown.clone_into(&mut column.task));
}

/// The hash of all that is asked in a task, and how it is scored.
fn fingerprint(task: &KeptTask, answers: &[Prediction]) -> String {
    let mut text = task.scoring();
    for prediction in answers {
        let choices: Vec<&str> = prediction.likelihoods.iter().map(|likelihood| likelihood.text.as_str()).collect();
        let asked = (&prediction.prompt, &prediction.source, &prediction.references, choices, &prediction.gold);
        text.push_str(&serde_json::to_string(&asked).unwrap_or_default());
    }
    files::sha256(text)
}
