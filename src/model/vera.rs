//! VeRA: a frozen weight with an update of random factors that all modules share; each module trains two vectors.
//!
//! With the shared factors `A` and `B`, cut to the module's shape, the module computes
//! `x·Wᵀ + b ∘ ((d ∘ (drop(x)·Aᵀ))·Bᵀ)`. `A` and `B` do not change, so the backward pass needs no input, and the wide
//! product is made again from the narrow one.
//!
//! # Source  Kopiczko et al. 2024, arXiv:2310.11454 §3; the dropout as PEFT 0.21.2 has it

use candle_core::{DType, Tensor};

use super::frozen_weight::FrozenWeight;
use super::low_rank::Factor;
use super::parameters::GradientSink;
use super::projection::{InputGradient, ProjectionSaved};
use crate::error::Result;
use crate::kernels::matmul::{add_matmul, linear, matmul};
use crate::kernels::sum::add;
use crate::kernels::{dropout, lora};
use crate::random::Stream;

/// A frozen weight, and an update of shared factors and vectors of its own.
#[derive(Debug, Clone)]
pub struct Vera {
    /// The frozen weight, `[out, in]`.
    pub base: FrozenWeight,
    /// The first shared factor, cut to this module: `[rank, in]`.
    pub a: Tensor,
    /// The second shared factor, cut to this module: `[out, rank]`.
    pub b: Tensor,
    /// `vera_lambda_d`: what each row of the first factor is multiplied by, `[rank]`.
    pub inner: Factor,
    /// `vera_lambda_b`: what each row of the second factor is multiplied by, `[out]`.
    pub outer: Factor,
    /// The probability with which an element of the first factor's input is dropped in training.
    pub dropout: f64,
}

impl Vera {
    /// Whether a vector is trained.
    pub fn is_trained(&self) -> bool {
        self.inner.trained().is_some() || self.outer.trained().is_some()
    }

    /// A tensor in the dtype of products.
    fn narrowed(&self, tensor: &Tensor) -> Result<Tensor> {
        Ok(tensor.to_dtype(self.base.dtype())?)
    }

    fn dropped(&self, x: &Tensor, mask: Option<Stream>) -> Result<Tensor> {
        match mask {
            Some(stream) => dropout::forward(x, self.dropout, stream),
            None => Ok(x.clone()),
        }
    }

    /// The product with the first factor, and the stream of its mask if anything is dropped.
    fn narrow(&self, x: &Tensor, mask: Option<Stream>) -> Result<(Tensor, Option<Stream>)> {
        let mask = mask.filter(|_| self.dropout > 0.0);
        Ok((lora::narrow(&self.dropped(x, mask)?, &self.narrowed(&self.a)?, 1.0)?, mask))
    }

    /// The update before its rows are multiplied.
    fn wide(&self, narrow: &Tensor) -> Result<Tensor> {
        linear(&narrow.broadcast_mul(&self.narrowed(self.inner.value())?)?, &self.narrowed(&self.b)?)
    }

    /// The output, and what the backward pass needs.
    pub(super) fn forward(&self, x: &Tensor, mask: Option<Stream>) -> Result<(Tensor, ProjectionSaved)> {
        let (narrow, mask) = self.narrow(x, mask)?;
        let update = self.wide(&narrow)?.broadcast_mul(&self.narrowed(self.outer.value())?)?;
        Ok((add(update, &self.base.linear(x)?)?, ProjectionSaved::Vera { narrow, mask }))
    }

    /// What the backward pass needs, without the output.
    pub(super) fn again(&self, x: &Tensor, mask: Option<Stream>) -> Result<ProjectionSaved> {
        let (narrow, mask) = self.narrow(x, mask)?;
        Ok(ProjectionSaved::Vera { narrow, mask })
    }

    /// Sends the gradients of the vectors to the sink; returns that of the input, if it is needed.
    pub(super) fn backward(
        &self,
        dy: &Tensor,
        (narrow, mask): (&Tensor, Option<Stream>),
        input_gradient: InputGradient,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let (needed, others) = input_gradient.parts();
        let wide = if self.base.dtype() == DType::F64 { DType::F64 } else { DType::F32 };
        let sums = |left: &Tensor, right: &Tensor| -> Result<Tensor> {
            Ok((left.to_dtype(wide)? * right.to_dtype(wide)?)?.sum(0)?)
        };
        if let Some(parameter) = self.outer.trained() {
            sink.accept(parameter, sums(dy, &self.wide(narrow)?)?)?;
        }
        if !needed && self.inner.trained().is_none() {
            return Ok(None);
        }
        let d_wide = dy.broadcast_mul(&self.narrowed(self.outer.value())?)?;
        let d_scaled = matmul(&d_wide, &self.narrowed(&self.b)?)?;
        drop(d_wide);
        if let Some(parameter) = self.inner.trained() {
            sink.accept(parameter, sums(&d_scaled, narrow)?)?;
        }
        if !needed {
            return Ok(None);
        }
        let sum = self.base.input_gradient(dy, others)?;
        let (d_narrow, a) = (d_scaled.broadcast_mul(&self.narrowed(self.inner.value())?)?, self.narrowed(&self.a)?);
        Ok(Some(match mask {
            None => add_matmul(sum, &d_narrow, &a)?,
            // The same mask: dropout's gradient is dropout of the gradient.
            Some(_) => add(sum, &self.dropped(&matmul(&d_narrow, &a)?, mask)?)?,
        }))
    }
}
