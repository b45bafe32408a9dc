//! Adapters merged into files, against the merge in memory.

use std::path::{Path, PathBuf};

use super::*;
use crate::adapter::Merge;
use crate::adapter::combine::Part;
use crate::error::Error;
use crate::model::Rewrite;
use crate::recipe::Quantization;

fn saved(model: &Llama, root: &Path, dtype: DType) -> PathBuf {
    let folder = root.join("base");
    model.save(&folder, dtype).unwrap();
    folder
}

fn plan<'a>(base: &'a Path, parts: &'a [Part<'a>]) -> Merge<'a> {
    let rewrite = Rewrite { base, dtype: None, shard_bytes: 4000, keep_delta: false };
    Merge { rewrite, parts, quantization: Quantization::None }
}

fn write(merge: &Merge<'_>, out: &Path) -> Result<()> {
    merge.write(out, &mut |_, _| Ok(()), |_| Ok(())).map(|_| ())
}

fn part(adapter: &Adapter, weight: f64) -> Part<'_> {
    Part { name: "adapter", adapter, weight }
}

fn load(folder: &Path, dtype: DType) -> Llama {
    Llama::load(folder, dtype, &Device::Cpu).unwrap()
}

#[test]
fn merged_files_hold_what_the_merge_in_memory_gives() {
    for (dtype, tolerance) in [(DType::F32, 1e-6), (DType::BF16, 0.004)] {
        let root = tempfile::tempdir().unwrap();
        let mut model = model_of(false, dtype);
        let base = saved(&model, root.path(), dtype);
        let adapter = adapter_of(&model, &settings(all_linear()), 4);
        write(&plan(&base, &[part(&adapter, 1.0)]), &root.path().join("out")).unwrap();
        let merged = load(&root.path().join("out"), dtype);
        adapter.merge(&mut model).unwrap();
        let tensors = |model: &Llama| model.named_tensors().unwrap();
        for ((name, got), (_, expected)) in tensors(&merged).into_iter().zip(tensors(&model)) {
            let values = |tensor: Tensor| -> Vec<f64> {
                tensor.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap()
            };
            let off = difference(&values(got), &values(expected));
            assert!(
                off <= if adapter.modules.contains_key(name.trim_end_matches(".weight")) { tolerance } else { 0.0 }
            );
        }
        let files = std::fs::read_dir(root.path().join("out")).unwrap().count();
        assert!(files > 4 && root.path().join("out/model.safetensors.index.json").is_file(), "several files");
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 2, "nothing else is left");
    }
}

#[test]
fn several_adapters_are_added_each_with_its_weight() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(true, DType::F64);
    let base = saved(&model, root.path(), DType::F32);
    let wide = adapter_of(&model, &settings(all_linear()), 1);
    let narrow = adapter_of(
        &model,
        &LoraSettings { rank: 2, rslora: true, ..settings(Targets::Names(vec!["q_proj".into()])) },
        2,
    );
    write(&plan(&base, &[part(&wide, 0.5), part(&narrow, -2.0)]), &root.path().join("out")).unwrap();
    let path = "model.layers.1.self_attn.q_proj";
    let weight = |model: &Llama| model.projection(path).unwrap().weight().unwrap();
    let delta = |adapter: &Adapter| {
        let pair = &adapter.modules[path];
        let wide = |factor: &Tensor| factor.to_dtype(DType::F64).unwrap();
        (wide(&pair.b).matmul(&wide(&pair.a)).unwrap() * adapter.config.scale_of(path).unwrap()).unwrap()
    };
    let expected = (weight(&load(&base, DType::F64)) + (delta(&wide) * 0.5).unwrap()).unwrap();
    let expected = (expected - (delta(&narrow) * 2.0).unwrap()).unwrap();
    let off = (weight(&load(&root.path().join("out"), DType::F64)) - expected).unwrap().abs().unwrap();
    let off = off.max_all().unwrap().to_scalar::<f64>().unwrap();
    assert!(off < 1e-5, "{off}");
}

#[test]
fn a_merge_that_fails_leaves_nothing() {
    let root = tempfile::tempdir().unwrap();
    let model = model_of(true, DType::F32);
    let base = saved(&model, root.path(), DType::F32);
    let out = root.path().join("out");
    let nothing_else = || assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 1);
    let adapter = adapter_of(&model, &settings(all_linear()), 1);
    let parts = [part(&adapter, 1.0)];
    let mut left = 5;
    let mut stop = |_: u64, _: &str| {
        left -= 1;
        if left == 0 { Err(Error::interrupted("enough")) } else { Ok(()) }
    };
    let error = plan(&base, &parts).write(&out, &mut stop, |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("enough") && error.exit_code() == 130, "{error}");
    nothing_else();
    let mut huge = adapter.clone();
    let pair = huge.modules.get_mut("model.layers.1.mlp.up_proj").unwrap();
    pair.b = (&pair.b * 1e30).unwrap();
    pair.a = (&pair.a * 1e30).unwrap();
    let error = write(&plan(&base, &[part(&huge, 1.0)]), &out).unwrap_err().to_string();
    assert!(error.contains("model.layers.1.mlp.up_proj.weight  the merged weight is not finite"), "{error}");
    nothing_else();
    let other = model_of(false, DType::F32);
    let head = adapter_of(&other, &settings(Targets::Names(vec!["lm_head".into()])), 1);
    let error = write(&plan(&base, &[part(&head, 1.0)]), &out).unwrap_err().to_string();
    assert!(error.contains("lm_head  the adapter has factors for a module that the model has not"), "{error}");
    nothing_else();
}

#[test]
fn a_base_in_few_bits_merged_answers_as_the_adapter_on_it_does() {
    for (quantization, worse) in [(Quantization::Nf4, 100.0), (Quantization::Int8, 50.0)] {
        answers_as_the_adapter_on_it_does(quantization, worse);
    }
}

fn answers_as_the_adapter_on_it_does(quantization: Quantization, worse: f64) {
    let root = tempfile::tempdir().unwrap();
    let plain = model_of(true, DType::F32);
    let base = saved(&plain, root.path(), DType::F32);
    let adapter = adapter_of(&plain, &settings(all_linear()), 4);
    let mut quantized = Llama::load_in(&base, (DType::F32, quantization), &Device::Cpu).unwrap();
    adapter.attach(&mut quantized).unwrap();
    let attached = logits(&quantized);
    let (parts, out) = ([part(&adapter, 1.0)], root.path().join("out"));
    write(&Merge { quantization, ..plan(&base, &parts) }, &out).unwrap();
    let off = difference(&logits(&load(&out, DType::F32)), &attached);
    assert!(off < 1e-5, "{off}");
    // Without it the merge is into another base than the one that the adapter was trained on.
    write(&plan(&base, &parts), &root.path().join("plain")).unwrap();
    let plain = difference(&logits(&load(&root.path().join("plain"), DType::F32)), &attached);
    println!(
        "{quantization:?}: logits differ by {off:.1e} merged into it, by {plain:.1e} merged into the base as it was"
    );
    assert!(plain > worse * off, "{plain}");
}
