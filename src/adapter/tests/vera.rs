//! VeRA's shared factors: how they are drawn and cut, and which files are refused.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::super::*;
use super::{all_linear, difference, logits, model_of, settings};
use crate::files;
use crate::model::Projection;
use crate::recipe::{AdapterKind, LoraSettings, Targets};

const D: &str = "base_model.model.model.layers.0.self_attn.q_proj.vera_lambda_d";

/// Some of the numbers that torch draws with the key 42, as bits.
const TORCH_A: [u32; 4] = [0x3ec3_b8cc, 0x3ed4_7b66, 0xbefd_6aa4, 0xbe88_ab96];
const TORCH_B: [u32; 4] = [0x3f8f_8bc0, 0xbed3_97f6, 0x3f21_dce4, 0xbeba_de0a];

fn shared(targets: Targets) -> LoraSettings {
    LoraSettings { kind: AdapterKind::Vera, dropout: 0.0, ..settings(targets) }
}

fn fresh(targets: Targets, seed: u64) -> Adapter {
    let mut model = model_of(false, DType::F32);
    let (_, config) = create(&mut model, &shared(targets), seed).unwrap();
    Adapter::take(&model, &config).unwrap()
}

#[test]
fn fresh_factors_are_the_numbers_that_torch_draws() {
    let adapter = fresh(all_linear(), 42);
    let LoraPair { a, b } = &adapter.beside.vera.as_ref().unwrap().factors;
    // As large as the largest module on either side: 24 features inside the MLP.
    assert_eq!((a.dims(), b.dims()), (&[4, 24][..], &[24, 4][..]));
    let bits = |tensor: &Tensor| -> Vec<u32> {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        [0, 1, 50, 95].map(|i| values[i].to_bits()).to_vec()
    };
    // torch 2.15: `torch.empty(4, 24).uniform_(-bound, bound, generator=g)` with √(6/24), then (24, 4) with √(6/4).
    assert_eq!(bits(a), TORCH_A);
    assert_eq!(bits(b), TORCH_B);
    assert_eq!(adapter.config.to_json()["projection_prng_key"], json!(42));
    assert_eq!((adapter.elements(), adapter.paths().count()), (2 * (7 * 4 + 3 * 16 + 2 * 8 + 2 * 24), 14));
}

#[test]
fn modules_of_one_width_share_their_factors_in_memory() {
    let mut model = model_of(false, DType::F32);
    create(&mut model, &shared(all_linear()), 1).unwrap();
    let of = |path: &str| match model.projection(path) {
        Some(Projection::Vera(vera)) => vera.clone(),
        _ => panic!("no vectors on {path}"),
    };
    let (q, k, down) = (
        of("model.layers.0.self_attn.q_proj"),
        of("model.layers.1.self_attn.k_proj"),
        of("model.layers.1.mlp.down_proj"),
    );
    assert_eq!((q.a.dims(), k.b.dims(), down.a.dims()), (&[4, 16][..], &[8, 4][..], &[4, 24][..]));
    assert_eq!(q.a.id(), k.a.id());
    let part = down.a.narrow(1, 0, 16).unwrap();
    assert_eq!(part.to_vec2::<f32>().unwrap(), q.a.to_vec2::<f32>().unwrap(), "the first columns");
}

/// Writes an adapter whose files were changed, and reads it.
fn altered(change: impl FnOnce(&mut HashMap<String, Tensor>, &mut Value)) -> Result<Adapter, String> {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("adapter");
    fresh(Targets::Names(vec!["q_proj".into()]), 1).save(&place).unwrap();
    let (weights, config) = (place.join(WEIGHTS_FILE), place.join(CONFIG_FILE));
    let mut tensors = candle_core::safetensors::load(&weights, &Device::Cpu).unwrap();
    let mut keys: Value = files::read_json(&config).unwrap();
    change(&mut tensors, &mut keys);
    candle_core::safetensors::save(&tensors, &weights).unwrap();
    files::write_json(&config, &keys).unwrap();
    let adapter = Adapter::load(&place).map_err(|error| error.to_string())?;
    adapter.check_fits(&model_of(false, DType::F32)).map_err(|error| error.to_string())?;
    Ok(adapter)
}

#[test]
fn a_file_without_the_shared_factors_is_refused() {
    assert!(altered(|_, _| {}).is_ok());
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let text = altered(|tensors, _| drop(tensors.remove("base_model.vera_B"))).unwrap_err();
    assert!(text.contains("vera_A or vera_B is missing") && text.contains("save_projection=True"), "{text}");
    let text = altered(|_, keys| keys["save_projection"] = json!(false)).unwrap_err();
    assert!(text.contains("save_projection is false, must be true"), "{text}");
    let text = altered(|tensors, _| drop(tensors.remove(D))).unwrap_err();
    assert!(text.contains("one of vera_lambda_d and vera_lambda_b is missing"), "{text}");
    let text = altered(|tensors, _| drop(tensors.insert(D.into(), zeros(&[5])))).unwrap_err();
    assert!(text.contains("the shape is [5], must be one of rank 4"), "{text}");
    let text = altered(|tensors, _| drop(tensors.insert("base_model.vera_A".into(), zeros(&[4, 15])))).unwrap_err();
    assert!(text.contains("the rows of vera_B and the columns of vera_A is 16 and 15"), "{text}");
    let text = altered(|tensors, _| drop(tensors.insert("base_model.lora_C".into(), zeros(&[4])))).unwrap_err();
    assert!(text.contains("the tensor is none of VeRA's"), "{text}");
    let b = D.replace("lambda_d", "lambda_b");
    let text = altered(|tensors, _| drop(tensors.insert(b, zeros(&[17])))).unwrap_err();
    assert!(text.contains("the shape of vera_lambda_b is [17], must be [16]"), "{text}");
}

#[test]
fn another_rank_to_go_on_with_and_combining_are_refused() {
    let adapter = fresh(all_linear(), 3);
    let mut model = model_of(false, DType::F32);
    let before = logits(&model);
    let wanted = LoraSettings { rank: 5, ..shared(all_linear()) };
    let text = adapter.start_from(&mut model, &wanted).map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("rank is 5, must be 4, as of the adapter it starts from"), "{text}");
    let text = adapter.only_factors().unwrap_err().to_string();
    assert!(text.contains("the kind of adapter is vera, must be lora"), "{text}");
    // With vectors of zeros for outputs it does nothing.
    adapter.attach(&mut model).unwrap();
    assert!(difference(&logits(&model), &before) < 1e-6);
}
