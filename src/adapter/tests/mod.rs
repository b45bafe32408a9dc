//! What an adapter does to a model, and which files are refused.

mod config;
mod files;
mod folder;
mod kinds;
mod loftq;
mod pickled;
mod replaced;
mod targets;
mod unmerge;
mod vera;

use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use serde_json::json;

use super::*;
use crate::model::{Config, Factor, Llama, Projection, Segments};
use crate::recipe::{AllLinear, LoraSettings, Targets};

pub(super) fn model_of(tied: bool, dtype: DType) -> Llama {
    let config = json!({
        "model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "vocab_size": 40,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 32, "initializer_range": 0.3,
        "tie_word_embeddings": tied,
    });
    Llama::random(Config::from_json(&config).unwrap(), 3, dtype, &Device::Cpu).unwrap()
}

pub(super) fn settings(targets: Targets) -> LoraSettings {
    LoraSettings { rank: 4, alpha: 12.0, dropout: 0.05, targets, ..LoraSettings::default() }
}

pub(super) fn all_linear() -> Targets {
    Targets::AllLinear(AllLinear::AllLinear)
}

/// An adapter whose update is not zero.
pub(super) fn adapter_of(model: &Llama, settings: &LoraSettings, seed: u64) -> Adapter {
    let mut model = model.clone();
    let (_, config) = create(&mut model, settings, seed).unwrap();
    let mut adapter = Adapter::take(&model, &config).unwrap();
    for pair in adapter.modules.values_mut() {
        let count = pair.b.elem_count();
        let values: Vec<f32> = (0..count).map(|i| ((i as u64 * 37 + seed) % 23) as f32 / 23.0 - 0.5).collect();
        pair.b = Tensor::from_vec(values, pair.b.dims(), &Device::Cpu).unwrap();
    }
    adapter
}

pub(super) fn logits(model: &Llama) -> Vec<f64> {
    let ids: Vec<u32> = (0..20).map(|i| (i * 7) % 40).collect();
    let logits = model.logits(&ids, &Segments::new(vec![0, 8, 20]).unwrap()).unwrap();
    logits.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

pub(super) fn difference(left: &[f64], right: &[f64]) -> f64 {
    let largest = right.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
    left.iter().zip(right).map(|(l, r)| (l - r).abs()).fold(0.0, f64::max) / largest
}

#[test]
fn a_fresh_adapter_changes_nothing_and_follows_from_the_seed_alone() {
    let mut model = model_of(true, DType::F32);
    let before = logits(&model);
    let (parameters, config) = create(&mut model, &settings(all_linear()), 5).unwrap();
    assert_eq!(logits(&model), before);
    assert_eq!(parameters.elements(), parameters.decayed_elements(), "factors are matrices");
    assert_eq!(parameters.entries()[0].name, "model.layers.0.self_attn.q_proj.lora_A");
    assert_eq!(parameters.entries()[1].name, "model.layers.0.self_attn.q_proj.lora_B");
    let adapter = Adapter::take(&model, &config).unwrap();
    assert_eq!((adapter.modules.len(), adapter.elements()), (14, parameters.elements()));
    let down = |adapter: &Adapter| -> Vec<f32> {
        adapter.modules["model.layers.1.mlp.down_proj"].a.flatten_all().unwrap().to_vec1().unwrap()
    };
    let values = down(&adapter);
    let bound = 1.0 / 24f32.sqrt();
    assert!(values.iter().all(|value| value.abs() <= bound));
    let deviation = (values.iter().map(|v| v * v).sum::<f32>() / values.len() as f32).sqrt();
    // A uniform number's deviation is bound/√3; 96 of them estimate it within 15 %.
    assert!((deviation * 3f32.sqrt() / bound - 1.0).abs() < 0.15, "{deviation}");
    let only_down = Targets::Names(vec!["1.mlp.down_proj".into()]);
    assert_eq!(down(&adapter_of(&model, &settings(only_down), 5)), values, "other modules do not matter");
    assert_ne!(down(&adapter_of(&model, &settings(all_linear()), 6)), values);
}

#[test]
fn swapping_leaves_the_base_where_it_is_and_comes_back_bit_for_bit() {
    let mut model = model_of(false, DType::F32);
    let base = logits(&model);
    let ids = |model: &Llama| -> Vec<_> {
        model.module_paths().iter().map(|path| model.projection(path).unwrap().weight_id()).collect()
    };
    let weights = ids(&model);
    let wide = adapter_of(&model, &settings(all_linear()), 1);
    let narrow = adapter_of(&model, &settings(Targets::Names(vec!["q_proj".into(), "lm_head".into()])), 2);
    wide.attach(&mut model).unwrap();
    let with_wide = logits(&model);
    narrow.attach(&mut model).unwrap();
    let with_narrow = logits(&model);
    assert!(matches!(model.projection("model.layers.0.mlp.up_proj"), Some(Projection::Frozen(_))), "the other is off");
    wide.attach(&mut model).unwrap();
    assert_eq!(logits(&model), with_wide);
    assert!(difference(&with_wide, &base) > 0.01 && difference(&with_wide, &with_narrow) > 0.01);
    assert_eq!(ids(&model), weights, "no weight was copied");
    detach(&mut model).unwrap();
    assert_eq!(logits(&model), base);
}

#[test]
fn merged_equals_unmerged_for_every_kind_of_scale() {
    for (dtype, tolerance) in [(DType::F32, 1e-5), (DType::F64, 1e-12)] {
        for (rslora, tied) in [(false, true), (true, false)] {
            let mut model = model_of(tied, dtype);
            let before = logits(&model);
            let settings = LoraSettings { rslora, ..settings(all_linear()) };
            let mut adapter = adapter_of(&model, &settings, 4);
            adapter.config.alpha_pattern = vec![("v_proj".into(), 3.0)];
            assert_eq!(
                adapter.config.scale_of("model.layers.0.self_attn.q_proj").unwrap(),
                if rslora { 6.0 } else { 3.0 }
            );
            adapter.attach(&mut model).unwrap();
            let unmerged = logits(&model);
            adapter.merge(&mut model).unwrap();
            let merged = logits(&model);
            assert!(model.module_paths().iter().all(|p| matches!(model.projection(p), Some(Projection::Frozen(_)))));
            assert!(difference(&unmerged, &before) > 0.1);
            let found = difference(&merged, &unmerged);
            assert!(found <= tolerance, "{dtype:?}, rsLoRA {rslora}: {found:.2e}");
        }
    }
}

#[test]
fn the_merged_weight_is_the_base_plus_alpha_over_rank_times_b_times_a() {
    let mut model = model_of(true, DType::F64);
    let adapter = adapter_of(&model, &settings(Targets::Names(vec!["0.self_attn.o_proj".into()])), 9);
    let path = "model.layers.0.self_attn.o_proj";
    let weight = |model: &Llama| -> Vec<f64> {
        model.projection(path).unwrap().weight().unwrap().flatten_all().unwrap().to_vec1().unwrap()
    };
    let before = weight(&model);
    adapter.merge(&mut model).unwrap();
    let rows = |factor: &Tensor| -> Vec<Vec<f64>> { factor.to_dtype(DType::F64).unwrap().to_vec2().unwrap() };
    let (a, b) = (rows(&adapter.modules[path].a), rows(&adapter.modules[path].b));
    for (place, (after, before)) in weight(&model).iter().zip(before).enumerate() {
        let (row, column) = (place / 16, place % 16);
        let product: f64 = (0..4).map(|r| b[row][r] * a[r][column]).sum();
        assert!((after - before - 12.0 / 4.0 * product).abs() < 1e-12);
    }
}

#[test]
fn factors_taken_out_do_not_follow_the_training() {
    let mut model = model_of(true, DType::F32);
    let (parameters, config) = create(&mut model, &settings(all_linear()), 1).unwrap();
    let taken = Adapter::take(&model, &config).unwrap();
    let path = "model.layers.0.self_attn.q_proj";
    let before: Vec<Vec<f32>> = taken.modules[path].a.to_vec2().unwrap();
    for factor in taken.modules.values().flat_map(|pair| [&pair.a, &pair.b]) {
        let (storage, _) = factor.storage_and_layout();
        let Storage::Cpu(CpuStorage::F32(values)) = &*storage else { panic!("factors are on the CPU in f32") };
        assert_eq!(values.len(), factor.elem_count(), "a factor keeps no more than itself");
    }
    parameters.value().slice_set(&Tensor::new(&[9f32; 8], &Device::Cpu).unwrap(), 0, 0).unwrap();
    assert_eq!(taken.modules[path].a.to_vec2::<f32>().unwrap(), before);
    assert_eq!(Adapter::take(&model, &config).unwrap().modules[path].a.to_vec2::<f32>().unwrap()[0][..8], [9f32; 8]);
    parameters.value().slice_set(&Tensor::new(&[f32::NAN], &Device::Cpu).unwrap(), 0, 0).unwrap();
    let error = Adapter::take(&model, &config).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{path}  a factor of the adapter is not finite")), "{error}");
    detach(&mut model).unwrap();
    assert!(Adapter::take(&model, &config).is_err(), "there is nothing to take");
}

#[test]
fn training_goes_on_from_an_adapter_with_its_own_factors_and_scale() {
    let mut model = model_of(true, DType::F32);
    let adapter = adapter_of(&model, &settings(all_linear()), 1);
    adapter.attach(&mut model).unwrap();
    let attached = logits(&model);
    let wanted = LoraSettings { dropout: 0.5, ..settings(all_linear()) };
    let (parameters, config) = adapter.start_from(&mut model, &wanted).unwrap();
    assert_eq!(logits(&model), attached);
    assert_eq!((config.dropout, config.rank, parameters.elements()), (0.5, 4, adapter.elements()));
    let Some(Projection::Lora(lora)) = model.projection("model.layers.1.mlp.gate_proj") else { panic!("no adapter") };
    assert!(matches!(&lora.a, Factor::Trained(_)) && matches!(&lora.b, Factor::Trained(_)) && lora.dropout == 0.5);
    let refused = |settings: LoraSettings| adapter.start_from(&mut model.clone(), &settings).unwrap_err().to_string();
    let text = refused(LoraSettings { rank: 8, ..wanted.clone() });
    assert_eq!(text, "rank is 8, must be 4, as of the adapter it starts from");
    let text = refused(LoraSettings { rslora: true, ..wanted.clone() });
    assert_eq!(text, "the scale that alpha gives is 6, must be 3, as of the adapter it starts from");
    let text = refused(LoraSettings { targets: Targets::Names(vec!["q_proj".into()]), ..wanted });
    assert_eq!(text, "targets is 2 modules, must be the same 14 modules, as of the adapter it starts from");
}

#[test]
fn factors_stay_f32_on_a_bf16_base_and_the_merge_stays_bf16() {
    let mut model = model_of(true, DType::BF16);
    let adapter = adapter_of(&model, &settings(all_linear()), 1);
    let (parameters, _) = adapter.start_from(&mut model, &settings(all_linear())).unwrap();
    assert_eq!(parameters.dtype(), DType::F32);
    let unmerged = logits(&model);
    adapter.prepare(DType::BF16, &Device::Cpu).unwrap().attach(&mut model).unwrap();
    let narrow = logits(&model);
    adapter.merge(&mut model).unwrap();
    let merged = logits(&model);
    assert_eq!(model.projection("model.layers.0.mlp.up_proj").unwrap().frozen().unwrap().dtype(), DType::BF16);
    // bf16 has 8 bits; two layers of it, and the factors rounded to it, stay within some roundings of each other.
    let off = [difference(&merged, &unmerged), difference(&narrow, &unmerged)];
    assert!(off[0] < 0.07 && off[1] == 0.0, "{off:?}");
}

#[test]
fn a_model_that_is_trained_whole_takes_no_adapter() {
    let mut model = model_of(true, DType::F32);
    let adapter = adapter_of(&model, &settings(all_linear()), 1);
    model.train_all().unwrap();
    let error = adapter.attach(&mut model).unwrap_err().to_string();
    assert!(error.contains("trained whole"), "{error}");
    assert!(create(&mut model, &settings(all_linear()), 1).is_err());
    model.freeze().unwrap();
    adapter.attach(&mut model).unwrap();
}

#[test]
fn an_adapter_of_another_base_is_refused_and_the_model_left_as_it_was() {
    let model = model_of(false, DType::F32);
    let mut other = model_of(true, DType::F32);
    let before = logits(&other);
    let mut adapter = adapter_of(&model, &settings(Targets::Names(vec!["q_proj".into(), "lm_head".into()])), 1);
    adapter.config.base_model = Some("someone/bigger-llama".into());
    let error = adapter.attach(&mut other).unwrap_err().to_string();
    assert!(error.starts_with("lm_head  the adapter has factors for a module that the model has not"), "{error}");
    assert!(error.contains("hint: the adapter was trained on someone/bigger-llama; use it with that model"), "{error}");
    assert!(adapter.merge(&mut other).is_err());
    assert_eq!(logits(&other), before);

    let mut adapter = adapter_of(&model, &settings(all_linear()), 1);
    for pair in adapter.modules.values_mut() {
        pair.b = Tensor::zeros((99, 4), DType::F32, &Device::Cpu).unwrap();
    }
    let error = adapter.attach(&mut other).unwrap_err().to_string();
    assert!(
        error.starts_with("model.layers.0.mlp.down_proj  the shape of the update is [99, 24], must be [16, 24]"),
        "{error}"
    );
    assert!(error.contains("hint: 13 modules more do not fit; the adapter does not say"), "{error}");

    adapter.base_hash = Some("aa".into());
    assert!(adapter.check_base("aa").is_ok());
    assert!(adapter.check_base("bb").unwrap_err().to_string().contains("hash to bb, must be aa"));
}

#[test]
fn factors_and_config_must_name_the_same_modules() {
    let mut model = model_of(true, DType::F32);
    let mut adapter = adapter_of(&model, &settings(Targets::Names(vec!["q_proj".into(), "v_proj".into()])), 1);
    let pair = adapter.modules.remove("model.layers.1.self_attn.v_proj").unwrap();
    let error = adapter.attach(&mut model).unwrap_err().to_string();
    assert!(
        error.starts_with("model.layers.1.self_attn.v_proj  the adapter's config names the module, but"),
        "{error}"
    );
    adapter.modules.insert("model.layers.1.self_attn.v_proj".into(), pair.clone());
    adapter.modules.insert("model.layers.1.self_attn.k_proj".into(), pair);
    let error = adapter.attach(&mut model).unwrap_err().to_string();
    assert!(error.starts_with("model.layers.1.self_attn.k_proj  there are factors for the module, but"), "{error}");
}
