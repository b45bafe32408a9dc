//! An adapter's folder: written whole, read with suspicion.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::super::{Adapter, CONFIG_FILE, WEIGHTS_FILE};
use super::{adapter_of, all_linear, model_of, settings};
use crate::files;
use crate::recipe::Targets;

type Tensors = HashMap<String, Tensor>;

const A: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
const B: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";

/// Writes an adapter for q_proj whose tensors were changed, and reads it.
fn altered(change: impl FnOnce(&mut Tensors)) -> Result<Adapter, String> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("adapter");
    let model = model_of(true, DType::F32);
    adapter_of(&model, &settings(Targets::Names(vec!["q_proj".into()])), 1).save(&place).unwrap();
    let path = place.join(WEIGHTS_FILE);
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    change(&mut tensors);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    Adapter::load(&place).map_err(|error| error.to_string())
}

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap()
}

fn entries(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn a_folder_comes_back_as_it_was_written() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("adapters/general");
    let model = model_of(false, DType::F32);
    let mut adapter = adapter_of(&model, &settings(all_linear()), 1);
    adapter.base_hash = Some("c0ffee".into());
    adapter.config.base_model = Some("tiny".into());
    adapter.save_with(&place, |folder| files::write(&folder.join("README.md"), "# general\n")).unwrap();
    assert_eq!(entries(&place), ["README.md", CONFIG_FILE, WEIGHTS_FILE]);
    assert_eq!(entries(place.parent().unwrap()), ["general"]);
    let read = Adapter::load_for(&place, &model).unwrap();
    assert_eq!(read.base_hash.as_deref(), Some("c0ffee"));
    assert_eq!(read.config.base_model.as_deref(), Some("tiny"));
    assert_eq!(read.config.rules, adapter.config.rules);
    assert_eq!(read.modules.keys().collect::<Vec<_>>(), adapter.modules.keys().collect::<Vec<_>>());
    for (path, pair) in &adapter.modules {
        assert_eq!(read.modules[path].a.to_vec2::<f32>().unwrap(), pair.a.to_vec2::<f32>().unwrap());
        assert_eq!(read.modules[path].b.to_vec2::<f32>().unwrap(), pair.b.to_vec2::<f32>().unwrap());
    }
}

#[test]
fn an_adapter_that_cannot_be_written_leaves_the_old_folder() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("adapter");
    let mut adapter = adapter_of(&model_of(true, DType::F32), &settings(all_linear()), 1);
    adapter.save(&place).unwrap();
    let before = files::read(&place.join(WEIGHTS_FILE)).unwrap();
    let path = "model.layers.1.mlp.up_proj";
    adapter.modules.get_mut(path).unwrap().b = (zeros(&[24, 4]) / 0.0).unwrap();
    let error = adapter.save(&place).unwrap_err().to_string();
    assert!(error.contains(&format!("{path}.lora_B.weight")) && error.contains("NaN"), "{error}");
    assert_eq!(files::read(&place.join(WEIGHTS_FILE)).unwrap(), before);
    assert_eq!(entries(root.path()), ["adapter"], "no half-written folder is left");
}

#[test]
fn factors_in_half_precision_and_under_an_adapters_name_are_read() {
    let adapter = altered(|tensors| {
        for tensor in tensors.values_mut() {
            *tensor = tensor.to_dtype(DType::BF16).unwrap();
        }
        let moved = tensors.remove(A).unwrap();
        tensors.insert(A.replace(".weight", ".default.weight"), moved);
    })
    .unwrap();
    assert_eq!(adapter.modules.len(), 2);
    assert!(adapter.modules.values().all(|pair| pair.a.dtype() == DType::F32));
}

#[test]
fn broken_factors_are_refused_by_name() {
    let refused = |change: fn(&mut Tensors), words: &[&str]| {
        let error = altered(change).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{error}");
        }
    };
    refused(|t| drop(t.insert(A.into(), (zeros(&[4, 16]) / 0.0).unwrap())), &[A, "NaN"]);
    refused(|t| drop(t.remove(B)), &["model.layers.0.self_attn.q_proj", "one of lora_A and lora_B is missing"]);
    refused(|t| drop(t.insert(A.into(), zeros(&[5, 16]))), &[A, "the rank is 5 (shape [5, 16]), must be 4"]);
    refused(|t| drop(t.insert(B.into(), zeros(&[16, 3]))), &[B, "the rank is 3 (shape [16, 3]), must be 4"]);
    refused(|t| drop(t.insert(A.into(), zeros(&[64]))), &[A, "two dimensions"]);
    refused(|t| t.clear(), &["has no factors"]);
    refused(
        |t| drop(t.insert("model.layers.0.lora_a".into(), zeros(&[1]))),
        &["model.layers.0.lora_a", "names must be"],
    );
    let other = "base_model.model.score.weight";
    refused(
        |t| drop(t.insert("base_model.model.score.weight".into(), zeros(&[1]))),
        &[other, "does not name the module in modules_to_save"],
    );
    let dora = A.replace("lora_A.weight", "lora_magnitude_vector");
    refused(|t| drop(t.insert(A.replace("lora_A.weight", "lora_magnitude_vector"), zeros(&[1]))), &[&dora, "DoRA"]);
    refused(|t| drop(t.insert(A.replace(".weight", ".default.weight"), zeros(&[4, 16]))), &["twice, under two names"]);
}

#[test]
fn a_folder_that_is_no_adapter_says_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let error = || Adapter::load(root.path()).unwrap_err().to_string();
    assert!(error().contains(CONFIG_FILE), "{}", error());
    files::write(&root.path().join(CONFIG_FILE), r#"{"peft_type": "LORA", "target_modules": ["q_proj"]}"#).unwrap();
    files::write(&root.path().join(WEIGHTS_FILE), "version https://git-lfs.github.com/spec/v1").unwrap();
    assert!(error().contains("git lfs pull"), "{}", error());
}

#[test]
fn an_mlx_adapter_is_read_with_its_factors_turned_over() {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/adapters/llama-3-8b_mlx_discollama");
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let adapter = Adapter::load(&folder).unwrap();
    let pair = &adapter.modules["model.layers.31.self_attn.v_proj"];
    assert_eq!((pair.a.dims(), pair.b.dims()), (&[8, 4096][..], &[1024, 8][..]));
    assert_eq!(adapter.config.scale_of("model.layers.31.self_attn.v_proj").unwrap(), 4.0);
}

#[test]
fn a_copy_of_the_bases_head_is_passed_over_and_another_head_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let place = root.path().join("adapter");
    let model = model_of(false, DType::F32);
    adapter_of(&model, &settings(Targets::Names(vec!["lm_head".into()])), 1).save(&place).unwrap();
    let path = place.join(WEIGHTS_FILE);
    let factors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let head = model.projection("lm_head").unwrap().weight().unwrap();
    let load_with = |copy: Tensor| {
        let mut tensors = factors.clone();
        tensors.insert("base_model.model.lm_head.base_layer.weight".into(), copy);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        Adapter::load_for(&place, &model).map_err(|error| error.to_string())
    };
    assert!(load_with(head.clone()).unwrap().copies.is_empty());
    assert!(load_with(head.to_dtype(DType::BF16).unwrap()).is_ok(), "rounding is no difference");
    for other in [(head * 1.05).unwrap(), zeros(&[41, 16])] {
        let error = load_with(other).unwrap_err();
        assert!(error.contains("lm_head  the adapter's file holds a weight for the whole module"), "{error}");
    }
}
