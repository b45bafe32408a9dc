//! A whole job of training: from its first step, or its last checkpoint, to its end.
//!
//! What a step leaves behind comes in a fixed order, so that a kill between any two of them costs only
//! work, never consistency: the log line, the snapshot, the checkpoint. A job that starts again reads the
//! newest checkpoint, takes later lines out of the log and goes on; the bytes that come out at the end
//! are those of a job that was never stopped.

use std::path::Path;
use std::time::Instant;

use serde_json::{Value, json};

use super::batches::Steps;
use super::checkpoint::{Best, Checkpoints, State};
use super::events::EventFile;
use super::flat_file::FlatFile;
use super::log::{Log, LogLine, rounded};
use super::schedule::LearningRate;
use super::step::{StepReport, Trainer, evaluate};
use crate::error::{Error, Place, Result};
use crate::model::{Llama, Parameters};
use crate::progress::{Bar, Progress};
use crate::random::Stream;
use crate::recipe::{Budget, Training};

/// One thing to train.
pub struct Job<'a> {
    /// Its name, in the log and for its random numbers: `pretrain`, or an adapter's name.
    pub name: &'a str,
    /// The study's seed.
    pub seed: u64,
    /// How.
    pub training: &'a Training,
    /// Layers that are computed again in the backward pass; see [`super::Plan::recomputed`].
    pub recompute: usize,
    /// On what.
    pub data: &'a dyn Steps,
    /// Token counts at which a snapshot is made, ascending.
    pub snapshots: &'a [u64],
    /// What decides the outcome beside the fields above: hashes of the base, the tokenizer and the data, what is trained.
    pub inputs: &'a Value,
    /// The job's own folder for checkpoints.
    pub checkpoints: &'a Path,
    /// The log, which jobs may share.
    pub log: &'a Path,
    /// The job's own folder for TensorBoard's event files.
    pub events: &'a Path,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// All steps are done.
    Done(Summary),
    /// A person asked it to stop; a checkpoint is written.
    Interrupted(Summary),
}

/// Where a job stands at its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Steps done, those before a resume included.
    pub step: u64,
    /// All steps.
    pub steps: u64,
    /// Tokens read.
    pub tokens: u64,
    /// Steps that an earlier process had done.
    pub resumed_from: u64,
    /// Loss of the last step, if this process did one.
    pub loss: Option<f64>,
    /// The last evaluation loss of a checkpoint.
    pub evaluation_loss: Option<f64>,
    /// The checkpoint with the lowest evaluation loss; see [`load_best`].
    pub best: Option<Best>,
}

/// Trains, from the newest checkpoint if there is one, to the end of the job or until `stop` says so.
///
/// `at_snapshot` is called with the model when a token count of [`Job::snapshots`] is reached, and again when a job
/// starts at exactly that point: a snapshot that is complete already is for the caller to recognise.
///
/// # Errors
/// A step fails (see [`Trainer::step`]): names the step; a file cannot be written; the inputs are not those of the
/// checkpoint. The last checkpoint stays as it is.
pub fn run(
    model: &Llama,
    parameters: &Parameters,
    job: &Job<'_>,
    at_snapshot: &mut dyn FnMut(&Llama, u64) -> Result<()>,
    stop: &dyn Fn() -> bool,
    progress: Progress,
) -> Result<Outcome> {
    let mut run = Run::open(model, parameters, job, progress)?;
    run.snapshots(at_snapshot)?;
    let mut bar = run.bar(progress);
    let mut loss = None;
    while run.state.step < run.steps && !stop() {
        let place = run.place();
        let (report, tokens) = run.step().at(place)?;
        loss = Some(report.loss);
        bar.advance(tokens, format!("loss {:.4}", report.loss));
        run.snapshots(at_snapshot)?;
        if run.is_checkpoint_due() {
            run.checkpoint()?;
        }
    }
    let outcome = run.end(loss)?;
    let (Outcome::Done(summary) | Outcome::Interrupted(summary)) = &outcome;
    bar.finish(describe(summary));
    Ok(outcome)
}

/// Reads the parameters of the checkpoint with the lowest evaluation loss, in place.
///
/// # Errors
/// The checkpoint is damaged, or was made from other inputs.
pub fn load_best(parameters: &Parameters, job: &Job<'_>, progress: Progress) -> Result<Option<Best>> {
    let checkpoints = Checkpoints::new(job.checkpoints, &inputs(job));
    let best = checkpoints.newest(progress)?.and_then(|state| state.best);
    if let Some(best) = best {
        checkpoints.verify(best.step)?;
        checkpoints.load(best.step, &[parameters_file(parameters)])?;
    }
    Ok(best)
}

/// A job under way.
pub(super) struct Run<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) model: &'a Llama,
    parameters: &'a Parameters,
    pub(super) trainer: Trainer<'a>,
    pub(super) rate: LearningRate,
    checkpoints: Checkpoints,
    pub(super) log: Log,
    events: EventFile,
    pub(super) state: State,
    pub(super) steps: u64,
    resumed_from: u64,
    /// The step of the newest checkpoint.
    saved: u64,
}

impl<'a> Run<'a> {
    pub(super) fn open(
        model: &'a Llama,
        parameters: &'a Parameters,
        job: &'a Job<'a>,
        progress: Progress,
    ) -> Result<Self> {
        let steps = job.data.steps();
        if steps == 0 {
            return Err(Error::new("there is nothing to train on: the data makes no step").at(job.name));
        }
        if job.training.evaluate_every > 0 && job.data.held_out().is_empty() {
            progress.say(format!("{}: no sequence is held out, so there is no evaluation loss", job.name));
        }
        let checkpoints = Checkpoints::new(job.checkpoints, &inputs(job));
        let found = checkpoints.newest(progress)?;
        let trainer =
            Trainer::new(parameters, job.training, Stream::new(job.seed, job.name))?.recomputing(job.recompute);
        let state = found.unwrap_or_default();
        if state.step > 0 {
            checkpoints.load(state.step, &files(parameters, &trainer)?)?;
            progress.say(format!("{}: goes on after step {} of {steps}", job.name, state.step));
        }
        Ok(Self {
            job,
            model,
            parameters,
            trainer,
            rate: LearningRate::new(&job.training.schedule, job.training.optimizer.learning_rate, steps),
            log: Log::open(job.log, job.name, state.step)?,
            events: EventFile::create(job.events, state.step + 1)?,
            checkpoints,
            steps,
            resumed_from: state.step,
            saved: state.step,
            state,
        })
    }

    /// One step, its evaluation if that is due, and its line in the log; returns also the tokens read.
    fn step(&mut self) -> Result<(StepReport, u64)> {
        let index = self.state.step;
        let learning_rate = self.rate.at(index);
        let started = Instant::now();
        let sequences = self.job.data.step(index)?;
        let report = self.trainer.step(self.model, index, &sequences, learning_rate)?;
        let tokens = self.done(&report, learning_rate, started.elapsed().as_secs_f64())?;
        Ok((report, tokens))
    }

    /// Where the job stands, for errors in its next step.
    pub(super) fn place(&self) -> String {
        format!("{}, step {}", self.job.name, self.state.step + 1)
    }

    /// What follows a step: its evaluation if that is due, and its line in the log; returns the tokens read.
    pub(super) fn done(&mut self, report: &StepReport, learning_rate: f64, seconds: f64) -> Result<u64> {
        let index = self.state.step;
        let tokens = self.job.data.tokens_after(index + 1);
        let tokens_of_step = tokens.saturating_sub(self.state.tokens);
        self.state = State { step: index + 1, tokens, evaluation_loss: None, best: self.state.best };
        if self.is_evaluation_due() {
            let held_out = self.job.data.held_out();
            let loss = rounded(evaluate(self.model, held_out, self.job.training.micro_batch)?);
            self.state.evaluation_loss = Some(loss);
        }
        self.write(&LogLine {
            job: self.job.name.to_owned(),
            step: self.state.step,
            tokens,
            epoch: self.epoch(),
            loss: rounded(report.loss),
            gradient_norm: rounded(report.gradient_norm),
            learning_rate,
            tokens_per_s: (tokens_of_step as f64 / seconds.max(1e-9)).round(),
            seconds: (seconds * 1e6).round() / 1e6,
            evaluation_loss: self.state.evaluation_loss,
        })?;
        Ok(tokens_of_step)
    }

    /// The outcome, with a checkpoint of a job that stops before its end.
    pub(super) fn end(&mut self, loss: Option<f64>) -> Result<Outcome> {
        let interrupted = self.state.step < self.steps;
        if interrupted {
            self.checkpoint()?;
        }
        let summary = self.summary(loss);
        Ok(if interrupted { Outcome::Interrupted(summary) } else { Outcome::Done(summary) })
    }

    fn write(&mut self, line: &LogLine) -> Result<()> {
        self.log.append(line)?;
        let mut points = vec![
            ("train/loss", line.loss),
            ("train/learning_rate", line.learning_rate),
            ("train/gradient_norm", line.gradient_norm),
            ("train/tokens_per_s", line.tokens_per_s),
        ];
        points.extend(line.evaluation_loss.map(|loss| ("evaluation/loss", loss)));
        self.events.scalars(line.step, &points)
    }

    /// Every so many steps, and at each planned checkpoint, so that the best of them is known.
    fn is_evaluation_due(&self) -> bool {
        let every = self.job.training.evaluate_every;
        let wanted = every > 0 && !self.job.data.held_out().is_empty();
        wanted && (self.state.step.is_multiple_of(every) || self.is_checkpoint_due())
    }

    pub(super) fn is_checkpoint_due(&self) -> bool {
        let every = self.job.training.checkpoint_every;
        self.state.step == self.steps || (every > 0 && self.state.step.is_multiple_of(every))
    }

    /// Makes the snapshots that belong to the step just done; the last step makes all that are left.
    fn snapshots(&self, at_snapshot: &mut dyn FnMut(&Llama, u64) -> Result<()>) -> Result<()> {
        let step = self.state.step;
        let before = step.checked_sub(1).map_or(0, |step| self.job.data.tokens_after(step));
        let after = if step == self.steps { u64::MAX } else { self.state.tokens };
        let mut due = self.job.snapshots.iter().filter(|tokens| before < **tokens && **tokens <= after);
        due.try_for_each(|tokens| at_snapshot(self.model, *tokens))
    }

    /// Writes a checkpoint of the state as it is, unless the newest one is of this step.
    pub(super) fn checkpoint(&mut self) -> Result<()> {
        if self.saved == self.state.step {
            return Ok(());
        }
        if let Some(loss) = self.state.evaluation_loss {
            let is_best = self.state.best.is_none_or(|best| loss < best.loss);
            self.state.best = if is_best { Some(Best { step: self.state.step, loss }) } else { self.state.best };
        }
        // A checkpoint replaces an older one, so it must be worth going on from.
        self.trainer.check_parameters().at(format!("{}, step {}", self.job.name, self.state.step))?;
        self.log.sync()?;
        self.checkpoints.save(&self.state, &files(self.parameters, &self.trainer)?)?;
        self.saved = self.state.step;
        Ok(())
    }

    /// Times through the mixture, where that is how the budget is given.
    fn epoch(&self) -> Option<f64> {
        match self.job.training.budget {
            Budget::Epochs(epochs) => Some(rounded(epochs * self.state.step as f64 / self.steps as f64)),
            Budget::Tokens(_) => None,
        }
    }

    fn bar(&self, progress: Progress) -> Bar {
        progress.bar(self.job.name, "tokens", self.state.tokens, self.job.data.tokens_after(self.steps))
    }

    fn summary(&self, loss: Option<f64>) -> Summary {
        Summary {
            step: self.state.step,
            steps: self.steps,
            tokens: self.state.tokens,
            resumed_from: self.resumed_from,
            loss,
            evaluation_loss: self.state.evaluation_loss,
            best: self.state.best,
        }
    }
}

fn describe(summary: &Summary) -> String {
    let loss = summary.loss.map(|loss| format!(", loss {loss:.4}")).unwrap_or_default();
    let evaluation = summary.evaluation_loss.map(|loss| format!(", evaluation loss {loss:.4}")).unwrap_or_default();
    format!("step {} of {}{loss}{evaluation}", summary.step, summary.steps)
}

/// Everything that decides the bytes of a checkpoint.
///
/// What only decides when something is written, or how memory is used, is not among it.
fn inputs(job: &Job<'_>) -> Value {
    let training = job.training;
    json!({
        "seed": job.seed,
        "name": job.name,
        "steps": job.data.steps(),
        "sequence_length": training.sequence_length,
        "batch": training.batch,
        "micro_batch": training.micro_batch,
        "optimizer": training.optimizer,
        "schedule": training.schedule,
        "others": job.inputs,
    })
}

/// All that a checkpoint holds.
fn files(parameters: &Parameters, trainer: &Trainer<'_>) -> Result<Vec<FlatFile>> {
    let mut files = vec![parameters_file(parameters)];
    files.extend(trainer.optimizer().files()?);
    Ok(files)
}

fn parameters_file(parameters: &Parameters) -> FlatFile {
    let parts = parameters.entries().iter().map(|entry| (entry.name.clone(), entry.shape.clone()));
    FlatFile { name: "parameters.safetensors", flat: parameters.value().clone(), parts: parts.collect() }
}
