//! `emakeel recipes`: the recipes that come with the program.

use std::path::PathBuf;

use crate::cli::RecipesArgs;
use crate::commands::output;
use crate::error::{Error, Result};
use crate::files;
use crate::progress::Progress;
use crate::recipe::TASKS;

/// Name, what it is for, and the text.
const RECIPES: [(&str, &str, &str); 13] = [
    ("quickstart", "the whole job in miniature, nothing to download", include_str!("../../recipes/quickstart.yaml")),
    ("tiny-base", "trains the tiny English model inside the program", include_str!("../../recipes/tiny-base.yaml")),
    (
        "estonian-small",
        "the job on your own files, small enough for a CPU",
        include_str!("../../recipes/estonian-small.yaml"),
    ),
    (
        "llammas-7b",
        "Llama 2 7B as in arXiv:2404.04042, on one GPU of 141 or 80 GB",
        include_str!("../../recipes/llammas-7b.yaml"),
    ),
    (
        "llammas-7b-24gb",
        "the same on one GPU of 24 GB, all parameters trained",
        include_str!("../../recipes/llammas-7b-24gb.yaml"),
    ),
    (
        "llammas-qlora-16gb",
        "its adapters on one GPU of 16 GB, by QLoRA",
        include_str!("../../recipes/llammas-qlora-16gb.yaml"),
    ),
    (
        "how-much-pretraining",
        "scores against tokens read: snapshots, an adapter on each",
        include_str!("../../recipes/studies/how-much-pretraining.yaml"),
    ),
    (
        "translation-ratio",
        "scores against the ratio of directions: an adapter for each",
        include_str!("../../recipes/studies/translation-ratio.yaml"),
    ),
    (
        "which-translations",
        "one kind of translation instructions left out after the other",
        include_str!("../../recipes/studies/which-translations.yaml"),
    ),
    (
        "own-or-borrowed",
        "instructions written in the language against borrowed ones",
        include_str!("../../recipes/studies/own-or-borrowed.yaml"),
    ),
    (
        "forgetting",
        "what each step costs of what was there before",
        include_str!("../../recipes/studies/forgetting.yaml"),
    ),
    (
        "another-language",
        "the whole job for another language than Estonian",
        include_str!("../../recipes/studies/another-language.yaml"),
    ),
    (
        "another-language-7b",
        "the same at 7B, on files of one's own",
        include_str!("../../recipes/studies/another-language-7b.yaml"),
    ),
];

/// Lists the recipes, or copies one to be edited.
pub fn run(args: &RecipesArgs, progress: Progress) -> Result<()> {
    let Some(name) = &args.name else {
        let width = RECIPES.iter().chain(&TASKS).map(|(name, ..)| name.len()).max().unwrap_or(0);
        let line = |(name, purpose, _): &(&str, &str, &str)| format!("{name:width$}  {purpose}\n");
        let (recipes, tasks): (String, String) = (RECIPES.iter().map(line).collect(), TASKS.iter().map(line).collect());
        return output::print(format!(
            "{recipes}\ntasks, for `compare: {{ tasks: [{{ task: NAME, … }}] }}`\n{}",
            tasks.trim_end()
        ));
    };
    let Some((name, _, text)) = RECIPES.iter().chain(&TASKS).find(|(known, ..)| known == name) else {
        let known: Vec<&str> = RECIPES.iter().chain(&TASKS).map(|(name, ..)| *name).collect();
        return Err(
            Error::usage(format!("there is no recipe {name:?}")).hint(format!("there are: {}", known.join(", ")))
        );
    };
    let place = match &args.to {
        Some(to) if to.is_dir() => to.join(format!("{name}.yaml")),
        Some(to) => to.clone(),
        None => PathBuf::from(format!("{name}.yaml")),
    };
    if place.exists() {
        return Err(Error::new("a file of that name is already there")
            .at(place.display().to_string())
            .hint("give another name: emakeel recipes NAME FILE"));
    }
    files::write(&place, text)?;
    let is_task = TASKS.iter().any(|(known, ..)| known == name);
    let place = place.display();
    progress.say(match is_task {
        true => format!("copied to {place}; name it in a recipe: compare: {{ tasks: [{{ task: {place}, data: … }}] }}"),
        false => format!("copied to {place}; run it with: emakeel run {place}"),
    });
    Ok(())
}
