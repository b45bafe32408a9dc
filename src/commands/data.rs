//! `emakeel data`: what would be trained on, to the token.

use anstream::{AutoStream, ColorChoice};

use crate::cli::DataArgs;
use crate::commands::output;
use crate::data::stream::CacheFolder;
use crate::error::Result;
use crate::files;
use crate::progress::Progress;
use crate::recipe::Recipe;
use crate::study::{self, LookOptions, Marks, RunOptions};

/// Sequences of each stage on a page, if no number is given.
const ON_A_PAGE: usize = 3;

/// Prints the sources, lengths and sequences of the stages, and writes the page.
pub fn run(args: &DataArgs, progress: Progress) -> Result<()> {
    let recipe = Recipe::open(&args.recipe.recipe, &args.recipe.sets)?;
    let folder = args.recipe.runs.join(&recipe.study.name);
    let sequences = args.show.unwrap_or(if args.html.is_some() { ON_A_PAGE } else { 0 });
    let wanted = LookOptions { stage: args.stage.clone(), sequences, step: args.step.get() - 1 };
    let cache = CacheFolder::choose(args.recipe.cache.as_deref())?;
    let options = RunOptions { folder: &folder, cache: &cache, progress, stop: &|| false, together: 1 };
    let mut look = study::look(&recipe, &options, &wanted)?;
    if let Some(path) = &args.html {
        files::write(path, look.to_html())?;
        progress.say(format!("{:>16}  {}", "page", path.display()));
    }
    if args.show.is_none() {
        look.forget_sequences();
    }
    if args.recipe.json {
        return output::print_json(&look.to_json());
    }
    let colours = AutoStream::choice(&std::io::stdout()) != ColorChoice::Never;
    output::print(look.to_text(Marks { colours, tokens: args.tokens }))
}
