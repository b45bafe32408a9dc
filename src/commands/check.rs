//! `emakeel check`: everything validated, nothing trained; or the memory of a GPU planned from the recipe alone.

use std::path::Path;

use crate::cli::CheckArgs;
use crate::commands::{output, shape};
use crate::data::stream::CacheFolder;
use crate::error::{Error, Result};
use crate::model::Config;
use crate::progress::Progress;
use crate::recipe::{BaseOrigin, Recipe};
use crate::study::{self, RunOptions};

/// Validates the recipe and prints the plan.
pub fn run(args: &CheckArgs, progress: Progress) -> Result<()> {
    let recipe = Recipe::open(&args.recipe.recipe, &args.recipe.sets)?;
    let json = args.recipe.json;
    if let Some(memory) = args.gpu_memory {
        let config = shape_of_base(args, &recipe)?;
        let foreseen = study::foresee(&recipe, &config, memory.0)?;
        return if json { output::print_json(&foreseen) } else { output::print(foreseen.to_text()) };
    }
    let folder = args.recipe.runs.join(&recipe.study.name);
    let cache = CacheFolder::choose(args.recipe.cache.as_deref())?;
    let plan =
        study::check(&recipe, &RunOptions { folder: &folder, cache: &cache, progress, stop: &|| false, together: 1 })?;
    if json { output::print_json(&plan) } else { output::print(plan.to_text()) }
}

fn shape_of_base(args: &CheckArgs, recipe: &Recipe) -> Result<Config> {
    match (&args.shape, &recipe.study.base.origin) {
        (Some(text), _) => shape::config(shape::named(Path::new(text)).unwrap_or(text), 4096),
        (None, BaseOrigin::Folder(folder)) => Config::read(folder),
        _ => Err(Error::usage("--shape is missing").hint("the base is no folder with a config.json; say its shape")),
    }
}
