//! [`Config`] back to `config.json`, in the two spellings that transformers 4 and 5 use.

use candle_core::DType;
use serde_json::{Map, Value, json};

use super::config::Config;
use super::rope::{Rope, RopeScaling};

/// Writes the content of a `config.json`.
pub(super) fn render(config: &Config) -> Value {
    let mut object = Map::new();
    let mut put = |key: &str, value: Value| object.insert(key.into(), value);
    put("architectures", json!(["LlamaForCausalLM"]));
    put("model_type", json!("llama"));
    put("hidden_size", json!(config.hidden_size));
    put("intermediate_size", json!(config.intermediate_size));
    put("num_hidden_layers", json!(config.layers));
    put("num_attention_heads", json!(config.heads));
    put("num_key_value_heads", json!(config.key_value_heads));
    put("head_dim", json!(config.head_dimension));
    put("vocab_size", json!(config.vocabulary));
    put("max_position_embeddings", json!(config.max_position_embeddings));
    put("rms_norm_eps", json!(config.rms_norm_epsilon));
    put("hidden_act", json!("silu"));
    put("tie_word_embeddings", json!(config.tie_word_embeddings));
    put("initializer_range", json!(config.initializer_range));
    put("bos_token_id", json!(config.bos));
    put("eos_token_id", ids_value(&config.eos));
    if let Some(name) = config.dtype.and_then(dtype_name) {
        put("dtype", json!(name));
        put("torch_dtype", json!(name));
    }
    put("rope_theta", json!(config.rope.theta));
    let (old, new) = rope_values(&config.rope);
    put("rope_scaling", old);
    put("rope_parameters", new);
    for key in ["attention_bias", "mlp_bias"] {
        put(key, json!(false));
    }
    for (key, value) in &config.other {
        put(key, value.clone());
    }
    Value::Object(object)
}

/// One id as a number, several as a list, none as null.
pub(super) fn ids_value(ids: &[u32]) -> Value {
    match ids {
        [] => Value::Null,
        [one] => json!(one),
        several => json!(several),
    }
}

/// The name that transformers gives a dtype.
fn dtype_name(dtype: DType) -> Option<&'static str> {
    match dtype {
        DType::F32 => Some("float32"),
        DType::F16 => Some("float16"),
        DType::BF16 => Some("bfloat16"),
        DType::F64 => Some("float64"),
        _ => None,
    }
}

/// `rope_scaling` for transformers 4 and `rope_parameters` for transformers 5.
fn rope_values(rope: &Rope) -> (Value, Value) {
    let (old, mut new) = match rope.scaling {
        RopeScaling::Default => (Value::Null, json!({ "rope_type": "default" })),
        // The first releases with linear scaling accept exactly these two keys.
        RopeScaling::Linear { factor } => {
            (json!({ "type": "linear", "factor": factor }), json!({ "rope_type": "linear", "factor": factor }))
        }
        RopeScaling::Llama3 { factor, low_frequency_factor, high_frequency_factor, original_positions } => {
            let value = json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_frequency_factor,
                "high_freq_factor": high_frequency_factor,
                "original_max_position_embeddings": original_positions as u64,
            });
            (value.clone(), value)
        }
    };
    if let Value::Object(object) = &mut new {
        object.insert("rope_theta".into(), json!(rope.theta));
    }
    (old, new)
}
