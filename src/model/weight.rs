//! Weights that are not linear modules: the embedding and the norms, in the states that they can have: frozen, trained, or
//! frozen with what an adapter puts in their place. What is done with an embedding is in [`super::embedding`].

use candle_core::Tensor;

use super::embedding::EmbeddingLora;
use super::low_rank::Factor;
use super::parameters::{GradientSink, Parameter};
use super::rows::Rows;
use crate::error::Result;
use crate::kernels::rms_norm::{self, NormSaved};

/// A weight that is not a linear module.
#[derive(Debug, Clone)]
pub enum Weight {
    /// It does not change.
    Frozen(Tensor),
    /// It is trained.
    Trained(Parameter),
    /// It does not change; another of its shape acts in its place, which may be trained.
    Replaced {
        /// The weight of the base.
        base: Tensor,
        /// What acts; its dtype may be wider.
        own: Factor,
    },
    /// Of the embedding: it does not change; what it gives has a low-rank update.
    Lora {
        /// The weight of the base.
        base: Tensor,
        /// The update.
        lora: EmbeddingLora,
    },
    /// Of the embedding: it does not change; some rows act in the place of its own.
    Rows {
        /// The weight of the base.
        base: Tensor,
        /// The rows.
        rows: Rows,
    },
}

impl Weight {
    /// The weight itself; where an adapter acts, that of the base.
    pub fn value(&self) -> &Tensor {
        match self {
            Self::Frozen(base) | Self::Replaced { base, .. } | Self::Lora { base, .. } | Self::Rows { base, .. } => {
                base
            }
            Self::Trained(parameter) => &parameter.value,
        }
    }

    /// The weight as products with the whole of it read it: a norm's, or a head's that is the embedding.
    ///
    /// # Errors
    /// There is no memory for the weight with other rows.
    pub fn acting(&self) -> Result<Tensor> {
        match self {
            Self::Frozen(base) | Self::Lora { base, .. } => Ok(base.clone()),
            Self::Trained(parameter) => Ok(parameter.value.clone()),
            Self::Replaced { base, own } => Ok(own.value().to_dtype(base.dtype())?),
            Self::Rows { base, rows } => rows.whole(base),
        }
    }

    /// The parameter, if the whole of it is trained.
    pub fn trained(&self) -> Option<&Parameter> {
        match self {
            Self::Frozen(_) | Self::Lora { .. } | Self::Rows { .. } => None,
            Self::Trained(parameter) => Some(parameter),
            Self::Replaced { own, .. } => own.trained(),
        }
    }

    /// Whether anything in it is trained.
    pub fn is_trained(&self) -> bool {
        match self {
            Self::Lora { lora, .. } => lora.is_trained(),
            Self::Rows { rows, .. } => rows.own.trained().is_some(),
            Self::Frozen(_) | Self::Trained(_) | Self::Replaced { .. } => self.trained().is_some(),
        }
    }

    /// Whether an adapter acts.
    pub fn is_adapted(&self) -> bool {
        matches!(self, Self::Replaced { .. } | Self::Lora { .. } | Self::Rows { .. })
    }

    /// Gives what is trained memory of its own.
    pub(super) fn freeze(&mut self) -> Result<()> {
        match self {
            Self::Frozen(_) => Ok(()),
            Self::Trained(parameter) => {
                *self = Self::Frozen(parameter.value.force_contiguous()?);
                Ok(())
            }
            Self::Replaced { own, .. } => own.freeze(),
            Self::Lora { lora, .. } => lora.a.freeze().and_then(|()| lora.b.freeze()),
            Self::Rows { rows, .. } => rows.own.freeze(),
        }
    }

    /// RMS normalisation with this weight.
    ///
    /// # Shapes  `x: [tokens, features]` → the same
    pub(super) fn norm_forward(&self, x: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        rms_norm::forward(x, &self.acting()?, epsilon)
    }

    /// [`Weight::norm_forward`] of `delta + x`, where `delta` was just computed; the sum is saved.
    pub(super) fn norm_added(&self, delta: Tensor, x: &Tensor, epsilon: f64) -> Result<(Tensor, NormSaved)> {
        rms_norm::forward_added(delta, x, &self.acting()?, epsilon)
    }

    /// The gradient of [`Weight::norm_forward`] by its input, plus `residual`; the weight's own goes to the sink.
    pub(super) fn norm_backward(
        &self,
        dy: &Tensor,
        saved: &NormSaved,
        residual: Option<&Tensor>,
        sink: &mut dyn GradientSink,
    ) -> Result<Tensor> {
        let (dx, d_weight) = rms_norm::backward(dy, &self.acting()?, saved, residual, self.is_trained())?;
        if let (Some(parameter), Some(gradient)) = (self.trained(), d_weight) {
            sink.accept(parameter, gradient)?;
        }
        Ok(dx)
    }
}
