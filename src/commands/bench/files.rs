//! The files of a model: written and read as a run does it, one weight in memory at a time.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use safetensors::tensor::View;
use serde::Serialize;

use super::Place;
use super::model::{self, SEED};
use crate::cli::BenchArgs;
use crate::commands::output;
use crate::device;
use crate::error::{Error, Result};
use crate::files;
use crate::model::{Config, SHARD_BYTES, read_weights, write_model};
use crate::progress::{Progress, short_bytes};
use crate::random::Stream;

/// What was written and read.
#[derive(Debug, Default, Serialize)]
struct FileFigures {
    method: &'static str,
    model: String,
    dtype: String,
    parameters: u64,
    /// Bytes of weights.
    bytes: u64,
    /// Files of weights.
    files: usize,
    write_s: f64,
    write_bytes_per_s: f64,
    read_s: f64,
    read_bytes_per_s: f64,
    /// The most memory that the process had, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_mb: Option<f64>,
}

/// Writes and reads a model of the shape in a folder of its own, which is removed again; every weight must come back
/// bit by bit.
///
/// # Errors
/// The disk is full; a weight comes back changed.
pub fn run(args: &BenchArgs, place: &Place, name: String, progress: Progress) -> Result<()> {
    let config = model::config(args, 2048)?;
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = parent.join(format!("emakeel-files-{}", std::process::id()));
    files::make_folder(&folder)?;
    let measured = measure(&folder, &config, place.dtype, progress);
    files::remove_folder(&folder)?;
    let figures = FileFigures { model: name, dtype: args.dtype.clone(), ..measured? };
    if args.json { output::print_json(&figures) } else { output::print(figures.to_text()) }
}

fn measure(folder: &Path, config: &Config, dtype: DType, progress: Progress) -> Result<FileFigures> {
    let bytes = (config.parameter_count() * dtype.size_in_bytes()) as u64;
    let mut bar = progress.bar("files", "bytes", 0, 2 * bytes);
    let mut hashes = BTreeMap::new();
    let started = Instant::now();
    write_model(folder, config, dtype, SHARD_BYTES, &mut |name, shape| {
        let tensor = noise(name, shape, dtype)?;
        hashes.insert(name.to_owned(), hash(&tensor));
        bar.advance((tensor.elem_count() * dtype.size_in_bytes()) as u64, "written");
        Ok(tensor)
    })?;
    let write_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    read_weights(folder, dtype, &mut |name, tensor| {
        bar.advance((tensor.elem_count() * dtype.size_in_bytes()) as u64, "read");
        if hashes.remove(name) == Some(hash(&tensor)) {
            return Ok(());
        }
        Err(Error::new("a weight came back changed from the disk").at(format!("{}: {name}", folder.display())))
    })?;
    let read_s = started.elapsed().as_secs_f64();
    bar.finish("");
    let weights = std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list the folder", &e))?;
    let is_weights = |path: &Path| path.extension().is_some_and(|extension| extension == "safetensors");
    Ok(FileFigures {
        method: "files",
        parameters: config.parameter_count() as u64,
        bytes,
        files: weights.flatten().filter(|entry| is_weights(&entry.path())).count(),
        write_s,
        write_bytes_per_s: bytes as f64 / write_s,
        read_s,
        read_bytes_per_s: bytes as f64 / read_s,
        peak_mb: device::peak_memory(&Device::Cpu).map(|bytes| bytes as f64 / f64::from(1 << 20)),
        ..FileFigures::default()
    })
}

/// Numbers of the size of weights, uniform: made faster than a disk takes them.
fn noise(name: &str, shape: &[usize], dtype: DType) -> Result<Tensor> {
    let stream = Stream::new(SEED, name);
    let count = shape.iter().product::<usize>() as u64;
    let values: Vec<f32> = (0..count).into_par_iter().map(|i| 0.04 * (stream.unit_at(i) as f32 - 0.5)).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}

/// A number that another content of the tensor would very likely not have.
fn hash(tensor: &Tensor) -> u64 {
    let bytes = tensor.data();
    let parts = bytes.par_chunks(1 << 20).map(|part| {
        let words = part.chunks(8).map(|word| word.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte)));
        words
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, word| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29))
    });
    parts.collect::<Vec<_>>().into_iter().fold(0, |hash: u64, part| hash.wrapping_mul(31).wrapping_add(part))
}

impl FileFigures {
    fn to_text(&self) -> String {
        let rate = |bytes: f64| format!("{}/s", short_bytes(bytes as u64));
        let peak = self.peak_mb.map_or_else(String::new, |peak| format!("\npeak memory  {peak:.0} MiB"));
        format!(
            "{}, {}: {} in {} files\nwritten      {:.1} s, {}\nread         {:.1} s, {}{peak}",
            self.model,
            self.dtype,
            short_bytes(self.bytes),
            self.files,
            self.write_s,
            rate(self.write_bytes_per_s),
            self.read_s,
            rate(self.read_bytes_per_s),
        )
    }
}
