//! The comparison of a run as its `comparison.json` says it.

use serde::{Deserialize, Serialize};

use crate::eval::table::{Cell, Standing};

/// All scores, and what they are of.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Comparison {
    pub columns: Vec<Column>,
    pub candidates: Vec<Row>,
    #[serde(default)]
    pub tasks: Vec<Task>,
}

/// One metric of one task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Column {
    pub task: String,
    /// The metric's word.
    pub metric: String,
    /// The metric's name, for people; predictions keep the scores of examples by it.
    pub name: String,
    pub unit: String,
    pub higher_is_better: bool,
    pub examples: usize,
    #[serde(default)]
    pub signature: Option<String>,
    #[serde(default = "one_digit")]
    pub digits: usize,
}

fn one_digit() -> usize {
    1
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub candidate: String,
    /// By number of the column.
    pub scores: Vec<Option<Cell>>,
    #[serde(default)]
    pub made_of: Option<MadeOf>,
}

/// What a candidate is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MadeOf {
    /// The foundation's name.
    pub on: String,
    /// Tokens of continued pretraining in it.
    pub pretrain_tokens: u64,
    /// `foundation`, `adapter`, `merged` or `full`.
    pub form: String,
    pub adapter: Option<String>,
    pub ratio: Option<Ratio>,
}

/// The share of one direction among an adapter's translations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Ratio {
    pub from: String,
    pub to: String,
    /// In `[0, 1]`.
    pub share: f64,
    /// The same for adapters that differ in the share only.
    pub group: String,
}

/// What a task asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Task {
    pub task: String,
    /// The name of its files of predictions.
    pub file: String,
    /// `translation`, `choice`, `answer`, `correction`, `perplexity` or `conversation`.
    pub kind: String,
    pub from: Option<String>,
    /// Of the answers, or of the text.
    pub language: String,
}

impl Comparison {
    /// The first column of each task, which tells most, with its number.
    pub fn primary(&self) -> Vec<(usize, &Column)> {
        let mut seen: Vec<&str> = Vec::new();
        let mut found = Vec::new();
        for (number, column) in self.columns.iter().enumerate() {
            if !seen.contains(&column.task.as_str()) {
                seen.push(&column.task);
                found.push((number, column));
            }
        }
        found
    }

    /// What a column's task asks, where that is known.
    pub fn task_of(&self, column: &Column) -> Option<&Task> {
        self.tasks.iter().find(|task| task.task == column.task)
    }

    /// A candidate's score in a column.
    pub fn cell(&self, candidate: &str, column: usize) -> Option<Cell> {
        self.candidates.iter().find(|row| row.candidate == candidate)?.score(column)
    }

    /// Candidates other than merged ones whose adapter is there unmerged too.
    pub fn unmerged(&self) -> impl Iterator<Item = &Row> {
        self.candidates.iter().filter(|row| !self.is_shadow(row))
    }

    fn is_shadow(&self, row: &Row) -> bool {
        let Some(made_of) = row.made_of.as_ref().filter(|made_of| made_of.form == "merged") else { return false };
        let run = |name: &str| name.rsplit_once('/').map(|(run, _)| run.to_owned());
        let same = |other: &&Row| {
            other.made_of.as_ref().is_some_and(|it| it.form == "adapter" && it.adapter == made_of.adapter)
                && run(&other.candidate) == run(&row.candidate)
        };
        self.candidates.iter().any(|other| same(&other))
    }

    /// Each merged candidate with the one that it was merged from.
    pub fn pairs(&self) -> Vec<(&Row, &Row)> {
        let shadows = self.candidates.iter().filter(|row| self.is_shadow(row));
        let twin = |row: &Row| {
            let name = row.candidate.strip_suffix("+merged")?.to_owned();
            self.candidates.iter().find(|other| other.candidate == name)
        };
        shadows.filter_map(|row| Some((twin(row)?, row))).collect()
    }
}

impl Row {
    /// The score in a column.
    pub fn score(&self, column: usize) -> Option<Cell> {
        self.scores.get(column).copied().flatten()
    }

    /// Whether the score is the best, or not shown to be worse.
    pub fn stands(&self, column: usize, standing: Standing) -> bool {
        self.score(column).is_some_and(|cell| cell.standing == standing)
    }
}

impl Column {
    /// `17.1`, in the metric's digits.
    pub fn number(&self, value: f64) -> String {
        format!("{value:.*}", self.digits)
    }

    /// `17.1 [12.0, 22.3]`.
    pub fn with_interval(&self, cell: Cell) -> String {
        let value = self.number(cell.value);
        match cell.interval {
            Some(interval) => format!("{value} [{}, {}]", self.number(interval.low), self.number(interval.high)),
            None => value,
        }
    }

    /// `BLEU`, or `accuracy (%)`.
    pub fn measure(&self) -> String {
        if self.unit == "%" { format!("{} (%)", self.name) } else { self.name.clone() }
    }
}
