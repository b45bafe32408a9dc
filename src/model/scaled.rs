//! (IA)³: a frozen weight whose outputs, or whose inputs, are multiplied by trained factors, one for each.
//!
//! # Source  Liu et al. 2022, arXiv:2205.05638 §3.3; which side, as PEFT 0.21.2 has it

use candle_core::{DType, Tensor};

use super::frozen_weight::FrozenWeight;
use super::low_rank::Factor;
use super::parameters::GradientSink;
use super::projection::{InputGradient, ProjectionSaved};
use crate::error::Result;
use crate::kernels::sum::add;

/// A frozen weight with a factor for each output or input: `(x·Wᵀ) ∘ l`, or `(x ∘ l)·Wᵀ`.
#[derive(Debug, Clone)]
pub struct Scaled {
    /// The frozen weight, `[out, in]`.
    pub base: FrozenWeight,
    /// The factors, `[out]` or `[in]`.
    pub factors: Factor,
    /// What they multiply.
    pub side: Side,
}

/// Which side of a linear module is scaled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// What it computes.
    Outputs,
    /// What it reads: PEFT's feedforward modules.
    Inputs,
}

impl Scaled {
    /// Whether the factors are trained.
    pub fn is_trained(&self) -> bool {
        self.factors.trained().is_some()
    }

    /// The factors in the dtype of products.
    fn factors(&self) -> Result<Tensor> {
        Ok(self.factors.value().to_dtype(self.base.dtype())?)
    }

    /// The output, and what the backward pass needs.
    pub(super) fn forward(&self, x: &Tensor) -> Result<(Tensor, ProjectionSaved)> {
        let factors = self.factors()?;
        Ok(match self.side {
            Side::Inputs => (self.base.linear(&x.broadcast_mul(&factors)?)?, ProjectionSaved::Scaled(x.clone())),
            Side::Outputs => {
                let product = self.base.linear(x)?;
                (product.broadcast_mul(&factors)?, ProjectionSaved::Scaled(product))
            }
        })
    }

    /// What the backward pass needs, without the output.
    pub(super) fn again(&self, x: &Tensor) -> Result<ProjectionSaved> {
        Ok(ProjectionSaved::Scaled(match self.side {
            Side::Inputs => x.clone(),
            Side::Outputs => self.base.linear(x)?,
        }))
    }

    /// Sends the gradient of the factors to the sink; returns that of the input, if it is needed.
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        saved: &Tensor,
        input_gradient: InputGradient,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let (needed, others) = input_gradient.parts();
        let factors = self.factors()?;
        let (dx, d_scaled) = match self.side {
            Side::Outputs if needed => {
                let d_product = dy.broadcast_mul(&factors)?;
                (Some(self.base.input_gradient(&d_product, others)?), dy.clone())
            }
            Side::Outputs => (None, dy.clone()),
            Side::Inputs if needed || self.is_trained() => {
                let d_scaled = self.base.input_gradient(dy, None)?;
                let dx = match (needed, others) {
                    (false, _) => None,
                    (true, None) => Some(d_scaled.broadcast_mul(&factors)?),
                    (true, Some(others)) => Some(add(others, &d_scaled.broadcast_mul(&factors)?)?),
                };
                (dx, d_scaled)
            }
            Side::Inputs => return Ok(None),
        };
        if let Some(parameter) = self.factors.trained() {
            let wide = if self.base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
            sink.accept(parameter, (d_scaled.to_dtype(wide)? * saved.to_dtype(wide)?)?.sum(0)?)?;
        }
        Ok(dx)
    }
}
