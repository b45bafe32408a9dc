//! `tojson` as transformers has it: Python's `json.dumps` with `ensure_ascii=False`, and nothing escaped for HTML.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// Deeper values are an error, as they are where Python's stack ends.
const DEEPEST: usize = 200;

/// How a value is written.
struct Style {
    ascii: bool,
    sorted: bool,
    /// What one level is moved in by; `None` writes one line.
    indent: Option<String>,
    between: String,
    after_key: String,
}

/// The filter; its arguments are those of transformers, the first two also by position.
pub(super) fn tojson(
    state: &State<'_, '_>,
    value: &Value,
    ascii: Option<Value>,
    indent: Option<Value>,
    named: Kwargs,
) -> Result<String, Error> {
    let argument = |given: Option<Value>, name: &str| -> Result<Option<Value>, Error> {
        let value = given.map_or_else(|| named.get::<Option<Value>>(name), |value| Ok(Some(value)))?;
        Ok(value.filter(|value| !value.is_none() && !value.is_undefined()))
    };
    let ascii = argument(ascii, "ensure_ascii")?.is_some_and(|value| value.is_true());
    let indent = match argument(indent, "indent")? {
        None => None,
        Some(text) if text.as_str().is_some() => text.as_str().map(str::to_owned),
        Some(count) => Some(" ".repeat(usize::try_from(count.clone()).unwrap_or(0).min(64))),
    };
    let (between, after_key) = match argument(None, "separators")? {
        Some(pair) => (pair.get_item_by_index(0)?.to_string(), pair.get_item_by_index(1)?.to_string()),
        None => (if indent.is_some() { "," } else { ", " }.to_owned(), ": ".to_owned()),
    };
    let sorted = argument(None, "sort_keys")?.is_some_and(|value| value.is_true());
    named.assert_all_used()?;
    let style = Style { ascii, sorted, indent, between, after_key };
    let mut text = String::new();
    style.write(state, value, 0, &mut text)?;
    Ok(text)
}

impl Style {
    fn write(&self, state: &State<'_, '_>, value: &Value, depth: usize, out: &mut String) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::new(ErrorKind::InvalidOperation, "the value is nested too deeply for tojson"));
        }
        state.consume_fuel(1)?;
        match value.kind() {
            ValueKind::None => out.push_str("null"),
            ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => out.push_str(&number(value)),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                state.consume_fuel(text.len() as u64 / 16)?;
                self.string(text, out);
            }
            ValueKind::Map => {
                let mut entries = Vec::new();
                for key in value.try_iter()? {
                    let item = value.get_item(&key)?;
                    entries.push((key_text(&key)?, item));
                }
                if self.sorted {
                    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
                }
                self.list(state, ('{', '}'), entries.len(), depth, out, |at, out| {
                    let Some((key, item)) = entries.get(at) else { return Ok(()) };
                    self.string(key, out);
                    out.push_str(&self.after_key);
                    self.write(state, item, depth + 1, out)
                })?;
            }
            ValueKind::Seq | ValueKind::Iterable => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.list(state, ('[', ']'), items.len(), depth, out, |at, out| {
                    items.get(at).map_or(Ok(()), |item| self.write(state, item, depth + 1, out))
                })?;
            }
            kind => {
                let message = format!("{kind} cannot be written as JSON");
                return Err(Error::new(ErrorKind::InvalidOperation, message));
            }
        }
        Ok(())
    }

    fn list(
        &self,
        state: &State<'_, '_>,
        (open, close): (char, char),
        count: usize,
        depth: usize,
        out: &mut String,
        mut item: impl FnMut(usize, &mut String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let line = |depth: usize, out: &mut String| -> Result<(), Error> {
            if let Some(indent) = &self.indent {
                state.consume_fuel((indent.len() * depth) as u64 / 16)?;
                out.push('\n');
                out.push_str(&indent.repeat(depth));
            }
            Ok(())
        };
        out.push(open);
        for at in 0..count {
            if at > 0 {
                out.push_str(&self.between);
            }
            line(depth + 1, out)?;
            item(at, out)?;
        }
        if count > 0 {
            line(depth, out)?;
        }
        out.push(close);
        Ok(())
    }

    fn string(&self, text: &str, out: &mut String) {
        out.push('"');
        for character in text.chars() {
            match character {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                plain if plain >= ' ' && (plain.is_ascii() && plain != '\u{7f}' || !self.ascii) => out.push(plain),
                other if self.ascii && other == '\u{7f}' => out.push(other),
                other => {
                    let mut units = [0; 2];
                    for unit in other.encode_utf16(&mut units) {
                        out.push_str(&format!("\\u{unit:04x}"));
                    }
                }
            }
        }
        out.push('"');
    }
}

/// A number as Python writes it.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    let Ok(number) = f64::try_from(value.clone()) else { return value.to_string() };
    match number {
        nan if nan.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        // Both write the shortest digits that are read back, and 1e16 and up or 1e-5 and down with an exponent; Python
        // gives that a sign and two digits.
        finite => {
            let text = format!("{finite:?}");
            match text.split_once('e') {
                None => text,
                Some((digits, exponent)) => {
                    let digits = digits.strip_suffix(".0").unwrap_or(digits);
                    let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |rest| ("-", rest));
                    format!("{digits}e{sign}{exponent:0>2}")
                }
            }
        }
    }
}

/// A key of a map: Python writes numbers, truth and `None` as texts.
fn key_text(key: &Value) -> Result<String, Error> {
    match key.kind() {
        ValueKind::String => Ok(key.as_str().unwrap_or_default().to_owned()),
        ValueKind::Number => Ok(number(key)),
        ValueKind::Bool => Ok(if key.is_true() { "true" } else { "false" }.to_owned()),
        ValueKind::None => Ok("null".to_owned()),
        kind => Err(Error::new(ErrorKind::InvalidOperation, format!("{kind} cannot be a key of JSON"))),
    }
}
