//! Conversations to have: JSON rows with the user's turns.

use std::path::Path;

use serde_json::Value;

use crate::error::Result;

use super::super::example::Example;
use super::fields::{self, Fields};
use super::{Looks, open, unknown_format};

pub(super) fn read(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    if content.looks != Looks::Json {
        return Err(unknown_format(path, content.looks, "JSON rows with turns"));
    }
    let mut turns = Vec::new();
    for row in fields::rows(&content.text, path)? {
        let references = references(&row)?;
        for (number, question) in row.texts(&["turns", "prompt"])?.into_iter().enumerate() {
            let references = references.get(number).cloned().into_iter().collect();
            turns.push(Example::Turn { number, question, references });
        }
    }
    Ok(turns)
}

/// Good answers to the turns, where the row has some.
fn references(row: &Fields) -> Result<Vec<String>> {
    match row.has("reference") && row.value(&["reference"])?.1 != &Value::Null {
        true => row.texts(&["reference"]),
        false => Ok(Vec::new()),
    }
}
