//! `emakeel search-merge`: the weights of a combination, found on held-out rows.

use std::path::Path;

use serde_json::json;

use super::combine::settings;
use super::interrupt::Interrupt;
use super::output;
use super::speaker::template_named;
use super::weighted::open_all;
use crate::adapter::{CONFIG_FILE, WEIGHTS_FILE};
use crate::cli::SearchArgs;
use crate::device::{self, DeviceChoice};
use crate::error::{Error, Place, Result};
use crate::eval::text_loss::HeldOut;
use crate::files;
use crate::progress::Progress;
use crate::study::search::{Found, Search, trials_beside};
use crate::study::{self, OpenedModel};

/// The name of the trials in the folder that is written.
const TRIALS: &str = "trials.json";

/// Searches, writes the best combination, and prints what was tried.
pub fn run(args: &SearchArgs, progress: Progress) -> Result<()> {
    if args.out.exists() {
        return Err(Error::new("the folder to write is already there")
            .at(args.out.display().to_string())
            .hint("give another folder, or remove it; what was tried is kept beside it and is not tried again"));
    }
    let device = device::open(args.device.parse::<DeviceChoice>()?)?;
    let dtype = device::dtype_named(&args.dtype)
        .ok_or_else(|| Error::usage("--dtype").got(format!("{:?}", args.dtype)).expected("f32, bf16 or f16"))?;
    let template = template_named(&args.template)?;
    let adapters = open_all(args.adapters.iter().map(std::path::PathBuf::as_path))?;
    let OpenedModel { mut model, tokenizer, weights_hash } = study::open_model(&args.base, dtype, &device)?;
    for (name, adapter) in &adapters {
        adapter.check_base(&weights_hash).at(name.as_str())?;
        adapter.check_fits(&model).at(name.as_str())?;
    }
    let context = model.config.max_position_embeddings;
    let held_out = HeldOut::open(&args.data, (&tokenizer, &template), context, args.limit)?;
    let search = Search {
        adapters: &adapters,
        settings: settings(&args.how),
        held_out: &held_out,
        identity: identity(args, &weights_hash)?,
        steps: args.steps.into(),
        kept: trials_beside(&args.out),
    };
    progress.say(format!("{} rows of {}, at most {} trials", held_out.rows(), args.data.display(), args.steps));
    let interrupt = Interrupt::listen()?;
    let mut bar = progress.bar("search", "trials", 0, args.steps.into());
    let mut least = f64::INFINITY;
    let found = search.run(&mut model, &|| interrupt.asked(), &mut |trial| {
        least = least.min(trial.bits_per_byte);
        bar.advance(1, format!("best {least:.4} bits per byte"));
    })?;
    bar.finish("");
    found.combined.adapter.save_with(&args.out, |folder| {
        files::write_json(&folder.join(TRIALS), &json!({ "best": found.best, "trials": found.trials }))
    })?;
    if args.json {
        return output::print_json(&json!({
            "out": args.out, "best": found.best, "trials": found.trials,
            "adapters": adapters.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        }));
    }
    output::print(table(&found, &adapters.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()))?;
    progress.say(format!("written to {}", args.out.display()));
    Ok(())
}

/// The trials, one a line.
fn table(found: &Found, names: &[&str]) -> String {
    let widths: Vec<usize> = names.iter().map(|name| name.chars().count().max(8)).collect();
    let has_density = found.trials.iter().any(|trial| trial.density.is_some());
    let mut text = format!("{:>5}", "trial");
    for (name, width) in names.iter().zip(&widths) {
        text.push_str(&format!("  {name:>width$}"));
    }
    text.push_str(if has_density { "  density  bits per byte" } else { "  bits per byte" });
    for (trial, number) in found.trials.iter().zip(0usize..) {
        text.push_str(&format!("\n{:>5}", number + 1));
        for (weight, width) in trial.weights.iter().zip(&widths) {
            text.push_str(&format!("  {weight:>width$.4}"));
        }
        if let Some(density) = trial.density {
            text.push_str(&format!("  {density:>7.4}"));
        }
        let best = if number == found.best { "  ← best" } else { "" };
        text.push_str(&format!("  {:>13.4}{best}", trial.bits_per_byte));
    }
    text
}

/// The hash of everything that losses follow from, beside the point itself.
fn identity(args: &SearchArgs, weights_hash: &str) -> Result<String> {
    let mut parts = vec![weights_hash.to_owned(), files::sha256_of_file(&args.data)?];
    for folder in &args.adapters {
        parts.push(hash_of(folder)?);
    }
    parts.push(format!("{:?} {} {} {}", args.limit, args.template, args.dtype, env!("CARGO_PKG_VERSION")));
    Ok(files::sha256(parts.join("\n")))
}

/// The hash of an adapter's files, PEFT's or MLX's.
fn hash_of(folder: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for name in [CONFIG_FILE, WEIGHTS_FILE, "adapters.safetensors"] {
        let path = folder.join(name);
        if path.is_file() {
            parts.push(files::sha256_of_file(&path)?);
        }
    }
    Ok(files::sha256(parts.join("\n")))
}
