//! Whether a stage is finished, and by which inputs: what lets a study go on where it stopped and redo
//! only what a changed recipe invalidates.

use std::path::Path;

use serde_json::{Value, json};

use crate::error::Result;
use crate::files;
use crate::study::folder::StageRecord;
use crate::study::ground::Ground;

/// The hash of a stage's inputs.
pub fn key(inputs: &Value) -> String {
    files::sha256(inputs.to_string())
}

/// The record of a finished stage that was made from these inputs.
///
/// A result made from other inputs is moved aside, and what changed is said; `None` means there is work to do.
pub fn finished(ground: &Ground<'_>, label: &str, result: &Path, inputs: &Value) -> Result<Option<StageRecord>> {
    let Some(record) = ground.folder.record(result)? else { return Ok(None) };
    if record.key == key(inputs) {
        return Ok(Some(record));
    }
    set_aside(ground, label, result, &record.inputs, inputs)?;
    Ok(None)
}

/// Prepares the folder where a stage trains: an interrupted run of the same inputs stays, one of others moves aside.
pub fn open_training(ground: &Ground<'_>, label: &str, inputs: &Value) -> Result<std::path::PathBuf> {
    let folder = ground.folder.training(label);
    let note = folder.join("inputs.json");
    if note.exists() {
        let before: Value = files::read_json(&note)?;
        if key(&before) != key(inputs) {
            set_aside(ground, label, &folder, &before, inputs)?;
        }
    }
    files::make_folder(&folder)?;
    if !note.exists() {
        files::write_json(&note, inputs)?;
    }
    Ok(folder)
}

fn set_aside(ground: &Ground<'_>, label: &str, result: &Path, before: &Value, now: &Value) -> Result<()> {
    let place = ground.folder.set_aside(result)?;
    ground.progress.say(format!("{label}: the recipe or its inputs changed since this was made; doing it again"));
    for change in changes(before, now).iter().take(8) {
        ground.progress.say(format!("    {change}"));
    }
    ground.progress.say(format!("    the older result is kept in {}", place.display()));
    Ok(())
}

/// What differs between two values, one line for each leaf: `training.batch: 8 → 16`.
pub fn changes(before: &Value, now: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    collect_changes("", before, now, &mut lines);
    lines
}

fn collect_changes(path: &str, before: &Value, now: &Value, lines: &mut Vec<String>) {
    let (Value::Object(old), Value::Object(new)) = (before, now) else {
        if before != now {
            lines.push(format!("{path}: {} → {}", short(before), short(now)));
        }
        return;
    };
    let mut keys: Vec<&String> = old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
    keys.sort();
    for key in keys {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let missing = json!(null);
        collect_changes(&inner, old.get(key).unwrap_or(&missing), new.get(key).unwrap_or(&missing), lines);
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { format!("{}…", text.chars().take(60).collect::<String>()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_each_leaf() {
        let before = json!({ "training": { "batch": 8, "seed": 1 }, "base": "a" });
        let now = json!({ "training": { "batch": 16, "seed": 1 }, "tokenizer": "t", "base": "a" });
        assert_eq!(changes(&before, &now), ["tokenizer: null → \"t\"", "training.batch: 8 → 16"]);
        assert_ne!(key(&before), key(&now));
    }
}
