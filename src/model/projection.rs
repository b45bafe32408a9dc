//! A linear module without bias, in the states that it can have: frozen, trained, or frozen with an adapter: a trained
//! low-rank update, trained factors for its outputs or inputs, trained vectors of an update that is shared, or a weight or rows of its own in the base's place.
//!
//! The state decides what is saved and what is computed: a frozen module saves nothing and has only the
//! gradient of its input; LoRA never forms a gradient of shape `[out, in]`.

use candle_core::{Tensor, TensorId};

use super::dora::DoraSaved;
use super::frozen_weight::FrozenWeight;
use super::low_rank::{Factor, Lora};
use super::parameters::{GradientSink, Parameter};
use super::rows::Rows;
use super::scaled::Scaled;
use super::together::Together;
use super::vera::Vera;
use crate::error::{Error, Result};
use crate::kernels::matmul::{add_matmul, linear, linear_input_gradient};
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
    /// The weight does not change; its outputs or its inputs are scaled.
    Scaled(Scaled),
    /// The weight does not change; an update of shared factors and trained vectors is added.
    Vera(Vera),
    /// The weight does not change; low-rank updates are added, each to some of the rows.
    Together(Together),
    /// The weight does not change; another of its shape acts in its place, which may be trained.
    Replaced {
        /// The weight of the base, `[out, in]`.
        base: FrozenWeight,
        /// What acts; its dtype may be wider.
        own: Factor,
    },
    /// Of the head: the weight does not change; some rows act in the place of its own.
    Rows {
        /// The weight of the base, `[out, in]`.
        base: FrozenWeight,
        /// The rows.
        rows: Rows,
    },
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
        /// The input, before dropout; shared with the other modules that read it. None where A is not trained.
        x: Option<Tensor>,
        /// `scale·(drop(x)·Aᵀ)`, `[tokens, rank]`.
        narrow: Tensor,
        /// The mask's stream, if dropout acts.
        mask: Option<Stream>,
    },
    /// A low-rank update with magnitudes needs more.
    Dora(Box<DoraSaved>),
    /// Scales need what they multiply.
    Scaled(Tensor),
    /// Vectors of a shared update need the narrow product, and the stream of its mask.
    Vera {
        /// `drop(x)·Aᵀ`, `[tokens, rank]`.
        narrow: Tensor,
        /// The mask's stream, if dropout acts.
        mask: Option<Stream>,
    },
    /// What each of several updates needs.
    Together(Vec<ProjectionSaved>),
}

impl Projection {
    /// The weight, `[out, in]`; where an adapter acts, the frozen one without it.
    ///
    /// # Errors
    /// There is no memory to write a weight of 4 or 8 bits out.
    pub fn weight(&self) -> Result<Tensor> {
        self.either().map_or_else(|parameter| Ok(parameter.value.clone()), FrozenWeight::to_tensor)
    }

    /// The frozen weight, or the parameter that is in its place.
    fn either(&self) -> std::result::Result<&FrozenWeight, &Parameter> {
        match self {
            Self::Frozen(base)
            | Self::Lora(Lora { base, .. })
            | Self::Scaled(Scaled { base, .. })
            | Self::Vera(Vera { base, .. })
            | Self::Together(Together { base, .. })
            | Self::Replaced { base, .. }
            | Self::Rows { base, .. } => Ok(base),
            Self::Trained(parameter) => Err(parameter),
        }
    }

    /// The frozen weight, if there is one.
    pub fn frozen(&self) -> Option<&FrozenWeight> {
        self.either().ok()
    }

    /// Rows and columns of the weight.
    ///
    /// # Errors
    /// The weight is no matrix.
    pub fn dims2(&self) -> Result<(usize, usize)> {
        self.either().map_or_else(|parameter| Ok(parameter.value.dims2()?), FrozenWeight::dims2)
    }

    /// What tells the weight's memory from that of any other.
    pub fn weight_id(&self) -> TensorId {
        self.either().map_or_else(|parameter| parameter.value.id(), FrozenWeight::id)
    }

    /// The product with the weight alone, without an update.
    ///
    /// # Shapes  `x: [rows, in]` → `[rows, out]`
    pub(super) fn weight_forward(&self, x: &Tensor) -> Result<Tensor> {
        self.either().map_or_else(|parameter| linear(x, &parameter.value), |weight| weight.linear(x))
    }

    /// The weight that acts in the place of the frozen one, in the dtype of products, where one does.
    ///
    /// # Errors
    /// There is no memory for it.
    pub(super) fn replacement(&self) -> Result<Option<Tensor>> {
        Ok(match self {
            Self::Replaced { base, own } => Some(own.value().to_dtype(base.dtype())?),
            Self::Rows { base, rows } => Some(rows.whole(&base.to_tensor()?)?),
            _ => None,
        })
    }

    /// Whether another weight acts in the place of the frozen one.
    pub(super) fn is_replaced(&self) -> bool {
        matches!(self, Self::Replaced { .. } | Self::Rows { .. })
    }

    /// Makes the module's own output of the product with the weight alone: of some rows, or of all. Nothing is dropped.
    ///
    /// # Shapes  `y: [rows, out]`, `x: [rows, in]`, `rows` u32 → `[rows, out]`
    pub(super) fn adapt(&self, y: Tensor, x: &Tensor, rows: Option<&Tensor>) -> Result<Tensor> {
        match self {
            Self::Frozen(_) | Self::Trained(_) => Ok(y),
            Self::Lora(lora) if lora.magnitude.is_none() => lora.add_to(y, x, rows),
            Self::Lora(_)
            | Self::Scaled(_)
            | Self::Vera(_)
            | Self::Together(_)
            | Self::Replaced { .. }
            | Self::Rows { .. } => {
                let Some(rows) = rows else { return Ok(self.forward(x, None)?.0) };
                let own = self.forward(&x.index_select(rows, 0)?, None)?.0;
                let before = y.index_select(rows, 0)?;
                Ok(y.index_add(rows, &(own - before)?, 0)?)
            }
        }
    }

    /// Whether anything in it is trained.
    pub fn is_trained(&self) -> bool {
        match self {
            Self::Frozen(_) => false,
            Self::Trained(_) => true,
            Self::Lora(lora) => lora.is_trained(),
            Self::Scaled(scaled) => scaled.is_trained(),
            Self::Vera(vera) => vera.is_trained(),
            Self::Together(together) => together.is_trained(),
            Self::Replaced { own, .. } | Self::Rows { rows: Rows { own, .. }, .. } => own.trained().is_some(),
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
            Self::Lora(lora) => lora.forward(x, mask),
            Self::Scaled(scaled) => scaled.forward(x),
            Self::Vera(vera) => vera.forward(x, mask),
            Self::Together(together) => together.forward(x),
            Self::Replaced { .. } | Self::Rows { .. } => {
                let weight = self.replacement()?.map_or_else(|| self.weight(), Ok)?;
                Ok((linear(x, &weight)?, self.again(x, mask)?))
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
            Self::Lora(lora) => lora.again(x, mask)?,
            Self::Scaled(scaled) => scaled.again(x)?,
            Self::Vera(vera) => vera.again(x, mask)?,
            Self::Together(together) => together.again(x)?,
            Self::Replaced { own, .. } if own.trained().is_some() => ProjectionSaved::Input(x.clone()),
            // The gradient of rows is the head's, which keeps its input itself.
            Self::Replaced { .. } | Self::Rows { .. } => ProjectionSaved::Nothing,
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
        let (input_gradient, saved) = match (self, saved) {
            (Self::Lora(lora), ProjectionSaved::Dora(saved)) => {
                return lora.dora_backward(dy, *saved, input_gradient, sink);
            }
            (Self::Scaled(scaled), ProjectionSaved::Scaled(saved)) => {
                return scaled.backward(dy, &saved, input_gradient, sink);
            }
            (Self::Vera(vera), ProjectionSaved::Vera { narrow, mask }) => {
                return vera.backward(dy, (&narrow, mask), input_gradient, sink);
            }
            (Self::Together(together), ProjectionSaved::Together(saved)) => {
                return together.backward(dy, saved, input_gradient, sink);
            }
            (_, saved) => (input_gradient, saved),
        };
        // The input's gradient comes first: the sink may update the weight.
        let dx = self.weight_backward(dy, input_gradient)?;
        match (self, saved) {
            (Self::Frozen(_), _) | (Self::Replaced { own: Factor::Frozen(_), .. }, ProjectionSaved::Nothing) => Ok(dx),
            (
                Self::Trained(parameter) | Self::Replaced { own: Factor::Trained(parameter), .. },
                ProjectionSaved::Input(x),
            ) => {
                sink.accept_product(parameter, dy, &x)?;
                Ok(dx)
            }
            (Self::Lora(lora), ProjectionSaved::Lora { x, narrow, mask }) => {
                lora.backward(dy, dx, x.as_ref(), &narrow, mask, sink)
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
        let by_weight = |weight: &Tensor, others: Option<Tensor>| match others {
            None => linear_input_gradient(dy, weight),
            Some(others) => add_matmul(others, dy, weight),
        };
        Ok(Some(match (self.replacement()?, self.either()) {
            (Some(weight), _) => by_weight(&weight, others)?,
            (None, Ok(weight)) => weight.input_gradient(dy, others)?,
            (None, Err(parameter)) => by_weight(&parameter.value, others)?,
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

    /// What modules gave so far, and whether the gradient is needed at all.
    pub(super) fn parts(self) -> (bool, Option<Tensor>) {
        match self {
            Self::No => (false, None),
            Self::Fresh => (true, None),
            Self::AddedTo(sum) => (true, Some(sum)),
        }
    }

    /// What modules gave so far.
    pub(super) fn sum(self) -> Option<Tensor> {
        match self {
            Self::No | Self::Fresh => None,
            Self::AddedTo(sum) => Some(sum),
        }
    }
}
