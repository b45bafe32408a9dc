//! The files that a recipe names.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::recipe::{BaseOrigin, ChatTemplate, Recipe, SourceOrigin, TaskData, TokenizerOrigin};

/// Checks that every file that the recipe names is there, all missing ones at once.
pub fn exist(recipe: &Recipe) -> Result<()> {
    let mut missing = Vec::new();
    let mut look = |key: String, path: &Path| {
        if !path.exists() {
            missing.push(
                Error::new(format!("{key}: there is no {}", path.display()))
                    .at(recipe.places.of(&key))
                    .hint("relative paths start at the current folder"),
            );
        }
    };
    let study = &recipe.study;
    if let BaseOrigin::Folder(folder) = &study.base.origin {
        // A folder that is missing may be a Hub id: the base says so itself.
        if folder.is_absolute() {
            look("base.model".to_owned(), folder);
        }
    }
    if let Some(TokenizerOrigin::Path(path)) = &study.base.tokenizer {
        look("base.tokenizer".to_owned(), path);
    }
    for source in &study.sources {
        if let SourceOrigin::Files(paths) = &source.origin {
            paths.iter().for_each(|path: &PathBuf| look(format!("sources.{}.path", source.name), path));
        }
    }
    for (index, task) in study.compare.iter().flat_map(|compare| compare.tasks.iter()).enumerate() {
        if let TaskData::File { paths, .. } = &task.data {
            paths.iter().for_each(|path| look(format!("compare.tasks.{index}.data"), path));
        }
        if let Some(model) = &task.metric.model {
            look(format!("compare.tasks.{index}.metric.bleu.model"), model);
        }
    }
    if let Some(prompt) = study.compare.as_ref().and_then(|compare| compare.judge.as_ref()?.prompt.as_deref()) {
        look("compare.judge.prompt".to_owned(), prompt);
    }
    let pretrain = study.pretrain.iter().map(|pretrain| ("pretrain".to_owned(), &pretrain.training.template));
    let adapters =
        study.adapters.iter().map(|adapter| (format!("adapters.{}", adapter.entry()), &adapter.training.template));
    let compare = study.compare.iter().map(|compare| ("compare".to_owned(), &compare.template));
    for (path, template) in pretrain.chain(adapters).chain(compare) {
        if let ChatTemplate::File(file) = template {
            // An entry's template may be that of the defaults, or the comparison's that of the adapters.
            let written = [format!("{path}.template"), "adapters.defaults.template".to_owned()];
            let key = written.iter().find(|key| recipe.places.has(key));
            look(key.cloned().unwrap_or_else(|| format!("{path}.template")), file);
        }
    }
    Error::all(missing).map_or(Ok(()), Err)
}
