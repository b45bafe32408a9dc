//! A frozen weight with a low-rank update, and what every kind of update shares: factors that are trained or not.

use candle_core::{DType, Tensor};

use super::dora::Magnitude;
use super::frozen_weight::FrozenWeight;
use super::parameters::{GradientSink, Parameter};
use super::projection::ProjectionSaved;
use crate::error::Result;
use crate::kernels::matmul::{add_matmul, linear, matmul};
use crate::kernels::sum::add;
use crate::kernels::{dropout, lora};
use crate::random::Stream;

/// A frozen weight with a low-rank update: `x·Wᵀ + scale·(drop(x)·Aᵀ)·Bᵀ`.
#[derive(Debug, Clone)]
pub struct Lora {
    /// The frozen weight, `[out, in]`.
    pub base: FrozenWeight,
    /// The first factor, `[rank, in]`.
    pub a: Factor,
    /// The second factor, `[out, rank]`.
    pub b: Factor,
    /// `alpha / rank`, or `alpha / √rank`; dimensionless.
    pub scale: f64,
    /// The probability with which an element of the factor's input is dropped in training.
    pub dropout: f64,
    /// Of DoRA, what the length of each row becomes.
    pub magnitude: Option<Magnitude>,
    /// What was taken from the base weight: the factors that the update began with. None where the base is as it was.
    pub start: Option<(Tensor, Tensor)>,
}

/// A factor of a low-rank update; its dtype may be wider than the base weight's, and is rounded to that in products.
#[derive(Debug, Clone)]
pub enum Factor {
    /// The factor does not change.
    Frozen(Tensor),
    /// The factor is trained.
    Trained(Parameter),
}

impl Factor {
    /// The factor itself.
    pub fn value(&self) -> &Tensor {
        match self {
            Self::Frozen(value) => value,
            Self::Trained(parameter) => &parameter.value,
        }
    }

    /// Gives a factor that is trained memory of its own.
    pub(super) fn freeze(&mut self) -> Result<()> {
        if let Self::Trained(parameter) = self {
            *self = Self::Frozen(parameter.value.force_contiguous()?);
        }
        Ok(())
    }

    /// The parameter, if the factor is trained.
    pub fn trained(&self) -> Option<&Parameter> {
        match self {
            Self::Frozen(_) => None,
            Self::Trained(parameter) => Some(parameter),
        }
    }
}

impl Lora {
    /// A low-rank update of a weight.
    pub fn new(base: FrozenWeight, a: Factor, b: Factor, scale: f64, dropout: f64) -> Self {
        Self { base, a, b, scale, dropout, magnitude: None, start: None }
    }

    /// Whether a factor is trained.
    pub fn is_trained(&self) -> bool {
        let magnitude = self.magnitude.as_ref().and_then(|magnitude| magnitude.value.trained());
        self.a.trained().is_some() || self.b.trained().is_some() || magnitude.is_some()
    }

    /// The output, and what the backward pass needs.
    pub(super) fn forward(&self, x: &Tensor, mask: Option<Stream>) -> Result<(Tensor, ProjectionSaved)> {
        let mask = self.mask(mask);
        if let Some(magnitude) = &self.magnitude {
            return self.dora_forward(magnitude, x, mask);
        }
        let (y, narrow) = (self.base.linear(x)?, self.narrow(x, mask)?);
        Ok((lora::widen(y, &narrow, &self.b()?)?, self.saved(x, narrow, mask)))
    }

    /// What the backward pass needs, without the output.
    pub(super) fn again(&self, x: &Tensor, mask: Option<Stream>) -> Result<ProjectionSaved> {
        let mask = self.mask(mask);
        match &self.magnitude {
            Some(magnitude) => Ok(self.dora_forward(magnitude, x, mask)?.1),
            None => Ok(self.saved(x, self.narrow(x, mask)?, mask)),
        }
    }

    pub(super) fn saved(&self, x: &Tensor, narrow: Tensor, mask: Option<Stream>) -> ProjectionSaved {
        ProjectionSaved::Lora { x: self.a.trained().map(|_| x.clone()), narrow, mask }
    }

    /// The input as the factor A reads it: some elements dropped.
    pub(super) fn dropped(&self, x: &Tensor, mask: Option<Stream>) -> Result<Tensor> {
        match mask {
            Some(stream) => dropout::forward(x, self.dropout, stream),
            None => Ok(x.clone()),
        }
    }

    /// The dtype of products: the base weight's.
    pub(super) fn dtype(&self) -> DType {
        self.base.dtype()
    }

    /// The factor A as products read it.
    pub(super) fn a(&self) -> Result<Tensor> {
        Ok(self.a.value().to_dtype(self.dtype())?)
    }

    /// The factor B as products read it.
    pub(super) fn b(&self) -> Result<Tensor> {
        Ok(self.b.value().to_dtype(self.dtype())?)
    }

    /// The stream of the module's mask, if anything is dropped.
    pub(super) fn mask(&self, stream: Option<Stream>) -> Option<Stream> {
        stream.filter(|_| self.dropout > 0.0)
    }

    pub(super) fn narrow(&self, x: &Tensor, mask: Option<Stream>) -> Result<Tensor> {
        lora::narrow(&self.dropped(x, mask)?, &self.a()?, self.scale)
    }

    /// Adds the update of some rows, or of all, to the base's product; nothing is dropped.
    ///
    /// # Shapes  `y: [rows, out]`, `x: [rows, in]`, `rows` u32 → `[rows, out]`
    pub(super) fn add_to(&self, y: Tensor, x: &Tensor, rows: Option<&Tensor>) -> Result<Tensor> {
        let Some(rows) = rows else { return lora::widen(y, &self.narrow(x, None)?, &self.b()?) };
        let narrow = self.narrow(&x.index_select(rows, 0)?, None)?;
        let update = linear(&narrow, &self.b()?)?;
        Ok(y.index_add(rows, &update, 0)?)
    }

    pub(super) fn backward(
        &self,
        dy: &Tensor,
        dx: Option<Tensor>,
        x: Option<&Tensor>,
        narrow: &Tensor,
        mask: Option<Stream>,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        if dx.is_none() && !self.is_trained() {
            return Ok(None);
        }
        let d_narrow = lora::narrow_gradient(dy, &self.b()?, self.scale)?;
        let dx = match dx {
            Some(sum) => Some(self.add_input_gradient(sum, &d_narrow, &self.a()?, mask)?),
            None => None,
        };
        if let (Some(a), Some(x)) = (self.a.trained(), x) {
            sink.accept_product(a, &d_narrow, &self.dropped(x, mask)?)?;
        }
        if let Some(b) = self.b.trained() {
            sink.accept_product(b, dy, narrow)?;
        }
        Ok(dx)
    }

    /// The gradient of the input by way of the factor A, or of several below each other, added to what is there.
    pub(super) fn add_input_gradient(
        &self,
        sum: Tensor,
        d_narrow: &Tensor,
        a: &Tensor,
        mask: Option<Stream>,
    ) -> Result<Tensor> {
        if mask.is_none() {
            return add_matmul(sum, d_narrow, a);
        }
        // The same mask: dropout's gradient is dropout of the gradient.
        add(sum, &self.dropped(&matmul(d_narrow, a)?, mask)?)
    }
}
