//! Several jobs on one base in one process: a step of each at a time, all their rows in one batch.
//!
//! Each job keeps its own data, schedule, optimizer, log lines and checkpoints, as if it were alone, and may go on alone.

use std::time::Instant;

use candle_core::Tensor;

use super::log::Log;
use super::run::{Job, Outcome, Run};
use super::sinks::Accumulator;
use super::step::StepWork;
use crate::error::{Error, Place, Result};
use crate::model::{GradientSink, Llama, Parameter, Parameters, Share};
use crate::progress::Progress;

/// A job with its model: the base that all share, and an adapter on it.
pub type Companion<'a> = (&'a Llama, &'a Parameters, &'a Job<'a>);

/// Trains all jobs from their newest checkpoints to their ends, or until `stop` says so; the outcomes are in their order.
///
/// # Errors
/// As [`super::run()`], for the first that fails; the last checkpoints of all stay. The models do not share one base, or
/// more than low-rank updates of theirs is trained; a job has snapshots.
pub fn run_together(companions: &[Companion<'_>], stop: &dyn Fn() -> bool, progress: Progress) -> Result<Vec<Outcome>> {
    let mut runs = Vec::with_capacity(companions.len());
    for (model, parameters, job) in companions {
        if !job.snapshots.is_empty() {
            return Err(Error::new("a job with snapshots is trained alone").at(job.name));
        }
        runs.push(Run::open(model, parameters, job, progress)?);
    }
    for run in &mut runs {
        // Opening a log may write it anew; now that nothing is to be taken out any more, all have the same file.
        run.log = Log::open(run.job.log, run.job.name, run.state.step)?;
    }
    let all = runs.iter().map(|run| run.job.data.tokens_after(run.steps)).sum();
    let mut bar =
        progress.bar(&format!("{} adapters", runs.len()), "tokens", runs.iter().map(|run| run.state.tokens).sum(), all);
    let mut losses = vec![None; runs.len()];
    while runs.iter().any(|run| run.state.step < run.steps) && !stop() {
        let tokens = step(&mut runs, &mut losses)?;
        let words: Vec<String> = losses.iter().flatten().map(|loss| format!("{loss:.3}")).collect();
        bar.advance(tokens, format!("loss {}", words.join(" ")));
        for run in runs.iter_mut().filter(|run| run.is_checkpoint_due()) {
            run.checkpoint()?;
        }
    }
    let mut outcomes = Vec::with_capacity(runs.len());
    for (run, loss) in runs.iter_mut().zip(losses) {
        outcomes.push(run.end(loss)?);
    }
    bar.finish(format!("{} steps", runs.iter().map(|run| run.state.step).sum::<u64>()));
    Ok(outcomes)
}

/// A step of each job that is not at its end; returns the tokens read.
fn step(runs: &mut [Run<'_>], losses: &mut [Option<f64>]) -> Result<u64> {
    let started = Instant::now();
    let mut active: Vec<(&mut Run<'_>, &mut Option<f64>)> =
        runs.iter_mut().zip(losses).filter(|(run, _)| run.state.step < run.steps).collect();
    let mut works = Vec::with_capacity(active.len());
    for (run, _) in &mut active {
        let place = run.place();
        let sequences = run.job.data.step(run.state.step).at(place.as_str())?;
        works.push(run.trainer.work(run.state.step, &sequences).at(place)?);
    }
    let models: Vec<&Llama> = active.iter().map(|(run, _)| run.model).collect();
    let mut sinks = Vec::with_capacity(active.len());
    for (run, _) in &mut active {
        let gradients = run.trainer.gradients()?;
        gradients.clear();
        sinks.push(gradients);
    }
    let sums = micro_steps(&models, &works, &mut sinks)?;
    let mut tokens = 0;
    let targets: u64 = works.iter().map(|work| work.targets).sum();
    for (((run, loss), work), sum) in active.iter_mut().zip(&works).zip(sums) {
        let place = run.place();
        let rate = run.rate.at(run.state.step);
        let report = run.trainer.update(run.state.step, rate, (sum * work.loss_scale, work.targets)).at(place)?;
        **loss = Some(report.loss);
        // The time of a step that several share, by their targets.
        let seconds = started.elapsed().as_secs_f64() * work.targets as f64 / targets.max(1) as f64;
        tokens += run.done(&report, rate, seconds)?;
    }
    Ok(tokens)
}

/// Sends all gradients of a step of each to the sinks; returns the sums of their losses.
fn micro_steps(models: &[&Llama], works: &[StepWork], sinks: &mut [&mut Accumulator]) -> Result<Vec<f64>> {
    let mut sums = vec![0.0; works.len()];
    let rounds = works.iter().map(|work| work.batches.len()).max().unwrap_or(0);
    for round in 0..rounds {
        let mut shares = Vec::with_capacity(works.len());
        let mut owners = Vec::with_capacity(works.len());
        for ((model, work), owner) in models.iter().zip(works).zip(0usize..) {
            if let Some(batch) = work.batches.get(round) {
                shares.push(Share { model, batch, pass: work.pass(round as u64) });
                owners.push(owner);
            }
        }
        let losses = Llama::train_together(&shares, &mut Sinks { sinks, owners: &owners })?;
        for (owner, loss) in owners.iter().zip(losses) {
            if let Some(sum) = sums.get_mut(*owner) {
                *sum += loss;
            }
        }
    }
    Ok(sums)
}

/// The gradients of each adapter to its own sink.
struct Sinks<'a, 'b> {
    sinks: &'a mut [&'b mut Accumulator],
    /// Whose each share of the batch is.
    owners: &'a [usize],
}

impl Sinks<'_, '_> {
    fn of(&mut self, adapter: usize) -> Result<&mut Accumulator> {
        let sink = self.owners.get(adapter).and_then(|owner| self.sinks.get_mut(*owner));
        sink.map(|sink| &mut **sink).ok_or_else(|| Error::new("a gradient of an adapter that is not trained"))
    }
}

impl GradientSink for Sinks<'_, '_> {
    fn accept(&mut self, _: &Parameter, _: Tensor) -> Result<()> {
        Err(Error::new("a gradient that belongs to no adapter"))
    }

    fn accept_of(&mut self, adapter: usize, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        self.of(adapter)?.accept(parameter, gradient)
    }

    fn accept_product_of(&mut self, adapter: usize, parameter: &Parameter, dy: &Tensor, x: &Tensor) -> Result<()> {
        self.of(adapter)?.accept_product(parameter, dy, x)
    }
}
