//! `config.json` to [`Config`], from the two spellings that transformers 4 and 5 use.
//!
//! Every wrong key of a file is found in one go. What is computed differently by some variant of the
//! architecture (biases, other activations, other rotary scalings, quantized weights) is refused by the
//! name of its key: a model that loads is computed right.

use serde_json::{Map, Value, json};

use super::config::Config;
use super::rope::{Rope, RopeScaling};
use crate::device::dtype_named;
use crate::error::{Error, Result};

/// No dimension of a model is larger than this; keeps every product of two far from overflow.
const LARGEST: u64 = 1 << 30;

/// Keys that [`Config`] has fields for; the rest is kept in [`Config::other`].
const KNOWN: [&str; 23] = [
    "architectures",
    "model_type",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "rms_norm_eps",
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "hidden_act",
    "attention_bias",
    "mlp_bias",
    "tie_word_embeddings",
    "initializer_range",
    "bos_token_id",
    "eos_token_id",
    "torch_dtype",
    "dtype",
];

/// Reads the content of a `config.json`; `place` is the file, for errors.
pub(super) fn parse(value: &Value, place: Option<&str>) -> Result<Config> {
    let Some(object) = value.as_object() else {
        return Err(placed(Error::new("the content").got("not a JSON object").expected("one"), place));
    };
    let mut keys = Keys { object, place, errors: Vec::new() };
    keys.check_architecture();
    if let Some(error) = Error::all(std::mem::take(&mut keys.errors)) {
        return Err(error);
    }
    keys.refuse_unsupported();
    let heads = keys.count("num_attention_heads", None);
    let hidden_size = keys.count("hidden_size", None);
    let max_position_embeddings = keys.count("max_position_embeddings", Some(2048));
    let config = Config {
        hidden_size,
        intermediate_size: keys.count("intermediate_size", None),
        layers: keys.count("num_hidden_layers", None),
        heads,
        key_value_heads: keys.count("num_key_value_heads", Some(heads)),
        head_dimension: keys.count("head_dim", Some(hidden_size.checked_div(heads).unwrap_or(1).max(1))),
        vocabulary: keys.count("vocab_size", None),
        max_position_embeddings,
        rms_norm_epsilon: keys.positive("rms_norm_eps", 1e-6),
        rope: keys.rope(max_position_embeddings),
        tie_word_embeddings: keys.flag("tie_word_embeddings"),
        initializer_range: keys.positive("initializer_range", 0.02),
        bos: keys.ids("bos_token_id").first().copied(),
        eos: keys.ids("eos_token_id"),
        dtype: keys.dtype(),
        other: object
            .iter()
            .filter(|(k, _)| !KNOWN.contains(&k.as_str()))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        generation: None,
    };
    keys.check_fit(&config);
    match Error::all(keys.errors) {
        Some(error) => Err(error),
        None => Ok(config),
    }
}

/// The token ids of a key that may be absent, null, one id or a list.
pub(super) fn token_ids(value: Option<&Value>) -> Result<Vec<u32>> {
    let one = |value: &Value| {
        value
            .as_u64()
            .and_then(|id| u32::try_from(id).ok())
            .ok_or_else(|| Error::new("eos_token_id").got(value).expected("a token id or a list of them"))
    };
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(one).collect(),
        Some(value) => Ok(vec![one(value)?]),
    }
}

fn placed(error: Error, place: Option<&str>) -> Error {
    match place {
        Some(place) => error.at(place),
        None => error,
    }
}

/// The keys of a file, and what is wrong with them so far.
struct Keys<'a> {
    object: &'a Map<String, Value>,
    place: Option<&'a str>,
    errors: Vec<Error>,
}

impl<'a> Keys<'a> {
    fn wrong(&mut self, error: Error) {
        self.errors.push(placed(error, self.place));
    }

    /// A key's value; a null is as good as none.
    fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    fn count(&mut self, key: &str, default: Option<usize>) -> usize {
        let error = match (self.value(key), default) {
            (None, Some(default)) => return default,
            (None, None) => Error::new(format!("{key} is missing")),
            (Some(value), _) => match value.as_u64() {
                Some(count) if (1..=LARGEST).contains(&count) => return count as usize,
                _ => Error::new(key).got(value).expected(format!("a whole number from 1 to {LARGEST}")),
            },
        };
        self.wrong(error);
        1
    }

    fn positive(&mut self, key: &str, default: f64) -> f64 {
        let Some(value) = self.value(key) else { return default };
        match value.as_f64() {
            Some(number) if number > 0.0 && number.is_finite() => number,
            _ => {
                let error = Error::new(key).got(value).expected("a number above 0");
                self.wrong(error);
                default
            }
        }
    }

    fn flag(&mut self, key: &str) -> bool {
        let Some(value) = self.value(key) else { return false };
        value.as_bool().unwrap_or_else(|| {
            let error = Error::new(key).got(value).expected("true or false");
            self.wrong(error);
            false
        })
    }

    fn ids(&mut self, key: &str) -> Vec<u32> {
        token_ids(self.object.get(key)).unwrap_or_else(|_| {
            let got = self.object.get(key).cloned().unwrap_or_default();
            self.wrong(Error::new(key).got(got).expected("a token id or a list of them"));
            Vec::new()
        })
    }

    fn dtype(&mut self) -> Option<candle_core::DType> {
        let name = self.value("dtype").or_else(|| self.value("torch_dtype"))?;
        name.as_str().and_then(|name| dtype_named(name.trim_start_matches("torch.")))
    }

    fn check_architecture(&mut self) {
        let supported = "LlamaForCausalLM";
        let hint =
            "this program trains Llama models: Llama 1 to 3, TinyLlama, SmolLM and others saved as LlamaForCausalLM";
        let error = match self.value("architectures") {
            Some(Value::Array(names)) if names.iter().any(|name| name == supported) => return,
            Some(names) => Error::new("architectures").got(names).expected(format!("[\"{supported}\"]")),
            None => match self.value("model_type") {
                Some(kind) if kind == "llama" => return,
                Some(kind) => Error::new("model_type").got(kind).expected("\"llama\""),
                None => Error::new("architectures is missing").expected(format!("[\"{supported}\"]")),
            },
        };
        self.wrong(error.hint(hint));
    }

    /// Refuses what would be computed differently.
    fn refuse_unsupported(&mut self) {
        for key in ["attention_bias", "mlp_bias"] {
            if self.flag(key) {
                self.wrong(
                    Error::new(key).got("true").expected("false").hint("linear modules with a bias are not supported"),
                );
            }
        }
        if let Some(activation) = self.value("hidden_act").filter(|a| *a != "silu" && *a != "swish") {
            let error = Error::new("hidden_act").got(activation).expected("\"silu\"");
            self.wrong(error);
        }
        if self.value("attention_dropout").and_then(Value::as_f64).is_some_and(|p| p != 0.0) {
            self.wrong(
                Error::new("attention_dropout")
                    .got("not 0")
                    .expected("0")
                    .hint("set it to 0: it acts in training only"),
            );
        }
        if self.value("quantization_config").is_some() {
            self.wrong(
                Error::new("quantization_config is present; quantized weights are not supported")
                    .hint("use the f32, f16 or bf16 version of the model"),
            );
        }
    }

    fn rope(&mut self, max_positions: usize) -> Rope {
        // transformers 4 has theta outside and the rest in `rope_scaling`; transformers 5 has all of it in
        // `rope_parameters`, and takes `rope_scaling` instead where there is one.
        let new_theta = self.value("rope_parameters").and_then(|p| p.get("rope_theta")).and_then(Value::as_f64);
        let theta = self.positive("rope_theta", new_theta.unwrap_or(10_000.0));
        let mut rope = Rope { theta, scaling: RopeScaling::Default };
        let name = ["rope_scaling", "rope_parameters"].into_iter().find(|name| self.value(name).is_some());
        let Some(name) = name else { return rope };
        let Some(Value::Object(object)) = self.value(name) else {
            self.wrong(Error::new(name).got("not an object").expected("an object with rope_type"));
            return rope;
        };
        let mut inner = Keys { object, place: None, errors: Vec::new() };
        rope.theta = inner.positive("rope_theta", rope.theta);
        rope.scaling = inner.rope_scaling(max_positions);
        let place = self.place.map_or_else(|| name.to_string(), |place| format!("{place}: {name}"));
        let errors: Vec<Error> = inner.errors.into_iter().map(|error| error.at(place.as_str())).collect();
        self.errors.extend(errors);
        rope
    }

    fn rope_scaling(&mut self, max_positions: usize) -> RopeScaling {
        let kind = self.value("rope_type").or_else(|| self.value("type")).cloned().unwrap_or_else(|| json!("default"));
        if self.value("partial_rotary_factor").and_then(Value::as_f64).is_some_and(|f| f != 1.0) {
            self.wrong(Error::new("partial_rotary_factor").got("not 1").expected("1"));
        }
        match kind.as_str() {
            Some("default") => RopeScaling::Default,
            Some("linear") => RopeScaling::Linear { factor: self.needed("factor") },
            Some("llama3") => {
                let (low, high) = (self.needed("low_freq_factor"), self.needed("high_freq_factor"));
                if high <= low {
                    self.wrong(
                        Error::new("high_freq_factor").got(high).expected(format!("above low_freq_factor ({low})")),
                    );
                }
                RopeScaling::Llama3 {
                    factor: self.needed("factor"),
                    low_frequency_factor: low,
                    high_frequency_factor: high,
                    original_positions: self.positive("original_max_position_embeddings", max_positions as f64),
                }
            }
            _ => {
                self.wrong(Error::new("rope_type").got(kind).expected("default, linear or llama3"));
                RopeScaling::Default
            }
        }
    }

    fn needed(&mut self, key: &str) -> f64 {
        if self.value(key).is_none() {
            self.wrong(Error::new(format!("{key} is missing")));
        }
        self.positive(key, 1.0)
    }

    fn check_fit(&mut self, config: &Config) {
        if !self.errors.is_empty() {
            return;
        }
        let Config { hidden_size, heads, key_value_heads, head_dimension, vocabulary, .. } = *config;
        if self.value("head_dim").is_none() && !hidden_size.is_multiple_of(heads) {
            self.wrong(
                Error::new("hidden_size")
                    .got(hidden_size)
                    .expected(format!("a multiple of num_attention_heads ({heads}), or head_dim given")),
            );
        }
        if !heads.is_multiple_of(key_value_heads) {
            self.wrong(
                Error::new("num_key_value_heads")
                    .got(key_value_heads)
                    .expected(format!("a divisor of num_attention_heads ({heads})")),
            );
        }
        if !head_dimension.is_multiple_of(2) {
            self.wrong(
                Error::new("head_dim").got(head_dimension).expected("even, because rotary embedding turns pairs"),
            );
        }
        let outside = config.bos.iter().chain(&config.eos).find(|id| **id as usize >= vocabulary);
        if let Some(id) = outside {
            self.wrong(
                Error::new("bos_token_id or eos_token_id").got(id).expected(format!("below vocab_size ({vocabulary})")),
            );
        }
    }
}
