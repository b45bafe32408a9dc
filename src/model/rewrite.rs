//! A model folder copied with some of its weights changed on the way, some rows of one weight at a time.
//!
//! Shapes are known from the config, so each file's header is written first and its tensors follow, from the mapped files
//! of the base. What does not change is written straight from there. What changes is made in blocks on all threads while
//! another thread writes the block before; so the memory is that of a few blocks, whatever the size of the model.

use std::ops::Range;
use std::path::Path;

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use safetensors::tensor::View;

use super::config::Config;
use super::delta::{DELTA_FILE, Factors, Forecast, Record, rows_of_part};
use super::load::check;
use super::pieces::{Piece, Pieces, write_pieces};
use super::save::{Shard, write_files};
use super::tensor_file::{TensorFile, all_finite};
use super::tensor_writer::{header, ordered};
use super::values::{self, Values};
use super::weights::Weights;
use crate::error::{Error, Place, Result};
use crate::files;
use crate::kernels::matmul::matmul;

/// Elements of a block, about.
const BLOCK: usize = 4 << 20;

/// What becomes of a weight.
pub enum Change<'a> {
    /// It stays, but for its dtype.
    Nothing,
    /// `B·A` is added to it, with A `[rank, in]` and B `[out, rank]` in f32 on the CPU. The sum is computed in f32.
    Add {
        /// A.
        a: &'a Tensor,
        /// B.
        b: &'a Tensor,
    },
    /// The whole of it becomes something else, in f32; for what cannot be done row by row.
    Whole(Box<dyn Fn(Tensor) -> Result<Tensor> + 'a>),
}

/// How a folder is written again.
#[derive(Debug, Clone, Copy)]
pub struct Rewrite<'a> {
    /// The model's folder.
    pub base: &'a Path,
    /// The dtype of the weights written; the base's own if none is given.
    pub dtype: Option<DType>,
    /// The largest file of weights, in bytes.
    pub shard_bytes: u64,
    /// Keep beside the weights what gives the base back; see [`Delta`](super::Delta).
    pub keep_delta: bool,
}

impl Rewrite<'_> {
    /// Writes `config.json`, `generation_config.json` and the weights into a folder; `change` says what becomes of each
    /// weight by its name, and `done` hears of the bytes written and may stop the work.
    ///
    /// # Errors
    /// The base is no model; a weight is not finite, or becomes so in the dtype; what `change` and `done` say; the disk is
    /// full.
    pub fn write<'c>(
        &self,
        folder: &Path,
        change: &dyn Fn(&str) -> Result<Change<'c>>,
        done: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<Config> {
        let (config, weights) = (Config::read(self.base)?, Weights::open(self.base)?);
        check(&config, &weights)?;
        let dtype = self.dtype.or(config.dtype).unwrap_or(DType::F32);
        files::make_folder(folder)?;
        let mut record = match self.keep_delta {
            true => Some(Record::begin(&folder.join(DELTA_FILE), self.base, &weights)?),
            false => None,
        };
        write_files(folder, &config, dtype, self.shard_bytes, &mut |shard| {
            write_shard(&shard, (&weights, dtype), change, record.as_mut(), done)
        })?;
        if let Some(record) = record {
            record.finish(&weights)?;
        }
        let own = self.base.join(GENERATION);
        if own.is_file() {
            files::write(&folder.join(GENERATION), files::read(&own)?)?;
        }
        Ok(config)
    }
}

/// The file of generation settings; a base's own is copied as it is.
const GENERATION: &str = "generation_config.json";

fn write_shard<'c>(
    shard: &Shard<'_>,
    (weights, dtype): (&Weights, DType),
    change: &dyn Fn(&str) -> Result<Change<'c>>,
    mut record: Option<&mut Record>,
    done: &mut dyn FnMut(u64, &str) -> Result<()>,
) -> Result<()> {
    let tensors = ordered(shard.shapes);
    let header = header(&tensors, dtype, shard.metadata)?;
    write_pieces(&shard.path, |out| {
        out.put(Piece::New([&(header.len() as u64).to_le_bytes(), header.as_slice()].concat()))?;
        tensors.iter().try_for_each(|(name, shape)| {
            let Some(file) = weights.file(name) else { return Err(weights.missing(name)) };
            let stored = file.stored(name)?;
            let tensor = Moved { file, name, shape, stored, dtype };
            tensor.send(&change(name)?, out, record.as_deref_mut(), done).at(name.as_str())
        })
    })
}

/// A tensor between its old file and its new one.
struct Moved<'w> {
    file: &'w TensorFile,
    name: &'w str,
    shape: &'w [usize],
    stored: DType,
    dtype: DType,
}

impl<'w> Moved<'w> {
    fn send(
        &self,
        change: &Change<'_>,
        out: &Pieces<'w>,
        record: Option<&mut Record>,
        done: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let bytes = self.file.raw(self.name)?;
        let columns = self.shape.last().copied().unwrap_or(1).max(1);
        let rows = self.shape.iter().product::<usize>() / columns;
        let whole = match change {
            Change::Whole(make) => Some(self.whole(make)?.reshape((rows, columns))?),
            _ => None,
        };
        let mut kept = match record {
            Some(record) => Some(record.tensor(self.name, self.forecast(change, (rows, columns))?)?),
            None => None,
        };
        let part = rows_of_part(columns);
        let at_once = part * (BLOCK / (part * columns)).max(1);
        for first in (0..rows).step_by(at_once) {
            let block = first..(first + at_once).min(rows);
            let size = self.stored.size_in_bytes() * columns;
            let old = bytes.get(block.start * size..block.end * size).unwrap_or_default();
            let old = Values { bytes: old, dtype: self.stored };
            let piece = self.piece(change, whole.as_ref(), &block, old)?;
            if let Some(kept) = &mut kept {
                kept.block(first, old.bytes, &piece)?;
            }
            out.put(piece)?;
            done((block.len() * columns * self.dtype.size_in_bytes()) as u64, self.name)?;
        }
        kept.map_or(Ok(()), |kept| kept.finish())?;
        self.file.forget_tensor(self.name);
        Ok(())
    }

    /// Some rows as they are to be written.
    fn piece(
        &self,
        change: &Change<'_>,
        whole: Option<&Tensor>,
        block: &Range<usize>,
        old: Values<'w>,
    ) -> Result<Piece<'w>> {
        Ok(match (change, whole) {
            (Change::Nothing, _) if self.stored == self.dtype => {
                if !all_finite(old.bytes, self.stored) {
                    return Err(not_finite(false));
                }
                Piece::Old(old.bytes)
            }
            (Change::Add { a, b }, _) => {
                let update = matmul(&b.narrow(0, block.start, block.len())?, a)?;
                expect(&update, &[block.len(), self.shape.last().copied().unwrap_or(1)])?;
                Piece::New(with_f32(&update, |update| values::sum(old, update, self.dtype))?.ok_or(not_finite(true))?)
            }
            (_, Some(whole)) => {
                let part = whole.narrow(0, block.start, block.len())?;
                let bytes = part.flatten_all()?.data().into_owned();
                if !all_finite(&bytes, self.dtype) {
                    return Err(not_finite(true));
                }
                Piece::New(bytes)
            }
            _ => Piece::New(values::sum(old, &[], self.dtype).ok_or(not_finite(false))?),
        })
    }

    /// How its rows of before are foretold from those of after.
    fn forecast(&self, change: &Change<'_>, shape: (usize, usize)) -> Result<Forecast> {
        // Factors that are nearly as large as the weight, as those of narrow models are, would not make the delta smaller.
        let pays = |a: &Tensor, b: &Tensor| {
            let bytes = (a.elem_count() + b.elem_count()) * DType::F32.size_in_bytes();
            2 * bytes <= shape.0 * shape.1 * self.stored.size_in_bytes()
        };
        let factors = match change {
            Change::Add { a, b } if pays(a, b) => Some(Factors::of(a, b)?),
            _ => None,
        };
        Ok(Forecast { shape, base: Some(self.stored), merged: Some(self.dtype), factors })
    }

    /// A tensor that is made whole, in the dtype to write.
    fn whole(&self, make: &dyn Fn(Tensor) -> Result<Tensor>) -> Result<Tensor> {
        let made = make(self.file.read(self.name, DType::F32, &Device::Cpu)?)?;
        expect(&made, self.shape)?;
        Ok(made.to_dtype(self.dtype)?.contiguous()?)
    }
}

fn expect(tensor: &Tensor, shape: &[usize]) -> Result<()> {
    if tensor.dims() == shape {
        return Ok(());
    }
    Err(Error::new("the shape of what is merged").got(format!("{:?}", tensor.dims())).expected(format!("{shape:?}")))
}

/// Calls `f` with the elements of an f32 tensor on the CPU.
fn with_f32<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(values)), Some((start, end))) => values.get(start..end).map(f),
        _ => None,
    }
    .ok_or_else(|| Error::new("what is added to a weight").expected("f32 on the CPU"))
}

fn not_finite(merged: bool) -> Error {
    match merged {
        true => Error::new("the merged weight is not finite")
            .hint("the adapter's training diverged, or f16 is too narrow for it: use bf16 or f32"),
        false => Error::new("the tensor holds values that are not finite in the dtype to write")
            .hint("the weights are broken, or f16 is too narrow for them: use bf16 or f32"),
    }
}
