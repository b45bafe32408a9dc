//! `emakeel check`: everything validated, nothing trained.

use crate::cli::RecipeArgs;
use crate::commands::output;
use crate::error::Result;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::study::{self, RunOptions};

/// Validates the recipe and prints the plan.
pub fn run(args: &RecipeArgs, progress: Progress) -> Result<()> {
    let recipe = Recipe::open(&args.recipe, &args.sets)?;
    let folder = args.runs.join(&recipe.study.name);
    let plan = study::check(&recipe, &RunOptions { folder: &folder, progress, stop: &|| false })?;
    if args.json { output::print_json(&plan) } else { output::print(plan.to_text()) }
}
