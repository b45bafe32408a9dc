//! `emakeel run`: a study, from wherever it stands to its end.

use crate::cli::RunArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::Result;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report;
use crate::study::{self, RunOptions};

/// Runs the recipe and prints the comparison.
pub fn run(args: &RunArgs, progress: Progress) -> Result<()> {
    let args = &args.recipe;
    let recipe = Recipe::open(&args.recipe, &args.sets)?;
    let interrupt = Interrupt::listen()?;
    let folder = args.runs.join(&recipe.study.name);
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let options = RunOptions { folder: &folder, cache: &cache, progress, stop: &|| interrupt.asked() };
    let summary = study::run(&recipe, &options)?;
    output::print_summary(summary, report::write(&folder), args.json)
}
