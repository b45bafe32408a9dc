//! The keys of `clean`, below an entry of `sources`.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::super::clean::DuplicatesWord;
use super::super::count::Count;

/// Rows that are left out before training. Each key leaves out what it says and nothing else; the ledger counts the
/// rows that go, with the reason.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clean {
    /// Which rows are there already: those with the same text, white space aside (`exact`), or with nearly the same
    /// words (`near`). The first stays. Default: none.
    pub(crate) duplicates: Option<DuplicatesWord>,
    /// How `duplicates: near` tells that words are nearly the same.
    pub(crate) near: Option<Near>,
    /// Characters of a row, or of each sentence of a pair.
    pub(crate) characters: Option<Sizes>,
    /// Words of a row, or of each sentence of a pair: what stands between white space.
    pub(crate) words: Option<Sizes>,
    /// How many times as long as the other, in characters, a sentence of a pair may be; at least 1. 3 is usual.
    pub(crate) ratio: Option<Most>,
    /// Characters of the longest word that a row may have. 40 is usual for pairs; addresses on the web are longer.
    pub(crate) longest_word: Option<Count>,
    /// Share of letters among the characters that are not white space, from 0 to 1. 0.6 is usual.
    pub(crate) letters: Option<Least>,
    /// Share of the lines of a document that stood in it before, from 0 to 1. 0.3 is usual.
    pub(crate) repeated_lines: Option<Most>,
    /// Leave out pairs whose two sentences are the same but for case, punctuation and white space. Default: false.
    pub(crate) untranslated: Option<bool>,
    /// The language of the text: `{ is: Estonian }`; for pairs `true` or a confidence such as 0.5, since their source
    /// names the languages. Default: any.
    pub(crate) language: Option<LanguageWord>,
    /// Leave out rows that share text with the examples of the tasks that the study compares on. Default: true,
    /// for a `builtin` false.
    pub(crate) decontaminate: Option<bool>,
}

/// How nearly the same words are told: by MinHash over groups of words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Near {
    /// Words that are looked at together. Default: 5.
    pub(crate) words: Option<Count>,
    /// Share of the groups of words in either row that both have, from which on one goes. Default: 0.8.
    pub(crate) similarity: Option<f64>,
    /// Hashes that the share is estimated from: more are more exact and take more memory. Default: 128.
    pub(crate) hashes: Option<Count>,
}

/// A least and a most; one of them or both.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    /// The least that stays. Default: no least.
    pub(crate) least: Option<Count>,
    /// The most that stays. Default: no most.
    pub(crate) most: Option<Count>,
}

/// The most that stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Most {
    /// The most that stays. Required.
    #[schemars(with = "f64")]
    pub(crate) most: Option<f64>,
}

/// The least that stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Least {
    /// The least that stays. Required.
    #[schemars(with = "f64")]
    pub(crate) least: Option<f64>,
}

/// Whether and how the language is checked.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum LanguageWord {
    /// Whether it is checked at all.
    Checked(bool),
    /// The confidence.
    Confidence(f64),
    /// The language and the confidence.
    Check(LanguageCheck),
}

/// How the language is checked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LanguageCheck {
    /// The language of the rows, by its English name. Required, but for pairs, which have those of their source.
    pub(crate) is: Option<String>,
    /// A text goes if it is told to be in another language with at least this confidence, from 0 to 1. Default: 0.5.
    pub(crate) confidence: Option<f64>,
    /// Characters that a text must have to be judged; shorter ones stay, because they are told badly. Default: 50.
    pub(crate) least: Option<Count>,
}

impl<'de> Deserialize<'de> for LanguageWord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LanguageVisitor;

        impl<'de> Visitor<'de> for LanguageVisitor {
            type Value = LanguageWord;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, a confidence such as 0.5, or a map with keys of is, confidence, least")
            }

            fn visit_bool<E>(self, checked: bool) -> Result<LanguageWord, E> {
                Ok(LanguageWord::Checked(checked))
            }

            fn visit_u64<E>(self, confidence: u64) -> Result<LanguageWord, E> {
                Ok(LanguageWord::Confidence(confidence as f64))
            }

            fn visit_i64<E>(self, confidence: i64) -> Result<LanguageWord, E> {
                Ok(LanguageWord::Confidence(confidence as f64))
            }

            fn visit_f64<E>(self, confidence: f64) -> Result<LanguageWord, E> {
                Ok(LanguageWord::Confidence(confidence))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LanguageWord, A::Error> {
                LanguageCheck::deserialize(MapAccessDeserializer::new(map)).map(LanguageWord::Check)
            }
        }

        deserializer.deserialize_any(LanguageVisitor)
    }
}
