//! COPA's own XML: `<item asks-for="cause" most-plausible-alternative="1">` with `<p>`, `<a1>` and `<a2>`.
//!
//! Only this one shape is read, so that no XML library is needed for one file.

use std::path::Path;

use crate::error::{Error, Result};

use super::super::example::{Asks, Example};

pub(super) fn read(text: &str, path: &Path) -> Result<Vec<Example>> {
    let mut examples = Vec::new();
    let mut rest = text;
    while let Some((before, item)) = rest.split_once("<item ") {
        let line = 1 + text.len().checked_sub(item.len()).map_or(0, |at| newlines(text, at));
        let Some((item, behind)) = item.split_once("</item>") else {
            return Err(Error::new("an <item> without its </item>").at(format!("{}:{line}", path.display())));
        };
        let _ = before;
        examples.push(example(item).map_err(|error| error.at(format!("{}:{line}", path.display())))?);
        rest = behind;
    }
    Ok(examples)
}

fn newlines(text: &str, until: usize) -> usize {
    text.bytes().take(until).filter(|byte| *byte == b'\n').count()
}

fn example(item: &str) -> Result<Example> {
    let asks = match attribute(item, "asks-for")? {
        "cause" => Asks::Cause,
        "effect" => Asks::Effect,
        other => return Err(Error::new("asks-for").got(format!("{other:?}")).expected("cause or effect")),
    };
    let right = match attribute(item, "most-plausible-alternative")? {
        "1" => 0,
        "2" => 1,
        other => return Err(Error::new("most-plausible-alternative").got(format!("{other:?}")).expected("1 or 2")),
    };
    Ok(Example::Choice {
        premise: element(item, "p")?,
        asks,
        choices: vec![element(item, "a1")?, element(item, "a2")?],
        right,
    })
}

fn attribute<'t>(item: &'t str, name: &str) -> Result<&'t str> {
    let start = format!("{name}=\"");
    let value = item.split_once(&start).and_then(|(_, rest)| rest.split_once('"'));
    value.map(|(value, _)| value).ok_or_else(|| Error::new(format!("attribute {name} is missing")))
}

fn element(item: &str, name: &str) -> Result<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = item.split_once(&open).and_then(|(_, rest)| rest.split_once(&close));
    let text = inner.map(|(inner, _)| inner.trim()).filter(|inner| !inner.is_empty());
    let text = text.ok_or_else(|| Error::new(format!("element <{name}> is missing or blank")))?;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    Ok(entities.iter().fold(text.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}
