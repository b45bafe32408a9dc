//! Weights that are not linear modules: the embedding and the norms.

use candle_core::Tensor;

use super::parameters::{GradientSink, Parameter};
use crate::error::Result;
use crate::kernels::rms_norm::{self, NormSaved};

/// A weight that is not a linear module.
#[derive(Debug, Clone)]
pub enum Weight {
    /// It does not change.
    Frozen(Tensor),
    /// It is trained.
    Trained(Parameter),
}

impl Weight {
    /// The weight itself.
    pub fn value(&self) -> &Tensor {
        match self {
            Self::Frozen(value) => value,
            Self::Trained(parameter) => &parameter.value,
        }
    }

    /// The parameter, if it is trained.
    pub fn trained(&self) -> Option<&Parameter> {
        match self {
            Self::Frozen(_) => None,
            Self::Trained(parameter) => Some(parameter),
        }
    }

    /// Whether it is trained.
    pub fn is_trained(&self) -> bool {
        self.trained().is_some()
    }

    /// RMS normalisation with this weight.
    ///
    /// # Shapes  `x: [tokens, features]` → the same
    pub(super) fn norm_forward(&self, x: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        rms_norm::forward(x, self.value(), epsilon)
    }

    /// [`Weight::norm_forward`] of `delta + x`, where `delta` was just computed; the sum is saved.
    pub(super) fn norm_added(&self, delta: Tensor, x: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        rms_norm::forward_added(delta, x, self.value(), epsilon)
    }

    /// The gradient of [`Weight::norm_forward`] by its input, plus `residual`; the weight's own goes to the sink.
    pub(super) fn norm_backward(
        &self,
        dy: &Tensor,
        saved: &NormSaved,
        residual: Option<&Tensor>,
        sink: &mut dyn GradientSink,
    ) -> Result<Tensor> {
        let (dx, d_weight) = rms_norm::backward(dy, self.value(), saved, residual, self.is_trained())?;
        if let (Some(parameter), Some(gradient)) = (self.trained(), d_weight) {
            sink.accept(parameter, gradient)?;
        }
        Ok(dx)
    }
}
