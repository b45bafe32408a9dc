//! `emakeel compare`: scores what a run folder holds, and prints the table.

use crate::cli::CompareArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report;
use crate::study::{self, RunOptions};

/// Scores the candidates that are finished; those already scored are read back.
pub fn run(args: &CompareArgs, progress: Progress) -> Result<()> {
    let recipe = args.run.join("recipe.yaml");
    if !recipe.exists() {
        return Err(Error::new("there is no run folder here")
            .at(args.run.display().to_string())
            .hint("give the folder that `emakeel run` wrote, for example runs/quickstart"));
    }
    let recipe = Recipe::open(&recipe, &[])?;
    let interrupt = Interrupt::listen()?;
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let options = RunOptions { folder: &args.run, cache: &cache, progress, stop: &|| interrupt.asked() };
    let summary = study::compare_finished(&recipe, &options)?;
    output::print_summary(summary, report::write(&args.run), args.json)
}
