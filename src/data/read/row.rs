//! The slots of a layout as a row, by the source's template.

use super::layout::{CONVERSATIONS, Layout};
use super::record::Root;
use super::value::Value;
use super::{Row, Weighed, messages, tokens};
use crate::data::{Conversation, Role, Turn};
use crate::error::{Error, Result};
use crate::recipe::RowTemplate;

/// The fields of one row.
pub(super) struct Fields<'f> {
    pub layout: &'f Layout,
    pub slots: &'f mut [Option<Value>],
    /// All names that the row has, for messages.
    pub names: &'f dyn Fn() -> Vec<String>,
}

/// Makes a row of what was read.
///
/// # Errors
/// A field is missing or of the wrong kind.
pub(super) fn row(root: Root, mut fields: Fields<'_>) -> Result<Weighed> {
    match (fields.layout.template, root) {
        (RowTemplate::Plain, Root::Text(text)) => return Ok(Row::Document(text).into()),
        (_, Root::Object) => {}
        (_, Root::Text(_)) => return Err(Error::new("the row").got("a text").expected("an object")),
        (_, Root::Other(kind)) => return Err(Error::new("the row").got(kind).expected("an object")),
    }
    let weight = fields.weight()?;
    let row = match fields.layout.template {
        RowTemplate::Plain => fields.text(0).map(Row::Document),
        RowTemplate::Alpaca => alpaca(&mut fields).map(Row::Conversation),
        RowTemplate::Messages => conversation(&mut fields).map(Row::Conversation),
        RowTemplate::PromptCompletion => prompt_completion(&mut fields).map(Row::Conversation),
        RowTemplate::Translation => Ok(Row::Pair(fields.text(0)?, fields.text(1)?)),
        RowTemplate::Tokens => tokens::row(&mut fields),
    }?;
    Ok(Weighed { row, weight })
}

impl Fields<'_> {
    /// The name of a slot's field.
    pub fn name(&self, slot: usize) -> &str {
        self.layout.name(slot)
    }

    /// Takes a value that may not be there; null is nothing.
    pub fn take(&mut self, slot: usize) -> Option<Value> {
        self.slots.get_mut(slot).and_then(Option::take).filter(|value| *value != Value::Null)
    }

    /// Takes a value that must be there.
    pub fn required(&mut self, slot: usize) -> Result<Value> {
        match self.slots.get_mut(slot).and_then(Option::take) {
            Some(value) => Ok(value),
            None => Err(missing(self.name(slot), &(self.names)())),
        }
    }

    /// Takes a text that must be there.
    pub fn text(&mut self, slot: usize) -> Result<String> {
        match self.required(slot)? {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(slot, &other, "a text")),
        }
    }

    /// Takes a text that may not be there.
    pub fn optional_text(&mut self, slot: usize) -> Result<Option<String>> {
        match self.take(slot) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(slot, &other, "a text")),
        }
    }

    /// How much the row counts: 1 where the recipe names no field for it, or the row does not have it.
    fn weight(&mut self) -> Result<f32> {
        let Some(slot) = self.layout.weight else { return Ok(1.0) };
        let value = self.take(slot);
        let number = match &value {
            None => return Ok(1.0),
            Some(Value::Whole(number)) => *number as f64,
            Some(Value::Number(number)) => *number,
            // Tables have nothing but texts; an empty cell is nothing.
            Some(Value::Text(text)) if text.trim().is_empty() => return Ok(1.0),
            Some(Value::Text(text)) => text.trim().parse().unwrap_or(f64::NAN),
            Some(_) => f64::NAN,
        };
        let fits = number >= 0.0 && number as f32 != f32::INFINITY;
        match (fits, value) {
            (false, Some(other)) => Err(self.wrong(slot, &other, "a number of at least 0")),
            _ => Ok(number as f32),
        }
    }

    /// The error of a field that is not what it must be.
    pub fn wrong(&self, slot: usize, got: &Value, expected: &str) -> Error {
        Error::new(format!("the field `{}`", self.name(slot))).got(got.kind()).expected(expected)
    }
}

/// The error of a field that is not there.
pub(super) fn missing(name: &str, names: &[String]) -> Error {
    let known: Vec<String> = names.iter().take(8).map(|key| format!("`{key}`")).collect();
    let hint = match known.is_empty() {
        true => "the row is empty".to_owned(),
        false => format!("the row has {}", known.join(", ")),
    };
    Error::new(format!("the row has no field `{name}`")).hint(hint)
}

fn alpaca(fields: &mut Fields<'_>) -> Result<Conversation> {
    let mut turns = Vec::with_capacity(3);
    if let Some(system) = fields.optional_text(3)?.filter(|text| !text.is_empty()) {
        turns.push(Turn::new(Role::System, system));
    }
    let (instruction, input) = (fields.text(0)?, fields.optional_text(1)?.unwrap_or_default());
    turns.push(Turn::with_input(instruction, input));
    turns.push(Turn::new(Role::Assistant, fields.text(2)?));
    Ok(Conversation { turns })
}

fn conversation(fields: &mut Fields<'_>) -> Result<Conversation> {
    let slot = match fields.slots.first() {
        Some(Some(value)) if *value != Value::Null => 0,
        _ if matches!(fields.slots.get(CONVERSATIONS), Some(Some(_))) => CONVERSATIONS,
        _ => 0,
    };
    let list = fields.required(slot)?;
    let mut turns = messages::turns(list, fields, slot)?;
    let system = fields.optional_text(3)?.filter(|text| !text.is_empty());
    match (system, turns.first()) {
        (None, _) => {}
        (Some(system), Some(first)) if first.role == Role::System => {
            if first.text != system {
                return Err(Error::new("the row has a system text and a system message that differ")
                    .hint("take one of them out"));
            }
        }
        (Some(system), _) => turns.insert(0, Turn::new(Role::System, system)),
    }
    Ok(Conversation { turns })
}

/// Texts are what a user and an assistant say; lists of messages keep their own roles. Nothing of the prompt is trained
/// on in either form.
fn prompt_completion(fields: &mut Fields<'_>) -> Result<Conversation> {
    let (prompt, completion) = (fields.required(0)?, fields.required(1)?);
    let mut turns = match prompt {
        Value::Text(text) => vec![Turn::new(Role::User, text)],
        list @ Value::List(_) => {
            let mut turns = messages::turns(list, fields, 0)?;
            turns.iter_mut().for_each(|turn| turn.trained = Some(false));
            turns
        }
        other => return Err(fields.wrong(0, &other, "a text or a list of messages")),
    };
    match completion {
        Value::Text(text) => turns.push(Turn::new(Role::Assistant, text)),
        list @ Value::List(_) => turns.extend(messages::turns(list, fields, 1)?),
        other => return Err(fields.wrong(1, &other, "a text or a list of messages")),
    }
    Ok(Conversation { turns })
}
