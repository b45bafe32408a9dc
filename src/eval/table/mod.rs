//! The comparison: candidates down, scores across, the best of each column marked.
//!
//! A score that is not shown to be worse than the best one (approximate randomisation over the same examples, two-sided,
//! p ≥ 0.05 after Holm's correction for all comparisons of the table) is marked too: it may as well be the best. The first
//! scores of the tasks, which the overview shows, are corrected among themselves, and the others among themselves. The
//! marks say what the test set can show, not what is true of the models.

mod csv;
mod markdown;
mod standing;
mod terminal;

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::bootstrap::Interval;
use super::result::{Column, TaskResult};

/// Below this probability a difference counts as shown.
const SIGNIFICANCE: f64 = 0.05;

/// A table that grows by results.
#[derive(Debug, Clone, Default)]
pub struct Table {
    candidates: Vec<String>,
    columns: Vec<Scores>,
    /// The cells of each column, once they have been asked for.
    cells: OnceLock<Vec<Vec<Option<Cell>>>>,
}

/// One metric of one task, over all candidates.
#[derive(Debug, Clone)]
struct Scores {
    /// The results, by number of the candidate.
    of: Vec<Option<Column>>,
}

/// One score, compared with the others of its column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// The score.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// How it stands to the best of its column.
    pub standing: Standing,
    /// Two-sided p-value of the paired difference to the best, by approximate randomisation; none for the best itself, or
    /// where it cannot be computed.
    pub p_value: Option<f64>,
    /// The same after Holm's correction for all comparisons of the table.
    pub p_holm: Option<f64>,
}

/// How a score stands to the best of its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No score of the column is better.
    Best,
    /// Not shown to be worse than the best.
    Near,
    /// Worse than the best, or not comparable.
    Behind,
    /// There is no best: the column has one score only, or all are equal.
    Level,
}

impl Table {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a candidate's result in a task; a result that is there already is replaced.
    ///
    /// Rows and columns stand in the order in which they came first.
    pub fn add(&mut self, candidate: &str, result: &TaskResult) {
        self.cells.take();
        let row = match self.candidates.iter().position(|name| name == candidate) {
            Some(row) => row,
            None => {
                self.candidates.push(candidate.to_owned());
                self.candidates.len() - 1
            }
        };
        for column in &result.columns {
            let same = |scores: &&mut Scores| {
                scores.first().is_some_and(|first| first.task == column.task && first.metric == column.metric)
            };
            match self.columns.iter_mut().find(same) {
                Some(scores) => scores.put(row, column.clone()),
                None => {
                    let mut scores = Scores { of: Vec::new() };
                    scores.put(row, column.clone());
                    self.columns.push(scores);
                }
            }
        }
    }

    /// The candidates, in the order of the rows.
    pub fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// What each column is, and its cells in the order of the candidates; a candidate without this score has none.
    pub fn columns(&self) -> impl Iterator<Item = (&Column, Vec<Option<Cell>>)> {
        let firsts = self.columns.iter().filter_map(Scores::first);
        firsts.zip(self.cells.get_or_init(|| standing::cells(&self.columns, self.candidates.len())).iter().cloned())
    }

    /// The table as JSON: columns with name, task, unit and direction; each candidate's scores by column.
    pub fn to_json(&self) -> serde_json::Value {
        let columns: Vec<_> = self.columns().collect();
        let described = columns.iter().map(|(column, _)| {
            serde_json::json!({
                "task": column.task, "metric": column.metric, "name": column.name, "unit": column.unit,
                "higher_is_better": column.higher_is_better, "examples": column.examples, "signature": column.signature,
                "digits": column.metric.digits(),
            })
        });
        let candidates = self.candidates.iter().enumerate().map(|(row, name)| {
            let scores: Vec<_> = columns.iter().map(|(_, cells)| cells.get(row).copied().flatten()).collect();
            serde_json::json!({ "candidate": name, "scores": scores })
        });
        serde_json::json!({
            "columns": described.collect::<Vec<_>>(),
            "candidates": candidates.collect::<Vec<_>>(),
            "interval": "95 %, bootstrap over examples",
            "test": "approximate randomisation, Holm's correction",
            "trials": standing::trials(&self.columns),
            "significance": SIGNIFICANCE,
        })
    }

    /// The table as Markdown: an overview of all tasks, then each task in full.
    pub fn to_markdown(&self) -> String {
        markdown::render(self)
    }

    /// The table as CSV: one line for each score.
    pub fn to_csv(&self) -> String {
        csv::render(self)
    }

    /// The table for a terminal, with colours; print it through `anstream`, which drops them where they do not belong.
    pub fn to_terminal(&self) -> String {
        terminal::render(self)
    }

    /// The tasks, in order.
    fn tasks(&self) -> Vec<&str> {
        let mut tasks: Vec<&str> = Vec::new();
        for task in self.columns.iter().filter_map(Scores::first).map(|column| column.task.as_str()) {
            if !tasks.contains(&task) {
                tasks.push(task);
            }
        }
        tasks
    }
}

impl Scores {
    fn put(&mut self, row: usize, column: Column) {
        if self.of.len() <= row {
            self.of.resize(row + 1, None);
        }
        if let Some(place) = self.of.get_mut(row) {
            *place = Some(column);
        }
    }

    fn first(&self) -> Option<&Column> {
        self.of.iter().flatten().next()
    }

    /// The best score's column; the first of equals, NaN never.
    fn best(&self) -> Option<&Column> {
        let better = |a: &Column, b: &Column| if a.higher_is_better { a.value > b.value } else { a.value < b.value };
        let finite = self.of.iter().flatten().filter(|column| column.value.is_finite());
        finite.reduce(|best, other| if better(other, best) { other } else { best })
    }
}

/// `12.3`, in the metric's digits.
fn number(column: &Column, value: f64) -> String {
    format!("{value:.*}", column.metric.digits())
}

/// `BLEU ↑`.
fn heading(column: &Column) -> String {
    format!("{} {}", column.name, if column.higher_is_better { '↑' } else { '↓' })
}

/// What the marks mean, one sentence a line.
fn legend() -> [&'static str; 3] {
    [
        "↑ more is better, ↓ less is better.",
        "In brackets: 95 % interval, by bootstrap over the examples (1000 resamples; for shares of none or all, Wilson's).",
        "≈ not shown to be worse than the best (randomisation over the same examples, p ≥ 0.05 after Holm's correction).",
    ]
}

#[cfg(test)]
mod tests;
