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
pub mod probe;
pub mod publish;
pub mod search;
mod stage;
mod summary;
mod training;

use std::path::{Path, PathBuf};

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
    card::write_all(&ground, recipe)?;
    Ok(Summary::new(&ground, table, began.elapsed()))
}

/// Scores what is finished, without training anything.
pub fn compare_finished(recipe: &Recipe, options: &RunOptions<'_>) -> Result<Summary> {
    let began = std::time::Instant::now();
    let recipe = &*pins::pinned(recipe, options)?;
    let ground = Ground::prepare(recipe, options)?;
    let table = compare::run(&ground)?;
    card::write_all(&ground, recipe)?;
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

/// The folder of a model that is named as people name it: itself, or that of a built-in one, written into `scratch`.
///
/// # Errors
/// There is no such folder and no built-in model of that name.
pub fn model_folder(name: &str, scratch: &Path) -> Result<PathBuf> {
    let folder = Path::new(name);
    if folder.is_dir() || !assets::exists(name) {
        return Ok(folder.to_owned());
    }
    assets::unpack(name, scratch)?;
    Ok(scratch.to_owned())
}

/// The hash of a model folder's weights, as adapters record it.
///
/// # Errors
/// A file cannot be read.
pub fn hash_of_weights(folder: &Path) -> Result<String> {
    base::weights_hash(folder)
}
