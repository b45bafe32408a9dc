//! Token ids as a recipe gives them: a list of ids and of ranges, or one for each of some modules.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::super::shapes::Named;

/// Ids of the embedding's rows, or of the rows of some modules.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum Tokens {
    /// Rows of the embedding.
    Embedding(TokenIds),
    /// Rows of modules by their names.
    Of(Named<TokenIds>),
}

/// Ids, in the order given.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct TokenIds(pub(crate) Vec<IdRange>);

/// Ids from the first to the last, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct IdRange {
    pub(crate) first: u32,
    pub(crate) last: u32,
}

impl TokenIds {
    /// All ids, in the order given.
    pub(crate) fn all(&self) -> Vec<u32> {
        self.0.iter().flat_map(|range| range.first..=range.last).collect()
    }

    /// Ids, those that follow each other as ranges.
    pub(crate) fn of(ids: &[u32]) -> Self {
        let runs = ids.chunk_by(|one, next| one.checked_add(1) == Some(*next));
        Self(runs.filter_map(|run| Some(IdRange { first: *run.first()?, last: *run.last()? })).collect())
    }
}

impl Serialize for IdRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.first == self.last {
            return serializer.serialize_u32(self.first);
        }
        serializer.collect_str(&format_args!("{}-{}", self.first, self.last))
    }
}

impl Serialize for TokenIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&self.0)
    }
}

impl<'de> Deserialize<'de> for IdRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RangeVisitor;

        impl Visitor<'_> for RangeVisitor {
            type Value = IdRange;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a token id such as 32000, or a range such as \"32000-32999\"")
            }

            fn visit_u64<E: serde::de::Error>(self, id: u64) -> Result<IdRange, E> {
                let unexpected = serde::de::Unexpected::Unsigned(id);
                let id = u32::try_from(id).map_err(|_| E::invalid_value(unexpected, &self))?;
                Ok(IdRange { first: id, last: id })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<IdRange, E> {
                let range = text.split_once('-').and_then(|(first, last)| {
                    let range = IdRange { first: first.trim().parse().ok()?, last: last.trim().parse().ok()? };
                    (range.first <= range.last).then_some(range)
                });
                range.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(RangeVisitor)
    }
}

impl<'de> Deserialize<'de> for TokenIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for Tokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TokensVisitor;

        impl<'de> Visitor<'de> for TokensVisitor {
            type Value = Tokens;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of token ids, or a map from embed_tokens and lm_head to such lists")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tokens, A::Error> {
                let mut ranges = Vec::new();
                while let Some(range) = items.next_element()? {
                    ranges.push(range);
                }
                Ok(Tokens::Embedding(TokenIds(ranges)))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tokens, A::Error> {
                Named::deserialize(MapAccessDeserializer::new(map)).map(Tokens::Of)
            }
        }

        deserializer.deserialize_any(TokensVisitor)
    }
}

impl JsonSchema for Tokens {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Tokens".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let ids = json_schema!({ "type": "array", "items": {
            "anyOf": [{ "type": "integer", "minimum": 0 }, { "type": "string", "pattern": "^[0-9]+ *- *[0-9]+$" }],
        } });
        json_schema!({ "anyOf": [ids, { "type": "object", "additionalProperties": ids }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_follow_each_other_are_a_range_and_come_back() {
        let ids = [7, 3, 4, 5, u32::MAX];
        let written = TokenIds::of(&ids);
        assert_eq!(serde_json::to_string(&written).unwrap(), format!("[7,\"3-5\",{}]", u32::MAX));
        let read: TokenIds = serde_json::from_str(&serde_json::to_string(&written).unwrap()).unwrap();
        assert_eq!(read.all(), ids);
        for wrong in ["[-1]", "[\"5-3\"]", "[\"x\"]", "[4294967296]", "[1.5]"] {
            assert!(serde_json::from_str::<TokenIds>(wrong).is_err(), "{wrong}");
        }
    }
}
