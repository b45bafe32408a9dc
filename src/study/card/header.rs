//! The YAML at the top of a card, which the Hub reads.

use serde_json::{Map, Value, json};

use super::facts::{CardFacts, Subject};
use super::{scores, words};
use crate::eval::anew::KeptTask;
use crate::recipe::SourceOrigin;

/// The header, its two lines of dashes, and an empty line.
pub fn yaml(facts: &CardFacts<'_>) -> String {
    let mut text = "---\n".to_owned();
    for (key, value) in &fields(facts) {
        write(&mut text, 0, key, value);
    }
    text + "---\n\n"
}

fn fields(facts: &CardFacts<'_>) -> Map<String, Value> {
    let is_adapter = matches!(facts.subject, Subject::Adapter(_));
    let mut fields = Map::new();
    let mut put = |key: &str, value: Value| fields.insert(key.to_owned(), value);
    put("library_name", json!(if is_adapter { "peft" } else { "transformers" }));
    if let Some(base) = &facts.base.id {
        let relation = match facts.subject {
            Subject::Adapter(_) => "adapter",
            Subject::Merged(_) | Subject::Full(_) | Subject::Snapshot(_) => "finetune",
        };
        put("base_model", json!(base));
        put("base_model_relation", json!(relation));
    }
    if let Some(license) = &facts.license {
        put("license", json!(license));
        if license == "other" {
            put("license_name", json!("see-the-card"));
        }
    }
    let languages = languages(facts);
    if !languages.is_empty() {
        put("language", json!(languages));
    }
    let datasets = datasets(facts);
    if !datasets.is_empty() {
        put("datasets", json!(datasets));
    }
    put("pipeline_tag", json!("text-generation"));
    let kind = match facts.subject {
        Subject::Adapter(_) => "lora",
        Subject::Merged(_) => "merged",
        Subject::Full(_) => "full-tune",
        Subject::Snapshot(_) => "continued-pretraining",
    };
    put("tags", json!(["emakeel", "llama", kind]));
    if let Some(index) = scores::model_index(facts) {
        put("model-index", index);
    }
    fields
}

/// Codes of the languages of bitexts and tasks, in alphabetical order.
pub fn languages(facts: &CardFacts<'_>) -> Vec<String> {
    let of_sources = facts.study.sources.iter().flat_map(|source| source.languages.iter().flatten().cloned());
    let tasks = facts.study.compare.iter().flat_map(KeptTask::all);
    let of_tasks = tasks.map(|task| task.language().name().to_owned());
    let mut codes: Vec<String> = of_sources.chain(of_tasks).filter_map(|name| words::code(&name)).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// Data sets of the Hub that it was trained on.
fn datasets(facts: &CardFacts<'_>) -> Vec<String> {
    let used = facts.training().map(|training| training.mixture.parts.as_slice()).unwrap_or_default();
    let mut names = Vec::new();
    for source in &facts.study.sources {
        if let (true, SourceOrigin::Hub(dataset)) = (used.iter().any(|part| part.source == source.name), &source.origin)
            && !names.contains(&dataset.name)
        {
            names.push(dataset.name.clone());
        }
    }
    names
}

/// A key and its value, indented; texts are quoted as JSON does, which YAML reads too.
fn write(text: &mut String, indent: usize, key: &str, value: &Value) {
    let space = " ".repeat(indent);
    match value {
        Value::Object(fields) => {
            text.push_str(&format!("{space}{key}:\n"));
            fields.iter().for_each(|(key, value)| write(text, indent + 2, key, value));
        }
        Value::Array(items) => {
            text.push_str(&format!("{space}{key}:\n"));
            items.iter().for_each(|item| write_item(text, indent, item));
        }
        value => text.push_str(&format!("{space}{key}: {}\n", scalar(value))),
    }
}

/// An item of a list, with its first key behind the dash.
fn write_item(text: &mut String, indent: usize, item: &Value) {
    let space = " ".repeat(indent);
    let Value::Object(fields) = item else {
        return text.push_str(&format!("{space}- {}\n", scalar(item)));
    };
    let mut inner = String::new();
    fields.iter().for_each(|(key, value)| write(&mut inner, indent + 2, key, value));
    let inner = inner.strip_prefix(&" ".repeat(indent + 2)).unwrap_or(&inner);
    text.push_str(&format!("{space}- {inner}"));
}

/// Words stand as they are where YAML takes them for nothing else.
fn scalar(value: &Value) -> String {
    match value {
        Value::String(word) => {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
            // `no` is false to many readers of YAML, and a language.
            let safe = word.starts_with(|c: char| c.is_ascii_alphabetic())
                && word.chars().all(plain)
                && !["no", "yes", "on", "off", "true", "false", "null", "y", "n"]
                    .contains(&word.to_lowercase().as_str());
            if safe { word.clone() } else { value.to_string() }
        }
        value => value.to_string(),
    }
}
