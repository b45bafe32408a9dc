//! Where finished gradients go.
//!
//! With several micro-steps, or with clipping, the gradients of the whole step must be there before the
//! first parameter changes: the [`Accumulator`] holds them. Without either, each parameter is updated as
//! soon as its gradient is finished, and the gradient is gone before the next: [`OptimizerInBackward`].

use candle_core::{DType, Tensor};

use super::optimizer::{Optimizer, Update};
use crate::error::{Error, Result};
use crate::kernels::adamw;
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
    norms: Vec<f64>,
}

impl<'a> OptimizerInBackward<'a> {
    /// A sink for one backward pass.
    pub fn new(optimizer: &'a Optimizer, parameters: &'a Parameters, update: Update) -> Self {
        Self { optimizer, parameters, update, norms: vec![0.0; parameters.entries().len()] }
    }

    /// The global norm of the gradients that came.
    pub fn norm(&self) -> f64 {
        self.norms.iter().map(|norm| norm * norm).sum::<f64>().sqrt()
    }
}

impl GradientSink for OptimizerInBackward<'_> {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        let norm = adamw::norm(&gradient)?;
        if !norm.is_finite() {
            let name = self.parameters.entries().get(parameter.index).map_or("", |entry| entry.name.as_str());
            return Err(Error::new(format!("the gradient of {name} is not finite")).hint(DIVERGED));
        }
        if let Some(slot) = self.norms.get_mut(parameter.index) {
            *slot = norm;
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
