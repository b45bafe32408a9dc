//! Rows of JSON with named fields, and errors that say which field of which row is wrong.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// One JSON object and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    map: Map<String, Value>,
    place: String,
}

/// Reads JSON lines, a JSON array of objects, or one JSON object.
pub(super) fn rows(text: &str, path: &Path) -> Result<Vec<Fields>> {
    let name = path.display();
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if serde_json::from_str::<Map<String, Value>>(first).is_ok() {
        let lines = text.lines().zip(1usize..).filter(|(line, _)| !line.trim().is_empty());
        return lines.map(|(line, number)| object(line, format!("{name}:{number}"))).collect();
    }
    match serde_json::from_str(text) {
        Ok(Value::Array(items)) => {
            items.into_iter().enumerate().map(|(i, item)| Fields::new(item, format!("{name}: [{i}]"))).collect()
        }
        Ok(value) => Ok(vec![Fields::new(value, name.to_string())?]),
        // Of a file of JSON lines whose first line is broken, that line is the news.
        Err(_) if first.trim_end().ends_with('}') => Ok(vec![object(first, format!("{name}:1"))?]),
        Err(e) => Err(Error::new(format!("not valid JSON: {e}")).at(format!("{name}:{}:{}", e.line(), e.column()))),
    }
}

fn object(line: &str, place: String) -> Result<Fields> {
    let value = serde_json::from_str(line).map_err(|e| Error::new(format!("not valid JSON: {e}")).at(&place))?;
    Fields::new(value, place)
}

impl Fields {
    pub(super) fn new(value: Value, place: String) -> Result<Self> {
        match value {
            Value::Object(map) => Ok(Self { map, place }),
            other => Err(Error::new("the row").got(kind_of(&other)).expected("a JSON object").at(place)),
        }
    }

    /// The fields and where they stand.
    pub(super) fn into_parts(self) -> (Map<String, Value>, String) {
        (self.map, self.place)
    }

    /// An error about this row.
    pub(super) fn wrong(&self, what: impl Into<String>) -> Error {
        Error::new(what).at(&self.place)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    /// The names of the fields, in the order of the file.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.map.keys().map(String::as_str)
    }

    /// The first of these fields that is there.
    pub(super) fn value(&self, names: &[&str]) -> Result<(String, &Value)> {
        let found = names.iter().find_map(|name| Some(((*name).to_owned(), self.map.get(*name)?)));
        found.ok_or_else(|| {
            let wanted = names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(" or ");
            let there = self.names().collect::<Vec<_>>().join(", ");
            self.wrong(format!("field {wanted} is missing")).hint(format!("the row has: {there}"))
        })
    }

    /// A text that is not blank.
    pub(super) fn text(&self, names: &[&str]) -> Result<String> {
        let (name, value) = self.value(names)?;
        self.text_in(&name, value)
    }

    /// One text, or a list of at least one.
    pub(super) fn texts(&self, names: &[&str]) -> Result<Vec<String>> {
        let (name, value) = self.value(names)?;
        match value {
            Value::Array(items) if items.is_empty() => {
                Err(self.wrong(format!("field {name:?}")).got("an empty list").expected("at least one text"))
            }
            Value::Array(items) => items.iter().map(|item| self.text_in(&name, item)).collect(),
            other => Ok(vec![self.text_in(&name, other)?]),
        }
    }

    /// A whole number below a bound.
    pub(super) fn index(&self, name: &str, bound: usize) -> Result<usize> {
        let (name, value) = self.value(&[name])?;
        let index = value.as_u64().map(|number| number as usize).filter(|index| *index < bound);
        let expected = format!("a number from 0 to {}", bound.saturating_sub(1));
        index.ok_or_else(|| self.wrong(format!("field {name:?}")).got(value).expected(expected))
    }

    /// An object inside this row.
    pub(super) fn inner(&self, name: &str) -> Result<Fields> {
        let (name, value) = self.value(&[name])?;
        Self::new(value.clone(), format!("{}: {name}", self.place))
    }

    /// A list of objects inside this row.
    pub(super) fn list(&self, name: &str) -> Result<Vec<Fields>> {
        match self.value(&[name])? {
            (name, Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(i, item)| Self::new(item.clone(), format!("{}: {name}[{i}]", self.place)))
                .collect(),
            (name, other) => {
                Err(self.wrong(format!("field {name:?}")).got(kind_of(other)).expected("a list of objects"))
            }
        }
    }

    fn text_in(&self, name: &str, value: &Value) -> Result<String> {
        let field = || self.wrong(format!("field {name:?}"));
        match value {
            Value::String(text) if text.trim().is_empty() => Err(field().got("blank").expected("a text")),
            Value::String(text) => Ok(text.trim().to_owned()),
            other => Err(field().got(kind_of(other)).expected("a text")),
        }
    }
}

/// What a JSON value is, in words.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
