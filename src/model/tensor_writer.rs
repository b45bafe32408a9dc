//! Writes a safetensors file tensor by tensor, so that at most one of them is in memory twice.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::View;
use serde_json::{Map, Value, json};

use super::tensor_file::all_finite;
use crate::error::{Error, Place, Result};
use crate::files;

/// Writes tensors under their names in `dtype`, whole (temporary name, fsync, rename).
///
/// `metadata` goes into the header; transformers and PEFT want `("format", "pt")` there.
///
/// # Errors
/// A value is NaN or infinite in `dtype` (names the tensor); the file cannot be written.
pub fn write_tensors(path: &Path, tensors: &[(String, Tensor)], dtype: DType, metadata: &[(&str, &str)]) -> Result<()> {
    let shapes: Vec<_> = tensors.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
    let by_name: BTreeMap<&str, &Tensor> = tensors.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
    write_streamed(path, &shapes, dtype, metadata, &mut |name, _| match by_name.get(name) {
        Some(tensor) => Ok((*tensor).clone()),
        None => Err(Error::new("the tensor is missing").at(name)),
    })
}

/// [`write_tensors`] of tensors that are made when their turn comes, by name and shape, and dropped after it.
pub(super) fn write_streamed(
    path: &Path,
    shapes: &[(String, Vec<usize>)],
    dtype: DType,
    metadata: &[(&str, &str)],
    tensor: &mut dyn FnMut(&str, &[usize]) -> Result<Tensor>,
) -> Result<()> {
    let ordered = ordered(shapes);
    let header = header(&ordered, dtype, metadata)?;
    // The writer speaks io::Error; the failure of a tensor travels beside it.
    let mut broken = None;
    let written = files::write_with(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        for (name, shape) in &ordered {
            match tensor(name, shape).and_then(|tensor| bytes_of(tensor, shape, dtype)).at(name.as_str()) {
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
pub(super) fn stored_bytes(shape: &[usize], dtype: DType) -> u64 {
    (shape.iter().product::<usize>() * dtype.size_in_bytes()) as u64
}

/// The order in which tensors lie in a file.
pub(super) fn ordered(shapes: &[(String, Vec<usize>)]) -> Vec<&(String, Vec<usize>)> {
    let mut ordered: Vec<&(String, Vec<usize>)> = shapes.iter().collect();
    ordered.sort_by(|left, right| left.0.cmp(&right.0));
    ordered
}

/// The header of a file of tensors in this order.
pub(super) fn header(tensors: &[&(String, Vec<usize>)], dtype: DType, metadata: &[(&str, &str)]) -> Result<Vec<u8>> {
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
    for (tensor_name, shape) in tensors {
        let end = offset + stored_bytes(shape, dtype);
        table.insert(tensor_name.clone(), json!({ "dtype": name, "shape": shape, "data_offsets": [offset, end] }));
        offset = end;
    }
    let mut header = Value::Object(table).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    Ok(header)
}

/// The values of a tensor as the file has them.
fn bytes_of(tensor: Tensor, shape: &[usize], dtype: DType) -> Result<Vec<u8>> {
    if tensor.dims() != shape {
        return Err(Error::new("the shape").got(format!("{:?}", tensor.dims())).expected(format!("{shape:?}")));
    }
    let tensor = tensor.to_dtype(dtype)?.flatten_all()?.to_device(&Device::Cpu)?;
    let bytes = tensor.data().into_owned();
    if !all_finite(&bytes, dtype) {
        return Err(Error::new("the tensor holds NaN or infinite values, so it is not saved")
            .hint("the training diverged, or the dtype is too narrow: lower the learning rate, or save in f32"));
    }
    Ok(bytes)
}
