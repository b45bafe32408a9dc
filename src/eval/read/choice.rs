//! Choices of a cause or an effect: XCOPA's JSON rows, COPA's XML, and rows with a list of choices.

use std::path::Path;

use crate::error::Result;

use super::super::example::{Asks, Example};
use super::fields::{self, Fields};
use super::{Looks, copa_xml, open, unknown_format};

pub(super) fn read(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    match content.looks {
        Looks::Json => fields::rows(&content.text, path)?.iter().map(row).collect(),
        Looks::Xml => copa_xml::read(&content.text, path),
        looks => Err(unknown_format(path, looks, "JSON rows (XCOPA) or XML (COPA)")),
    }
}

fn row(row: &Fields) -> Result<Example> {
    let choices = match row.has("choices") {
        true => row.texts(&["choices"])?,
        false => vec![row.text(&["choice1"])?, row.text(&["choice2"])?],
    };
    if choices.len() < 2 {
        return Err(row.wrong("field \"choices\"").got("one text").expected("at least two"));
    }
    let asks = match row.text(&["question"])?.as_str() {
        "cause" => Asks::Cause,
        "effect" => Asks::Effect,
        other => return Err(row.wrong("field \"question\"").got(format!("{other:?}")).expected("cause or effect")),
    };
    let right = row.index("label", choices.len())?;
    Ok(Example::Choice { premise: row.text(&["premise"])?, asks, choices, right })
}
