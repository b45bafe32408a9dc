//! Training: from sequences to changed parameters, and everything that makes a long run safe.
//!
//! [`run()`] is the whole job; [`Trainer::step`] is one step of it. Both read from top to bottom.
//!
//! | file | concept |
//! |---|---|
//! | `run` | a job: steps, evaluation, snapshots, checkpoints, until it is done or stopped |
//! | `step` | one step: micro-batches, loss, gradients, clipping, update |
//! | `batches` | sequences to micro-batches and targets |
//! | `sinks` | where finished gradients go: a sum, or straight into the optimizer |
//! | `optimizer` | AdamW over the flat parameters |
//! | `together` | several jobs on one base at a time |
//! | `schedule` | the learning rate at each step |
//! | `checkpoint`, `flat_file` | what survives a kill, and its files |
//! | `log`, `events` | `log.jsonl` and TensorBoard |
//! | `plan` | memory, time and disk before anything is done |

mod batches;
mod checkpoint;
mod events;
mod flat_file;
mod log;
mod optimizer;
mod plan;
mod run;
mod schedule;
mod sinks;
mod step;
mod together;

pub use batches::{Steps, micro_batches};
pub use checkpoint::{Best, Checkpoints, State};
pub use events::EventFile;
pub use log::{Log, LogLine, read as read_log};
pub use optimizer::{Optimizer, Update, clip_factor};
pub use plan::{Memory, Plan, Setup, Smaller, Trained, smaller};
pub use run::{Job, Outcome, Summary, load_best, run};
pub use schedule::LearningRate;
pub use sinks::{Accumulator, OptimizerInBackward};
pub use step::{StepReport, Trainer, evaluate};
pub use together::{Companion, run_together};

#[cfg(test)]
mod tests;
