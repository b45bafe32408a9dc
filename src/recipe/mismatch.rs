//! What is wrong with a value, in words that need no knowledge of Rust or YAML.

use std::fmt;

use serde::de::{self, Expected, Unexpected};

use super::node::Value;

/// What is wrong with a node, and which one it is.
#[derive(Debug)]
pub(crate) struct Mismatch {
    /// Keys and list indices from the innermost to the outermost.
    steps: Vec<String>,
    pub(crate) reason: Reason,
}

/// Why a node is not what it should be.
#[derive(Debug, PartialEq)]
pub(crate) enum Reason {
    /// A key that the map does not have.
    UnknownKey { known: &'static [&'static str] },
    /// Another kind of value, or one out of range.
    Value { got: String, expected: String },
    /// A word that is none of those.
    UnknownWord { got: String, known: &'static [&'static str] },
    /// Something else, in words.
    Other(String),
}

impl Mismatch {
    /// The path from the outermost step to the innermost.
    pub(crate) fn path(&self) -> Vec<&str> {
        self.steps.iter().rev().map(String::as_str).collect()
    }

    pub(crate) fn new(reason: Reason) -> Self {
        Self { steps: Vec::new(), reason }
    }

    /// The same, seen from one step further out.
    pub(crate) fn below(mut self, step: impl Into<String>) -> Self {
        self.steps.push(step.into());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.path().join("."), self.reason)
    }
}

impl std::error::Error for Mismatch {}

impl de::Error for Mismatch {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Reason::Other(message.to_string()))
    }

    fn invalid_type(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(Reason::Value { got: in_words(got), expected: expected.to_string() })
    }

    fn invalid_value(got: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(got, expected)
    }

    fn unknown_variant(got: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::UnknownWord { got: got.to_owned(), known })
    }

    fn unknown_field(_: &str, known: &'static [&'static str]) -> Self {
        Self::new(Reason::UnknownKey { known })
    }
}

fn in_words(got: Unexpected<'_>) -> String {
    match got {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => number(value),
        Unexpected::Str(value) => format!("{value:?}"),
        Unexpected::Unit | Unexpected::Option => "empty".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// A number as people write it: `2e-5`, and no `.0` where it is whole.
pub(crate) fn number(value: f64) -> String {
    let text = format!("{value:?}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

/// The value in words, as errors print what was found.
pub(crate) fn describe(value: &Value) -> String {
    match value {
        Value::Null | Value::Removed => in_words(Unexpected::Unit),
        Value::Bool(value) => in_words(Unexpected::Bool(*value)),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => in_words(Unexpected::Float(*value)),
        Value::String(value) => in_words(Unexpected::Str(value)),
        Value::Seq(_) => in_words(Unexpected::Seq),
        Value::Map(_) => in_words(Unexpected::Map),
    }
}

/// `lora` or `full`; `a, b or c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [word] => (*word).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}
