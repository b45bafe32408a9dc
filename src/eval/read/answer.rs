//! Questions about passages: SQuAD's nested JSON, EstQA's flat one, and simple rows.

use std::path::Path;

use serde_json::Value;

use crate::error::Result;

use super::super::example::Example;
use super::fields::{self, Fields};
use super::{Looks, open, unknown_format};

pub(super) fn read(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    if content.looks != Looks::Json {
        return Err(unknown_format(path, content.looks, "JSON (SQuAD, EstQA, or rows)"));
    }
    let mut examples = Vec::new();
    for row in fields::rows(&content.text, path)? {
        gather(&row, None, &mut examples)?;
    }
    Ok(examples)
}

/// Goes down through `data`, `paragraphs` and `qas` to the questions.
fn gather(row: &Fields, context: Option<&str>, out: &mut Vec<Example>) -> Result<()> {
    if row.has("question") || !["data", "paragraphs", "qas"].iter().any(|name| row.has(name)) {
        out.extend(question(row, context)?);
        return Ok(());
    }
    let own = if row.has("context") { Some(row.text(&["context"])?) } else { None };
    for name in ["data", "paragraphs", "qas"].into_iter().filter(|name| row.has(name)) {
        for inner in row.list(name)? {
            gather(&inner, own.as_deref().or(context), out)?;
        }
    }
    Ok(())
}

/// A question; none for one that SQuAD 2 marks as impossible to answer, since no metric here rewards silence.
fn question(row: &Fields, context: Option<&str>) -> Result<Option<Example>> {
    if row.has("is_impossible") && row.value(&["is_impossible"])?.1 == &Value::Bool(true) {
        return Ok(None);
    }
    let context = match context {
        Some(context) if !row.has("context") => context.to_owned(),
        _ => row.text(&["context", "passage"])?,
    };
    Ok(Some(Example::Answer { context, question: row.text(&["question"])?, references: answers(row)? }))
}

/// `{"text": […]}`, `[{"text": …}]`, `[…]` or one text.
fn answers(row: &Fields) -> Result<Vec<String>> {
    let (name, value) = row.value(&["answers", "answer", "references"])?;
    let mut texts = match value {
        Value::Object(_) => row.inner(&name)?.texts(&["text"])?,
        Value::Array(items) if items.first().is_some_and(Value::is_object) => {
            row.list(&name)?.iter().map(|answer| answer.text(&["text"])).collect::<Result<_>>()?
        }
        _ => row.texts(&[&name])?,
    };
    let mut seen = std::collections::HashSet::new();
    texts.retain(|text| seen.insert(text.clone()));
    Ok(texts)
}
