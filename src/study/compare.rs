//! The compare stage: every candidate answers the same tasks in the same process.
//!
//! The models are loaded one foundation at a time; its adapters are swapped onto it. Each answer is kept
//! in `compare/<candidate>/<task>.jsonl`, with the key of what it was made from beside it, so that a
//! study that goes on asks only what was not answered yet.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::{Place, Result};
use crate::eval::{Table, Task, TaskResult, prediction};
use crate::files;
use crate::model::Llama;
use crate::recipe::Foundation;
use crate::study::candidate::{self, Candidate};
use crate::study::ground::Ground;

/// Scores every finished candidate and writes `comparison.json` and `comparison.md`.
pub fn run(ground: &Ground<'_>) -> Result<Option<Table>> {
    let Some(compare) = &ground.study.compare else { return Ok(None) };
    let tasks = Task::load_all(compare, ground.study.seed)?;
    let mut table = Table::new();
    let mut foundation: Option<(Foundation, Llama)> = None;
    for candidate in &candidate::all(ground) {
        let Some(weights) = candidate.key(ground)? else { continue };
        let mut results = Vec::new();
        for task in &tasks {
            let place = Answers::of(ground, candidate, task, &weights);
            results.push((place.read_back(task)?, place, task));
        }
        if results.iter().any(|(known, ..)| known.is_none()) {
            let mut model = match foundation.take() {
                Some((on, model)) if on == candidate.on => model,
                _ => ground.load(candidate.on)?,
            };
            candidate
                .with_model(ground, &mut model, |model| answer_missing(ground, candidate, model, &mut results))
                .at(format!("compare {}", candidate.name))?;
            foundation = Some((candidate.on, model));
        }
        results.iter().filter_map(|(result, ..)| result.as_ref()).for_each(|result| table.add(&candidate.name, result));
    }
    files::write_json(&ground.folder.path("comparison.json"), &table.to_json())?;
    files::write(&ground.folder.path("comparison.md"), table.to_markdown())?;
    Ok(Some(table))
}

/// Asks the model what was not answered yet, and keeps each task's answers as soon as it is done.
fn answer_missing(
    ground: &Ground<'_>,
    candidate: &Candidate,
    model: &Llama,
    results: &mut [(Option<TaskResult>, Answers, &Task)],
) -> Result<()> {
    for (result, place, task) in results.iter_mut().filter(|(known, ..)| known.is_none()) {
        let mut bar = ground.progress.bar(&candidate.name, "examples", 0, task.len() as u64);
        let answered = task.run(model, &ground.tokenizer, ground.stop, &mut bar)?;
        bar.finish(task.name());
        place.keep(&answered)?;
        *result = Some(answered);
    }
    Ok(())
}

/// Where one candidate's answers to one task are kept.
struct Answers {
    answers: PathBuf,
    note: PathBuf,
    key: String,
}

impl Answers {
    fn of(ground: &Ground<'_>, candidate: &Candidate, task: &Task, weights: &str) -> Self {
        let folder = ground.folder.candidate(&candidate.name);
        let name = task.file_name();
        let key = files::sha256(json!([weights, format!("{task:?}"), ground.origin("tokenizer")]).to_string());
        Self { answers: folder.join(format!("{name}.jsonl")), note: folder.join(format!("{name}.key.json")), key }
    }

    /// The scores of answers that are there already, from the same weights to the same questions.
    fn read_back(&self, task: &Task) -> Result<Option<TaskResult>> {
        if !self.note.exists() || !self.answers.exists() {
            return Ok(None);
        }
        let before: Value = files::read_json(&self.note)?;
        if before.get("key").and_then(Value::as_str) != Some(self.key.as_str()) {
            return Ok(None);
        }
        task.result(prediction::read(&self.answers)?).map(Some)
    }

    /// Writes the answers, then the note that makes them count.
    fn keep(&self, result: &TaskResult) -> Result<()> {
        self.answers.parent().map_or(Ok(()), files::make_folder)?;
        prediction::write(&self.answers, &result.predictions)?;
        files::write_json(&self.note, &json!({ "key": self.key }))
    }
}
