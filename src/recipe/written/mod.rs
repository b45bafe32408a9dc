//! What a recipe may say: its keys, before any default is filled and any name is resolved.
//!
//! The types here are read from YAML, written back to it, and described by `emakeel schema`: the comment of each
//! field is what an editor shows for the key. Everything may be left out as far as these types go; what must be
//! there is said by `resolve`, which can then report it together with every other mistake.

mod clean;
mod compare;
mod judge;
mod source;
mod stage;
mod tokens;

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

pub(crate) use clean::{Clean, LanguageCheck, LanguageWord, Least, Most, Near, Sizes};
pub(crate) use compare::{Bleu, Compare, Metric, Publish, ReadWord, Task, TaskWord};
pub(crate) use judge::{Judge, Price};
pub(crate) use source::Source;
pub(crate) use stage::{Adapter, MethodWord, Optimizer, Part, PartKeys, Pretrain, Schedule, Training};
pub(crate) use tokens::{TokenIds, Tokens};

use super::count::Count;
use super::shapes::{Named, Words};

/// A study in one file: what to teach to which model, with what, and how to compare the results.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// The name of the study and of its run folder: letters, digits, `-`, `_` and `.`. Required.
    #[schemars(with = "String")]
    pub(crate) name: Option<String>,
    /// Every random choice follows from this number. Default: 42.
    pub(crate) seed: Option<u64>,
    /// Where the work runs: `auto` (the first CUDA device, else the CPU), `cpu`, `cuda` or `cuda:1`. Default: auto.
    pub(crate) device: Option<String>,
    /// The model that learns. Required.
    #[schemars(with = "Base")]
    pub(crate) base: Option<Base>,
    /// Where rows come from, each under a name that mixtures use.
    pub(crate) sources: Option<Named<Source>>,
    /// Continued pretraining of all parameters. Without it the study has only the base to stand on.
    pub(crate) pretrain: Option<Pretrain>,
    /// The adapters to train, each under its name. The entry `defaults` is no adapter: each of its keys holds for
    /// every adapter that does not have the key itself (`optimizer` and `schedule` key by key).
    pub(crate) adapters: Option<Named<Adapter>>,
    /// The tasks that the base, every snapshot and every adapter answer.
    pub(crate) compare: Option<Compare>,
    /// What goes to the Hugging Face Hub, when `emakeel publish` is called.
    pub(crate) publish: Option<Publish>,
}

/// The model that learns: one of `model`, `builtin` and `new`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Base {
    /// A Hugging Face model folder with `config.json` and safetensors, or, where there is no such folder, the
    /// `owner/name` of a model on the Hub.
    pub(crate) model: Option<String>,
    /// The branch, tag or commit of a model on the Hub. Default: main.
    pub(crate) revision: Option<String>,
    /// A model inside the program: `tiny-english`, or `tiny-estonian`, which has read Estonian.
    pub(crate) builtin: Option<String>,
    /// Random weights of this shape: pretraining from nothing.
    pub(crate) new: Option<NewModel>,
    /// The dtype of weights and activations. Default: f32.
    pub(crate) dtype: Option<Dtype>,
    /// Let CUDA devices multiply f32 matrices as TF32: as fast as tensor cores are, with 10 bits after the point
    /// instead of 23. Default: false.
    pub(crate) tf32: Option<bool>,
    /// The tokenizer, where it is not in the model's folder: the path of a `tokenizer.json`, a `tokenizer.model`
    /// (SentencePiece's, or Llama 3's) or a folder with one of them. For a `new` model, `train` one; for one that has a
    /// tokenizer, `extend` it.
    pub(crate) tokenizer: Option<Tokenizer>,
}

/// A dtype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Dtype {
    /// 32 bits.
    #[serde(rename = "f32")]
    F32,
    /// 16 bits with the exponent of 32: what Llama 2 was trained in.
    #[serde(rename = "bf16")]
    Bf16,
    /// 16 bits; its narrow exponent makes it a poor choice for training.
    #[serde(rename = "f16")]
    F16,
    /// 64 bits: for checking, not for work.
    #[serde(rename = "f64")]
    F64,
}

/// The shape of a model with random weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewModel {
    /// Width of the residual stream. Required.
    #[schemars(with = "Count")]
    pub(crate) hidden_size: Option<Count>,
    /// Width inside the MLP. Default: 8/3 of `hidden_size`, rounded up to a multiple of 64.
    pub(crate) intermediate_size: Option<Count>,
    /// Number of layers. Required.
    #[schemars(with = "Count")]
    pub(crate) layers: Option<Count>,
    /// Query heads; `hidden_size` / `heads` must be whole and even. Required.
    #[schemars(with = "Count")]
    pub(crate) heads: Option<Count>,
    /// Key and value heads; divides `heads`. Default: as many as `heads`.
    pub(crate) key_value_heads: Option<Count>,
    /// Longest sequence the model is meant for, in tokens. Default: 4096.
    pub(crate) max_position_embeddings: Option<Count>,
    /// Whether embedding and head are one matrix. Default: false.
    pub(crate) tie_word_embeddings: Option<bool>,
    /// Base of the rotary frequencies. Default: 10000.
    pub(crate) rope_theta: Option<f64>,
    /// Standard deviation of the initial weights. Default: 0.02.
    pub(crate) initializer_range: Option<f64>,
}

/// A tokenizer's origin: a path, training, or new pieces for the model's own.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Tokenizer {
    /// A `tokenizer.json`, a `tokenizer.model`, or a folder with one of them.
    Path(String),
    /// A tokenizer that is made before anything else.
    Made(MadeTokenizer),
}

/// A tokenizer that is made from the study's own sources: one of `train` and `extend`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MadeTokenizer {
    /// A new one, for a `new` model.
    pub(crate) train: Option<TrainTokenizer>,
    /// The model's own with more pieces. Its ids and merges stay; the model gets a row for each new piece in the
    /// embedding and the head, the mean of the rows of the old pieces that spell it.
    pub(crate) extend: Option<ExtendTokenizer>,
}

/// New pieces after the old ones, learned from the text of some sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendTokenizer {
    /// The name of a source, or of several. Required.
    #[schemars(with = "Words")]
    pub(crate) source: Option<Words>,
    /// How many pieces are added. Required.
    #[schemars(with = "Count")]
    pub(crate) tokens: Option<Count>,
}

/// Byte-pair encoding, trained on the text of some sources.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainTokenizer {
    /// Names of sources. Required.
    #[schemars(with = "Vec<String>")]
    pub(crate) sources: Option<Vec<String>>,
    /// Pieces in all, the 256 bytes and the three special ones included. Required.
    #[schemars(with = "Count")]
    pub(crate) vocabulary: Option<Count>,
}

impl<'de> Deserialize<'de> for Tokenizer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TokenizerVisitor;

        impl<'de> Visitor<'de> for TokenizerVisitor {
            type Value = Tokenizer;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a path, or a map with the key train or extend")
            }

            fn visit_str<E>(self, path: &str) -> Result<Tokenizer, E> {
                Ok(Tokenizer::Path(path.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Tokenizer, A::Error> {
                MadeTokenizer::deserialize(MapAccessDeserializer::new(map)).map(Tokenizer::Made)
            }
        }

        deserializer.deserialize_any(TokenizerVisitor)
    }
}
