//! A base written again from the model that adapters were merged into, and its delta.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::forecast::{Factors, Forecast, rows_of_part};
use super::frames::{damaged, largest, take, unpack};
use super::table::{KeptBytes, KeptTensor, Table, TreeHash, digest};
use super::{DELTA_FILE, END, MAGIC, planes};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::model::pieces::{Piece, Pieces, write_pieces};
use crate::model::weights::Weights;

/// Parts that are in memory at a time.
const PARTS: usize = 16;

/// The largest table, in bytes.
const LARGEST_TABLE: u64 = 1 << 28;

/// A merged model's folder and what gives its base back.
#[derive(Debug)]
pub struct Delta {
    folder: PathBuf,
    path: PathBuf,
    table: Table,
}

impl Delta {
    /// Opens the delta in a merged model's folder.
    ///
    /// # Errors
    /// There is none; it is damaged.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(DELTA_FILE);
        if !path.is_file() {
            return Err(Error::new(format!("there is no {DELTA_FILE}, so the base cannot be brought back"))
                .at(folder.display().to_string())
                .hint("it is written by `emakeel merge --keep-delta` and cannot be made afterwards"));
        }
        let table = read_table(&path).at(path.display().to_string())?;
        table.check_names(&path)?;
        Ok(Self { folder: folder.to_owned(), path, table })
    }

    /// How large the base's weights are, in bytes.
    ///
    /// # Errors
    /// The delta is damaged.
    pub fn bytes(&self) -> Result<u64> {
        self.table.tensors.iter().map(|tensor| Ok(tensor.bytes()? as u64)).sum()
    }

    /// Writes the base's folder whole, in place of an older one: its files of weights with the same bytes, and the small
    /// files that were beside them. `done` hears of the bytes written, and may stop the work.
    ///
    /// # Errors
    /// The merged weights have changed since; the delta is damaged; what comes out is not what the delta says the base
    /// was; the disk is full; what `done` says. Nothing is left then.
    pub fn restore(&self, out: &Path, done: &mut dyn FnMut(u64, &str) -> Result<()>) -> Result<()> {
        let merged = Weights::open(&self.folder)?;
        let input = File::open(&self.path).map_err(|e| Error::io(&self.path, "open the file", &e))?;
        let mut input = BufReader::with_capacity(1 << 20, input);
        let tensors: BTreeMap<&str, &KeptTensor> =
            self.table.tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
        let broken = |error: Error| error.at(self.path.display().to_string());
        files::write_folder(out, |folder| {
            for small in &self.table.small {
                files::write(&folder.join(&small.name), content(&mut input, small).map_err(broken)?)?;
            }
            for file in &self.table.weights {
                let head = content(&mut input, file).map_err(broken)?;
                write_pieces(&folder.join(&file.name), |out| {
                    out.put(Piece::New(head))?;
                    file.tensors.iter().flatten().try_for_each(|name| {
                        let kept = tensors.get(name.as_str()).ok_or_else(|| broken(damaged()))?;
                        self.tensor(kept, &merged, &mut input, out, done).at(name.as_str())
                    })
                })?;
            }
            Ok(())
        })
    }

    /// Writes one tensor, and holds both sides against what the delta says of them.
    fn tensor<'w>(
        &self,
        kept: &KeptTensor,
        weights: &Weights,
        input: &mut BufReader<File>,
        out: &Pieces<'w>,
        done: &mut dyn FnMut(u64, &str) -> Result<()>,
    ) -> Result<()> {
        let broken = |error: Error| error.at(self.path.display().to_string());
        let mut forecast = kept.forecast().map_err(broken)?;
        let merged = self.merged(kept, &forecast, weights)?;
        input.seek(SeekFrom::Start(kept.at)).map_err(|e| Error::io(&self.path, "read the file", &e))?;
        forecast.factors = factors(input, kept).map_err(broken)?;
        let (rows, columns) = forecast.shape;
        let part = rows_of_part(columns);
        let (mut hash, mut merged_hash) = (TreeHash::default(), TreeHash::default());
        for first in (0..rows).step_by(part * PARTS) {
            let block = first..(first + part * PARTS).min(rows);
            let mut bytes = Vec::with_capacity(block.len() * columns * forecast.size());
            for Part { made, base, merged } in self.block(&forecast, block, merged, input).map_err(broken)? {
                bytes.extend(made);
                hash.add(&[base]);
                merged_hash.add(&[merged]);
            }
            let count = bytes.len() as u64;
            out.put(Piece::New(bytes))?;
            done(count, &kept.name)?;
        }
        if let Some(file) = weights.file(&kept.name) {
            file.forget_tensor(&kept.name);
        }
        if merged_hash.finish() != kept.merged_hash {
            return Err(self.changed());
        }
        if hash.finish() != kept.hash {
            return Err(broken(damaged()));
        }
        Ok(())
    }

    /// The bytes of the merged tensor; none if the merged model has no such tensor.
    fn merged<'m>(&self, kept: &KeptTensor, forecast: &Forecast, weights: &'m Weights) -> Result<&'m [u8]> {
        let Some(dtype) = forecast.merged else { return Ok(&[]) };
        let Some(file) = weights.file(&kept.name) else { return Err(self.changed()) };
        let bytes = file.raw(&kept.name)?;
        let expected = forecast.shape.0 * forecast.shape.1 * forecast.merged_size();
        if file.dtype(&kept.name) != Some(dtype) || bytes.len() != expected {
            return Err(self.changed());
        }
        Ok(bytes)
    }

    fn changed(&self) -> Error {
        Error::new("the merged weights have changed since the merge, so the base cannot be brought back from them")
            .at(self.folder.display().to_string())
            .hint("merge again into another folder; the delta fits the weights that were written with it only")
    }

    /// Some rows, part by part.
    fn block(
        &self,
        forecast: &Forecast,
        rows: Range<usize>,
        merged: &[u8],
        input: &mut impl Read,
    ) -> Result<Vec<Part>> {
        let (columns, size) = (forecast.shape.1, forecast.size());
        let part = rows_of_part(columns);
        let starts: Vec<usize> = rows.clone().step_by(part).collect();
        let end = |start: usize| (start + part).min(rows.end);
        let bytes = |start: usize| (end(start) - start) * columns * size;
        let frames = starts.iter().map(|start| take(input, largest(bytes(*start)))).collect::<Result<Vec<_>>>()?;
        let one = |(start, frame): (&usize, &Vec<u8>)| -> Result<Part> {
            let long = columns * forecast.merged_size();
            let new = merged.get(start * long..end(*start) * long).unwrap_or_default();
            let mut made = forecast.of(*start..end(*start), new);
            if !frame.is_empty() {
                planes::together(&unpack(frame, bytes(*start))?, &mut made, size);
            }
            Ok(Part { base: digest(&made), merged: digest(new), made })
        };
        starts.par_iter().zip(&frames).map(one).collect()
    }
}

/// Some rows of the base.
struct Part {
    made: Vec<u8>,
    base: [u8; 32],
    merged: [u8; 32],
}

/// The table at the end of the file.
fn read_table(path: &Path) -> Result<Table> {
    let failed = |e| Error::io(path, "read the file", &e);
    let mut file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let before = length.checked_sub(END as u64).ok_or_else(damaged)?;
    let mut end = [0u8; END];
    file.seek(SeekFrom::Start(before)).map_err(failed)?;
    file.read_exact(&mut end).map_err(failed)?;
    let Some((size, rest)) = end.split_first_chunk::<8>() else { return Err(damaged()) };
    let size = u64::from_le_bytes(*size);
    let start = before.checked_sub(size).filter(|_| size <= LARGEST_TABLE).ok_or_else(damaged)?;
    let mut frame = vec![0u8; size as usize];
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    file.read_exact(&mut frame).map_err(failed)?;
    let Some((hash, magic)) = rest.split_first_chunk::<32>() else { return Err(damaged()) };
    if magic != MAGIC || digest(&frame) != *hash {
        return Err(damaged());
    }
    let mut text = Vec::new();
    let decoder = zstd::stream::read::Decoder::new(frame.as_slice()).map_err(|_| damaged())?;
    decoder.take(LARGEST_TABLE).read_to_end(&mut text).map_err(|_| damaged())?;
    serde_json::from_slice(&text).map_err(|_| damaged())
}

/// A file that is kept whole.
fn content(input: &mut BufReader<File>, kept: &KeptBytes) -> Result<Vec<u8>> {
    input.seek(SeekFrom::Start(kept.at)).map_err(|_| damaged())?;
    unpack(&take(input, largest(kept.bytes))?, kept.bytes)
}

/// The factors in front of a tensor's parts.
fn factors(input: &mut impl Read, kept: &KeptTensor) -> Result<Option<Factors>> {
    let Some(rank) = kept.rank else { return Ok(None) };
    let mut values = |count: Option<usize>| -> Result<Vec<f32>> {
        let bytes = count.and_then(|count| count.checked_mul(4)).ok_or_else(damaged)?;
        let bytes = unpack(&take(input, largest(bytes))?, bytes)?;
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let a = values(rank.checked_mul(kept.shape.1))?;
    let b = values(rank.checked_mul(kept.shape.0))?;
    Ok(Some(Factors { a, b, rank }))
}
