//! Several adapters compared on one base: each is swapped on and scores the same rows.

use std::path::Path;
use std::time::Instant;

use super::Place;
use super::figures::Figures;
use super::model;
use super::rows::Rows;
use super::timing::Timing;
use crate::adapter::Adapter;
use crate::cli::BenchArgs;
use crate::commands::chat::adapter_folders;
use crate::error::{Error, Result};
use crate::model::Llama;
use crate::progress::Progress;
use crate::train::micro_batches;

/// How often all adapters are compared, if the flags do not say.
const TIMES: usize = 3;

/// Times the comparison.
///
/// # Errors
/// The model, an adapter or the rows cannot be read; an adapter does not fit the model.
pub fn run(args: &BenchArgs, place: &Place, figures: &mut Figures, progress: Progress) -> Result<()> {
    let mut model = model::open(args, place, args.sequence_length)?;
    figures.parameters = model.config.parameter_count();
    let batches = micro_batches(&Rows::open(args, model.config.vocabulary)?.step(0), args.batch)?;
    let started = Instant::now();
    let adapters = load(args, &model)?;
    figures.load_s = Some(started.elapsed().as_secs_f64());
    figures.adapters = Some(adapters.len());
    let times = args.steps.unwrap_or(TIMES);
    let mut bar = progress.bar("bench", "adapters", 0, (times * adapters.len()) as u64);
    let mut timing = Timing::default();
    for _ in 0..times {
        timing.time(|| {
            for adapter in &adapters {
                adapter.attach(&mut model)?;
                for batch in &batches {
                    model.log_likelihoods(batch)?;
                }
            }
            Ok(())
        })?;
        bar.advance(adapters.len() as u64, "");
    }
    bar.finish("");
    figures.record_whole(&timing);
    let tokens = batches.iter().map(|batch| batch.ids.len()).sum::<usize>() * adapters.len();
    figures.tokens_per_s = Some(tokens as f64 / timing.median());
    Ok(())
}

fn load(args: &BenchArgs, model: &Llama) -> Result<Vec<Adapter>> {
    let open = |folder: &Path| Adapter::load_for(folder, model)?.prepare(model.dtype(), model.device());
    let mut adapters = Vec::new();
    for place in &args.adapter {
        for folder in adapter_folders(place)? {
            adapters.push(open(&folder)?);
        }
    }
    if adapters.is_empty() {
        return Err(Error::usage("--adapter is missing").hint("--method adapters compares the adapters that it names"));
    }
    Ok(adapters)
}
