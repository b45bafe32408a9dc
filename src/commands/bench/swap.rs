//! How long it takes to load an adapter and to swap a loaded one, at the shape of a model whose weights take no memory.

use std::path::Path;
use std::time::Instant;

use candle_core::{DType, Device, Tensor};
use serde::Serialize;

use super::Place;
use super::model::{self, SEED};
use crate::adapter::{Adapter, detach};
use crate::cli::BenchArgs;
use crate::commands::output;
use crate::error::{Error, Result};
use crate::files;
use crate::model::Llama;
use crate::progress::short_bytes;
use crate::recipe::{AllLinear, LoraSettings, Targets};

/// Swaps, if the flags do not say how many.
const SWAPS: usize = 200;

/// What was measured; times are in seconds.
#[derive(Debug, Serialize)]
struct SwapFigures {
    method: &'static str,
    model: String,
    rank: usize,
    modules: usize,
    swaps: usize,
    /// The median swap.
    swap_s: f64,
    /// The longest swap.
    swap_max_s: f64,
    /// Bytes of an adapter's file.
    bytes: u64,
    /// Reading the folder from the system's memory of files, checked value by value.
    load_s: f64,
    load_bytes_per_s: f64,
    /// Reading the same file without looking at it.
    read_bytes_per_s: f64,
}

/// Measures, and prints the figures.
///
/// # Errors
/// The shape is not one; the folder for the adapter's file cannot be written.
pub fn run(args: &BenchArgs, place: &Place, name: String) -> Result<()> {
    let mut model = Llama::hollow(model::config(args, 2048)?, place.dtype)?;
    let made = adapter(&mut model, args.rank)?;
    let parent = args.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = parent.join(format!("emakeel-swap-{}", std::process::id()));
    made.save(&folder)?;
    drop(made);
    let loaded = load(&folder, &model);
    files::remove_folder(&folder)?;
    let (adapter, bytes, load_s, read_s) = loaded?;
    let adapters = [adapter.prepare(place.dtype, &Device::Cpu)?, adapter.prepare(place.dtype, &Device::Cpu)?];
    let swaps = args.steps.unwrap_or(SWAPS);
    let mut times = Vec::with_capacity(swaps);
    for adapter in adapters.iter().cycle().take(swaps) {
        let started = Instant::now();
        adapter.attach(&mut model)?;
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let figures = SwapFigures {
        method: "swap",
        model: name,
        rank: args.rank,
        modules: adapter.modules.len(),
        swaps,
        swap_s: times.get(times.len() / 2).copied().unwrap_or(0.0),
        swap_max_s: times.last().copied().unwrap_or(0.0),
        bytes,
        load_s,
        load_bytes_per_s: bytes as f64 / load_s,
        read_bytes_per_s: bytes as f64 / read_s,
    };
    if args.json { output::print_json(&figures) } else { output::print(figures.to_text()) }
}

/// An adapter on all linear modules.
fn adapter(model: &mut Llama, rank: usize) -> Result<Adapter> {
    let settings = LoraSettings {
        rank,
        alpha: 2.0 * rank as f64,
        dropout: 0.0,
        targets: Targets::AllLinear(AllLinear::AllLinear),
        ..LoraSettings::default()
    };
    let (_, config) = crate::adapter::create(model, &settings, SEED)?;
    let mut adapter = Adapter::take(model, &config)?;
    detach(model)?;
    for pair in adapter.modules.values_mut() {
        pair.b = Tensor::full(0.01f32, pair.b.dims(), &Device::Cpu)?.to_dtype(DType::F32)?;
    }
    Ok(adapter)
}

/// The adapter of a folder, the bytes of its file, and how long loading and merely reading took.
fn load(folder: &Path, model: &Llama) -> Result<(Adapter, u64, f64, f64)> {
    let path = folder.join(crate::adapter::WEIGHTS_FILE);
    let started = Instant::now();
    let mut file = std::fs::File::open(&path).map_err(|e| Error::io(&path, "read the file", &e))?;
    let bytes =
        std::io::copy(&mut file, &mut Sink(vec![0; 1 << 20])).map_err(|e| Error::io(&path, "read the file", &e))?;
    let read_s = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let adapter = Adapter::load_for(folder, model)?;
    Ok((adapter, bytes, started.elapsed().as_secs_f64(), read_s))
}

/// Takes bytes into one piece of memory, over those before.
struct Sink(Vec<u8>);

impl std::io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(self.0.len());
        if let (Some(to), Some(from)) = (self.0.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl SwapFigures {
    fn to_text(&self) -> String {
        let rate = |bytes: f64| format!("{}/s", short_bytes(bytes as u64));
        format!(
            "{}, rank {} on {} modules: {} on disk\nswap  {:.3} ms (median of {}; {:.3} ms at most)\nload  {:.3} s, {} \
             (reading alone: {})",
            self.model,
            self.rank,
            self.modules,
            short_bytes(self.bytes),
            1e3 * self.swap_s,
            self.swaps,
            1e3 * self.swap_max_s,
            self.load_s,
            rate(self.load_bytes_per_s),
            rate(self.read_bytes_per_s),
        )
    }
}
