//! Tasks that every candidate answers, the scores they get, and how sure those scores are.
//!
//! | module | concept |
//! |---|---|
//! | [`bleu`], [`chrf`], [`matching`], [`edits`] | the metrics, each as counts of one example and a score of their sum |
//! | [`metric`] | all of them under one roof: name, unit, direction |
//! | [`bootstrap`] | 95 % intervals and paired differences |
//! | [`prediction`] | what a candidate answered, kept as JSON lines |
//! | [`example`], [`read`] | examples, and reading them from files as they are |
//! | [`result`], [`table`] | the scores of one candidate, and the comparison of all |
//! | [`task`] | examples with the words they are asked in; the answers of models to them |
//! | [`language`] | the languages that tasks are worded in |

pub mod bleu;
pub mod bootstrap;
pub mod chrf;
pub mod edits;
pub mod example;
mod from_world;
pub mod language;
pub mod matching;
pub mod metric;
pub mod prediction;
pub mod read;
pub mod result;
mod run;
pub mod table;
pub mod task;
mod window;
mod wording;
mod words;
mod writing;

#[cfg(test)]
mod golden;

pub use bootstrap::{Difference, Interval};
pub use example::{Asks, Example};
pub use language::Language;
pub use metric::Metric;
pub use prediction::{Likelihood, Prediction};
pub use result::{Column, TaskResult};
pub use table::Table;
pub use task::Task;
