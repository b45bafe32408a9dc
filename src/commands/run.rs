//! `emakeel run`: a study, from wherever it stands to its end.

use crate::cli::RunArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::{compare, output};
use crate::data::stream::CacheFolder;
use crate::error::Result;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report;
use crate::study::{self, RunOptions};

/// Runs the recipe and prints the comparison.
pub fn run(args: &RunArgs, progress: Progress) -> Result<()> {
    let together = args.together.map_or(1, usize::from);
    let args = &args.recipe;
    let recipe = Recipe::open(&args.recipe, &args.sets)?;
    let interrupt = Interrupt::listen()?;
    let folder = args.runs.join(&recipe.study.name);
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let options = RunOptions { folder: &folder, cache: &cache, progress, stop: &|| interrupt.asked(), together };
    let summary = study::run(&recipe, &options)?;
    let has_judge = recipe.study.compare.as_ref().is_some_and(|compare| compare.judge.is_some());
    let judged = has_judge.then(|| compare::judged(&recipe, &folder, progress, options.stop)).transpose();
    // A judge that cannot be reached takes nothing from the comparison.
    let said = judged.as_ref().ok().and_then(Option::as_ref);
    output::print_summary(summary, report::write(&folder), said, args.json)?;
    judged.map(|_| ())
}
