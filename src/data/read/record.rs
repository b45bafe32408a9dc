//! A JSON value as the slots of a layout: what no slot wants is parsed, but not kept.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::layout::Node;
use super::value::Value;

/// What stands where a row should be.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Root {
    /// An object; the slots are filled.
    Object,
    /// A text.
    Text(String),
    /// Something else, by its kind.
    Other(&'static str),
}

/// Parses a row into slots, which must be empty.
///
/// # Errors
/// The text is not one JSON value.
pub(super) fn parse(text: &str, root: &Node, slots: &mut [Option<Value>]) -> Result<Root, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let parsed = Seed { node: root, slots }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(parsed)
}

/// The first keys of an object, for messages.
pub(super) fn keys(text: &str) -> Vec<String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = <Value as serde::Deserialize>::deserialize(&mut deserializer);
    match value {
        Ok(Value::Object(entries)) => entries.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

/// Parses one level of a row.
struct Seed<'s> {
    node: &'s Node,
    slots: &'s mut [Option<Value>],
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Root;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Root, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Root;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Root, A::Error> {
        while let Some(child) = map.next_key_seed(Key { node: self.node })? {
            match child {
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
                Some(child) if child.slots.is_empty() => {
                    map.next_value_seed(Seed { node: child, slots: &mut *self.slots })?;
                }
                Some(child) => child.fill(map.next_value()?, self.slots),
            }
        }
        Ok(Root::Object)
    }

    fn visit_str<E>(self, value: &str) -> Result<Root, E> {
        Ok(Root::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Root, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Root::Other("a list"))
    }

    fn visit_unit<E>(self) -> Result<Root, E> {
        Ok(Root::Other("null"))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Root, E> {
        Ok(Root::Other("true or false"))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Root, E> {
        Ok(Root::Other("a number"))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Root, E> {
        Ok(Root::Other("a number"))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Root, E> {
        Ok(Root::Other("a number"))
    }
}

/// Finds what a key leads to without keeping the key.
struct Key<'n> {
    node: &'n Node,
}

impl<'de, 'n> DeserializeSeed<'de> for Key<'n> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'n> Visitor<'_> for Key<'n> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.node.get(key))
    }
}
