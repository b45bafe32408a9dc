//! Bases brought back, bit for bit, from files that adapters were merged into.

use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView};

use super::*;
use crate::adapter::Merge;
use crate::adapter::combine::Part;
use crate::error::Error;
use crate::model::{DELTA_FILE, Delta, Rewrite};
use crate::recipe::{AdapterKind, Quantization};

fn part(adapter: &Adapter, weight: f64) -> Part<'_> {
    Part { name: "adapter", adapter, weight }
}

fn plan<'a>(base: &'a Path, parts: &'a [Part<'a>]) -> Merge<'a> {
    let rewrite = Rewrite { base, dtype: None, shard_bytes: 4000, keep_delta: true };
    Merge { rewrite, parts, quantization: Quantization::None }
}

fn merge(plan: &Merge<'_>, out: &Path) -> PathBuf {
    plan.write(out, &mut |_, _| Ok(()), |_| Ok(())).unwrap();
    out.to_owned()
}

fn unmerge(merged: &Path, out: &Path) -> Result<()> {
    Delta::open(merged)?.restore(out, &mut |_, _| Ok(()))
}

/// The files of a folder, by name.
fn files_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.map(|p| (p.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&p).unwrap())).collect();
    files.sort();
    files
}

/// A weight that every adapter here changes.
fn value_of(folder: &Path) -> Vec<f32> {
    let weight = load(folder).projection("model.layers.0.self_attn.q_proj").unwrap().weight().unwrap();
    weight.flatten_all().unwrap().to_vec1().unwrap()
}

/// An adapter of a kind, with values in all that it has.
fn of_kind(model: &Llama, kind: AdapterKind) -> Adapter {
    let targets = match kind {
        AdapterKind::Ia3 => Targets::Names(["q_proj", "v_proj", "down_proj"].map(str::to_owned).to_vec()),
        _ => all_linear(),
    };
    let (rank, alpha, dropout) = (4, 12.0, 0.0);
    let mut adapter =
        adapter_of(model, &LoraSettings { kind, targets, rank, alpha, dropout, ..LoraSettings::default() }, 4);
    let moved = |values: &Tensor| (values.affine(1.1, 0.03)).unwrap();
    adapter.beside.magnitudes.values_mut().for_each(|values| *values = moved(values));
    adapter.beside.scales.values_mut().for_each(|values| *values = moved(values));
    adapter
}

#[test]
fn a_base_comes_back_with_the_same_bytes_whatever_was_merged_into_it() {
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        let model = model_of(false, dtype);
        model.save(&at("one"), dtype).unwrap();
        // The same base in many files.
        let plain = Rewrite { base: &at("one"), dtype: None, shard_bytes: 3000, keep_delta: false };
        merge(&Merge { rewrite: plain, parts: &[], quantization: Quantization::None }, &at("many"));
        // Rank 1 leaves factors small enough to be kept.
        let thin = adapter_of(&model, &LoraSettings { rank: 1, ..settings(all_linear()) }, 3);
        let narrow = LoraSettings { rank: 2, rslora: true, ..settings(Targets::Names(vec!["q_proj".into()])) };
        let (wide, narrow) = (adapter_of(&model, &settings(all_linear()), 1), adapter_of(&model, &narrow, 2));
        let (dora, ia3) = (of_kind(&model, AdapterKind::Dora), of_kind(&model, AdapterKind::Ia3));
        let merged: [(&str, Vec<Part<'_>>); 6] = [
            ("thin", vec![part(&thin, 1.0)]),
            ("nothing", vec![]),
            ("one", vec![part(&wide, 1.0)]),
            ("two", vec![part(&wide, 0.5), part(&narrow, -2.0)]),
            ("dora", vec![part(&dora, 1.0)]),
            ("ia3", vec![part(&ia3, 1.0)]),
        ];
        for (number, base) in ["one", "many"].into_iter().enumerate() {
            for (what, parts) in &merged {
                for to in [None, Some(DType::F32), Some(DType::BF16)] {
                    let quantization =
                        [Quantization::None, Quantization::Nf4][usize::from(*what == "one" && number == 1)];
                    let from = at(base);
                    let plan = plan(&from, parts);
                    let plan = Merge { rewrite: Rewrite { dtype: to, ..plan.rewrite }, quantization, ..plan };
                    let changed = merge(&plan, &at("merged"));
                    unmerge(&changed, &at("back")).unwrap();
                    let (got, expected) = (files_of(&at("back")), files_of(&from));
                    assert_eq!(got, expected, "{dtype:?} {base} {what} {to:?}");
                    let moved = value_of(&changed) != value_of(&from);
                    assert!(moved || parts.is_empty(), "{dtype:?} {base} {what} {to:?}");
                }
            }
        }
    }
}

#[test]
fn tensors_that_the_merged_model_has_not_come_back_too() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(true, DType::F32);
    model.save(&root.path().join("base"), DType::F32).unwrap();
    let path = root.path().join("base/model.safetensors");
    let old = std::fs::read(&path).unwrap();
    let read = safetensors::SafeTensors::deserialize(&old).unwrap();
    let mut tensors = read.tensors();
    let head = tensors.iter().find(|(name, _)| name == "model.embed_tokens.weight").unwrap().1.clone();
    tensors.push(("lm_head.weight".into(), head));
    let odd = [1u8, 2, 3, 255];
    tensors.push((
        "model.layers.0.self_attn.rotary_emb.inv_freq".into(),
        TensorView::new(Dtype::U8, vec![4], &odd).unwrap(),
    ));
    std::fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    let adapter = adapter_of(&model, &settings(all_linear()), 1);
    let base = root.path().join("base");
    let merged = merge(&plan(&base, &[part(&adapter, 1.0)]), &root.path().join("merged"));
    unmerge(&merged, &root.path().join("back")).unwrap();
    assert_eq!(files_of(&root.path().join("back")), files_of(&base));
}

/// A base with an adapter merged into it, and its delta, which keeps factors.
fn kept() -> (tempfile::TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(true, DType::BF16);
    model.save(&root.path().join("base"), DType::BF16).unwrap();
    let adapter = adapter_of(&model, &LoraSettings { rank: 1, ..settings(all_linear()) }, 1);
    let merged = merge(&plan(&root.path().join("base"), &[part(&adapter, 1.0)]), &root.path().join("merged"));
    (root, merged)
}

fn only_these(root: &Path, names: &[&str]) {
    let mut found: Vec<String> = files_in(root);
    found.sort();
    assert_eq!(found, names);
}

fn files_in(root: &Path) -> Vec<String> {
    std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn merged_weights_that_have_changed_are_refused() {
    let (root, merged) = kept();
    let back = root.path().join("back");
    let refused = || {
        let text = unmerge(&merged, &back).unwrap_err().to_string();
        assert!(text.contains("the merged weights have changed since the merge"), "{text}");
        only_these(root.path(), &["base", "merged"]);
    };
    let shards: Vec<String> = files_in(&merged).into_iter().filter(|name| name.ends_with("safetensors")).collect();
    for name in &shards {
        let path = merged.join(name);
        let old = std::fs::read(&path).unwrap();
        let mut new = old.clone();
        // The lowest bit of the last value of the file.
        let place = new.len() - 2;
        new[place] ^= 1;
        std::fs::write(&path, new).unwrap();
        refused();
        std::fs::write(&path, old).unwrap();
    }
    let delta = std::fs::read(merged.join(DELTA_FILE)).unwrap();
    load(&merged).save(&merged, DType::F32).unwrap();
    std::fs::write(merged.join(DELTA_FILE), delta).unwrap();
    refused();
}

fn load(folder: &Path) -> Llama {
    Llama::load(folder, DType::F32, &Device::Cpu).unwrap()
}

#[test]
fn a_delta_that_is_absent_or_damaged_anywhere_is_refused() {
    let (root, merged) = kept();
    let (path, back) = (merged.join(DELTA_FILE), root.path().join("back"));
    let whole = std::fs::read(&path).unwrap();
    let base = files_of(&root.path().join("base"));
    let mut refused = 0;
    for place in (0..whole.len()).step_by(61) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        std::fs::write(&path, bytes).unwrap();
        match unmerge(&merged, &back) {
            // Bits that mean nothing, as those of the magic at the start.
            Ok(()) => assert_eq!(files_of(&back), base, "byte {place}"),
            Err(error) => {
                refused += 1;
                assert!(error.to_string().contains("the delta is damaged"), "byte {place}: {error}");
            }
        }
        let _ = std::fs::remove_dir_all(&back);
        only_these(root.path(), &["base", "merged"]);
    }
    assert!(refused * 61 > whole.len() * 9 / 10, "{refused} of {}", whole.len() / 61);
    for length in [0, 10, 60, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let text = unmerge(&merged, &back).unwrap_err().to_string();
        assert!(text.contains("base.delta  the delta is damaged"), "{text}");
    }
    std::fs::remove_file(&path).unwrap();
    let text = unmerge(&merged, &back).unwrap_err().to_string();
    assert!(text.contains("merged  there is no base.delta") && text.contains("--keep-delta"), "{text}");
    only_these(root.path(), &["base", "merged"]);
}

#[test]
fn what_is_stopped_leaves_nothing() {
    let (root, merged) = kept();
    let base = root.path().join("base");
    let mut left = 5;
    let mut stop = |_: u64, _: &str| {
        left -= 1;
        if left == 0 { Err(Error::interrupted("enough")) } else { Ok(()) }
    };
    let error = Delta::open(&merged).unwrap().restore(&root.path().join("back"), &mut stop).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    left = 5;
    let mut stop = |_: u64, _: &str| {
        left -= 1;
        if left == 0 { Err(Error::interrupted("enough")) } else { Ok(()) }
    };
    let adapter = adapter_of(&load(&base), &settings(all_linear()), 1);
    let parts = [part(&adapter, 1.0)];
    let error = plan(&base, &parts).write(&root.path().join("again"), &mut stop, |_| Ok(())).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    only_these(root.path(), &["base", "merged"]);
}

#[test]
fn a_base_of_weights_in_other_numbers_is_refused_and_not_cut_short() {
    let root = tempfile::tempdir().unwrap();
    let base = root.path().join("base");
    model_of(true, DType::F32).save(&base, DType::F32).unwrap();
    let path = base.join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let place = bytes.windows(13).position(|window| window == b"\"dtype\":\"F32\"").unwrap();
    let mut other = bytes.clone();
    other[place..place + 13].copy_from_slice(b"\"dtype\":\"I32\"");
    std::fs::write(&path, other).unwrap();
    let error = plan(&base, &[]).write(&root.path().join("out"), &mut |_, _| Ok(()), |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("the dtype is I32, must be F32, F16, BF16 or F64"), "{error}");
    only_these(root.path(), &["base"]);
}
