//! The compare stage: every candidate answers the same tasks in the same process.
//!
//! One foundation is in memory at a time. The adapters on it answer together, in batches that multiply its weights
//! once for all of them. Each answer is kept in `compare/<candidate>/<task>.jsonl`, with the key of what it was made
//! from beside it, so that a study that goes on asks only what was not answered yet.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::error::{Place, Result};
use crate::eval::{Table, Task, TaskResult, prediction};
use crate::files;
use crate::model::Llama;
use crate::study::candidate::{self, Candidate};
use crate::study::comparison;
use crate::study::ground::Ground;
use crate::study::training;

/// So many adapters are in memory side by side.
const TOGETHER: usize = 16;

/// Scores every finished candidate and writes `comparison.json`, `comparison.csv` and `comparison.md`.
pub fn run(ground: &Ground<'_>) -> Result<Option<Table>> {
    let Some(compare) = &ground.study.compare else { return Ok(None) };
    let tasks = Task::load_all(ground.study)?;
    let template = training::template_origin(ground, &compare.template)?;
    let mut asked = Vec::new();
    for candidate in candidate::all(ground) {
        if let Some(weights) = candidate.key(ground)? {
            let weights = template.as_ref().map_or(weights.clone(), |template| format!("{weights} {template}"));
            asked.push(Asked::new(ground, candidate, &weights, &tasks)?);
        }
    }
    for of_foundation in asked.chunk_by_mut(|a, b| a.candidate.on == b.candidate.on) {
        answer_missing(ground, of_foundation, &tasks)?;
    }
    let mut table = Table::new();
    for Asked { candidate, results, .. } in &asked {
        results.iter().flatten().for_each(|result| table.add(&candidate.name, result));
    }
    let candidates: Vec<&Candidate> = asked.iter().map(|asked| &asked.candidate).collect();
    let described = comparison::described(ground.study, compare, &candidates, &table);
    files::write_json(&ground.folder.path("comparison.json"), &described)?;
    files::write(&ground.folder.path("comparison.csv"), table.to_csv())?;
    files::write(&ground.folder.path("comparison.md"), table.to_markdown())?;
    Ok(Some(table))
}

/// A candidate with its place for each task, and the results that are there.
struct Asked {
    candidate: Candidate,
    places: Vec<Answers>,
    results: Vec<Option<TaskResult>>,
}

impl Asked {
    fn new(ground: &Ground<'_>, candidate: Candidate, weights: &str, tasks: &[Task]) -> Result<Self> {
        let places: Vec<Answers> = tasks.iter().map(|task| Answers::of(ground, &candidate, task, weights)).collect();
        let results = places.iter().zip(tasks).map(|(place, task)| place.read_back(task)).collect::<Result<_>>()?;
        Ok(Self { candidate, places, results })
    }

    fn is_missing_some(&self) -> bool {
        self.results.iter().any(Option::is_none)
    }
}

/// Asks candidates on one foundation what was not answered yet: together where they share its weights, else one by
/// one.
fn answer_missing(ground: &Ground<'_>, asked: &mut [Asked], tasks: &[Task]) -> Result<()> {
    let mut missing: Vec<&mut Asked> = asked.iter_mut().filter(|asked| asked.is_missing_some()).collect();
    let Some(first) = missing.first() else { return Ok(()) };
    let foundation = ground.load(first.candidate.on)?;
    // Stable: those that share weights come first, each kind in the order of the recipe.
    missing.sort_by_key(|asked| !asked.candidate.shares_foundation());
    let mut groups = missing.as_mut_slice();
    while let Some(first) = groups.first() {
        let sharing = groups.iter().take_while(|asked| asked.candidate.shares_foundation()).count();
        let size = if first.candidate.shares_foundation() { sharing.min(TOGETHER) } else { 1 };
        let (group, rest) = groups.split_at_mut(size);
        answer_together(ground, &foundation, group, tasks)?;
        groups = rest;
    }
    Ok(())
}

/// Asks some candidates all tasks that they have not answered yet, and keeps the answers as soon as a task is done.
fn answer_together(ground: &Ground<'_>, foundation: &Llama, group: &mut [&mut Asked], tasks: &[Task]) -> Result<()> {
    let models = group.iter().map(|asked| {
        let candidate = &asked.candidate;
        candidate.model(ground, foundation).at(format!("compare {}", candidate.name))
    });
    let models = models.collect::<Result<Vec<_>>>()?;
    for (number, task) in tasks.iter().enumerate() {
        let missing = |asked: &Asked| asked.results.get(number).is_some_and(Option::is_none);
        let missing: Vec<bool> = group.iter().map(|asked| missing(asked)).collect();
        let of_missing = |at: usize| missing.get(at).copied().unwrap_or(false);
        let asking: Vec<&Llama> = models.iter().zip(&missing).filter_map(|(m, missing)| missing.then_some(m)).collect();
        if asking.is_empty() {
            continue;
        }
        let mut names = group.iter().enumerate().filter(|(at, _)| of_missing(*at)).map(|(_, a)| &a.candidate.name);
        let label = match (names.next(), names.count()) {
            (Some(name), 0) => name.clone(),
            (Some(name), others) => format!("{name} and {others} more"),
            (None, _) => String::new(),
        };
        let mut bar = ground.progress.bar(&label, "examples", 0, (task.len() * asking.len()) as u64);
        let results = task.run(&asking, &ground.tokenizer, ground.stop, &mut bar).at(format!("compare {label}"))?;
        bar.finish(task.name());
        let answered = group.iter_mut().zip(&missing).filter_map(|(asked, missing)| missing.then_some(asked));
        for (asked, result) in answered.zip(results) {
            asked.places.get(number).map_or(Ok(()), |place| place.keep(&result))?;
            if let Some(place) = asked.results.get_mut(number) {
                *place = Some(result);
            }
        }
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
