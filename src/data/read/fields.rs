//! A JSON value as a row.

use serde_json::{Map, Value};

use super::Row;
use crate::data::{Conversation, Role, Turn};
use crate::error::{Error, Result};
use crate::recipe::RowTemplate;

/// Reads a row by the source's template.
pub(super) fn row(value: Value, template: RowTemplate, text_field: &str) -> Result<Row> {
    match (template, value) {
        (RowTemplate::Plain, Value::String(text)) => Ok(Row::Document(text)),
        (RowTemplate::Plain, Value::Object(fields)) => Ok(Row::Document(text(&fields, text_field)?.to_owned())),
        (RowTemplate::Alpaca, Value::Object(fields)) => {
            let input = match fields.get("input") {
                None | Some(Value::Null) => "",
                Some(_) => text(&fields, "input")?,
            };
            let question = Conversation::question(text(&fields, "instruction")?, input);
            Ok(Row::Conversation(question.answered(text(&fields, "output")?)))
        }
        (RowTemplate::Messages, Value::Object(fields)) => messages(&fields).map(Row::Conversation),
        (RowTemplate::Translation, _) => {
            Err(Error::new("bitext is read from two text files").hint("give two files with a sentence a line"))
        }
        (_, other) => Err(Error::new("the row").got(kind(&other)).expected("an object")),
    }
}

/// The text of a field that must be there.
fn text<'f>(fields: &'f Map<String, Value>, name: &str) -> Result<&'f str> {
    match fields.get(name) {
        Some(Value::String(text)) => Ok(text),
        Some(other) => Err(Error::new(format!("the field `{name}`")).got(kind(other)).expected("a text")),
        None => Err(missing(fields, name)),
    }
}

fn missing(fields: &Map<String, Value>, name: &str) -> Error {
    let known: Vec<String> = fields.keys().take(8).map(|key| format!("`{key}`")).collect();
    let hint = match known.is_empty() {
        true => "the row is empty".to_owned(),
        false => format!("the row has {}", known.join(", ")),
    };
    Error::new(format!("the row has no field `{name}`")).hint(hint)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn messages(fields: &Map<String, Value>) -> Result<Conversation> {
    let (name, list) = ["messages", "conversations"]
        .into_iter()
        .find_map(|name| Some((name, fields.get(name)?)))
        .ok_or_else(|| missing(fields, "messages"))?;
    let list = list.as_array();
    let list = list.ok_or_else(|| Error::new(format!("the field `{name}` must be a list of messages")))?;
    let turn = |(index, message): (usize, &Value)| {
        self::turn(message).map_err(|error| error.at(format!("message {}", index + 1)))
    };
    Ok(Conversation { turns: list.iter().enumerate().map(turn).collect::<Result<_>>()? })
}

fn turn(message: &Value) -> Result<Turn> {
    let Value::Object(fields) = message else {
        return Err(Error::new("the message").got(kind(message)).expected("an object"));
    };
    let (role, content) = if fields.contains_key("from") { ("from", "value") } else { ("role", "content") };
    let role = match text(fields, role)? {
        "system" => Role::System,
        "user" | "human" => Role::User,
        "assistant" | "gpt" => Role::Assistant,
        other => {
            return Err(Error::new(format!("the field `{role}`"))
                .got(format!("{other:?}"))
                .expected("system, user (or human), or assistant (or gpt)"));
        }
    };
    Ok(Turn::new(role, text(fields, content)?))
}
