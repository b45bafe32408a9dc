//! `emakeel run`: a study, from wherever it stands to its end.

use crate::cli::RunArgs;
use crate::commands::interrupt::Interrupt;
use crate::commands::{compare, output};
use crate::data::stream::CacheFolder;
use crate::error::Result;
use crate::progress::Progress;
use crate::recipe::Recipe;
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
    let has_judge = recipe.study.compare.as_ref().is_some_and(|compare| compare.judge.is_some());
    let judged = has_judge.then(|| compare::judged(&recipe, &folder, progress, options.stop)).transpose();
    // A judge that cannot be reached takes nothing from the comparison.
    if args.json {
        let mut json = summary.to_json();
        if let (Some(keys), Ok(Some(judged))) = (json.as_object_mut(), &judged) {
            keys.insert("judge".to_owned(), judged.json.clone());
        }
        output::print_json(&json)?;
    } else {
        output::print(summary.to_text())?;
        if let Ok(Some(judged)) = &judged {
            output::print(format!("\n{}", judged.text.trim_end()))?;
        }
    }
    judged.map(|_| ())
}
