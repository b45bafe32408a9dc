//! Values as a GGUF file has them: which type each tensor of a model gets, and a tensor's bytes in that type.
//!
//! `q4_k_m` is a mix: a third of the layers, the first and the last of them for sure, have more bits in the two modules
//! that lose most. Rows that no super-block of 256 divides fall back to a smaller block. Both follow llama.cpp's
//! `llama-quantize`, so that a file of ours has the types that its own would have.
//!
//! Blocks are made by candle. For the super-blocks of `q4_k` and `q5_k` its plain search is an early one of ggml's; the
//! search that weighs columns, given equal weights, finds closer ones and is used instead.

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use safetensors::tensor::View;

use super::FileType;
use crate::error::{Error, Result};
use crate::model::Config;

/// Values that one thread turns into blocks at a time, about.
const PART: usize = 1 << 18;

/// Where a tensor stands in a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The output matrix, or the embedding where it is both.
    Output,
    /// The values' projection of a layer.
    AttentionValue(usize),
    /// The last projection of a layer.
    Down(usize),
    /// Any other.
    Other,
}

/// The type of a tensor's values in a file.
pub(super) fn kind_of(file: FileType, role: Role, shape: &[usize], config: &Config) -> GgmlDType {
    let (2.., Some(row)) = (shape.len(), shape.last()) else { return GgmlDType::F32 };
    let fitting = |kind: GgmlDType| row.is_multiple_of(kind.block_size());
    match file {
        FileType::F32 => GgmlDType::F32,
        FileType::F16 => GgmlDType::F16,
        FileType::Q8_0 if fitting(GgmlDType::Q8_0) => GgmlDType::Q8_0,
        FileType::Q8_0 => GgmlDType::F16,
        FileType::Q4KM => {
            let wanted = mixed(role, config);
            let smaller = match wanted {
                _ if role == Role::Output => GgmlDType::Q8_0,
                GgmlDType::Q4K => GgmlDType::Q5_0,
                GgmlDType::Q5K => GgmlDType::Q5_1,
                _ => GgmlDType::Q8_0,
            };
            [wanted, smaller].into_iter().find(|kind| fitting(*kind)).unwrap_or(GgmlDType::F16)
        }
    }
}

/// The mix of `q4_k_m`.
fn mixed(role: Role, config: &Config) -> GgmlDType {
    let large = config.layers == 80 && config.heads != config.key_value_heads;
    match role {
        Role::Output => GgmlDType::Q6K,
        Role::AttentionValue(layer) | Role::Down(layer) if more_bits(layer, config.layers) => GgmlDType::Q6K,
        // Eight queries share these values in the models of 70 billion parameters, so they are few and matter more.
        Role::AttentionValue(_) if large => GgmlDType::Q5K,
        _ => GgmlDType::Q4K,
    }
}

/// The first and the last eighth of the layers, and every third between.
fn more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

/// The bytes of a tensor's values; rows are its last dimension.
///
/// # Errors
/// A value is not finite, or becomes so in f16.
pub(super) fn bytes_of(tensor: &Tensor, kind: GgmlDType) -> Result<Vec<u8>> {
    let narrow = match kind {
        GgmlDType::F16 => DType::F16,
        _ => DType::F32,
    };
    let values = tensor.flatten_all()?.to_dtype(narrow)?.contiguous()?;
    check_finite(&values)?;
    if matches!(kind, GgmlDType::F16 | GgmlDType::F32) {
        return Ok(values.data().into_owned());
    }
    let row = tensor.dims().last().copied().unwrap_or(1).max(1);
    let values = values.to_vec1::<f32>()?;
    let rows_at_once = (PART / row).max(1);
    let parts: Result<Vec<Vec<u8>>> =
        values.par_chunks(rows_at_once * row).map(|part| blocks(part, row, kind)).collect();
    Ok(parts?.concat())
}

/// A finite number times zero is zero, any other is NaN.
fn check_finite(values: &Tensor) -> Result<()> {
    if (values * 0.0)?.to_dtype(DType::F32)?.sum_all()?.to_scalar::<f32>()? == 0.0 {
        return Ok(());
    }
    Err(match values.dtype() {
        DType::F16 => Error::new("the tensor holds values above 65504, too large for f16")
            .hint("write f32, or q8_0, whose blocks have a scale of their own"),
        _ => Error::new("the tensor holds NaN or infinite values")
            .hint("the training that made them diverged, or the file was damaged"),
    })
}

/// Some rows as blocks.
fn blocks(values: &[f32], row: usize, kind: GgmlDType) -> Result<Vec<u8>> {
    let tensor = Tensor::from_slice(values, (values.len() / row, row), &Device::Cpu)?;
    let quantized = match kind {
        GgmlDType::Q4K | GgmlDType::Q5K => QTensor::quantize_imatrix(&tensor, &vec![1.0; row], kind)?,
        _ => QTensor::quantize(&tensor, kind)?,
    };
    Ok(quantized.data()?.into_owned())
}
