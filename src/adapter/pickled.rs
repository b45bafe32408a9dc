//! `adapter_model.bin`, PyTorch's pickle of tensors, which PEFT wrote before release 0.6 if it was not told otherwise.
//!
//! candle reads such a file without running what it says, but trusts the lengths of its lists; where they are wrong it
//! panics, which is made an error here. What comes out is the content of a safetensors file, checked like any other.

use std::fmt::Display;
use std::panic::catch_unwind;
use std::path::Path;

use candle_core::pickle::PthTensors;

use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::TensorFile;

/// The name of the file.
pub(super) const PICKLED_FILE: &str = "adapter_model.bin";

/// A pointer of Git LFS is never longer.
const POINTER_BYTES: u64 = 1024;

/// Reads such a file.
///
/// # Errors
/// It is not a zip of PyTorch's, holds something but tensors, or a tensor is larger than the file.
pub(super) fn read(path: &Path) -> Result<TensorFile> {
    let size = std::fs::metadata(path).map_err(|e| Error::io(path, "read the file", &e))?.len();
    if size < POINTER_BYTES && files::read(path)?.starts_with(b"version https://git-lfs") {
        return TensorFile::open(path);
    }
    let bytes = catch_unwind(|| tensors(path, size))
        .unwrap_or_else(|_| Err(broken("a list in it is too short, or a size too large")))
        .at(path.display().to_string())?;
    TensorFile::from_bytes(path.display().to_string(), bytes)
}

/// The tensors of the file as those of a safetensors file.
fn tensors(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = PthTensors::new(path, None).map_err(broken)?;
    let mut tensors = Vec::with_capacity(file.tensor_infos().len());
    for (name, info) in file.tensor_infos() {
        let bytes = info.layout.dims().iter().try_fold(info.dtype.size_in_bytes(), |size, dim| size.checked_mul(*dim));
        if bytes.is_none_or(|bytes| bytes as u64 > limit) {
            return Err(Error::new("the tensor is larger than the file").at(name.as_str()));
        }
        if let Some(tensor) = file.get(name).map_err(broken).at(name.as_str())? {
            tensors.push((name.as_str(), tensor.contiguous()?));
        }
    }
    safetensors::serialize(tensors, None).map_err(broken)
}

fn broken(cause: impl Display) -> Error {
    Error::new(format!("cannot read the pickle: {cause}"))
        .hint("load it with PEFT and save it again: it then writes adapter_model.safetensors")
}
