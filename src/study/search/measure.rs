//! What a combination is measured by: held-out rows, or tasks of a recipe.

use crate::data::Tokenizer;
use crate::error::{Error, Result};
use crate::eval::Task;
use crate::eval::text_loss::HeldOut;
use crate::model::Llama;
use crate::progress::Progress;

/// What trials are measured by.
pub enum Measure<'a> {
    /// How well held-out rows are predicted, in bits per byte.
    Rows(&'a HeldOut),
    /// The main scores of tasks.
    Tasks {
        /// The tasks.
        tasks: &'a [Task],
        /// The tokenizer of the model that answers them.
        tokenizer: &'a Tokenizer,
    },
}

/// A number to make small, and what it follows from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Bits per byte; of tasks the mean of their scores, each with its sign turned where more is better.
    pub loss: f64,
    /// The main score of each task.
    pub scores: Vec<f64>,
}

impl Measure<'_> {
    /// The tasks and their main scores, as tables name them: none for rows.
    pub fn scores(&self) -> Vec<String> {
        match self {
            Self::Rows(_) => Vec::new(),
            Self::Tasks { tasks, .. } => {
                let name = |task: &Task| match task.metrics().first() {
                    Some(metric) => format!("{}, {}", task.name(), metric.name()),
                    None => task.name().to_owned(),
                };
                tasks.iter().map(name).collect()
            }
        }
    }

    /// Measures a model; `stop` is asked now and then.
    pub(super) fn of(&self, model: &Llama, stop: &dyn Fn() -> bool) -> Result<Measured> {
        match self {
            Self::Rows(rows) => Ok(Measured { loss: rows.loss(model)?, scores: Vec::new() }),
            Self::Tasks { tasks, tokenizer } => {
                let (mut sum, mut scores) = (0.0, Vec::with_capacity(tasks.len()));
                for task in *tasks {
                    let mut bar = Progress::silent().bar("", "examples", 0, task.len() as u64);
                    let results = task.run(&[model], tokenizer, stop, &mut bar)?;
                    let column = results.first().and_then(|result| result.columns.first());
                    let Some(column) = column.filter(|column| column.value.is_finite()) else {
                        return Err(Error::new("the task has no score").at(task.name()));
                    };
                    sum += if column.higher_is_better { -column.value } else { column.value };
                    scores.push(column.value);
                }
                Ok(Measured { loss: sum / tasks.len().max(1) as f64, scores })
            }
        }
    }
}
