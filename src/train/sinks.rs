//! Where finished gradients go.
//!
//! With several micro-steps, or with clipping, the gradients of the whole step must be there before the
//! first parameter changes: the [`Accumulator`] holds them. Without either, each parameter is updated as
//! soon as its gradient is finished, and the gradient is gone before the next: [`OptimizerInBackward`].

use candle_core::{DType, Tensor};

use super::optimizer::{Optimizer, Update};
use crate::error::{Error, Result};
use crate::kernels::adamw::{self, Squares};
use crate::kernels::matmul::write_weight_gradient;
use crate::model::{GradientSink, Parameter, Parameters};
use crate::recipe::Training;

/// One flat buffer in which the gradients of all micro-steps add up.
#[derive(Debug)]
pub struct Accumulator {
    parameters: Parameters,
    gradients: Tensor,
    /// Which parameters have a gradient of this step; the others hold an old one.
    fresh: Vec<bool>,
}

impl Accumulator {
    /// A buffer of the parameters' layout, in `gradient_dtype`.
    ///
    /// # Errors
    /// The device has no room for it.
    pub fn new(parameters: &Parameters, micro_steps: usize) -> Result<Self> {
        let dtype = gradient_dtype(parameters.dtype(), micro_steps);
        let gradients = Tensor::zeros(parameters.elements(), dtype, parameters.value().device())?;
        Ok(Self { parameters: parameters.clone(), gradients, fresh: vec![false; parameters.entries().len()] })
    }

    /// Forgets the gradients of the last step.
    pub fn clear(&mut self) {
        self.fresh.fill(false);
    }

    /// The sums since the last [`Accumulator::clear`]; zero where no gradient came.
    ///
    /// # Shapes
    /// `[elements]`
    /// # Errors
    /// A tensor operation failed.
    pub fn gradients(&mut self) -> Result<&Tensor> {
        for (index, fresh) in self.fresh.iter_mut().enumerate() {
            if !std::mem::replace(fresh, true) {
                adamw::fill_zero(&self.parameters.view(&self.gradients, index)?)?;
            }
        }
        Ok(&self.gradients)
    }
}

impl Accumulator {
    /// The parameter's part of the buffer, and whether it holds a gradient of this step already.
    fn place(&mut self, parameter: &Parameter) -> Result<(Tensor, bool)> {
        let place = self.parameters.view(&self.gradients, parameter.index)?;
        let fresh = self.fresh.get_mut(parameter.index);
        Ok((place, fresh.is_some_and(|fresh| std::mem::replace(fresh, true))))
    }
}

impl GradientSink for Accumulator {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        let (place, add) = self.place(parameter)?;
        if add { adamw::add_in_place(&place, &gradient) } else { adamw::copy_in_place(&place, &gradient) }
    }

    fn accept_product(&mut self, parameter: &Parameter, dy: &Tensor, x: &Tensor) -> Result<()> {
        let (place, add) = self.place(parameter)?;
        write_weight_gradient(&place, dy, x, add)
    }
}

/// The dtype of the gradient buffer: what the backward pass gives, but f32 where narrow gradients of several
/// micro-steps are added, which would lose the small ones.
pub(crate) fn gradient_dtype(parameters: DType, micro_steps: usize) -> DType {
    match parameters {
        DType::BF16 | DType::F16 if micro_steps > 1 => DType::F32,
        other => other,
    }
}

/// Whether parameters can be updated within the backward pass: one micro-step, and no clipping.
pub(crate) fn is_in_backward(training: &Training, micro_steps: usize) -> bool {
    training.optimizer.clip.is_none() && micro_steps == 1
}

/// Updates each parameter as soon as its gradient is finished.
///
/// The result is that of an [`Accumulator`] and one update afterwards, bit by bit, as long as there is
/// one micro-step and no clipping.
#[derive(Debug)]
pub struct OptimizerInBackward<'a> {
    optimizer: &'a Optimizer,
    parameters: &'a Parameters,
    update: Update,
    squares: Vec<Option<Squares>>,
}

impl<'a> OptimizerInBackward<'a> {
    /// A sink for one backward pass.
    pub fn new(optimizer: &'a Optimizer, parameters: &'a Parameters, update: Update) -> Self {
        Self { optimizer, parameters, update, squares: vec![None; parameters.entries().len()] }
    }

    /// The global norm of the gradients that came; waits for the device.
    ///
    /// # Errors
    /// A gradient was not finite: names its parameter, which is broken by it.
    pub fn norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        for (index, squares) in self.squares.iter().enumerate() {
            let norm = squares.as_ref().map_or(Ok(0.0), Squares::root)?;
            self.check(index, norm)?;
            sum += norm * norm;
        }
        Ok(sum.sqrt())
    }

    fn check(&self, index: usize, norm: f64) -> Result<()> {
        if norm.is_finite() {
            return Ok(());
        }
        let name = self.parameters.entries().get(index).map_or("", |entry| entry.name.as_str());
        Err(Error::new(format!("the gradient of {name} is not finite")).hint(DIVERGED))
    }
}

impl GradientSink for OptimizerInBackward<'_> {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        let squares = adamw::squares(&gradient)?;
        // A device is not waited for here: what it finds is looked at when the step is done.
        if let Squares::Known(sum) = squares {
            self.check(parameter.index, sum.sqrt())?;
        }
        if let Some(slot) = self.squares.get_mut(parameter.index) {
            *slot = Some(squares);
        }
        self.optimizer.update_one(parameter.index, &gradient, self.update)
    }
}

/// What to do when numbers stop being finite.
pub(crate) const DIVERGED: &str =
    "lower the learning rate, warm up longer or clip; the last checkpoint is intact, the same command goes on from it";

/// The names of the parameters whose part of a buffer is not finite.
///
/// # Errors
/// A tensor operation failed.
pub(crate) fn non_finite(parameters: &Parameters, buffer: &Tensor) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for (index, entry) in parameters.entries().iter().enumerate() {
        if !adamw::norm(&parameters.view(buffer, index)?)?.is_finite() {
            names.push(entry.name.clone());
        }
    }
    Ok(names)
}
