//! Every way in which a model folder can be wrong, and what is said about it.

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::small::{config, model, noise};
use crate::error::Result;
use crate::files;
use crate::model::{Llama, SHARD_BYTES, write_tensors};

/// A folder with a good model.
fn good(tied: bool) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    model(config(2, tied), DType::F32).write_into(folder.path(), DType::F32, SHARD_BYTES).unwrap();
    folder
}

fn failure(folder: &Path) -> String {
    Llama::load(folder, DType::F32, &Device::Cpu).map(|_| ()).unwrap_err().to_string()
}

fn assert_says(folder: &Path, parts: &[&str]) {
    let text = failure(folder);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// Writes the weights again after a change.
fn with_tensors(folder: &Path, tied: bool, change: impl FnOnce(&mut Vec<(String, Tensor)>)) -> Result<()> {
    let mut tensors = model(config(2, tied), DType::F32).named_tensors()?;
    change(&mut tensors);
    write_tensors(&folder.join("model.safetensors"), &tensors, DType::F32, &[("format", "pt")])
}

/// Changes the header of the weights; the data stays.
fn with_header(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("model.safetensors");
    let bytes = files::read(&path).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string().into_bytes();
    let changed = [&(header.len() as u64).to_le_bytes()[..], &header, &bytes[8 + length..]].concat();
    files::write(&path, changed).unwrap();
}

fn with_config(folder: &Path, change: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = folder.join("config.json");
    let mut config: Value = files::read_json(&path).unwrap();
    change(config.as_object_mut().unwrap());
    files::write_json(&path, &config).unwrap();
}

#[test]
fn a_file_that_is_missing_is_named_with_what_to_do() {
    let folder = good(false);
    std::fs::remove_file(folder.path().join("model.safetensors")).unwrap();
    assert_says(folder.path(), &["no weights: neither model.safetensors nor", "hint: a Hugging Face model folder"]);
    files::write(&folder.path().join("pytorch_model.bin"), "x").unwrap();
    assert_says(folder.path(), &["hint: the folder has PyTorch pickle files"]);
    std::fs::remove_file(folder.path().join("config.json")).unwrap();
    assert_says(folder.path(), &["config.json  cannot read the file", "hint: check the path"]);
}

#[test]
fn a_file_cut_short_anywhere_is_never_read() {
    let folder = good(false);
    let path = folder.path().join("model.safetensors");
    let whole = files::read(&path).unwrap();
    for length in [0, 5, 8, 100, 2000, whole.len() / 2, whole.len() - 1] {
        files::write(&path, &whole[..length]).unwrap();
        assert_says(folder.path(), &["model.safetensors", "hint:"]);
    }
    assert_says(
        folder.path(),
        &["model.norm.weight  the end of the tensor is byte 43920", "hint: the download or copy was cut short"],
    );
    files::write(&path, [&whole[..], &[0]].concat()).unwrap();
    assert_says(folder.path(), &["the data in the file is", "as the header says"]);
    files::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n").unwrap();
    assert_says(folder.path(), &["Git LFS pointer", "hint: run: git lfs pull"]);
    files::write(&path, [&u64::MAX.to_le_bytes()[..], &whole[8..]].concat()).unwrap();
    assert_says(folder.path(), &["the length of the header is 18446744073709551615 bytes"]);
}

#[test]
fn a_header_that_lies_is_caught_and_its_tensor_named() {
    let name = "model.layers.1.mlp.up_proj.weight";
    let cases: [(Value, &str); 5] = [
        (
            json!({ "dtype": "F32", "shape": [28, 20], "data_offsets": [0, 8] }),
            "the size that the header gives is 8 bytes, must be 2240 bytes",
        ),
        (
            json!({ "dtype": "F32", "shape": [28, 20], "data_offsets": [u64::MAX - 2240, u64::MAX] }),
            "the end of the tensor is byte",
        ),
        (json!({ "dtype": "F32", "shape": [u64::MAX, u64::MAX], "data_offsets": [0, 8] }), "larger than any memory"),
        (json!({ "dtype": "F33", "shape": [28, 20], "data_offsets": [0, 8] }), "the entry needs a known dtype"),
        (json!({ "dtype": "F32", "shape": [28, 20], "data_offsets": [0, 2240] }), "the start of the tensor is byte"),
    ];
    for (entry, expected) in cases {
        let folder = good(false);
        with_header(folder.path(), |header| header[name] = entry);
        assert_says(folder.path(), &[expected, "model.safetensors"]);
    }
}

#[test]
fn random_damage_to_a_header_never_loads_another_model() {
    let folder = good(true);
    let path = folder.path().join("model.safetensors");
    let whole = files::read(&path).unwrap();
    let header = u64::from_le_bytes(whole[..8].try_into().unwrap());
    let good = Llama::load(folder.path(), DType::F32, &Device::Cpu).unwrap().named_tensors().unwrap();
    let stream = crate::random::Stream::new(1, "damage");
    for case in 0..300 {
        let mut bytes = whole.clone();
        bytes[stream.child(case).below_at(0, 8 + header) as usize] ^= 1 << stream.child(case).below_at(1, 8);
        files::write(&path, bytes).unwrap();
        // Damage to the free-form metadata or to white space may go unseen; then the weights are right.
        if let Ok(model) = Llama::load(folder.path(), DType::F32, &Device::Cpu) {
            for ((_, got), (name, expected)) in model.named_tensors().unwrap().iter().zip(&good) {
                assert_eq!(super::small::difference(got, expected), 0.0, "{name}");
            }
        }
    }
}

#[test]
fn tensors_that_are_missing_unexpected_or_of_another_shape_are_all_named() -> Result<()> {
    let folder = good(false);
    with_tensors(folder.path(), false, |tensors| {
        tensors.retain(|(name, _)| name != "model.layers.0.self_attn.k_proj.weight" && name != "lm_head.weight");
        tensors.push(("model.layers.0.self_attn.q_proj.bias".into(), noise(1, "b", &[24]).unwrap()));
        let up = tensors.iter_mut().find(|(name, _)| name == "model.layers.2.mlp.up_proj.weight").unwrap();
        up.1 = up.1.t().unwrap().contiguous().unwrap();
    })?;
    assert_says(
        folder.path(),
        &[
            "model.safetensors: model.layers.0.self_attn.k_proj.weight  the tensor is missing",
            "lm_head.weight  the tensor is missing\n  hint: if the head is the embedding, set tie_word_embeddings",
            "q_proj.bias  the tensor is not one of a Llama with this config.json",
            "model.layers.2.mlp.up_proj.weight  the shape is [20, 28], must be [28, 20], as config.json says",
        ],
    );
    let folder = good(false);
    with_config(folder.path(), |config| drop(config.insert("hidden_size".into(), json!(24))));
    assert_says(folder.path(), &["the shape is [37, 20], must be [37, 24]", "and 22 more tensors"]);
    Ok(())
}

#[test]
fn harmless_extras_are_ignored_but_a_different_tied_head_is_not() -> Result<()> {
    let folder = good(true);
    with_tensors(folder.path(), true, |tensors| {
        tensors.push(("model.layers.0.self_attn.rotary_emb.inv_freq".into(), noise(1, "f", &[3]).unwrap()));
        let embedding = tensors[0].1.clone();
        tensors.push(("lm_head.weight".into(), embedding));
    })?;
    Llama::load(folder.path(), DType::F32, &Device::Cpu)?;
    with_tensors(folder.path(), true, |tensors| {
        let head = (&tensors[0].1 * 2.0).unwrap();
        tensors.push(("lm_head.weight".into(), head));
    })?;
    assert_says(
        folder.path(),
        &["config.json says that the head is the embedding", "set tie_word_embeddings to false"],
    );
    Ok(())
}

#[test]
fn nan_and_infinity_are_refused_in_every_dtype_and_never_saved() -> Result<()> {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let folder = good(false);
        let path = folder.path().join("model.safetensors");
        let mut bytes = files::read(&path)?;
        let end = bytes.len();
        bytes[end - 4..].copy_from_slice(&value.to_le_bytes());
        files::write(&path, bytes)?;
        assert_says(folder.path(), &["model.norm.weight  the tensor holds NaN or infinite values"]);
    }
    for dtype in [DType::BF16, DType::F16] {
        let folder = tempfile::tempdir().unwrap();
        model(config(2, false), DType::F32).write_into(folder.path(), dtype, SHARD_BYTES)?;
        let path = folder.path().join("model.safetensors");
        let mut bytes = files::read(&path)?;
        let end = bytes.len();
        bytes[end - 2..].copy_from_slice(&[0xff, 0x7f]);
        files::write(&path, bytes)?;
        assert_says(folder.path(), &["model.norm.weight  the tensor holds NaN or infinite values"]);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut broken = model(config(2, false), DType::F32);
    broken.norm = crate::model::Weight::Frozen((broken.norm.value() * 1e30)?);
    let text = broken.save(&folder.path().join("x"), DType::F16).unwrap_err().to_string();
    assert!(text.contains("model.norm.weight  the tensor holds NaN or infinite values, so it is not saved"), "{text}");
    broken.save(&folder.path().join("x"), DType::BF16)?;
    let text = Llama::load(&folder.path().join("x"), DType::F16, &Device::Cpu).map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("model.norm.weight  the tensor holds values above 65504"), "{text}");
    Ok(())
}

#[test]
fn an_index_that_disagrees_with_its_files_is_refused() -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    model(config(2, false), DType::F32).write_into(folder.path(), DType::F32, 6000)?;
    let path = folder.path().join("model.safetensors.index.json");
    let index: Value = files::read_json(&path)?;
    let name = "model.norm.weight";
    let mut changed = index.clone();
    changed["weight_map"][name] = json!("model-00001-of-00009.safetensors");
    files::write_json(&path, &changed)?;
    assert_says(folder.path(), &["the index says that model.norm.weight is in", "does not have it"]);
    changed["weight_map"].as_object_mut().unwrap().remove(name);
    files::write_json(&path, &changed)?;
    assert_says(folder.path(), &["holds model.norm.weight, which the index does not say"]);
    changed["weight_map"][name] = json!("../secret.safetensors");
    files::write_json(&path, &changed)?;
    assert_says(folder.path(), &["must be a plain file name"]);
    files::write_json(&path, &index)?;
    std::fs::remove_file(folder.path().join("model-00002-of-00009.safetensors")).unwrap();
    assert_says(folder.path(), &["model-00002-of-00009.safetensors  cannot open the weights"]);
    Ok(())
}

#[test]
fn a_config_that_asks_for_something_else_is_refused_by_its_keys() {
    let folder = good(false);
    let path = folder.path().join("config.json");
    let original = files::read(&path).unwrap();
    let cases: [(&str, Value, &str); 13] = [
        (
            "architectures",
            json!(["MistralForCausalLM"]),
            "architectures is [\"MistralForCausalLM\"], must be [\"LlamaForCausalLM\"]",
        ),
        ("attention_bias", json!(true), "attention_bias is true, must be false"),
        ("mlp_bias", json!(true), "mlp_bias is true, must be false"),
        ("hidden_act", json!("gelu"), "hidden_act is \"gelu\", must be \"silu\""),
        ("num_key_value_heads", json!(3), "num_key_value_heads is 3, must be a divisor of num_attention_heads (4)"),
        ("head_dim", json!(5), "head_dim is 5, must be even"),
        ("head_dim", Value::Null, ""),
        ("hidden_size", json!(-1), "hidden_size is -1, must be a whole number from 1"),
        ("vocab_size", Value::Null, "vocab_size is missing"),
        ("rms_norm_eps", json!(0), "rms_norm_eps is 0, must be a number above 0"),
        ("eos_token_id", json!("</s>"), "eos_token_id is \"</s>\", must be a token id or a list of them"),
        ("bos_token_id", json!(37), "bos_token_id or eos_token_id is 37, must be below vocab_size (37)"),
        ("quantization_config", json!({}), "quantized weights are not supported"),
    ];
    for (key, value, expected) in cases {
        with_config(folder.path(), |config| drop(config.insert(key.into(), value)));
        assert_says(folder.path(), &[expected]);
        files::write(&path, &original).unwrap();
    }
    with_config(folder.path(), |config| {
        config.insert("mlp_bias".into(), json!(true));
        config.insert("hidden_act".into(), json!("relu"));
        config.insert("num_hidden_layers".into(), json!(0));
    });
    assert_eq!(failure(folder.path()).matches("config.json  ").count(), 3);
    files::write(&path, "{ \"hidden_size\": ").unwrap();
    assert_says(folder.path(), &["config.json:1:", "cannot read JSON"]);
}
