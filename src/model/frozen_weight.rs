//! The weight of a linear module that does not change: as it was loaded, or in 8 or 4 bits.

use candle_core::{DType, Device, Tensor, TensorId};

use crate::error::Result;
use crate::kernels::matmul::{PackedWeight, add_matmul, linear, linear_input_gradient};
use crate::kernels::quantized::{Int8, Nf4};
use crate::recipe::Quantization;

/// The weight of a linear module that does not change, `[out, in]`.
#[derive(Debug, Clone)]
pub enum FrozenWeight {
    /// As it was loaded.
    Plain(Tensor),
    /// In 4 bits.
    Nf4(Nf4),
    /// In 8 bits, a scale for each row.
    Int8(Int8),
}

impl FrozenWeight {
    /// Keeps a weight as the quantisation says.
    ///
    /// # Errors
    /// The weight is no matrix, or has a value that 8 or 4 bits cannot stand for.
    pub fn new(weight: Tensor, quantization: Quantization) -> Result<Self> {
        Ok(match quantization {
            Quantization::None => Self::Plain(weight),
            Quantization::Nf4 => Self::Nf4(Nf4::quantize(&weight)?),
            Quantization::Int8 => Self::Int8(Int8::quantize(&weight)?),
        })
    }

    /// `x·Wᵀ`.
    ///
    /// # Shapes  `x: [tokens, in]` → `[tokens, out]`
    pub fn linear(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Plain(weight) => linear(x, weight),
            Self::Nf4(weight) => weight.linear(x),
            Self::Int8(weight) => weight.linear(x),
        }
    }

    /// The gradient of [`FrozenWeight::linear`] by its input, added to another gradient of that input if there is one.
    ///
    /// # Shapes  `dy: [tokens, out]`, `others: [tokens, in]` → `[tokens, in]`
    pub(super) fn input_gradient(&self, dy: &Tensor, others: Option<Tensor>) -> Result<Tensor> {
        match (self, others) {
            (Self::Plain(weight), None) => linear_input_gradient(dy, weight),
            (Self::Plain(weight), Some(others)) => add_matmul(others, dy, weight),
            (Self::Nf4(weight), others) => weight.input_gradient(dy, others),
            (Self::Int8(weight), others) => weight.input_gradient(dy, others),
        }
    }

    /// The weight as a tensor; one in 8 or 4 bits is written out in the dtype of its products.
    pub fn to_tensor(&self) -> Result<Tensor> {
        match self {
            Self::Plain(weight) => Ok(weight.clone()),
            Self::Nf4(weight) => weight.dequantize(),
            Self::Int8(weight) => weight.dequantize(),
        }
    }

    /// The weight in the order in which products of few rows read it; none where they do not profit from it.
    pub(super) fn packed(&self) -> Result<Option<PackedWeight>> {
        match self {
            Self::Plain(weight) => PackedWeight::new(weight),
            Self::Nf4(_) | Self::Int8(_) => Ok(None),
        }
    }

    /// Rows and columns.
    ///
    /// # Errors
    /// The weight is no matrix.
    pub fn dims2(&self) -> Result<(usize, usize)> {
        match self {
            Self::Plain(weight) => Ok(weight.dims2()?),
            Self::Nf4(weight) => Ok(weight.shape().into()),
            Self::Int8(weight) => Ok(weight.shape().into()),
        }
    }

    /// The dtype of products with it.
    pub fn dtype(&self) -> DType {
        match self {
            Self::Plain(weight) => weight.dtype(),
            Self::Nf4(weight) => weight.dtype(),
            Self::Int8(weight) => weight.dtype(),
        }
    }

    /// Where it is.
    pub fn device(&self) -> &Device {
        match self {
            Self::Plain(weight) => weight.device(),
            Self::Nf4(weight) => weight.device(),
            Self::Int8(weight) => weight.device(),
        }
    }

    /// What tells its memory from that of any other weight.
    pub fn id(&self) -> TensorId {
        match self {
            Self::Plain(weight) => weight.id(),
            Self::Nf4(weight) => weight.id(),
            Self::Int8(weight) => weight.id(),
        }
    }

    /// How it is kept.
    pub fn quantization(&self) -> Quantization {
        match self {
            Self::Plain(_) => Quantization::None,
            Self::Nf4(_) => Quantization::Nf4,
            Self::Int8(_) => Quantization::Int8,
        }
    }
}
