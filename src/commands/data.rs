//! `emakeel data`: what would be trained on.

use crate::cli::RecipeArgs;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::Result;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::study::{self, RunOptions};

/// Prints the ledgers of all stages.
pub fn run(args: &RecipeArgs, progress: Progress) -> Result<()> {
    let recipe = Recipe::open(&args.recipe, &args.sets)?;
    let folder = args.runs.join(&recipe.study.name);
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let look = study::look(&recipe, &RunOptions { folder: &folder, cache: &cache, progress, stop: &|| false })?;
    if args.json { output::print_json(&look.to_json()) } else { output::print(look.to_text()) }
}
