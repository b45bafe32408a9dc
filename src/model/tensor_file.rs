//! One safetensors file, read without trusting it.
//!
//! The file is mapped into memory, so that a tensor costs memory only while it is copied to where it
//! will live. The header is checked by the `safetensors` crate before any byte of it is used; what is
//! here finds out *what* is wrong when that check fails, and refuses values that are not numbers.

use std::fs::File;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use memmap2::Mmap;
#[cfg(unix)]
use memmap2::UncheckedAdvice;
use rayon::prelude::*;
use safetensors::tensor::{Metadata, SafeTensors, TensorInfo};
use serde_json::{Map, Value};

use crate::error::{Error, Place, Result};

/// The bytes before the header that say how long it is.
const LENGTH_BYTES: usize = 8;

/// How many bytes one thread looks through at a time.
const SCAN_BYTES: usize = 1 << 20;

/// The content of a safetensors file and the table of its tensors.
pub struct TensorFile {
    label: String,
    bytes: Bytes,
    start: usize,
    metadata: Metadata,
}

enum Bytes {
    Mapped(Mmap),
    Owned(Vec<u8>),
}

impl std::ops::Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl TensorFile {
    /// Maps a file and checks its header.
    ///
    /// The file must not be changed by others while it is open; this program itself replaces files whole.
    ///
    /// # Errors
    /// The file is missing, is not a safetensors file, ends early, or its header contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |e| Error::io(path, "open the weights", &e);
        let file = File::open(path).map_err(failed)?;
        // SAFETY: the mapping is read-only; see the note on changes above.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        Self::check(path.display().to_string(), Bytes::Mapped(map))
    }

    /// Takes the content of a file that is already in memory; `label` names it in errors.
    ///
    /// # Errors
    /// As [`TensorFile::open`].
    pub fn from_bytes(label: impl Into<String>, bytes: Vec<u8>) -> Result<Self> {
        Self::check(label.into(), Bytes::Owned(bytes))
    }

    fn check(label: String, bytes: Bytes) -> Result<Self> {
        match SafeTensors::read_metadata(&bytes) {
            Ok((header, metadata)) => Ok(Self { label, start: header + LENGTH_BYTES, bytes, metadata }),
            Err(source) => {
                Err(diagnose(&bytes).unwrap_or_else(|| Error::new(format!("cannot read the weights: {source}"))))
                    .at(label.as_str())
            }
        }
    }

    /// What the file is called in errors.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The names of the tensors, in the order in which they lie in the file.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The shape of a tensor, if the file has it.
    pub fn shape(&self, name: &str) -> Option<&[usize]> {
        self.metadata.info(name).map(|info| info.shape.as_slice())
    }

    /// The dtype of a tensor, if the file has it and it is one that weights can have here.
    pub fn dtype(&self, name: &str) -> Option<DType> {
        self.metadata.info(name).and_then(|info| weight_dtype(info).ok())
    }

    /// The dtype of a weight.
    ///
    /// # Errors
    /// The file has no such tensor; its dtype is none that weights can have here.
    pub(super) fn stored(&self, name: &str) -> Result<DType> {
        weight_dtype(self.info(name)?).at(self.place(name))
    }

    /// The bytes before the first tensor: the header and its length.
    pub(super) fn head(&self) -> &[u8] {
        self.bytes.get(..self.start).unwrap_or_default()
    }

    /// The free-form metadata of the header.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.metadata.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The bytes of a tensor as they are in the file.
    pub fn raw(&self, name: &str) -> Result<&[u8]> {
        let info = self.info(name)?;
        let (from, to) = info.data_offsets;
        self.bytes.get(self.start + from..self.start + to).ok_or_else(|| self.error(name, "lies outside the file"))
    }

    /// Reads a tensor into `dtype` on `device`.
    ///
    /// # Errors
    /// The file has no such tensor; its dtype is not f32, f16, bf16 or f64; a value is NaN or infinite, or becomes so
    /// in `dtype`.
    pub fn read(&self, name: &str, dtype: DType, device: &Device) -> Result<Tensor> {
        let info = self.info(name)?;
        let stored = weight_dtype(info).at(self.place(name))?;
        let bytes = self.raw(name)?;
        if !all_finite(bytes, stored) {
            return Err(Error::new("the tensor holds NaN or infinite values")
                .at(self.place(name))
                .hint("the weights are broken: the training that made them diverged, or the file was damaged; fetch them again"));
        }
        let tensor = Tensor::from_raw_buffer(bytes, stored, &info.shape, &Device::Cpu).at(self.place(name))?;
        let tensor = tensor.to_dtype(dtype).at(self.place(name))?;
        if dtype == DType::F16 && stored != DType::F16 {
            self.check_range(name, &tensor)?;
        }
        let tensor = tensor.to_device(device).at(self.place(name));
        self.forget(info.data_offsets);
        tensor
    }

    /// Lets go of the pages of a tensor whose bytes are not needed any more.
    pub(super) fn forget_tensor(&self, name: &str) {
        if let Some(info) = self.metadata.info(name) {
            self.forget(info.data_offsets);
        }
    }

    /// Lets go of the pages of a tensor that has been copied: a model and its whole file are not in memory together.
    fn forget(&self, (from, to): (usize, usize)) {
        #[cfg(unix)]
        if let Bytes::Mapped(map) = &self.bytes {
            // It is advice: without it the system takes the pages back when it needs them.
            // SAFETY: the mapping is of a file and only read; a page that is read again comes from the file.
            let _ = unsafe { map.unchecked_advise_range(UncheckedAdvice::DontNeed, self.start + from, to - from) };
        }
    }

    fn check_range(&self, name: &str, tensor: &Tensor) -> Result<()> {
        let largest = tensor.flatten_all()?.abs()?.max(0)?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
        if largest.is_finite() {
            return Ok(());
        }
        Err(self.error(name, "holds values above 65504, too large for f16").hint("use bf16 or f32"))
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.metadata.info(name).ok_or_else(|| self.error(name, "is missing"))
    }

    fn place(&self, name: &str) -> String {
        format!("{}: {name}", self.label)
    }

    fn error(&self, name: &str, what: &str) -> Error {
        Error::new(format!("the tensor {what}")).at(self.place(name))
    }
}

/// The dtypes that weights can have in a file.
fn weight_dtype(info: &TensorInfo) -> Result<DType> {
    use safetensors::Dtype;
    match info.dtype {
        Dtype::F32 => Ok(DType::F32),
        Dtype::F16 => Ok(DType::F16),
        Dtype::BF16 => Ok(DType::BF16),
        Dtype::F64 => Ok(DType::F64),
        other => Err(Error::new("the dtype")
            .got(format!("{other:?}"))
            .expected("F32, F16, BF16 or F64")
            .hint("quantized weights are not supported; use the original model")),
    }
}

/// Whether no value has all exponent bits set, which is how NaN and the infinities are written.
pub(super) fn all_finite(bytes: &[u8], dtype: DType) -> bool {
    fn scan<const N: usize>(bytes: &[u8], is_finite: impl Fn([u8; N]) -> bool + Sync) -> bool {
        bytes.par_chunks(SCAN_BYTES).all(|part| part.as_chunks::<N>().0.iter().all(|value| is_finite(*value)))
    }
    match dtype {
        DType::BF16 => scan(bytes, |b| u16::from_le_bytes(b) & 0x7f80 != 0x7f80),
        DType::F16 => scan(bytes, |b| u16::from_le_bytes(b) & 0x7c00 != 0x7c00),
        DType::F64 => scan(bytes, |b| f64::from_le_bytes(b).is_finite()),
        _ => scan(bytes, |b| f32::from_le_bytes(b).is_finite()),
    }
}

/// Finds out why a file is not a valid safetensors file.
fn diagnose(bytes: &[u8]) -> Option<Error> {
    let again = "the download or copy was cut short or damaged; fetch the file again";
    if bytes.starts_with(b"version https://git-lfs") {
        return Some(Error::new("the file is a Git LFS pointer, not the weights themselves").hint("run: git lfs pull"));
    }
    let Some(length) = bytes.first_chunk::<LENGTH_BYTES>() else {
        return Some(Error::new(format!("the file ends after {} bytes, inside its header", bytes.len())).hint(again));
    };
    let length = u64::from_le_bytes(*length);
    let header = usize::try_from(length).ok().and_then(|n| bytes.get(LENGTH_BYTES..LENGTH_BYTES.checked_add(n)?));
    let Some(header) = header else {
        return Some(
            Error::new("the length of the header")
                .got(format!("{length} bytes"))
                .expected(format!("at most the {} bytes that the file has after it", bytes.len() - LENGTH_BYTES))
                .hint(format!("not a safetensors file, or {again}")),
        );
    };
    let table: Map<String, Value> = match serde_json::from_slice(header) {
        Ok(table) => table,
        Err(source) => return Some(Error::new(format!("the header is not JSON: {source}")).hint(again)),
    };
    let data = bytes.len() - LENGTH_BYTES - header.len();
    diagnose_table(&table, data as u64, again)
}

/// Finds the tensor whose entry in the header is wrong: in itself, against its neighbours or against the file.
fn diagnose_table(table: &Map<String, Value>, data: u64, again: &str) -> Option<Error> {
    let mut ranges = Vec::new();
    for (name, entry) in table.iter().filter(|(name, _)| *name != "__metadata__") {
        let wrong = |what: &str| Error::new(format!("the header says nonsense: {what}")).at(name).hint(again);
        let Ok(info) = serde_json::from_value::<TensorInfo>(entry.clone()) else {
            return Some(wrong("the entry needs a known dtype, a shape and two data_offsets"));
        };
        let (from, to) = (info.data_offsets.0 as u64, info.data_offsets.1 as u64);
        let count = info.shape.iter().try_fold(1u64, |product, d| product.checked_mul(*d as u64));
        let Some(bits) = count.and_then(|count| count.checked_mul(info.dtype.bitsize() as u64)) else {
            return Some(wrong("the shape is larger than any memory"));
        };
        if to.checked_sub(from) != Some(bits / 8) {
            let error = Error::new("the size that the header gives")
                .got(format!("{} bytes", i128::from(to) - i128::from(from)))
                .expected(format!("{} bytes for shape {:?} of {:?}", bits / 8, info.shape, info.dtype));
            return Some(error.at(name).hint(again));
        }
        if to > data {
            let error = Error::new("the end of the tensor")
                .got(format!("byte {to}"))
                .expected(format!("within the {data} bytes of data that the file has"));
            return Some(error.at(name).hint(again));
        }
        ranges.push((from, to, name));
    }
    ranges.sort();
    let mut end = 0;
    for (from, to, name) in ranges {
        if from != end {
            let error = Error::new("the start of the tensor")
                .got(format!("byte {from}"))
                .expected(format!("byte {end}, where the one before it ends"));
            return Some(error.at(name).hint(again));
        }
        end = to;
    }
    (end != data).then(|| {
        Error::new("the data in the file")
            .got(format!("{data} bytes"))
            .expected(format!("{end} bytes, as the header says"))
            .hint(again)
    })
}
