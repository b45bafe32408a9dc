//! A linear module without bias, in the three states that it can have: frozen, trained, or frozen with
//! a trained low-rank update.
//!
//! The state decides what is saved and what is computed: a frozen module saves nothing and has only the
//! gradient of its input; LoRA never forms a gradient of shape `[out, in]`.

use candle_core::{DType, Tensor, TensorId};

use super::frozen_weight::FrozenWeight;
use super::parameters::{GradientSink, Parameter};
use crate::error::{Error, Result};
use crate::kernels::matmul::{add_matmul, linear, linear_input_gradient, matmul};
use crate::kernels::sum::add;
use crate::kernels::{dropout, lora};
use crate::random::Stream;

/// A linear module of shape `[out, in]`.
#[derive(Debug, Clone)]
pub enum Projection {
    /// The weight does not change.
    Frozen(FrozenWeight),
    /// The weight is trained whole.
    Trained(Parameter),
    /// The weight does not change; a low-rank update is added.
    Lora(Lora),
}

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

    /// The parameter, if the factor is trained.
    pub fn trained(&self) -> Option<&Parameter> {
        match self {
            Self::Frozen(_) => None,
            Self::Trained(parameter) => Some(parameter),
        }
    }
}

/// What a projection's backward needs of its forward.
#[derive(Debug, Clone)]
pub enum ProjectionSaved {
    /// A frozen weight needs nothing.
    Nothing,
    /// A trained weight needs the input.
    Input(Tensor),
    /// A low-rank update needs the input, the narrow product, and the stream of its mask.
    Lora {
        /// The input, before dropout; shared with the other modules that read it.
        x: Tensor,
        /// `scale·(drop(x)·Aᵀ)`, `[tokens, rank]`.
        narrow: Tensor,
        /// The mask's stream, if dropout acts.
        mask: Option<Stream>,
    },
}

impl Projection {
    /// The weight, `[out, in]`; of LoRA, the frozen one without the update.
    ///
    /// # Errors
    /// There is no memory to write a weight of 4 bits out.
    pub fn weight(&self) -> Result<Tensor> {
        match self {
            Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }) => weight.to_tensor(),
            Self::Trained(parameter) => Ok(parameter.value.clone()),
        }
    }

    /// The frozen weight, if there is one.
    pub fn frozen(&self) -> Option<&FrozenWeight> {
        match self {
            Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }) => Some(weight),
            Self::Trained(_) => None,
        }
    }

    /// Rows and columns of the weight.
    ///
    /// # Errors
    /// The weight is no matrix.
    pub fn dims2(&self) -> Result<(usize, usize)> {
        match self {
            Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }) => weight.dims2(),
            Self::Trained(parameter) => Ok(parameter.value.dims2()?),
        }
    }

    /// What tells the weight's memory from that of any other.
    pub fn weight_id(&self) -> TensorId {
        match self {
            Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }) => weight.id(),
            Self::Trained(parameter) => parameter.value.id(),
        }
    }

    /// The product with the weight alone, without an update.
    ///
    /// # Shapes  `x: [rows, in]` → `[rows, out]`
    pub(super) fn weight_forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }) => weight.linear(x),
            Self::Trained(parameter) => linear(x, &parameter.value),
        }
    }

    /// Whether anything in it is trained.
    pub fn is_trained(&self) -> bool {
        match self {
            Self::Frozen(_) => false,
            Self::Trained(_) => true,
            Self::Lora(lora) => lora.is_trained(),
        }
    }

    /// The output, and what [`Projection::backward`] needs.
    ///
    /// `mask` is the module's own stream of random numbers; without one, nothing is dropped.
    ///
    /// # Shapes  `x: [tokens, in]` → `[tokens, out]`
    /// # Errors  shapes do not fit
    pub fn forward(&self, x: &Tensor, mask: Option<Stream>) -> Result<(Tensor, ProjectionSaved)> {
        match self {
            Self::Frozen(weight) => Ok((weight.linear(x)?, ProjectionSaved::Nothing)),
            Self::Trained(parameter) => Ok((linear(x, &parameter.value)?, ProjectionSaved::Input(x.clone()))),
            Self::Lora(lora) => {
                let mask = lora.mask(mask);
                let (y, narrow) = (lora.base.linear(x)?, lora.narrow(x, mask)?);
                Ok((lora::widen(y, &narrow, &lora.b()?)?, ProjectionSaved::Lora { x: x.clone(), narrow, mask }))
            }
        }
    }

    /// What [`Projection::backward`] needs, without the output.
    ///
    /// # Shapes  `x: [tokens, in]`
    /// # Errors  shapes do not fit
    pub(super) fn again(&self, x: &Tensor, mask: Option<Stream>) -> Result<ProjectionSaved> {
        Ok(match self {
            Self::Frozen(_) => ProjectionSaved::Nothing,
            Self::Trained(_) => ProjectionSaved::Input(x.clone()),
            Self::Lora(lora) => {
                let mask = lora.mask(mask);
                ProjectionSaved::Lora { x: x.clone(), narrow: lora.narrow(x, mask)?, mask }
            }
        })
    }

    /// Sends the gradients of what is trained to the sink; returns the gradient of the input, if it is needed,
    /// added to that of the other modules which read the same input.
    ///
    /// # Shapes  `dy: [tokens, out]`, `others: [tokens, in]` → `[tokens, in]`
    /// # Errors  shapes do not fit; `saved` is of another state of the module; the sink's own
    pub fn backward(
        &self,
        dy: &Tensor,
        saved: ProjectionSaved,
        input_gradient: InputGradient,
        sink: &mut dyn GradientSink,
    ) -> Result<Option<Tensor>> {
        // The input's gradient comes first: the sink may update the weight.
        let dx = self.weight_backward(dy, input_gradient)?;
        match (self, saved) {
            (Self::Frozen(_), _) => Ok(dx),
            (Self::Trained(parameter), ProjectionSaved::Input(x)) => {
                sink.accept_product(parameter, dy, &x)?;
                Ok(dx)
            }
            (Self::Lora(lora), ProjectionSaved::Lora { x, narrow, mask }) => {
                lora.backward(dy, dx, &x, &narrow, mask, sink)
            }
            _ => Err(Error::new("a projection changed its state between forward and backward")),
        }
    }

    /// The gradient of the input by way of the weight alone.
    pub(super) fn weight_backward(&self, dy: &Tensor, input_gradient: InputGradient) -> Result<Option<Tensor>> {
        let others = match input_gradient {
            InputGradient::No => return Ok(None),
            InputGradient::Fresh => None,
            InputGradient::AddedTo(others) => Some(others),
        };
        Ok(Some(match (self, others) {
            (Self::Frozen(weight) | Self::Lora(Lora { base: weight, .. }), others) => {
                weight.input_gradient(dy, others)?
            }
            (Self::Trained(parameter), None) => linear_input_gradient(dy, &parameter.value)?,
            (Self::Trained(parameter), Some(others)) => add_matmul(others, dy, &parameter.value)?,
        }))
    }
}

/// What becomes of the gradient of a projection's input.
#[derive(Debug)]
pub enum InputGradient {
    /// It is not needed.
    No,
    /// It is the first of its input.
    Fresh,
    /// It is added to the gradient that other modules gave the same input.
    AddedTo(Tensor),
}

impl InputGradient {
    /// The first one, if any is needed.
    pub(super) fn first(needed: bool) -> Self {
        if needed { Self::Fresh } else { Self::No }
    }

    /// The next one, after what [`Projection::backward`] returned.
    pub(super) fn next(sum: Option<Tensor>) -> Self {
        sum.map_or(Self::No, Self::AddedTo)
    }

    /// What modules gave so far.
    pub(super) fn sum(self) -> Option<Tensor> {
        match self {
            Self::No | Self::Fresh => None,
            Self::AddedTo(sum) => Some(sum),
        }
    }
}

impl Lora {
    /// Whether a factor is trained.
    pub fn is_trained(&self) -> bool {
        self.a.trained().is_some() || self.b.trained().is_some()
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

    fn narrow(&self, x: &Tensor, mask: Option<Stream>) -> Result<Tensor> {
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

    fn backward(
        &self,
        dy: &Tensor,
        dx: Option<Tensor>,
        x: &Tensor,
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
        if let Some(a) = self.a.trained() {
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
