//! Lists of messages: OpenAI's `role` and `content`, ShareGPT's `from` and `value`.

use super::layout::Layout;
use super::row::Fields;
use super::value::Value;
use crate::data::{Role, Turn};
use crate::error::{Error, Result};

/// The turns of a list of messages, which in a table may stand as JSON in a text.
///
/// # Errors
/// It is no list, or a message has no role or words that can be read.
pub(super) fn turns(list: Value, fields: &Fields<'_>, slot: usize) -> Result<Vec<Turn>> {
    let list = match list {
        Value::Text(text) if text.trim_start().starts_with('[') => {
            serde_json::from_str(&text).unwrap_or(Value::Text(text))
        }
        other => other,
    };
    let Value::List(messages) = list else {
        return Err(
            Error::new(format!("the field `{}` must be a list of messages", fields.name(slot))).got(list.kind())
        );
    };
    let turn = |(index, message): (usize, Value)| {
        turn(message, fields.layout).map_err(|error| error.at(format!("message {}", index + 1)))
    };
    messages.into_iter().enumerate().map(turn).collect()
}

fn turn(mut message: Value, layout: &Layout) -> Result<Turn> {
    if !matches!(message, Value::Object(_)) {
        return Err(Error::new("the message").got(message.kind()).expected("an object"));
    }
    let is_there = |key: &str| message.get(key).is_some_and(|value| *value != Value::Null);
    let share_gpt = is_there("from");
    let role_key = layout.renamed("role").unwrap_or(if share_gpt { "from" } else { "role" });
    let text_key = layout.renamed("content").unwrap_or(if share_gpt { "value" } else { "content" });
    for key in ["tool_calls", "function_call"] {
        let empty =
            matches!(message.get(key), None | Some(Value::Null)) || message.get(key) == Some(&Value::List(vec![]));
        if !empty {
            return Err(Error::new(format!("the message has `{key}`, which is not read"))
                .hint("write calls of tools as the message's text"));
        }
    }
    let role = role(&text(&mut message, role_key)?, role_key)?;
    let trained = trained(&message)?;
    let text = content(&mut message, text_key)?;
    Ok(Turn { trained, ..Turn::new(role, text) })
}

fn role(word: &str, key: &str) -> Result<Role> {
    match word {
        "system" | "developer" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        // ShareGPT files with tools give the assistant's calls a name of their own.
        "assistant" | "gpt" | "model" | "function_call" => Ok(Role::Assistant),
        "tool" | "function" | "observation" => Ok(Role::Tool),
        other => Err(Error::new(format!("the field `{key}`"))
            .got(format!("{other:?}"))
            .expected("system, user (or human), assistant (or gpt), or tool (or observation)")),
    }
}

fn text(message: &mut Value, key: &str) -> Result<String> {
    match message.take(key) {
        Some(Value::Text(text)) => Ok(text),
        Some(other) => Err(Error::new(format!("the field `{key}`")).got(other.kind()).expected("a text")),
        None => Err(super::row::missing(key, &names(message))),
    }
}

fn names(message: &Value) -> Vec<String> {
    match message {
        Value::Object(entries) => entries.iter().map(|(key, _)| key.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The words: a text, or a list of texts that are one.
fn content(message: &mut Value, key: &str) -> Result<String> {
    match message.get(key) {
        Some(Value::List(parts)) => parts.iter().map(|part| self::part(part, key)).collect(),
        _ => text(message, key),
    }
}

fn part<'p>(part: &'p Value, key: &str) -> Result<&'p str> {
    if let Value::Text(text) = part {
        return Ok(text);
    }
    let is_text = part.get("type").is_none_or(|kind| matches!(kind, Value::Text(kind) if kind == "text"));
    match part.get("text") {
        Some(Value::Text(text)) if is_text => Ok(text),
        _ => {
            let got = match part.get("type") {
                Some(Value::Text(kind)) => format!("of the type {kind:?}"),
                _ => part.kind().to_owned(),
            };
            Err(Error::new(format!("a part of the field `{key}`")).got(got).expected("{type: text, text: …}"))
        }
    }
}

/// OpenAI's `weight` of 0 or 1, or `train`.
fn trained(message: &Value) -> Result<Option<bool>> {
    let weight = match message.get("weight") {
        None | Some(Value::Null) => None,
        Some(Value::Whole(0)) => Some(false),
        Some(Value::Whole(1)) => Some(true),
        Some(Value::Number(number)) if *number == 0.0 || *number == 1.0 => Some(*number == 1.0),
        Some(other) => return Err(Error::new("the field `weight`").got(other.kind()).expected("0 or 1")),
    };
    let train = match message.get("train") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(train)) => Some(*train),
        Some(other) => return Err(Error::new("the field `train`").got(other.kind()).expected("true or false")),
    };
    match (weight, train) {
        (Some(weight), Some(train)) if weight != train => {
            Err(Error::new("the message's `weight` and `train` say different things").hint("keep one of them"))
        }
        (weight, train) => Ok(train.or(weight)),
    }
}
