//! Answers side by side: each text once, each candidate's answers and scores by number, for the page's script.

use std::collections::HashMap;

use serde::Serialize;

use super::comparison::{Comparison, Task};
use crate::error::Result;
use crate::eval::Prediction;

/// So many examples of a task are on the page.
const EXAMPLES: usize = 10_000;
/// A longer text is cut on the page, with a mark.
const CHARACTERS: usize = 4_000;

/// A task's examples and what the candidates said.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answers {
    task: String,
    kind: String,
    metrics: Vec<Measure>,
    /// Every text that occurs, once.
    texts: Vec<String>,
    /// Question and references, by number of their texts.
    examples: Vec<(usize, Vec<usize>)>,
    candidates: Vec<Candidate>,
    /// Examples that are in the files only.
    left_out: usize,
    #[serde(skip)]
    numbers: HashMap<String, usize>,
}

#[derive(Debug, Serialize)]
struct Measure {
    name: String,
    digits: usize,
    /// The metric's name, by which predictions keep the scores of examples.
    #[serde(skip)]
    key: String,
}

#[derive(Debug, PartialEq, Serialize)]
struct Candidate {
    candidate: String,
    /// The number of the text, by example.
    answers: Vec<usize>,
    /// By metric and example; none where there is no such score.
    scores: Vec<Vec<Option<f64>>>,
}

impl Answers {
    /// An empty one, with the metrics of the task.
    pub fn new(comparison: &Comparison, task: &Task) -> Self {
        let columns = comparison.columns.iter().filter(|column| column.task == task.task);
        let measure = |column: &super::comparison::Column| Measure {
            name: column.measure(),
            digits: column.digits,
            key: column.name.clone(),
        };
        let metrics = columns.map(measure).collect();
        Self { task: task.task.clone(), kind: task.kind.clone(), metrics, ..Self::default() }
    }

    /// Adds what a candidate answered. The first candidate's examples are the task's.
    pub fn add(&mut self, candidate: &str, predictions: &[Prediction]) {
        let shown = predictions.get(..EXAMPLES).unwrap_or(predictions);
        if self.examples.is_empty() {
            self.left_out = predictions.len() - shown.len();
            for prediction in shown {
                let question = self.number(question(prediction));
                let references = prediction.references.iter().map(|text| self.number(text)).collect();
                self.examples.push((question, references));
            }
        }
        let answers = shown.iter().map(|prediction| self.number(&prediction.answer)).collect();
        let score = |metric: &str, prediction: &Prediction| {
            let score = prediction.scores.get(metric).copied().filter(|score| score.is_finite())?;
            Some((score * 1e3).round() / 1e3)
        };
        let scores = self.metrics.iter().map(|measure| shown.iter().map(|it| score(&measure.key, it)).collect());
        let scores = scores.collect();
        self.candidates.push(Candidate { candidate: candidate.to_owned(), answers, scores });
    }

    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len();
        self.numbers.insert(text.to_owned(), number);
        self.texts.push(cut(text));
        number
    }

    /// Whether nobody answered.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// The task's name.
    pub fn task(&self) -> &str {
        &self.task
    }
}

/// The sentence that the task is about, else the whole prompt; of perplexity the text itself.
fn question(prediction: &Prediction) -> &str {
    match (prediction.source.as_str(), prediction.prompt.as_str()) {
        ("", "") => prediction.likelihoods.first().map_or("", |likelihood| &likelihood.text),
        ("", prompt) => prompt,
        (source, _) => source,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(CHARACTERS) {
        Some((at, _)) => format!("{} […]", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// The answers to each task, and what is missing. `read` gives a candidate's answers to a task.
pub(super) fn all(
    comparison: &Comparison,
    read: impl Fn(&str, &Task) -> Result<Option<Vec<Prediction>>>,
) -> Result<(Vec<Answers>, Vec<String>)> {
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for task in &comparison.tasks {
        let mut answers = Answers::new(comparison, task);
        let columns = || comparison.columns.iter().enumerate().filter(|(_, column)| column.task == task.task);
        for row in &comparison.candidates {
            if !columns().any(|(number, _)| row.score(number).is_some()) {
                continue;
            }
            match read(&row.candidate, task)? {
                Some(predictions) => answers.add(&row.candidate, &predictions),
                None => missing
                    .push(format!("The answers of {} to {} are not in the run folder.", row.candidate, task.task)),
            }
        }
        if !answers.is_empty() {
            found.push(answers);
        }
    }
    Ok((found, missing))
}
