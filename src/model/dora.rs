//! DoRA: the update changes the direction of each row of the weight, and a magnitude of its own says how long it is.
//!
//! With `V = W + scale·B·A` and the length `‖V‖` of each of its rows, the module computes `x·(m/‖V‖ ∘ V)ᵀ`. The lengths
//! are constants in the backward pass. `V` is never formed: `‖V‖² = ‖W‖² + 2·scale·⟨B, W·Aᵀ⟩ + scale²·⟨B·(A·Aᵀ), B⟩`, row by
//! row, needs the weight's product with the rows of `A` alone. With dropout, what is dropped goes by the weight as it was:
//! `(x − x̃)·Wᵀ + x̃·(m/‖V‖ ∘ V)ᵀ`, where `x̃` is what is left.
//!
//! # Source  Liu et al. 2024, arXiv:2402.09353 §4; the dropout as PEFT 0.21.2 has it

use candle_core::{DType, Tensor};

use super::frozen_weight::FrozenWeight;
use super::low_rank::{Factor, Lora};
use super::parameters::GradientSink;
use super::projection::{InputGradient, ProjectionSaved};
use crate::error::Result;
use crate::kernels::lora;
use crate::kernels::matmul::matmul;
use crate::kernels::sum::add;
use crate::random::Stream;

/// What the length of each row of an updated weight becomes.
#[derive(Debug, Clone)]
pub struct Magnitude {
    /// The lengths, `[out]`.
    pub value: Factor,
    /// The squares of the lengths of the frozen weight's rows, `[out]`.
    squares: Tensor,
    /// The lengths over those of the updated rows, where nothing of it is trained.
    ratio: Option<Tensor>,
}

/// What the backward pass needs of the forward pass.
#[derive(Debug, Clone)]
pub struct DoraSaved {
    x: Tensor,
    narrow: Tensor,
    /// The product of the dropped input with the updated weight, before its rows get their lengths.
    product: Tensor,
    /// The lengths of the updated rows, `[out]`.
    norms: Tensor,
    ratio: Tensor,
    mask: Option<Stream>,
}

impl Magnitude {
    /// The magnitudes of a weight that is updated by these factors.
    ///
    /// # Errors
    /// Shapes do not fit.
    pub fn new(value: Factor, squares: Tensor) -> Self {
        Self { value, squares, ratio: None }
    }
}

/// The squares of the lengths of a weight's rows, `[out]`, in f32 (f64 if it is).
///
/// # Errors
/// There is no memory to write a weight of 4 or 8 bits out.
pub fn row_squares(base: &FrozenWeight) -> Result<Tensor> {
    Ok(base.to_tensor()?.to_dtype(wide(base))?.sqr()?.sum(1)?)
}

/// The lengths of the rows of `W + scale·B·A`, `[out]`, in f32 (f64 if the weight is); `squares` are those of `W`.
///
/// # Errors
/// Shapes do not fit.
pub fn row_norms(base: &FrozenWeight, squares: &Tensor, (a, b): (&Tensor, &Tensor), scale: f64) -> Result<Tensor> {
    let dtype = wide(base);
    let across = base.linear(&a.to_dtype(base.dtype())?)?.t()?.to_dtype(dtype)?;
    // As the products read them.
    let narrow = |factor: &Tensor| -> Result<Tensor> { Ok(factor.to_dtype(base.dtype())?.to_dtype(dtype)?) };
    let (a, b) = (narrow(a)?, narrow(b)?);
    let between = matmul(&a, &a.t()?)?;
    let linear = ((&b * across)?.sum(1)? * (2.0 * scale))?;
    let square = ((matmul(&b, &between)? * &b)?.sum(1)? * (scale * scale))?;
    // Rounding may leave less than nothing of a row that the update takes away.
    let sum = ((squares + linear)? + square)?.maximum(f64::from(f32::MIN_POSITIVE))?;
    Ok(sum.sqrt()?)
}

fn wide(base: &FrozenWeight) -> DType {
    if base.dtype() == DType::F64 { DType::F64 } else { DType::F32 }
}

impl Lora {
    /// Gives the rows their lengths: `value` is a magnitude for each.
    ///
    /// # Errors
    /// Shapes do not fit.
    pub fn with_magnitude(mut self, value: Factor) -> Result<Self> {
        let mut magnitude = Magnitude::new(value, row_squares(&self.base)?);
        if !self.is_trained() && magnitude.value.trained().is_none() {
            magnitude.ratio = Some(self.ratio(&magnitude)?.1);
        }
        self.magnitude = Some(magnitude);
        Ok(self)
    }

    /// The lengths of the updated rows, and what each row is multiplied by.
    fn ratio(&self, magnitude: &Magnitude) -> Result<(Tensor, Tensor)> {
        let norms = row_norms(&self.base, &magnitude.squares, (self.a.value(), self.b.value()), self.scale)?;
        let ratio = (magnitude.value.value().to_dtype(norms.dtype())? / &norms)?;
        Ok((norms, ratio.to_dtype(self.dtype())?))
    }

    pub(super) fn dora_forward(
        &self,
        magnitude: &Magnitude,
        x: &Tensor,
        mask: Option<Stream>,
    ) -> Result<(Tensor, ProjectionSaved)> {
        let dropped = self.dropped(x, mask)?;
        let narrow = lora::narrow(&dropped, &self.a()?, self.scale)?;
        let product = lora::widen(self.base.linear(&dropped)?, &narrow, &self.b()?)?;
        let (norms, ratio) = match &magnitude.ratio {
            // Nothing is trained, so nobody asks for the lengths.
            Some(ratio) => (ratio.clone(), ratio.clone()),
            None => self.ratio(magnitude)?,
        };
        let mut y = product.broadcast_mul(&ratio)?;
        if mask.is_some() {
            y = add(y, &self.base.linear(&(x - dropped)?)?)?;
        }
        Ok((y, ProjectionSaved::Dora(Box::new(DoraSaved { x: x.clone(), narrow, product, norms, ratio, mask }))))
    }

    pub(super) fn dora_backward(
        &self,
        dy: &Tensor,
        saved: DoraSaved,
        input_gradient: InputGradient,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        let DoraSaved { x, narrow, product, norms, ratio, mask } = saved;
        let d_product = dy.broadcast_mul(&ratio)?;
        let d_narrow = lora::narrow_gradient(&d_product, &self.b()?, self.scale)?;
        let dx = match (input_gradient.parts(), mask) {
            ((false, _), _) => None,
            ((true, others), None) => {
                let sum = self.base.input_gradient(&d_product, others)?;
                Some(self.add_input_gradient(sum, &d_narrow, &self.a()?, None)?)
            }
            ((true, others), Some(_)) => {
                let past = self.base.input_gradient(dy, others)?;
                let left = self.base.input_gradient(&(&d_product - dy)?, None)?;
                let left = self.add_input_gradient(left, &d_narrow, &self.a()?, None)?;
                Some(add(past, &self.dropped(&left, mask)?)?)
            }
        };
        if let Some(parameter) = self.magnitude.as_ref().and_then(|magnitude| magnitude.value.trained()) {
            let wide = norms.dtype();
            let sums = (dy.to_dtype(wide)? * product.to_dtype(wide)?)?.sum(0)?;
            sink.accept(parameter, (sums / norms)?)?;
        }
        if let Some(a) = self.a.trained() {
            sink.accept_product(a, &d_narrow, &self.dropped(&x, mask)?)?;
        }
        if let Some(b) = self.b.trained() {
            sink.accept_product(b, &d_product, &narrow)?;
        }
        Ok(dx)
    }
}
