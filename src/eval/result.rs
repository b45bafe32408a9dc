//! What a candidate reached in a task: one column for each metric, with its interval.

use serde::Serialize;

use crate::random::Stream;

use super::bootstrap::{self, Interval, RESAMPLES, Resampled, Rows};
use super::language::Language;
use super::metric::Metric;
use super::prediction::{Prediction, rounded};

/// The scores of one candidate in one task.
#[derive(Debug, Clone, Serialize)]
pub struct Column {
    /// The task, as tables name it.
    pub task: String,
    /// The metric.
    pub metric: Metric,
    /// The metric's name in tables.
    pub name: String,
    /// The score.
    pub value: f64,
    /// Its unit in words.
    pub unit: &'static str,
    /// Whether more is better.
    pub higher_is_better: bool,
    /// 95 % of the bootstrap distribution; none for fewer than two examples.
    pub interval: Option<Interval>,
    /// Examples that the score is over.
    pub examples: usize,
    /// By which others reproduce the score, for metrics that have such a signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// The examples' rows, from which differences to other candidates are computed.
    #[serde(skip)]
    pub rows: Rows,
    /// The score in each resample, by draws that all candidates share.
    #[serde(skip)]
    pub resampled: Resampled,
    /// The draws of the bootstrap: the same for every candidate.
    #[serde(skip)]
    pub draws: Stream,
}

/// What a candidate answered in a task, and its scores.
#[derive(Debug, Clone)]
pub struct TaskResult {
    /// The task, as tables name it.
    pub task: String,
    /// One for each metric of the task; the most telling one first.
    pub columns: Vec<Column>,
    /// One for each example, in the order of the task.
    pub predictions: Vec<Prediction>,
}

impl TaskResult {
    /// Scores predictions; what they said about their own scores is written anew.
    pub(super) fn of(
        task: &str,
        metrics: &[Metric],
        language: &Language,
        seed: u64,
        mut predictions: Vec<Prediction>,
    ) -> Self {
        for prediction in &mut predictions {
            prediction.scores.clear();
        }
        let rows: Vec<Rows> = metrics.iter().map(|metric| metric.rows(&predictions, language)).collect();
        for (metric, rows) in metrics.iter().zip(&rows) {
            let name = metric.name();
            for (prediction, row) in predictions.iter_mut().zip(rows.iter()) {
                prediction.scores.insert(name.clone(), rounded(metric.example_score(row), 1e6));
            }
        }
        let columns = columns(task, metrics, rows, (RESAMPLES, seed), &predictions);
        Self { task: task.to_owned(), columns, predictions }
    }
}

/// The score of each metric with its interval, from so many resamples; all metrics are resampled by the same draws.
pub(super) fn columns(
    task: &str,
    metrics: &[Metric],
    rows: Vec<Rows>,
    (resamples, seed): (u64, u64),
    predictions: &[Prediction],
) -> Vec<Column> {
    let draws = Stream::new(seed, &format!("bootstrap in {task}"));
    let score = |table: usize, sums: &[f64]| metrics.get(table).map_or(f64::NAN, |metric| metric.score(sums));
    let resampled = bootstrap::resampled(&rows, score, resamples, draws);
    let column = |((metric, rows), resampled): ((&Metric, Rows), Resampled)| Column {
        task: task.to_owned(),
        metric: metric.clone(),
        name: metric.name(),
        value: resampled.value,
        unit: metric.unit(),
        higher_is_better: metric.higher_is_better(),
        interval: metric.interval(&rows, &resampled),
        examples: rows.len(),
        signature: metric.signature(predictions),
        rows,
        resampled,
        draws,
    };
    metrics.iter().zip(rows).zip(resampled).map(column).collect()
}
