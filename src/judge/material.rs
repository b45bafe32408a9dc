//! What there is to judge: the questions of a run folder, every candidate's answers to them, and their scores.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::eval::{Example, Task, prediction};
use crate::files;
use crate::recipe::{Recipe, Study, TaskKind};

/// The answers of all candidates to the tasks in which something is written.
#[derive(Debug, Clone)]
pub(super) struct Material {
    /// The candidates, in the order of the comparison.
    pub(super) candidates: Vec<String>,
    /// The tasks, in the order of the recipe.
    pub(super) tasks: Vec<TaskMaterial>,
    /// The study's seed.
    pub(super) seed: u64,
}

/// One task.
#[derive(Debug, Clone)]
pub(super) struct TaskMaterial {
    /// As tables name it.
    pub(super) name: String,
    /// As files are named.
    pub(super) file: String,
    /// The word for its kind in recipes.
    pub(super) kind: &'static str,
    pub(super) questions: Vec<Question>,
    /// Its metrics, the most telling one first.
    pub(super) metrics: Vec<MetricOfTask>,
}

/// A question and what the candidates answered; `None` for one whose answer is not there.
#[derive(Debug, Clone)]
pub(super) struct Question {
    /// Its number in the task, from 0.
    pub(super) number: usize,
    pub(super) text: String,
    pub(super) reference: String,
    pub(super) answers: Vec<Option<Answer>>,
}

/// An answer and its own scores, by metric.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) scores: BTreeMap<String, f64>,
}

impl Answer {
    /// What tells the answer from another one.
    pub(super) fn hash(&self) -> String {
        files::sha256(&self.text).chars().take(16).collect()
    }
}

/// A column of the comparison.
#[derive(Debug, Clone)]
pub(super) struct MetricOfTask {
    pub(super) name: String,
    pub(super) higher_is_better: bool,
    /// Of each candidate.
    pub(super) values: Vec<Option<f64>>,
}

/// What is read of `comparison.json`.
#[derive(Debug, Deserialize)]
struct Comparison {
    columns: Vec<Described>,
    candidates: Vec<Row>,
}

#[derive(Debug, Deserialize)]
struct Described {
    task: String,
    name: String,
    higher_is_better: bool,
}

#[derive(Debug, Deserialize)]
struct Row {
    candidate: String,
    scores: Vec<Option<Cell>>,
}

#[derive(Debug, Deserialize)]
struct Cell {
    value: Option<f64>,
}

impl Material {
    /// Reads a run folder whose comparison is made.
    ///
    /// # Errors
    /// There is no comparison; a file cannot be read; the examples are not those that were answered.
    pub(super) fn read(folder: &Path, recipe: &Recipe) -> Result<Self> {
        let path = folder.join("comparison.json");
        if recipe.study.compare.is_none() || !path.exists() {
            return Err(Error::new("there is no comparison in this run folder")
                .at(folder.display().to_string())
                .hint("make it first: emakeel compare RUN; the recipe must have compare.tasks"));
        }
        let comparison: Comparison = files::read_json(&path)?;
        let candidates: Vec<String> = comparison.candidates.iter().map(|row| row.candidate.clone()).collect();
        let tasks = tasks(folder, &recipe.study, &candidates, &comparison)?;
        Ok(Self { candidates, tasks, seed: recipe.study.seed })
    }

    /// The number of a candidate.
    ///
    /// # Errors
    /// There is none of that name; the hint lists them.
    pub(super) fn candidate(&self, name: &str) -> Result<usize> {
        self.candidates.iter().position(|known| known == name).ok_or_else(|| {
            Error::usage(format!("there is no candidate {name:?} in the comparison"))
                .hint(format!("the candidates are {}", self.candidates.join(", ")))
        })
    }

    /// The numbers of the tasks that have one of these kinds or names.
    ///
    /// # Errors
    /// A word fits no task in which something is written.
    pub(super) fn tasks_named(&self, words: &[String]) -> Result<Vec<usize>> {
        let fits = |word: &String, task: &TaskMaterial| *word == task.name || *word == task.file || word == task.kind;
        if let Some(word) = words.iter().find(|word| !self.tasks.iter().any(|task| fits(word, task))) {
            let names: Vec<String> = self.tasks.iter().map(|task| format!("{:?}", task.name)).collect();
            return Err(Error::usage(format!("there is no task {word:?} in which something is written"))
                .hint(format!("the tasks are {}; a kind such as answer names all of its tasks", names.join(", "))));
        }
        let chosen = self.tasks.iter().enumerate().filter(|(_, task)| words.iter().any(|word| fits(word, task)));
        Ok(chosen.map(|(number, _)| number).collect())
    }

    /// Candidates without those that answer every question as one before them does, such as a merged adapter; and the
    /// names of those left out.
    pub(super) fn without_twins(&self, tasks: &[usize], mut candidates: Vec<usize>) -> (Vec<usize>, Vec<String>) {
        let answers = |candidate: usize| -> Vec<Option<&str>> {
            let of_task = |task: &usize| self.tasks.get(*task).map_or(0, |of| of.questions.len());
            let questions = tasks.iter().flat_map(|task| (0..of_task(task)).map(move |question| (*task, question)));
            let text = |(task, question)| self.answer(task, question, candidate).map(|answer| answer.text.trim());
            questions.map(text).collect()
        };
        let (mut seen, mut twins) = (HashSet::new(), Vec::new());
        candidates.retain(|&candidate| {
            let is_new = seen.insert(answers(candidate));
            if !is_new {
                twins.extend(self.candidates.get(candidate).cloned());
            }
            is_new
        });
        (candidates, twins)
    }

    /// The answer of a candidate.
    pub(super) fn answer(&self, task: usize, question: usize, candidate: usize) -> Option<&Answer> {
        self.tasks.get(task)?.questions.get(question)?.answers.get(candidate)?.as_ref()
    }
}

fn tasks(folder: &Path, study: &Study, candidates: &[String], comparison: &Comparison) -> Result<Vec<TaskMaterial>> {
    let mut found = Vec::new();
    for task in Task::load_some(study, |settings| kind(&settings.kind).is_some())? {
        let Some(kind) = kind(task.kind()) else { continue };
        let texts = task.questions().zip(task.examples());
        let mut questions: Vec<Question> = texts
            .enumerate()
            .map(|(number, (text, example))| {
                let reference = example.references().first().cloned().unwrap_or_default();
                Question { number, text, reference, answers: vec![None; candidates.len()] }
            })
            .collect();
        for (at, candidate) in candidates.iter().enumerate() {
            let path = folder.join("compare").join(candidate).join(format!("{}.jsonl", task.file_name()));
            if !path.exists() {
                continue;
            }
            let predictions = prediction::read(&path)?;
            if predictions.len() != questions.len() {
                return Err(Error::new("number of answers")
                    .got(predictions.len())
                    .expected(questions.len())
                    .at(path.display().to_string())
                    .hint("the task's examples have changed: emakeel compare RUN answers them again"));
            }
            for (question, prediction) in questions.iter_mut().zip(predictions) {
                if let Some(place) = question.answers.get_mut(at) {
                    *place = Some(Answer { text: prediction.answer, scores: prediction.scores });
                }
            }
        }
        let begins = task.examples().map(|example| !matches!(example, Example::Turn { number, .. } if *number > 0));
        let questions = whole_conversations(questions, begins);
        let metrics = metrics(task.name(), comparison);
        found.push(TaskMaterial { name: task.name().to_owned(), file: task.file_name(), kind, questions, metrics });
    }
    Ok(found)
}

/// The turns of a conversation as one question: what was said in each turn stands one below the other, with its number.
fn whole_conversations(turns: Vec<Question>, begins: impl Iterator<Item = bool>) -> Vec<Question> {
    let mut whole: Vec<(Question, usize)> = Vec::new();
    for (turn, begins) in turns.into_iter().zip(begins) {
        match whole.last_mut().filter(|_| !begins) {
            None => whole.push((turn, 1)),
            Some((question, count)) => {
                *count += 1;
                let join = |all: &mut String, next: &str| {
                    let first = if *count == 2 { "[1] " } else { "" };
                    *all = format!("{first}{all}\n\n[{count}] {next}");
                };
                join(&mut question.text, &turn.text);
                if !(question.reference.is_empty() && turn.reference.is_empty()) {
                    join(&mut question.reference, &turn.reference);
                }
                for (all, next) in question.answers.iter_mut().zip(turn.answers) {
                    match (all.as_mut(), next) {
                        (Some(all), Some(next)) => join(&mut all.text, &next.text),
                        _ => *all = None,
                    }
                }
            }
        }
    }
    whole.into_iter().zip(0..).map(|((question, _), number)| Question { number, ..question }).collect()
}

/// The word for a kind of task; none where nothing is written.
pub(super) fn kind(kind: &TaskKind) -> Option<&'static str> {
    match kind {
        TaskKind::Translation { .. } => Some("translation"),
        TaskKind::Choice => Some("choice"),
        TaskKind::Answer => Some("answer"),
        TaskKind::Correction => Some("correction"),
        TaskKind::Conversation => Some("conversation"),
        TaskKind::Perplexity => None,
    }
}

fn metrics(task: &str, comparison: &Comparison) -> Vec<MetricOfTask> {
    let columns = comparison.columns.iter().enumerate().filter(|(_, column)| column.task == task);
    let value = |row: &Row, at: usize| row.scores.get(at)?.as_ref()?.value;
    columns
        .map(|(at, column)| MetricOfTask {
            name: column.name.clone(),
            higher_is_better: column.higher_is_better,
            values: comparison.candidates.iter().map(|row| value(row, at)).collect(),
        })
        .collect()
}
