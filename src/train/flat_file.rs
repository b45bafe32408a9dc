//! A flat buffer as a safetensors file: written and read in pieces, hashed on the way.
//!
//! The tensors of the file lie one after the other exactly as in the buffer, so a checkpoint is one
//! sequential pass over device memory, and any safetensors reader can look into it by name.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::View;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Elements that are on their way between device and disk at one time.
const CHUNK: usize = 1 << 22;

/// A contiguous tensor of the training state, under the names of its parts.
pub(crate) struct FlatFile {
    /// The file's name in the checkpoint folder.
    pub name: &'static str,
    /// The tensor; its storage is shared, so reading changes what the optimizer and the model see.
    pub flat: Tensor,
    /// Name and shape of each part, in the order in which they fill the tensor.
    pub parts: Vec<(String, Vec<usize>)>,
}

/// What a file must be to be intact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Seal {
    bytes: u64,
    sha256: String,
}

impl Seal {
    /// Whether the file is as it was written; else what is wrong.
    pub fn check(&self, path: &Path) -> Result<()> {
        let length = std::fs::metadata(path).map_err(|e| Error::io(path, "read the file", &e))?.len();
        if length != self.bytes {
            let (got, expected) = (format!("{length} bytes"), format!("{} bytes", self.bytes));
            return Err(Error::new("the size").got(got).expected(expected).at(path.display().to_string()));
        }
        let sha256 = crate::files::sha256_of_file(path)?;
        if sha256 != self.sha256 {
            return Err(Error::new("the content does not have the checksum that it was written with")
                .at(path.display().to_string()));
        }
        Ok(())
    }
}

impl FlatFile {
    /// Writes the tensor into `folder` and waits until it is on the disk.
    ///
    /// # Errors
    /// The disk is full, or the parts do not fill the tensor.
    pub fn write(&self, folder: &Path) -> Result<Seal> {
        let path = folder.join(self.name);
        let failed = |e| Error::io(&path, "write the checkpoint", &e);
        let flat = self.flat.flatten_all()?;
        let header = self.header()?;
        let mut file = File::create(&path).map_err(failed)?;
        let mut hash = Sha256::new();
        let mut bytes = 0;
        let mut put = |part: &[u8]| {
            hash.update(part);
            bytes += part.len() as u64;
            file.write_all(part).map_err(failed)
        };
        put(&header)?;
        for (start, length) in chunks(flat.elem_count()) {
            let chunk = flat.narrow(0, start, length)?.to_device(&Device::Cpu)?;
            put(&chunk.data())?;
        }
        file.sync_all().map_err(failed)?;
        Ok(Seal { bytes, sha256: hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect() })
    }

    /// Reads the file from `folder` into the tensor, in place.
    ///
    /// # Errors
    /// The file holds other tensors than these, or ends early.
    pub fn read(&self, folder: &Path) -> Result<()> {
        let path = folder.join(self.name);
        let failed = |e| Error::io(&path, "read the checkpoint", &e);
        let flat = self.flat.flatten_all()?;
        let mut file = BufReader::with_capacity(1 << 20, File::open(&path).map_err(failed)?);
        let expected = self.header()?;
        let mut header = vec![0; expected.len()];
        file.read_exact(&mut header).map_err(failed)?;
        if header != expected {
            return Err(Error::new("the checkpoint holds other tensors than the ones trained now")
                .at(path.display().to_string())
                .hint("remove the checkpoint folder to train from the start"));
        }
        let width = flat.dtype().size_in_bytes();
        for (start, length) in chunks(flat.elem_count()) {
            let mut bytes = vec![0; length * width];
            file.read_exact(&mut bytes).map_err(failed)?;
            let chunk = Tensor::from_raw_buffer(&bytes, flat.dtype(), &[length], flat.device())?;
            flat.slice_set(&chunk, 0, start)?;
        }
        Ok(())
    }

    /// The length of the table and the table itself, as safetensors opens a file.
    fn header(&self) -> Result<Vec<u8>> {
        let name = match self.flat.dtype() {
            DType::F32 => "F32",
            DType::F16 => "F16",
            DType::BF16 => "BF16",
            DType::F64 => "F64",
            DType::U8 => "U8",
            other => return Err(Error::new("the dtype of trained parameters").got(format!("{other:?}"))),
        };
        let mut table = Map::new();
        let mut from = 0;
        for (part, shape) in &self.parts {
            let to = from + shape.iter().product::<usize>() * self.flat.dtype().size_in_bytes();
            table.insert(part.clone(), json!({ "dtype": name, "shape": shape, "data_offsets": [from, to] }));
            from = to;
        }
        let expected = self.flat.elem_count() * self.flat.dtype().size_in_bytes();
        if from != expected {
            return Err(Error::new(format!("the parts of {}", self.name))
                .got(from)
                .expected(format!("{expected} bytes")));
        }
        let mut table = Value::Object(table).to_string().into_bytes();
        table.resize(table.len().next_multiple_of(8), b' ');
        let mut header = (table.len() as u64).to_le_bytes().to_vec();
        header.extend_from_slice(&table);
        Ok(header)
    }
}

fn chunks(elements: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..elements).step_by(CHUNK).map(move |start| (start, CHUNK.min(elements - start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(flat: Tensor) -> FlatFile {
        FlatFile { name: "x.safetensors", flat, parts: vec![("a".into(), vec![2, 3]), ("b".into(), vec![4])] }
    }

    #[test]
    fn a_buffer_reads_back_bit_by_bit_in_every_dtype() {
        let folder = tempfile::tempdir().unwrap();
        for dtype in [DType::F32, DType::F64, DType::BF16, DType::F16, DType::U8] {
            let values = Tensor::randn(100f64, 30.0, 10, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let seal = file(values.clone()).write(folder.path()).unwrap();
            seal.check(&folder.path().join("x.safetensors")).unwrap();
            let target = Tensor::zeros(10, dtype, &Device::Cpu).unwrap();
            file(target.clone()).read(folder.path()).unwrap();
            assert_eq!(target.data(), values.data());
            let read = candle_core::safetensors::load(folder.path().join("x.safetensors"), &Device::Cpu).unwrap();
            assert_eq!(read["a"].dims(), [2, 3]);
            assert_eq!(read["b"].data(), values.narrow(0, 6, 4).unwrap().data());
        }
    }

    #[test]
    fn other_shapes_and_changed_bytes_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let values = Tensor::ones(10, DType::F32, &Device::Cpu).unwrap();
        let seal = file(values.clone()).write(folder.path()).unwrap();
        let other = FlatFile { parts: vec![("a".into(), vec![3, 2]), ("b".into(), vec![4])], ..file(values.clone()) };
        let text = other.read(folder.path()).unwrap_err().to_string();
        assert!(text.contains("other tensors than the ones trained now"), "{text}");
        assert!(FlatFile { parts: vec![("a".into(), vec![2, 3])], ..file(values) }.write(folder.path()).is_err());

        let mut bytes = std::fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(seal.check(&path).unwrap_err().to_string().contains("checksum"));
        bytes.pop();
        std::fs::write(&path, &bytes).unwrap();
        assert!(seal.check(&path).unwrap_err().to_string().contains("the size is"));
    }
}
