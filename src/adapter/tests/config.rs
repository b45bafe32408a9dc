//! `adapter_config.json`: what is read, what is refused, what is written.

use serde_json::{Value, json};

use super::super::PeftConfig;
use super::super::config_keys::{KEYS, Key};
use super::{all_linear, settings};
use crate::model::Side;
use crate::recipe::{AdapterKind, Targets};

fn parse(value: &Value) -> Result<PeftConfig, String> {
    PeftConfig::parse(value, "a.json").map_err(|error| error.to_string())
}

fn with(key: &str, value: Value) -> Value {
    let mut object = json!({ "peft_type": "LORA", "r": 4, "target_modules": ["q_proj"] });
    object[key] = value;
    object
}

#[test]
fn every_key_is_written_in_pefts_order_and_read_back_the_same() {
    let config = PeftConfig::new(&settings(all_linear()), Targets::Names(vec!["q_proj".into()]));
    let written = config.to_json();
    let keys: Vec<&str> = written.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, KEYS.map(|(key, ..)| key));
    assert_eq!(written["lora_alpha"].to_string(), "12", "whole numbers as PEFT writes them");
    let read = parse(&written).unwrap();
    assert_eq!(read.to_json(), written);
    assert_eq!((read.rank, read.alpha, read.dropout, &read.rules), (4, 12.0, 0.05, &config.rules));
}

#[test]
fn the_few_keys_of_an_early_release_are_enough() {
    let early = json!({
        "base_model_name_or_path": "decapoda-research/llama-7b-hf", "bias": "none", "enable_lora": null,
        "fan_in_fan_out": false, "inference_mode": true, "lora_alpha": 16, "lora_dropout": 0.05, "merge_weights": false,
        "modules_to_save": null, "peft_type": "LORA", "r": 8, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"
    });
    let config = parse(&early).unwrap();
    assert_eq!((config.rank, config.rslora), (8, false));
    assert_eq!(config.scale_of("model.layers.0.self_attn.q_proj").unwrap(), 2.0);
    assert_eq!(config.unknown_keys(), ["enable_lora", "merge_weights"]);
    assert_eq!(config.to_json()["merge_weights"], json!(false), "unknown keys are kept");
    let defaults = parse(&json!({ "peft_type": "LORA", "target_modules": "all-linear" })).unwrap();
    assert_eq!((defaults.rank, defaults.alpha), (8, 8.0), "PEFT's own defaults");
    assert_eq!(defaults.rules.targets, all_linear());
}

#[test]
fn what_would_change_the_result_is_refused_by_its_key() {
    for (key, _, _) in KEYS.iter().filter(|(_, meaning, _)| *meaning == Key::Refused) {
        let value = if *key == "bias" { json!("lora_only") } else { json!(true) };
        let error = parse(&with(key, value)).unwrap_err();
        assert!(error.starts_with(&format!("a.json  {key} is ")) && error.contains("hint: "), "{error}");
        assert!(parse(&with(key, json!(null))).is_ok(), "{key}");
    }
    for (key, value) in [
        ("peft_type", json!("LOHA")),
        ("task_type", json!("SEQ_CLS")),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("init_lora_weights", json!("olora")),
        ("r", json!(0)),
        ("r", json!("8")),
        ("lora_alpha", json!("16")),
        ("lora_dropout", json!(1.0)),
        ("use_rslora", json!("yes")),
        ("target_modules", json!([1])),
        ("layers_to_transform", json!([-1])),
        ("rank_pattern", json!(["q_proj"])),
        ("rank_pattern.q_proj", json!(0)),
        ("base_model_name_or_path", json!(7)),
    ] {
        let file = match key.split_once('.') {
            Some((outer, inner)) => with(outer, json!({ inner: value })),
            None => with(key, value),
        };
        let error = parse(&file).unwrap_err();
        assert!(error.starts_with(&format!("a.json  {key} is ")), "{error}");
    }
    for value in [json!(true), json!(false), json!("gaussian"), json!("eva"), json!("orthogonal")] {
        assert!(parse(&with("init_lora_weights", value)).is_ok());
    }
}

#[test]
fn all_wrong_keys_are_told_at_once() {
    let mut file = with("use_qalora", json!(true));
    file["lora_bias"] = json!(true);
    file["r"] = json!(-1);
    file["target_modules"] = json!(null);
    let error = parse(&file).unwrap_err();
    for what in ["use_qalora is true", "lora_bias is true", "r is -1", "target_modules is missing"] {
        assert!(error.contains(what), "{error}");
    }
    assert!(parse(&json!([])).unwrap_err().contains("must be one"));
    assert!(parse(&json!({ "lora_parameters": { "rank": 8 } })).unwrap_err().contains("MLX"));
    assert!(parse(&json!({ "name": "x" })).unwrap_err().contains("peft_type is missing"));
}

#[test]
fn single_modules_can_have_a_rank_and_an_alpha_of_their_own() {
    let mut file = with("rank_pattern", json!({ "layers.0.*q_proj": 16 }));
    file["alpha_pattern"] = json!({ "q_proj": 32 });
    file["use_rslora"] = json!(true);
    let config = parse(&file).unwrap();
    let path = "model.layers.0.self_attn.q_proj";
    assert_eq!((config.rank_of(path).unwrap(), config.scale_of(path).unwrap()), (16, 8.0));
    assert_eq!(config.scale_of("model.layers.1.self_attn.q_proj").unwrap(), 16.0);
    assert_eq!(config.scale_of("model.layers.1.self_attn.k_proj").unwrap(), 4.0);
    assert!(parse(&with("rank_pattern", json!({ "(": 2 }))).unwrap().rank_of(path).is_err());
}

#[test]
fn the_configs_of_older_releases_mean_the_same_adapters() {
    let file = include_str!("../../../tests/golden/peft_configs.json");
    let releases: Value = serde_json::from_str(file).unwrap();
    let releases = releases.as_object().unwrap();
    assert!(releases.len() >= 5, "{:?}", releases.keys());
    for (version, configs) in releases {
        let lora = parse(&configs["lora"]).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!((lora.kind, lora.rank, lora.alpha, lora.dropout), (AdapterKind::Lora, 4, 12.0, 0.1), "{version}");
        assert_eq!(lora.rules.targets, Targets::Names(vec!["q_proj".into()]), "{version}");
        assert_eq!(lora.base_model.as_deref(), Some("some/base"));
        let ia3 = parse(&configs["ia3"]).unwrap_or_else(|error| panic!("{version}: {error}"));
        assert_eq!(ia3.side_of("model.layers.0.mlp.down_proj").unwrap(), Side::Inputs, "{version}");
        assert_eq!(ia3.side_of("model.layers.0.self_attn.k_proj").unwrap(), Side::Outputs, "{version}");
        let again = parse(&ia3.to_json()).unwrap();
        assert_eq!((again.kind, &again.feedforward, &again.rules), (ia3.kind, &ia3.feedforward, &ia3.rules));
    }
}

#[test]
fn llama_has_no_biases_so_the_key_changes_nothing_and_keys_of_tomorrow_are_kept() {
    for bias in ["none", "all", "lora_only"] {
        assert!(parse(&with("bias", json!(bias))).is_ok());
    }
    let config = parse(&with("use_something_new", json!(false))).unwrap();
    assert_eq!(config.unknown_keys(), ["use_something_new"]);
    assert_eq!(config.to_json()["use_something_new"], json!(false));
    let dora = parse(&with("use_dora", json!(true))).unwrap();
    assert_eq!((dora.kind, &dora.to_json()["use_dora"]), (AdapterKind::Dora, &json!(true)));
    let saved = parse(&with("modules_to_save", json!(["embed_tokens", "lm_head"]))).unwrap();
    assert_eq!(saved.modules_to_save, ["embed_tokens", "lm_head"]);
    for tokens in [json!([5, 3]), json!({ "embed_tokens": [5], "lm_head": [6] })] {
        let config = parse(&with("trainable_token_indices", tokens.clone())).unwrap();
        assert_eq!(config.to_json()["trainable_token_indices"], tokens);
    }
    for wrong in [json!([5, 5]), json!(["a"]), json!(7), json!([-1]), json!({ "embed_tokens": 5 })] {
        assert!(parse(&with("trainable_token_indices", wrong)).unwrap_err().contains("token ids, each once"));
    }
}
