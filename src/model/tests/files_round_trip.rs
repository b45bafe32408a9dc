//! Models and configs that are saved and loaded again.

use candle_core::{DType, Device};
use serde_json::{Value, json};

use super::small::{attach_lora, config, model};
use crate::error::Result;
use crate::files;
use crate::model::{Config, Llama, Rope, RopeScaling, SHARD_BYTES};

/// Fails at the first value that differs, without printing all of them.
fn assert_same(got: &Llama, expected: &Llama) {
    assert_eq!(values(got).len(), values(expected).len());
    for ((name, got), (same, expected)) in values(got).iter().zip(values(expected)) {
        assert_eq!(*name, same);
        for (place, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "{name} {place}");
        }
        assert_eq!(got.len(), expected.len(), "{name}");
    }
}

fn values(model: &Llama) -> Vec<(String, Vec<f32>)> {
    let tensors = model.named_tensors().unwrap().into_iter();
    tensors.map(|(name, t)| (name, t.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap())).collect()
}

#[test]
fn a_saved_model_loads_with_the_same_bytes() -> Result<()> {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("model");
    for tied in [false, true] {
        let mut model = model(config(2, tied), DType::F32);
        for trained in [false, true] {
            let _parameters = if trained { Some(model.train_all()?) } else { None };
            model.save(&place, DType::F32)?;
            let loaded = Llama::load(&place, DType::F32, &Device::Cpu)?;
            assert_same(&loaded, &model);
            assert_eq!(loaded.config.to_json()["dtype"], "float32");
            assert_eq!(loaded.config.stop_ids(), [2]);
        }
    }
    let mut names: Vec<_> = std::fs::read_dir(&place).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["config.json", "generation_config.json", "model.safetensors"]);
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1, "no temporary folder is left");
    Ok(())
}

#[test]
fn narrow_dtypes_lose_only_what_rounding_takes() -> Result<()> {
    let root = tempfile::tempdir().unwrap();
    let model = model(config(4, false), DType::F32);
    for (dtype, tolerance) in [(DType::BF16, 1.0 / 256.0), (DType::F16, 1.0 / 2048.0)] {
        let place = root.path().join(format!("{dtype:?}"));
        model.save(&place, dtype)?;
        let loaded = Llama::load(&place, DType::F32, &Device::Cpu)?;
        for ((name, got), (_, expected)) in values(&loaded).iter().zip(values(&model)) {
            for (got, expected) in got.iter().zip(expected) {
                assert!((got - expected).abs() <= tolerance * expected.abs() + 1e-7, "{name} {got} {expected}");
            }
        }
        // What is narrow already is kept exactly, whatever it is loaded as.
        loaded.save(&root.path().join("again"), dtype)?;
        let bytes = |folder: &str| files::read(&root.path().join(folder).join("model.safetensors")).unwrap();
        assert!(bytes("again") == bytes(&format!("{dtype:?}")), "{dtype:?}");
        let narrow = Llama::load(&place, dtype, &Device::Cpu)?;
        assert_eq!(narrow.dtype(), dtype);
        assert_same(&narrow, &loaded);
    }
    Ok(())
}

#[test]
fn a_model_in_several_files_is_the_same_model() -> Result<()> {
    let root = tempfile::tempdir().unwrap();
    let model = model(config(2, false), DType::F32);
    model.write_into(root.path(), DType::F32, 6000)?;
    let index: Value = files::read_json(&root.path().join("model.safetensors.index.json"))?;
    assert_eq!(index["metadata"]["total_size"], 4 * model.config.parameter_count());
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(map.len(), model.config.tensor_shapes().len());
    assert_eq!(map["model.embed_tokens.weight"], "model-00001-of-00009.safetensors");
    assert!(!root.path().join("model.safetensors").exists());
    for file in map.values() {
        assert!(root.path().join(file.as_str().unwrap()).metadata().unwrap().len() < 6000 + 2000);
    }
    assert_same(&Llama::load(root.path(), DType::F32, &Device::Cpu)?, &model);
    Ok(())
}

#[test]
fn the_safetensors_crate_reads_what_is_written_and_bytes_load_without_a_file() -> Result<()> {
    let root = tempfile::tempdir().unwrap();
    let model = model(config(2, true), DType::F32);
    model.write_into(root.path(), DType::F32, SHARD_BYTES)?;
    let bytes = files::read(&root.path().join("model.safetensors"))?;
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    assert_eq!(metadata.metadata().as_ref().unwrap()["format"], "pt");
    assert_eq!(metadata.tensors().len(), model.config.tensor_shapes().len());
    let loaded = Llama::from_safetensors_bytes(model.config.clone(), "built in", bytes, DType::F32, &Device::Cpu)?;
    assert_same(&loaded, &model);
    Ok(())
}

#[test]
fn a_model_with_an_adapter_is_not_saved_as_if_it_were_merged() {
    let root = tempfile::tempdir().unwrap();
    let mut model = model(config(2, true), DType::F32);
    attach_lora(&mut model, &["model.layers.1.mlp.up_proj"], 1.0, 0.0);
    let text = model.save(&root.path().join("x"), DType::F32).unwrap_err().to_string();
    assert!(text.contains("model.layers.1") && text.contains("merge the adapter"), "{text}");
    assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn a_model_from_nothing_depends_on_its_seed_and_has_the_asked_deviation() -> Result<()> {
    let mut config = config(2, true);
    config.vocabulary = 2000;
    config.initializer_range = 0.02;
    let first = Llama::random(config.clone(), 1, DType::F32, &Device::Cpu)?;
    assert_same(&first, &Llama::random(config.clone(), 1, DType::F32, &Device::Cpu)?);
    assert_ne!(values(&first)[0], values(&Llama::random(config, 2, DType::F32, &Device::Cpu)?)[0]);
    let embedding = &values(&first)[0].1;
    let mean_square = embedding.iter().map(|v| f64::from(v * v)).sum::<f64>() / embedding.len() as f64;
    // 40 000 numbers: the standard error of the deviation is 0.35 %; five of them.
    assert!((mean_square.sqrt() / 0.02 - 1.0).abs() < 0.018, "{}", mean_square.sqrt());
    Ok(())
}

#[test]
fn a_config_keeps_what_it_does_not_know_and_reads_back_what_it_wrote() -> Result<()> {
    let value = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64, "intermediate_size": 100,
        "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 50, "rope_theta": 5e5,
        "rope_scaling": { "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                          "original_max_position_embeddings": 8192 },
        "bos_token_id": 1, "eos_token_id": [2, 3], "torch_dtype": "bfloat16",
        "pretraining_tp": 1, "use_cache": true, "transformers_version": "4.43.0"
    });
    let config = Config::from_json(&value)?;
    assert_eq!((config.key_value_heads, config.head_dimension, config.max_position_embeddings), (4, 16, 2048));
    assert_eq!((config.rms_norm_epsilon, config.dtype, config.eos.as_slice()), (1e-6, Some(DType::BF16), &[2, 3][..]));
    let written = config.to_json();
    for (key, expected) in [
        ("pretraining_tp", json!(1)),
        ("use_cache", json!(true)),
        ("eos_token_id", json!([2, 3])),
        ("torch_dtype", json!("bfloat16")),
        ("dtype", json!("bfloat16")),
        ("rope_theta", json!(5e5)),
    ] {
        assert_eq!(written[key], expected, "{key}");
    }
    assert_eq!(written["rope_scaling"]["rope_type"], "llama3");
    assert_eq!(written["rope_parameters"]["rope_theta"], 5e5);
    assert_eq!(Config::from_json(&written)?, config);
    let scaling = RopeScaling::Llama3 {
        factor: 8.0,
        low_frequency_factor: 1.0,
        high_frequency_factor: 4.0,
        original_positions: 8192.0,
    };
    assert_eq!(config.rope, Rope { theta: 5e5, scaling });
    Ok(())
}

#[test]
fn both_spellings_of_rotary_settings_mean_the_same() -> Result<()> {
    let base = json!({ "model_type": "llama", "hidden_size": 64, "intermediate_size": 100, "num_hidden_layers": 2,
                       "num_attention_heads": 4, "vocab_size": 50 });
    let read = |extra: Value| {
        let mut value = base.clone();
        value.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        Config::from_json(&value).map(|config| config.rope)
    };
    let plain = Rope { theta: 1e6, scaling: RopeScaling::Default };
    let linear = Rope { theta: 1e6, scaling: RopeScaling::Linear { factor: 2.0 } };
    assert_eq!(read(json!({ "rope_theta": 1e6 }))?, plain);
    assert_eq!(read(json!({ "rope_parameters": { "rope_theta": 1e6, "rope_type": "default" } }))?, plain);
    assert_eq!(read(json!({ "rope_theta": 1e6, "rope_scaling": null }))?, plain);
    assert_eq!(read(json!({ "rope_theta": 1e6, "rope_scaling": { "type": "linear", "factor": 2.0 } }))?, linear);
    assert_eq!(
        read(json!({ "rope_parameters": { "rope_theta": 1e6, "rope_type": "linear", "factor": 2.0 } }))?,
        linear
    );
    assert_eq!(read(json!({}))?.theta, 1e4);
    let text = read(json!({ "rope_scaling": { "type": "dynamic", "factor": 2.0 } })).unwrap_err().to_string();
    assert_eq!(text, "rope_scaling  rope_type is \"dynamic\", must be default, linear or llama3");
    let text = read(json!({ "rope_parameters": { "rope_type": "linear" } })).unwrap_err().to_string();
    assert_eq!(text, "rope_parameters  factor is missing");
    Ok(())
}
