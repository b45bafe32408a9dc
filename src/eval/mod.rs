//! Tasks that every candidate answers, the scores they get, and how sure those scores are.
//!
//! | module | concept |
//! |---|---|
//! | [`bleu`], [`chrf`], [`ter`], [`matching`], [`edits`], [`maxmatch`] | the metrics, each as counts of one example and a score of their sum |
//! | [`tokens`], `ngrams`, `words` | lines as tokens, and what metrics count of them |
//! | [`metric`] | all of them under one roof: name, unit, direction |
//! | [`rows`] | the counts of all examples, and sums of those drawn |
//! | [`bootstrap`], [`randomisation`], [`holm`] | 95 % intervals and paired differences; whether two differ; many comparisons |
//! | [`anew`] | kept answers scored again, without the files of their tasks |
//! | [`outputs`] | texts of other programs, scored and compared |
//! | [`prediction`] | what a candidate answered, kept as JSON lines |
//! | [`example`], [`read`] | examples, and reading them from files as they are |
//! | [`result`], [`table`] | the scores of one candidate, and the comparison of all |
//! | [`task`] | examples with the words they are asked in; the answers of models to them |
//! | `naming` | how tasks go by name |
//! | `held_out` | the rows that a study keeps out of training |
//! | `asking`, `letters` | the words of a task; choices shown with letters |
//! | [`text_loss`] | how well a file of rows is predicted, as one number |
//! | [`language`] | the languages that tasks are worded in |

pub mod anew;
mod asking;
pub mod bleu;
pub mod bootstrap;
pub mod chrf;
pub mod edits;
pub mod example;
mod from_world;
mod held_out;
pub mod holm;
pub mod language;
mod letters;
pub mod matching;
pub mod maxmatch;
pub mod metric;
mod naming;
mod ngrams;
pub mod outputs;
pub mod prediction;
pub mod randomisation;
pub mod read;
pub mod result;
pub mod rows;
mod run;
pub mod table;
pub mod task;
pub mod ter;
pub mod text_loss;
pub mod tokens;
mod window;
mod wording;
mod words;
mod writing;

#[cfg(test)]
mod golden;

pub use bleu::{Bleu, Smoothing};
pub use bootstrap::{Difference, Interval};
pub use chrf::Chrf;
pub use example::{Asks, Example};
pub use language::Language;
pub use metric::Metric;
pub use prediction::{Likelihood, Prediction};
pub use result::{Column, TaskResult};
pub use table::Table;
pub use task::Task;
pub use ter::Ter;
pub use tokens::Tokens;
