//! The folder with exactly what is sent, in the run folder's `publish/`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::is_adapter;
use super::reload::Reload;
use crate::adapter::{CONFIG_FILE, WEIGHTS_FILE};
use crate::error::{Error, Result};
use crate::files;
use crate::study::card::{self, BaseFacts, CardFacts, Subject, write_card};
use crate::study::folder::RunFolder;

/// Writes the folder whole, over an older one; returns where it is.
pub fn write(run: &RunFolder, facts: &CardFacts<'_>, reload: &mut Reload<'_>) -> Result<PathBuf> {
    let place = run.path("publish").join(facts.subject.candidate());
    files::make_folder(&run.path("publish"))?;
    let unfinished = files::temporary_beside(&place);
    files::remove_folder(&unfinished)?;
    files::make_folder(&unfinished)?;
    let from = facts.subject.folder(run.root());
    match facts.subject {
        Subject::Adapter(_) => {
            take(&from, &unfinished, WEIGHTS_FILE)?;
            let config: Value = files::read_json(&from.join(CONFIG_FILE))?;
            files::write_json(&unfinished.join(CONFIG_FILE), &with_base(config, &facts.base))?;
        }
        Subject::Merged(_) => reload.merge_into(&unfinished, facts.subject)?,
        Subject::Full(_) | Subject::Snapshot(_) => {
            for name in names(&from)?.iter().filter(|name| is_of_model(name)) {
                take(&from, &unfinished, name)?;
            }
        }
    }
    files::write(&unfinished.join(card::FILE), write_card(facts))?;
    files::rename_folder(&unfinished, &place)?;
    Ok(place)
}

/// The names of the files of a folder, in order.
pub fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list the folder", &e))?;
    let mut names = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().into_string().map_err(|name| {
            Error::new("a file's name is not UTF-8").got(format!("{name:?}")).at(folder.display().to_string())
        })?;
        if !entry.path().is_file() {
            return Err(Error::new("a folder in a folder that is to be sent").at(entry.path().display().to_string()));
        }
        names.push(name);
    }
    names.sort();
    Ok(names)
}

/// Whether a file of a model folder belongs to the model, and not to the study.
fn is_of_model(name: &str) -> bool {
    let kinds = [".safetensors", ".json", ".model", ".jinja"];
    !name.starts_with('.')
        && kinds.iter().any(|kind| name.ends_with(kind))
        && !["stage.json", "made.json"].contains(&name)
}

/// The same bytes under a second name where the disk can do that, else a copy.
fn take(from: &Path, to: &Path, name: &str) -> Result<()> {
    let (source, target) = (from.join(name), to.join(name));
    if std::fs::hard_link(&source, &target).is_ok() {
        return Ok(());
    }
    std::fs::copy(&source, &target).map(|_| ()).map_err(|e| Error::io(&source, "copy the file", &e))
}

/// The config with the base as others know it, in the place of a path of this machine.
fn with_base(mut config: Value, base: &BaseFacts) -> Value {
    if let Some(fields) = config.as_object_mut() {
        if let Some(id) = &base.id {
            fields.insert("base_model_name_or_path".to_owned(), json!(id));
            fields.insert("revision".to_owned(), json!(base.commit));
        } else {
            let name = fields.get("base_model_name_or_path").and_then(Value::as_str).unwrap_or_default();
            let is_path = Path::new(name).is_absolute() || name.contains('\\') || name.starts_with('~');
            let last = name.rsplit(['/', '\\']).find(|part| !part.is_empty()).unwrap_or(name).to_owned();
            if is_path {
                fields.insert("base_model_name_or_path".to_owned(), json!(last));
            }
        }
    }
    config
}

/// Files whose weights must be those of the run folder, byte for byte.
pub fn same_weights(subject: Subject<'_>, run: &Path, folder: &Path) -> Result<()> {
    for name in names(folder)?.iter().filter(|name| name.ends_with(".safetensors")) {
        let (one, other) = (folder.join(name), subject.folder(run).join(name));
        if files::sha256_of_file(&one)? != files::sha256_of_file(&other)? {
            let what = if is_adapter(subject) { "the adapter" } else { "the model" };
            return Err(Error::new(format!("{name} has other bytes than {what} of the run folder"))
                .at(one.display().to_string())
                .hint("is the disk damaged? Run the same command again"));
        }
    }
    Ok(())
}
