//! `emakeel compare`: scores what a run folder holds, and prints the table; or has it judged, by a model or by people.

use std::path::Path;

use crate::cli::CompareArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::{Error, Result};
use crate::judge::blind::{self, BlindOptions};
use crate::judge::{self, Access, Judged, ratings};
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::report;
use crate::study::{self, RunFolder, RunOptions};

/// Scores the candidates that are finished; those already scored are read back.
pub fn run(args: &CompareArgs, progress: Progress) -> Result<()> {
    let recipe = args.run.join("recipe.yaml");
    if !recipe.exists() {
        return Err(Error::new("there is no run folder here")
            .at(args.run.display().to_string())
            .hint("give the folder that `emakeel run` wrote, for example runs/quickstart"));
    }
    let recipe = Recipe::open(&recipe, &args.sets)?;
    let interrupt = Interrupt::listen()?;
    let stop = || interrupt.asked();
    if args.judge {
        return print(judged(&recipe, &args.run, progress, &stop)?, args.json);
    }
    if let Some(page) = &args.blind {
        return blind(args, &recipe, page);
    }
    if !args.ratings.is_empty() {
        let _folder = RunFolder::open(&args.run)?;
        return print(ratings::read(&args.run, &recipe, &args.ratings)?, args.json);
    }
    let cache = CacheFolder::choose(args.cache.as_deref())?;
    let options = RunOptions { folder: &args.run, cache: &cache, progress, stop: &stop, together: 1 };
    let summary = study::compare_finished(&recipe, &options)?;
    output::print_summary(summary, report::write(&args.run), None, args.json)
}

/// Has the recipe's judge look at the answers; the run folder is held meanwhile.
pub(super) fn judged(recipe: &Recipe, folder: &Path, progress: Progress, stop: &dyn Fn() -> bool) -> Result<Judged> {
    let _folder = RunFolder::open(folder)?;
    let settings = recipe.study.compare.as_ref().and_then(|compare| compare.judge.as_ref());
    let access = Access::from_process(settings.and_then(|settings| settings.endpoint.as_deref()));
    judge::run(folder, recipe, access, progress, stop)
}

fn blind(args: &CompareArgs, recipe: &Recipe, page: &Path) -> Result<()> {
    let _folder = RunFolder::open(&args.run)?;
    let options = BlindOptions {
        candidates: args.candidates.clone(),
        tasks: args.task.clone(),
        pairs: args.questions.unwrap_or(50) as usize,
        seed: args.seed.unwrap_or(recipe.study.seed),
    };
    output::print(blind::write(&args.run, recipe, &options, page)?)
}

fn print(judged: Judged, json: bool) -> Result<()> {
    if json { output::print_json(&judged.json) } else { output::print(judged.text.trim_end()) }
}
