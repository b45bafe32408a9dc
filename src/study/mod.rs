//! A study from its recipe to its comparison: stages in order, each continued where it stopped.

mod adapters;
mod assets;
mod base;
mod candidate;
mod card;
mod check;
mod compare;
mod comparison;
mod extended;
mod folder;
mod foresee;
mod ground;
mod look;
mod named_files;
mod pins;
mod pretrain;
mod stage;
mod summary;
mod training;

use std::path::Path;

use candle_core::{DType, Device};

use crate::data::Tokenizer;
use crate::error::Result;
use crate::model::Llama;
use crate::recipe::Recipe;

pub use check::{Plan, check};
pub use folder::{RunFolder, StageRecord};
pub use foresee::{Foreseen, foresee};
pub use ground::RunOptions;
pub use look::{Look, LookOptions, Marks, look};
pub use summary::Summary;

use ground::Ground;

/// Runs a study to its end; what is finished is left alone.
///
/// # Errors
/// Whatever stopped it, an interruption included. Running it again goes on from there.
pub fn run(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Summary> {
    let began = std::time::Instant::now();
    let recipe = &*pins::pinned(recipe, options)?;
    named_files::exist(recipe)?;
    let ground = Ground::prepare(recipe, options)?;
    ground.write_down(recipe)?;
    pretrain::run(&ground)?;
    adapters::run(&ground)?;
    let table = compare::run(&ground)?;
    Ok(Summary::new(&ground, table, began.elapsed()))
}

/// Scores what is finished, without training anything.
pub fn compare_finished(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Summary> {
    let began = std::time::Instant::now();
    let recipe = &*pins::pinned(recipe, options)?;
    let ground = Ground::prepare(recipe, options)?;
    let table = compare::run(&ground)?;
    Ok(Summary::new(&ground, table, began.elapsed()))
}

/// A model on its own, ready to answer.
pub struct OpenedModel {
    /// The weights.
    pub model: Llama,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// What identifies its weights, as adapters record it.
    pub weights_hash: String,
}

/// Loads a model by the name of a built-in one or by its folder.
pub fn open_model(name: &str, dtype: DType, device: &Device) -> Result<OpenedModel> {
    let folder = Path::new(name);
    if folder.is_dir() || !assets::exists(name) {
        let model = Llama::load(folder, dtype, device)?;
        return Ok(OpenedModel {
            model,
            tokenizer: Tokenizer::open(folder)?,
            weights_hash: base::weights_hash(folder)?,
        });
    }
    assets::open(name, dtype, device)
}
