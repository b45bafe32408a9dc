//! Rows in a format of their own: the parts of an example are what the task's expressions make of a row's fields.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::data::template::{Expression, Fields as Row};
use crate::error::{Error, Place, Result};
use crate::recipe::TaskKind;

use super::super::example::{Asks, Example};
use super::{Content, Looks, fields, open, turns};

/// Reads all examples of files, each with the fields of its row.
///
/// # Errors
/// A file that is not rows of JSON, CSV or TSV; a part that a row does not give, with the place of the row.
pub(super) fn examples(
    kind: &TaskKind,
    paths: &[PathBuf],
    parts: &[(String, String)],
) -> Result<Vec<(Vec<Example>, Row)>> {
    let compiled = parts.iter().map(|(part, text)| {
        Ok((part.as_str(), Expression::compile(text).at(format!("the task's row: {part}: {text}"))?))
    });
    let parts = Parts(compiled.collect::<Result<_>>()?);
    let mut examples = Vec::new();
    for path in paths {
        for (row, place) in rows(path)? {
            let made = parts.example(kind, &row).at(&place)?;
            examples.push((made, row));
        }
    }
    Ok(examples)
}

/// The rows of a file, each with its place.
fn rows(path: &Path) -> Result<Vec<(Row, String)>> {
    let Content { text, looks } = open(path)?;
    if looks == Looks::Json {
        return Ok(fields::rows(&text, path)?.into_iter().map(fields::Fields::into_parts).collect());
    }
    let delimiter = if looks == Looks::Table { b'\t' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(text.as_bytes());
    let broken = |source: csv::Error| {
        let line = source.position().map_or(String::new(), |position| format!(":{}", position.line()));
        Error::new(format!("cannot read the table: {source}"))
            .at(format!("{}{line}", path.display()))
            .hint("a task with a row of its own reads JSON, CSV and TSV")
    };
    let header = reader.headers().map_err(broken)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, |position| position.line());
        let row = header.iter().map(str::to_owned).zip(record.iter().map(Value::from)).collect();
        rows.push((row, format!("{}:{line}", path.display())));
    }
    Ok(rows)
}

/// The expressions of an example's parts.
struct Parts<'a>(Vec<(&'a str, Expression)>);

impl Parts<'_> {
    /// The examples of a row: one, or one for each turn of a conversation.
    fn example(&self, kind: &TaskKind, row: &Row) -> Result<Vec<Example>> {
        let example = match kind {
            TaskKind::Translation { .. } => {
                Example::Translation { source: self.text("source", row)?, references: self.texts("references", row)? }
            }
            TaskKind::Correction => Example::Correction {
                source: self.text("source", row)?,
                references: self.texts("references", row)?,
                gold: None,
            },
            TaskKind::Answer => Example::Answer {
                context: self.text_if_any("context", row)?,
                question: self.text("question", row)?,
                references: self.texts("references", row)?,
            },
            TaskKind::Choice => {
                let choices = self.texts("choices", row)?;
                if choices.len() < 2 {
                    return Err(Error::new("choices").got("one text").expected("at least two"));
                }
                let question = self.text_if_any("question", row)?;
                let asks = match question.as_str() {
                    "cause" => Asks::Cause,
                    "effect" => Asks::Effect,
                    _ => Asks::Question(question),
                };
                let right = right(&self.value("right", row)?, &choices)?;
                Example::Choice { premise: self.text_if_any("context", row)?, asks, choices, right }
            }
            TaskKind::Perplexity => Example::Text(self.text("text", row)?),
            TaskKind::Conversation => return self.turns(row),
        };
        Ok(vec![example])
    }

    fn turns(&self, row: &Row) -> Result<Vec<Example>> {
        let turns = self.texts("turns", row)?;
        let references = turns::references(&self.value("references", row)?);
        let turn = |(number, question): (usize, String)| Example::Turn {
            number,
            question,
            references: references.get(number).cloned().flatten().into_iter().collect(),
        };
        Ok(turns.into_iter().enumerate().map(turn).collect())
    }

    fn value(&self, part: &str, row: &Row) -> Result<Value> {
        let expression = self.0.iter().find(|(name, _)| *name == part).map(|(_, expression)| expression);
        expression.map_or(Ok(Value::Null), |expression| expression.value(row).at(part))
    }

    /// A text that is not blank; numbers are written out.
    fn text(&self, part: &str, row: &Row) -> Result<String> {
        text(part, &self.value(part, row)?)
    }

    /// The same, or nothing.
    fn text_if_any(&self, part: &str, row: &Row) -> Result<String> {
        match self.value(part, row)? {
            Value::Null => Ok(String::new()),
            Value::String(words) if words.trim().is_empty() => Ok(String::new()),
            value => text(part, &value),
        }
    }

    /// One text or a list of at least one.
    fn texts(&self, part: &str, row: &Row) -> Result<Vec<String>> {
        match self.value(part, row)? {
            Value::Array(items) if items.is_empty() => {
                Err(Error::new(part).got("an empty list").expected("one text at least"))
            }
            Value::Array(items) => items.iter().map(|item| text(part, item)).collect(),
            value => Ok(vec![text(part, &value)?]),
        }
    }
}

fn text(part: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(words) if !words.trim().is_empty() => Ok(words.trim().to_owned()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Err(Error::new(part).got("nothing").expected("a text").hint("has the row such a field?")),
        other => Err(Error::new(part).got(other).expected("a text that is not blank")),
    }
}

/// The index of the right choice: a number from 0, a letter, or the choice's own text.
fn right(value: &Value, choices: &[String]) -> Result<usize> {
    let written = match value {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let of_letter = || {
        let mut characters = written.chars();
        let letter = characters.next().filter(|letter| characters.next().is_none() && letter.is_ascii_alphabetic())?;
        Some(letter.to_ascii_uppercase() as usize - 'A' as usize)
    };
    let index =
        choices.iter().position(|choice| *choice == written).or_else(|| written.parse().ok()).or_else(of_letter);
    index.filter(|index| *index < choices.len()).ok_or_else(|| {
        let most = choices.len().saturating_sub(1);
        Error::new("right").got(value).expected(format!("a number from 0 to {most}, a letter, or the text of a choice"))
    })
}
