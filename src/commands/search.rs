//! `emakeel search-merge`: the weights of a combination, found on held-out rows or on a recipe's tasks.

use std::path::Path;

use serde_json::json;

use super::combine::settings;
use super::interrupt::Interrupt;
use super::output;
use super::speaker::template_named;
use super::weighted::open_all;
use crate::adapter::{CONFIG_FILE, WEIGHTS_FILE};
use crate::cli::SearchArgs;
use crate::data::Tokenizer;
use crate::device::{self, DeviceChoice};
use crate::error::{Error, Place, Result};
use crate::eval::Task;
use crate::eval::text_loss::HeldOut;
use crate::files;
use crate::model::Config;
use crate::progress::Progress;
use crate::recipe::{ChatTemplate, Recipe};
use crate::study::search::{Found, Measure, Search, Trial, trials_beside};
use crate::study::{self, OpenedModel};

/// The name of the trials in the folder that is written.
const TRIALS: &str = "trials.json";

/// Searches, writes the best combination, and prints what was tried.
pub fn run(args: &SearchArgs, progress: Progress) -> Result<()> {
    output::refuse_existing(&args.out)?;
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
    let ground = Ground::open(args, (&tokenizer, &template), &model.config)?;
    let measure = ground.measure(&tokenizer);
    let scores = measure.scores();
    let search = Search {
        adapters: &adapters,
        settings: settings(&args.how),
        measure,
        identity: identity(args, &weights_hash, &ground)?,
        steps: args.steps.into(),
        kept: trials_beside(&args.out),
    };
    progress.say(format!("{}, at most {} trials", ground.words(), args.steps));
    let interrupt = Interrupt::listen()?;
    let mut bar = progress.bar("search", "trials", 0, args.steps.into());
    let mut least = f64::INFINITY;
    let found = search.run(&mut model, &|| interrupt.asked(), &mut |trial| {
        least = least.min(trial.loss);
        let best = if scores.is_empty() { format!("{least:.4} bits per byte") } else { format!("{:.4}", -least) };
        bar.advance(1, format!("best {best}"));
    })?;
    bar.finish("");
    found.combined.adapter.save_with(&args.out, |folder| {
        files::write_json(&folder.join(TRIALS), &json!({ "best": found.best, "trials": found.trials }))
    })?;
    if args.json {
        return output::print_json(&json!({
            "out": args.out, "best": found.best, "trials": found.trials, "scores": scores,
            "adapters": adapters.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        }));
    }
    output::print(table(&found, &adapters.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), &scores))?;
    progress.say(format!("written to {}", args.out.display()));
    Ok(())
}

/// What combinations are measured on.
enum Ground {
    Rows(HeldOut, String),
    Tasks(Vec<Task>),
}

impl Ground {
    fn open(args: &SearchArgs, reading: (&Tokenizer, &ChatTemplate), config: &Config) -> Result<Self> {
        if let Some(path) = &args.data {
            let rows = HeldOut::open(path, reading, config.max_position_embeddings, args.limit)?;
            return Ok(Self::Rows(rows, path.display().to_string()));
        }
        let Some(path) = &args.recipe else { return Err(Error::usage("--data or --recipe is missing")) };
        let mut study = Recipe::open(path, &args.sets)?.study;
        if let (Some(compare), Some(limit)) = (&mut study.compare, args.limit) {
            compare.limit = Some(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        let tasks = Task::load_named(&study, &args.task).at(path.display().to_string())?;
        tasks.iter().try_for_each(|task| task.check_lengths(reading.0, config))?;
        Ok(Self::Tasks(tasks))
    }

    fn measure<'a>(&'a self, tokenizer: &'a Tokenizer) -> Measure<'a> {
        match self {
            Self::Rows(rows, _) => Measure::Rows(rows),
            Self::Tasks(tasks) => Measure::Tasks { tasks, tokenizer },
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Rows(rows, place) => format!("{} rows of {place}", rows.rows()),
            Self::Tasks(tasks) => {
                let words = tasks.iter().map(|task| format!("{} examples of {}", task.len(), task.name()));
                words.collect::<Vec<_>>().join(", ")
            }
        }
    }
}

/// The trials, one a line.
fn table(found: &Found, names: &[&str], scores: &[String]) -> String {
    let widths: Vec<usize> = names.iter().map(|name| name.chars().count().max(8)).collect();
    let has_density = found.trials.iter().any(|trial| trial.density.is_some());
    // Scores are numbered where they are several, since their names are long.
    let mut text = String::new();
    for (score, number) in scores.iter().zip(1..) {
        text.push_str(&format!("score {number}: {score}\n"));
    }
    text.push_str(&format!("{:>5}", "trial"));
    for (name, width) in names.iter().zip(&widths) {
        text.push_str(&format!("  {name:>width$}"));
    }
    text.push_str(if has_density { "  density" } else { "" });
    for (_, number) in scores.iter().zip(1..) {
        text.push_str(&format!("  {:>8}", format!("score {number}")));
    }
    text.push_str(match scores.len() {
        0 => "  bits per byte",
        1 => "",
        _ => "      mean",
    });
    for (trial, number) in found.trials.iter().zip(0usize..) {
        text.push_str(&line(trial, number, &widths));
        text.push_str(if number == found.best { "  ← best" } else { "" });
    }
    text
}

/// One trial; the mean of several scores counts those of which less is better as negative.
fn line(trial: &Trial, number: usize, widths: &[usize]) -> String {
    let mut text = format!("\n{:>5}", number + 1);
    for (weight, width) in trial.weights.iter().zip(widths) {
        text.push_str(&format!("  {weight:>width$.4}"));
    }
    if let Some(density) = trial.density {
        text.push_str(&format!("  {density:>7.4}"));
    }
    for score in &trial.scores {
        text.push_str(&format!("  {score:>8.3}"));
    }
    match trial.scores.len() {
        0 => text.push_str(&format!("  {:>13.4}", trial.loss)),
        1 => {}
        _ => text.push_str(&format!("  {:>8.3}", -trial.loss)),
    }
    text
}

/// The hash of everything that trials follow from, beside the point itself.
fn identity(args: &SearchArgs, weights_hash: &str, ground: &Ground) -> Result<String> {
    let mut parts = vec![weights_hash.to_owned()];
    match (ground, &args.data) {
        (Ground::Tasks(tasks), _) => {
            parts.extend(tasks.iter().map(|task| format!("{task:?} {:?}", task.metrics())));
        }
        (Ground::Rows(..), Some(path)) => parts.push(files::sha256_of_file(path)?),
        (Ground::Rows(..), None) => {}
    }
    for folder in &args.adapters {
        parts.push(hash_of(folder)?);
    }
    parts.push(format!("{:?} {} {} {}", args.limit, args.template, args.dtype, env!("CARGO_PKG_VERSION")));
    Ok(files::sha256(parts.join("\n")))
}

/// The hash of an adapter's files, PEFT's or MLX's.
fn hash_of(folder: &Path) -> Result<String> {
    let mut parts = Vec::new();
    for name in [CONFIG_FILE, WEIGHTS_FILE, "adapter_model.bin", "adapters.safetensors"] {
        let path = folder.join(name);
        if path.is_file() {
            parts.push(files::sha256_of_file(&path)?);
        }
    }
    Ok(files::sha256(parts.join("\n")))
}
