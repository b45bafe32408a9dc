//! One step of training: sequences in, changed parameters out.

use super::batches::micro_batches;
use super::optimizer::{Optimizer, Update, clip_factor};
use super::sinks::{Accumulator, DIVERGED, OptimizerInBackward, is_in_backward, non_finite};
use crate::data::Sequence;
use crate::device::Laps;
use crate::error::{Error, Result};
use crate::kernels::adamw;
use crate::kernels::cross_entropy::Scale;
use crate::model::{Batch, GradientSink, Llama, Parameters, Pass};
use crate::random::Stream;
use crate::recipe::{Recompute, Training};

/// Everything that a step needs and the next step needs again.
#[derive(Debug)]
pub struct Trainer<'a> {
    parameters: &'a Parameters,
    training: &'a Training,
    dropout: Stream,
    rounding: Stream,
    /// Layers that are computed again in the backward pass.
    recompute: usize,
    optimizer: Optimizer,
    /// `None` where parameters are updated within the backward pass.
    accumulator: Option<Accumulator>,
}

/// What a step has to say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Mean loss over the step's target tokens, natural log, before the update.
    pub loss: f64,
    /// Global norm of the gradient, before clipping.
    pub gradient_norm: f64,
    /// Target tokens.
    pub targets: u64,
}

impl<'a> Trainer<'a> {
    /// A trainer before its first step; `random` is the job's own stream of random numbers.
    ///
    /// # Errors
    /// The device has no room for the optimizer's state or the gradients.
    pub fn new(parameters: &'a Parameters, training: &'a Training, random: Stream) -> Result<Self> {
        let optimizer = Optimizer::new(parameters, &training.optimizer)?;
        let micro_steps = training.batch.div_ceil(training.micro_batch.max(1));
        let accumulator =
            (!is_in_backward(training, micro_steps)).then(|| Accumulator::new(parameters, micro_steps)).transpose()?;
        let recompute = if training.recompute == Recompute::All { usize::MAX } else { 0 };
        // Steps are counted from the other end of the numbers that dropout uses.
        let rounding = random.child(u64::MAX);
        Ok(Self { parameters, training, dropout: random, rounding, recompute, optimizer, accumulator })
    }

    /// Computes so many layers again in the backward pass, whatever the recipe says; see [`super::Plan::recomputed`].
    pub fn recomputing(self, layers: usize) -> Self {
        Self { recompute: layers, ..self }
    }

    /// The optimizer, whose state belongs into a checkpoint.
    pub fn optimizer(&self) -> &Optimizer {
        &self.optimizer
    }

    /// Does step `index`, counted from 0, at this learning rate.
    ///
    /// # Errors
    /// No token of the step is a target; the loss or a gradient is not finite (names the parameters);
    /// the device is full.
    pub fn step(
        &mut self,
        model: &Llama,
        index: u64,
        sequences: &[Sequence],
        learning_rate: f64,
    ) -> Result<StepReport> {
        self.step_timed(model, index, sequences, learning_rate, &mut Laps::off())
    }

    /// [`Trainer::step`] with its parts measured: those of [`Llama::train_micro_step_timed`] and `update`, which is part of
    /// `backward` where parameters are updated within it.
    ///
    /// # Errors
    /// As [`Trainer::step`].
    pub fn step_timed(
        &mut self,
        model: &Llama,
        index: u64,
        sequences: &[Sequence],
        learning_rate: f64,
        laps: &mut Laps,
    ) -> Result<StepReport> {
        let work = self.work(index, sequences)?;
        if self.accumulator.is_none() && work.batches.len() > 1 {
            return Err(Error::new("the number of sequences")
                .got(sequences.len())
                .expected(format!("at most {}, the batch", self.training.batch)));
        }
        let Some(gradients) = &mut self.accumulator else {
            let update =
                Update { step: index + 1, learning_rate, gradient_scale: 1.0, chances: self.rounding.child(index) };
            let mut sink = OptimizerInBackward::new(&self.optimizer, self.parameters, update);
            let loss = work.run(model, &mut sink, laps).map_err(|error| self.explain(error))?;
            return Ok(StepReport { loss, gradient_norm: sink.norm()?, targets: work.targets });
        };
        gradients.clear();
        let loss = work.run(model, gradients, laps).map_err(|error| self.explain(error))?;
        let report = self.update(index, learning_rate, (loss, work.targets))?;
        laps.end("update")?;
        Ok(report)
    }

    /// What step `index` has to do.
    pub(super) fn work(&self, index: u64, sequences: &[Sequence]) -> Result<StepWork> {
        let batches = micro_batches(sequences, self.training.micro_batch)?;
        let targets = batches.iter().map(|batch| batch.targets.len() as u64).sum::<u64>();
        if targets == 0 {
            return Err(Error::new("no token of the step is a target, so there is nothing to learn from"));
        }
        Ok(StepWork {
            loss_scale: 1.0 / batches.iter().map(Batch::weight).sum::<f64>(),
            batches,
            targets,
            recompute: self.recompute,
            dropout: self.dropout.child(index),
            noise: self.training.neftune_alpha,
        })
    }

    /// Where the gradients of a step are added up before the parameters change.
    ///
    /// # Errors
    /// The device has no room for them.
    pub(super) fn gradients(&mut self) -> Result<&mut Accumulator> {
        let fresh = match self.accumulator.take() {
            Some(accumulator) => accumulator,
            None => Accumulator::new(self.parameters, 1)?,
        };
        Ok(self.accumulator.insert(fresh))
    }

    /// Changes the parameters by the gradients of a step, whose loss and number of targets are given.
    pub(super) fn update(&mut self, index: u64, learning_rate: f64, (loss, targets): (f64, u64)) -> Result<StepReport> {
        let gradients = self.gradients()?.gradients()?.clone();
        let gradient_norm = adamw::norm(&gradients)?;
        if !gradient_norm.is_finite() {
            let names = listed(&non_finite(self.parameters, &gradients)?);
            return Err(self.explain(Error::new(format!("gradients that are not finite: {names}")).hint(DIVERGED)));
        }
        let gradient_scale = clip_factor(gradient_norm, self.training.optimizer.clip);
        let chances = self.rounding.child(index);
        self.optimizer.update(&gradients, Update { step: index + 1, learning_rate, gradient_scale, chances })?;
        Ok(StepReport { loss, gradient_norm, targets })
    }

    /// Refuses parameters that are not finite, by name.
    ///
    /// # Errors
    /// There are some.
    pub fn check_parameters(&self) -> Result<()> {
        if adamw::norm(self.parameters.value())?.is_finite() {
            return Ok(());
        }
        Err(self.explain(Error::new("the last update broke the model").hint(DIVERGED)))
    }

    /// Adds to a failure the parameters that are not finite, from which it may well follow.
    fn explain(&self, error: Error) -> Error {
        match non_finite(self.parameters, self.parameters.value()) {
            Ok(names) if !names.is_empty() => error.at(format!("parameters that are not finite: {}", listed(&names))),
            _ => error,
        }
    }
}

/// A few names, and how many more there are.
fn listed(names: &[String]) -> String {
    match names {
        [first, second, third, rest @ ..] if !rest.is_empty() => {
            format!("{first}, {second}, {third} and {} more", rest.len())
        }
        few => few.join(", "),
    }
}

/// The forward and backward passes of a step.
#[derive(Debug)]
pub(super) struct StepWork {
    pub(super) batches: Vec<Batch>,
    pub(super) targets: u64,
    pub(super) loss_scale: f64,
    recompute: usize,
    dropout: Stream,
    noise: f64,
}

impl StepWork {
    /// How the micro-step of that number is computed.
    pub(super) fn pass(&self, number: u64) -> Pass {
        Pass {
            loss_scale: self.loss_scale,
            recompute: self.recompute,
            dropout: Some(self.dropout.child(number)),
            noise: self.noise,
        }
    }

    /// Sends all gradients to the sink; returns the mean loss over the target tokens of the whole step.
    fn run(&self, model: &Llama, sink: &mut dyn GradientSink, laps: &mut Laps) -> Result<f64> {
        let mut loss = 0.0;
        for (number, batch) in self.batches.iter().enumerate() {
            loss += model.train_micro_step_timed(batch, &self.pass(number as u64), sink, laps)?;
        }
        Ok(loss * self.loss_scale)
    }
}

/// Mean loss over the target tokens, each with its weight, of sequences that are not trained on, natural log.
///
/// # Errors
/// There is no target among them.
pub fn evaluate(model: &Llama, sequences: &[Sequence], micro_batch: usize) -> Result<f64> {
    let (mut sum, mut weight) = (0.0, 0.0);
    for batch in micro_batches(sequences, micro_batch)? {
        let values = model.log_likelihoods(&batch)?;
        sum += Scale { all: 1.0, rows: &batch.weights }.loss(&values);
        weight += batch.weight();
    }
    match weight {
        0.0 => Err(Error::new("no token of the held-out sequences is a target, so there is no evaluation loss")),
        _ => Ok(sum / weight),
    }
}
