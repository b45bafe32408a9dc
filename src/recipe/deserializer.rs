//! A serde deserializer over the tree of a recipe, whose errors know the path at which they arose.
//!
//! The path grows on the way up: each list and each map adds its own step to an error that passes through it.

use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

use super::mismatch::{Mismatch, Reason, describe, one_of};
use super::node::{Entry, Node, Value};

/// Reads a node.
pub(crate) struct NodeDeserializer<'de>(pub(crate) &'de Node);

impl<'de> NodeDeserializer<'de> {
    fn wrong<T>(&self, expected: &str) -> Result<T, Mismatch> {
        let expected = expected.to_owned();
        Err(Mismatch::new(Reason::Value { got: describe(&self.0.value), expected }))
    }

    fn unsigned<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Int(value) if u64::try_from(*value).is_ok() => self.deserialize_any(visitor),
            _ => self.wrong("a whole number from 0 to 18446744073709551615"),
        }
    }

    fn float<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Int(value) => visitor.visit_f64(*value as f64),
            Value::Float(value) => visitor.visit_f64(*value),
            _ => self.wrong("a number"),
        }
    }

    fn text<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::String(value) => visitor.visit_borrowed_str(value),
            _ => self.wrong("a text"),
        }
    }
}

impl<'de> Deserializer<'de> for NodeDeserializer<'de> {
    type Error = Mismatch;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Null | Value::Removed => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(value) => match (u64::try_from(*value), i64::try_from(*value)) {
                (Ok(value), _) => visitor.visit_u64(value),
                (_, Ok(value)) => visitor.visit_i64(value),
                _ => visitor.visit_i128(*value),
            },
            Value::Float(value) => visitor.visit_f64(*value),
            Value::String(value) => visitor.visit_borrowed_str(value),
            Value::Seq(items) => visitor.visit_seq(Items { rest: items.iter().enumerate() }),
            Value::Map(entries) => visitor.visit_map(Entries { rest: entries.iter(), current: None }),
        }
    }

    /// What is written is there: an empty value is no way to leave a key out.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_some(self)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Bool(value) => visitor.visit_bool(*value),
            _ => self.wrong("true or false"),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Seq(_) => self.deserialize_any(visitor),
            _ => self.wrong("a list"),
        }
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Map(_) => self.deserialize_any(visitor),
            _ => self.wrong("a map"),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::Map(_) => self.deserialize_any(visitor),
            _ => self.wrong(&format!("a map with keys of {}", keys.join(", "))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Mismatch> {
        match &self.0.value {
            Value::String(word) => {
                let word: StrDeserializer<'_, Mismatch> = word.as_str().into_deserializer();
                visitor.visit_enum(word)
            }
            _ => self.wrong(&one_of(words)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Mismatch> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.unsigned(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.float(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.text(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Mismatch> {
        self.text(visitor)
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

struct Items<'de> {
    rest: std::iter::Enumerate<std::slice::Iter<'de, Node>>,
}

impl<'de> de::SeqAccess<'de> for Items<'de> {
    type Error = Mismatch;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Mismatch> {
        let item = self.rest.find(|(_, node)| node.value != Value::Removed);
        item.map(|(index, node)| seed.deserialize(NodeDeserializer(node)).map_err(|e| e.below(index.to_string())))
            .transpose()
    }
}

struct Entries<'de> {
    rest: std::slice::Iter<'de, Entry>,
    current: Option<&'de Entry>,
}

impl<'de> de::MapAccess<'de> for Entries<'de> {
    type Error = Mismatch;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Mismatch> {
        self.current = self.rest.find(|entry| entry.node.value != Value::Removed);
        self.current
            .map(|entry| {
                let key: StrDeserializer<'_, Mismatch> = entry.key.as_str().into_deserializer();
                seed.deserialize(key).map_err(|error| error.below(&entry.key))
            })
            .transpose()
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Mismatch> {
        match self.current.take() {
            Some(entry) => seed.deserialize(NodeDeserializer(&entry.node)).map_err(|error| error.below(&entry.key)),
            None => Err(de::Error::custom("a value was asked for before its key")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the errors are looked at")]
    struct Sample {
        list: Option<Vec<Inner>>,
        flag: Option<bool>,
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only the errors are looked at")]
    struct Inner {
        size: Option<u64>,
        name: Option<String>,
        share: Option<f64>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        AllLinear,
        None,
    }

    fn mismatch(text: &str) -> String {
        let (node, _) = yaml::read(text, "r").expect("YAML");
        match Sample::deserialize(NodeDeserializer(&node)) {
            Ok(sample) => format!("{sample:?}"),
            Err(mismatch) => mismatch.to_string(),
        }
    }

    #[test]
    fn an_error_knows_the_path_at_which_it_arose() {
        assert_eq!(
            mismatch("list: [{ size: 1 }, { size: x }]"),
            "list.1.size: Value { got: \"\\\"x\\\"\", expected: \"a whole number from 0 to 18446744073709551615\" }"
        );
        assert_eq!(
            mismatch("list: [{ sise: 1 }]"),
            "list.0.sise: UnknownKey { known: [\"size\", \"name\", \"share\"] }"
        );
        assert_eq!(mismatch("kind: all"), "kind: UnknownWord { got: \"all\", known: [\"all-linear\", \"none\"] }");
        assert_eq!(mismatch("flag:"), "flag: Value { got: \"empty\", expected: \"true or false\" }");
        assert_eq!(mismatch("flag: yes"), "flag: Value { got: \"\\\"yes\\\"\", expected: \"true or false\" }");
        assert_eq!(mismatch("list: {}"), "list: Value { got: \"a map\", expected: \"a list\" }");
        assert_eq!(mismatch("kind: 5"), "kind: Value { got: \"5\", expected: \"all-linear or none\" }");
        assert_eq!(
            mismatch("list: [5]"),
            "list.0: Value { got: \"5\", expected: \"a map with keys of size, name, share\" }"
        );
    }

    #[test]
    fn values_that_fit_are_read() {
        assert_eq!(
            mismatch("list: [{ size: 1, name: x, share: 1 }]\nflag: true\nkind: none\n"),
            "Sample { list: Some([Inner { size: Some(1), name: Some(\"x\"), share: Some(1.0) }]), \
             flag: Some(true), kind: Some(None) }"
        );
    }
}
