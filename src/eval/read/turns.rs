//! Conversations to have: JSON rows with the user's turns.

use std::path::Path;

use serde_json::Value;

use crate::error::Result;

use super::super::example::Example;
use super::fields;
use super::{Looks, open, unknown_format};

pub(super) fn read(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    if content.looks != Looks::Json {
        return Err(unknown_format(path, content.looks, "JSON rows with turns"));
    }
    let mut turns = Vec::new();
    for row in fields::rows(&content.text, path)? {
        let references = match row.has("reference") {
            true => references(row.value(&["reference"])?.1),
            false => Vec::new(),
        };
        for (number, question) in row.texts(&["turns", "prompt"])?.into_iter().enumerate() {
            let references = references.get(number).cloned().flatten().into_iter().collect();
            turns.push(Example::Turn { number, question, references });
        }
    }
    Ok(turns)
}

/// A good answer to each turn, where there is one; not every turn has one, and some files have a blank there.
pub(super) fn references(value: &Value) -> Vec<Option<String>> {
    let text = |value: &Value| value.as_str().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    match value {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    }
}
