//! Which commits the names on the Hub stand for in a run: noted in `lock.json` when the run begins, and kept.

use std::borrow::Cow;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::error::{Place, Result};
use crate::files;
use crate::hub::{self, Client, Kind, Name};
use crate::recipe::{BaseOrigin, Recipe, SourceOrigin, Study};
use crate::study::ground::RunOptions;

/// The recipe with the commit of everything that it names on the Hub: the one that the run folder's `lock.json` notes,
/// else the one that the Hub says now.
///
/// # Errors
/// Something is not on the Hub, or not for everyone.
pub fn pinned<'r>(recipe: &'r Recipe, options: &RunOptions<'_>) -> Result<Cow<'r, Recipe>> {
    let on_hub = |study: &Study| study.sources.iter().any(|source| matches!(source.origin, SourceOrigin::Hub(_)));
    let base = base_on_hub(&recipe.study.base.origin);
    if base.is_none() && !on_hub(&recipe.study) {
        return Ok(Cow::Borrowed(recipe));
    }
    let noted = noted(options.folder);
    let client = Client::from_environment();
    let commit = |kind, key: &str, name: &str, revision: &str| -> Result<Option<String>> {
        if let Some(commit) = of_note(&noted, key, name, revision) {
            return Ok(Some(commit));
        }
        hub::commit_of(&client, kind, &Name::new(name)?, revision).map(Some)
    };
    let mut recipe = recipe.clone();
    if let Some((name, revision)) = base {
        let commit = commit(Kind::Model, "base", &name, &revision).at(recipe.places.of("base.model"))?;
        recipe.study.base.origin = BaseOrigin::Hub { name, revision, commit };
    }
    for source in &mut recipe.study.sources {
        if let SourceOrigin::Hub(dataset) = &mut source.origin {
            let place = recipe.places.of(&format!("sources.{}.hub", source.name));
            let key = format!("sources.{}", source.name);
            dataset.commit = commit(Kind::Dataset, &key, &dataset.name, &dataset.revision).at(place)?;
        }
    }
    Ok(Cow::Owned(recipe))
}

/// A base that is a model on the Hub: said so by a revision, or by a name that is no folder here.
fn base_on_hub(origin: &BaseOrigin) -> Option<(String, String)> {
    match origin {
        BaseOrigin::Hub { name, revision, .. } => Some((name.clone(), revision.clone())),
        BaseOrigin::Folder(folder) if !folder.exists() => {
            let name = Name::new(folder.to_str()?).ok()?;
            Some((name.to_string(), "main".to_owned()))
        }
        _ => None,
    }
}

/// What the lock file of a run notes; nothing where there is none, or one that cannot be read.
fn noted(folder: &Path) -> Value {
    let lock: Option<Value> = files::read_json(&folder.join("lock.json")).ok();
    lock.and_then(|lock| lock.get("hub").cloned()).unwrap_or(Value::Null)
}

fn of_note(noted: &Value, key: &str, name: &str, revision: &str) -> Option<String> {
    let note = noted.get(key)?;
    let same = note.get("name")?.as_str()? == name && note.get("revision")?.as_str()? == revision;
    same.then(|| note.get("commit")?.as_str().map(str::to_owned)).flatten()
}

/// What the lock file is to note: by `base` and `sources.NAME` the name, the revision and its commit.
pub fn notes(study: &Study) -> Value {
    let mut notes = Map::new();
    let mut note = |key: String, name: &str, revision: &str, commit: &Option<String>| {
        notes.insert(key, json!({ "name": name, "revision": revision, "commit": commit }));
    };
    if let BaseOrigin::Hub { name, revision, commit } = &study.base.origin {
        note("base".to_owned(), name, revision, commit);
    }
    for source in &study.sources {
        if let SourceOrigin::Hub(dataset) = &source.origin {
            note(format!("sources.{}", source.name), &dataset.name, &dataset.revision, &dataset.commit);
        }
    }
    Value::Object(notes)
}
