//! Writes a safetensors file tensor by tensor, so that at most one of them is in memory twice.

use std::io::Write;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};
use serde_json::{Map, Value, json};

use crate::error::{Error, Place, Result};
use crate::files;

/// Writes tensors under their names in `dtype`, whole (temporary name, fsync, rename).
///
/// `metadata` goes into the header; transformers and PEFT want `("format", "pt")` there.
///
/// # Errors
/// A value is NaN or infinite in `dtype` (names the tensor); the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)], dtype: DType, metadata: &[(&str, &str)]) -> Result<()> {
    let mut ordered: Vec<&(String, Tensor)> = tensors.iter().collect();
    ordered.sort_by(|left, right| left.0.cmp(&right.0));
    let header = header(&ordered, dtype, metadata)?;
    // The writer speaks io::Error; the failure of a tensor travels beside it.
    let mut broken = None;
    let written = files::write_with(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for (name, tensor) in &ordered {
            match bytes_of(tensor, dtype).at(name.as_str()) {
                Ok(bytes) => out.write_all(&bytes)?,
                Err(error) => {
                    broken = Some(error);
                    return Err(std::io::Error::other("a tensor could not be written"));
                }
            }
        }
        Ok(())
    });
    match broken {
        Some(error) => Err(error.at(path.display().to_string())),
        None => written,
    }
}

/// The size of a tensor in a file, in bytes.
pub(super) fn stored_bytes(tensor: &Tensor, dtype: DType) -> u64 {
    (tensor.elem_count() * dtype.size_in_bytes()) as u64
}

fn header(tensors: &[&(String, Tensor)], dtype: DType, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
    let name = match dtype {
        DType::F32 => "F32",
        DType::F16 => "F16",
        DType::BF16 => "BF16",
        DType::F64 => "F64",
        other => {
            return Err(Error::new("the dtype to save in").got(format!("{other:?}")).expected("f32, f16, bf16 or f64"));
        }
    };
    let mut table = Map::new();
    if !metadata.is_empty() {
        let entries: Map<String, Value> = metadata.iter().map(|(k, v)| ((*k).into(), json!(v))).collect();
        table.insert("__metadata__".into(), Value::Object(entries));
    }
    let mut offset = 0;
    for (tensor_name, tensor) in tensors {
        let end = offset + stored_bytes(tensor, dtype);
        table.insert(
            tensor_name.clone(),
            json!({ "dtype": name, "shape": tensor.dims(), "data_offsets": [offset, end] }),
        );
        offset = end;
    }
    let mut header = Value::Object(table).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// The values of a tensor as the file has them.
fn bytes_of(tensor: &Tensor, dtype: DType) -> Result<Vec<u8>> {
    let tensor = tensor.to_dtype(dtype)?.flatten_all()?.to_device(&Device::Cpu)?;
    match dtype {
        DType::F16 => finite_bytes(tensor.to_vec1::<f16>()?, f16::to_le_bytes, f16::is_finite),
        DType::BF16 => finite_bytes(tensor.to_vec1::<bf16>()?, bf16::to_le_bytes, bf16::is_finite),
        DType::F64 => finite_bytes(tensor.to_vec1::<f64>()?, f64::to_le_bytes, f64::is_finite),
        _ => finite_bytes(tensor.to_vec1::<f32>()?, f32::to_le_bytes, f32::is_finite),
    }
}

fn finite_bytes<T: Copy, const N: usize>(
    values: Vec<T>,
    to_bytes: impl Fn(T) -> [u8; N],
    is_finite: impl Fn(T) -> bool,
) -> Result<Vec<u8>> {
    if !values.iter().all(|value| is_finite(*value)) {
        return Err(Error::new("the tensor holds NaN or infinite values, so it is not saved")
            .hint("the training diverged, or the dtype is too narrow: lower the learning rate, or save in f32"));
    }
    Ok(values.into_iter().flat_map(to_bytes).collect())
}
