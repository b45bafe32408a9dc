//! What templates call that is Python's and not Jinja's: methods of texts, what counts as space, the date.

use jiff::Zoned;
use minijinja::value::from_args;
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat;

/// What Python's `str.strip` takes off: Unicode's white space, and four control characters more.
pub(super) fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Python's `strip`, in the templates' filter and in our own words.
pub(super) fn stripped(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The filter `trim`: Jinja's calls `str.strip`.
pub(super) fn trim(value: &Value, chars: Option<String>) -> String {
    let text = value.to_string();
    match chars {
        Some(chars) => text.trim_matches(|c| chars.contains(c)).to_owned(),
        None => stripped(&text).to_owned(),
    }
}

/// Methods of Python's types that values do not have themselves.
pub(super) fn method(state: &mut State<'_, '_>, value: &Value, name: &str, args: &[Value]) -> Result<Value, Error> {
    let Some(text) = value.as_str() else {
        return pycompat::unknown_method_callback(state, value, name, args);
    };
    match (name, args) {
        ("strip", []) => Ok(stripped(text).into()),
        ("lstrip", []) => Ok(text.trim_start_matches(is_space).into()),
        ("rstrip", []) => Ok(text.trim_end_matches(is_space).into()),
        ("removeprefix", _) => {
            let (prefix,): (&str,) = from_args(args)?;
            Ok(text.strip_prefix(prefix).unwrap_or(text).into())
        }
        ("removesuffix", _) => {
            let (suffix,): (&str,) = from_args(args)?;
            Ok(text.strip_suffix(suffix).unwrap_or(text).into())
        }
        ("partition", _) => {
            let (by,): (&str,) = from_args(args)?;
            let (before, after) = separator(by)?.then(|| text.split_once(by)).flatten().unwrap_or((text, ""));
            let found = if before.len() < text.len() { by } else { "" };
            Ok([before, found, after].into_iter().map(Value::from).collect())
        }
        ("rpartition", _) => {
            let (by,): (&str,) = from_args(args)?;
            let (before, after) = separator(by)?.then(|| text.rsplit_once(by)).flatten().unwrap_or(("", text));
            let found = if after.len() < text.len() { by } else { "" };
            Ok([before, found, after].into_iter().map(Value::from).collect())
        }
        ("rsplit", [_, ..]) => {
            let (by, most): (&str, Option<i64>) = from_args(args)?;
            separator(by)?;
            let most = most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX - 1);
            let mut parts: Vec<&str> = text.rsplitn(most.saturating_add(1), by).collect();
            parts.reverse();
            Ok(parts.into_iter().map(Value::from).collect())
        }
        _ => pycompat::unknown_method_callback(state, value, name, args),
    }
}

fn separator(by: &str) -> Result<bool, Error> {
    if by.is_empty() {
        return Err(Error::new(ErrorKind::InvalidOperation, "empty separator"));
    }
    Ok(true)
}

/// `strftime_now`: the time at which the template was opened, so that all rows of a run have the same date.
pub(super) fn strftime(now: &Zoned, format: &str) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, now)
        .map_err(|e| Error::new(ErrorKind::InvalidOperation, format!("strftime_now({format:?}): {e}")))
}

/// `raise_exception`.
pub(super) fn raise(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message))
}
