//! The keys of `adapter_config.json`: every one that PEFT 0.21.2 writes for LoRA, and what this program makes of it.

use serde_json::Value;

use crate::recipe::AdapterKind;

/// What a key means here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// A field of [`super::PeftConfig`].
    Field,
    /// Says nothing about what the finished adapter computes; kept as it is.
    Kept,
    /// Changes what the adapter computes, in a way that is not done here: any other value than the default is refused.
    Refused,
}

/// Keys in the order of the file, with the default as JSON.
pub(super) const KEYS: [(&str, Key, &str); 41] = [
    ("alora_invocation_tokens", Key::Refused, "null"),
    ("alpha_pattern", Key::Field, "{}"),
    ("arrow_config", Key::Refused, "null"),
    ("auto_mapping", Key::Kept, "null"),
    ("base_model_name_or_path", Key::Field, "null"),
    ("bias", Key::Kept, "\"none\""),
    ("corda_config", Key::Kept, "null"),
    ("ensure_weight_tying", Key::Field, "false"),
    ("eva_config", Key::Kept, "null"),
    ("exclude_modules", Key::Field, "null"),
    ("fan_in_fan_out", Key::Refused, "false"),
    ("inference_mode", Key::Kept, "true"),
    ("init_lora_weights", Key::Kept, "true"),
    ("kasa_config", Key::Refused, "null"),
    ("layer_replication", Key::Refused, "null"),
    ("layers_pattern", Key::Field, "null"),
    ("layers_to_transform", Key::Field, "null"),
    ("loftq_config", Key::Kept, "{}"),
    ("lora_alpha", Key::Field, "8"),
    ("lora_bias", Key::Refused, "false"),
    ("lora_dropout", Key::Field, "0.0"),
    ("lora_ga_config", Key::Kept, "null"),
    ("megatron_config", Key::Refused, "null"),
    ("megatron_core", Key::Kept, "\"megatron.core\""),
    ("modules_to_save", Key::Field, "null"),
    ("monteclora_config", Key::Refused, "null"),
    ("peft_type", Key::Kept, "\"LORA\""),
    ("peft_version", Key::Kept, "\"0.21.2\""),
    ("qalora_group_size", Key::Kept, "16"),
    ("r", Key::Field, "8"),
    ("rank_pattern", Key::Field, "{}"),
    ("revision", Key::Kept, "null"),
    ("target_modules", Key::Field, "null"),
    ("target_parameters", Key::Refused, "null"),
    ("task_type", Key::Kept, "\"CAUSAL_LM\""),
    ("trainable_token_indices", Key::Field, "null"),
    ("use_bdlora", Key::Refused, "null"),
    ("use_dora", Key::Field, "false"),
    ("use_qalora", Key::Refused, "false"),
    ("use_rslora", Key::Field, "false"),
    ("velora_config", Key::Refused, "null"),
];

/// Those of (IA)³.
pub(super) const IA3_KEYS: [(&str, Key, &str); 13] = [
    ("auto_mapping", Key::Kept, "null"),
    ("base_model_name_or_path", Key::Field, "null"),
    ("exclude_modules", Key::Field, "null"),
    ("fan_in_fan_out", Key::Refused, "false"),
    ("feedforward_modules", Key::Field, "null"),
    ("inference_mode", Key::Kept, "true"),
    ("init_ia3_weights", Key::Kept, "true"),
    ("modules_to_save", Key::Field, "null"),
    ("peft_type", Key::Kept, "\"IA3\""),
    ("peft_version", Key::Kept, "\"0.21.2\""),
    ("revision", Key::Kept, "null"),
    ("target_modules", Key::Field, "null"),
    ("task_type", Key::Kept, "\"CAUSAL_LM\""),
];

/// Those of VeRA.
pub(super) const VERA_KEYS: [(&str, Key, &str); 19] = [
    ("auto_mapping", Key::Kept, "null"),
    ("base_model_name_or_path", Key::Field, "null"),
    ("bias", Key::Kept, "\"none\""),
    ("d_initial", Key::Kept, "0.1"),
    ("fan_in_fan_out", Key::Refused, "false"),
    ("inference_mode", Key::Kept, "true"),
    ("init_weights", Key::Kept, "true"),
    ("layers_pattern", Key::Field, "null"),
    ("layers_to_transform", Key::Field, "null"),
    ("modules_to_save", Key::Refused, "null"),
    ("peft_type", Key::Kept, "\"VERA\""),
    ("peft_version", Key::Kept, "\"0.21.2\""),
    ("projection_prng_key", Key::Kept, "0"),
    ("r", Key::Field, "256"),
    ("revision", Key::Kept, "null"),
    ("save_projection", Key::Kept, "true"),
    ("target_modules", Key::Field, "null"),
    ("task_type", Key::Kept, "\"CAUSAL_LM\""),
    ("vera_dropout", Key::Field, "0.0"),
];

/// The keys of a kind's file.
pub(super) fn keys_of(kind: AdapterKind) -> &'static [(&'static str, Key, &'static str)] {
    match kind {
        AdapterKind::Ia3 => &IA3_KEYS,
        AdapterKind::Vera => &VERA_KEYS,
        AdapterKind::Lora | AdapterKind::LoraFa | AdapterKind::Dora => &KEYS,
    }
}

/// What a key means, if it is known.
pub(super) fn meaning(key: &str) -> Option<Key> {
    KEYS.iter().chain(&IA3_KEYS).chain(&VERA_KEYS).find(|(name, ..)| *name == key).map(|(_, meaning, _)| *meaning)
}

/// Whether a value says "not used": PEFT's releases write null, false, or something empty for it.
pub(super) fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty() || text == "none",
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(true) | Value::Number(_) => false,
    }
}

/// Why a refused key is refused, as a hint.
pub(super) fn reason(key: &str) -> &'static str {
    match key {
        "lora_bias" => "Llama's linear modules have no bias to train; retrain with bias: none",
        "fan_in_fan_out" => "Llama stores its weights as [out, in]; set it to false",
        _ => "merge the adapter with PEFT (merge_and_unload) and use the merged model",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_json_and_keys_are_sorted() {
        for (key, _, default) in KEYS.iter().chain(&IA3_KEYS).chain(&VERA_KEYS) {
            assert!(serde_json::from_str::<Value>(default).is_ok(), "{key}");
        }
        for keys in [&KEYS[..], &IA3_KEYS, &VERA_KEYS] {
            assert!(keys.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
