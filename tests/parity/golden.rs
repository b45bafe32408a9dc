//! Reads the golden files, and compares tensors with them.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use emakeel::error::Result;
use emakeel::model::{Batch, GradientSink, Llama, Parameter, Parameters, Pass, Segments};
use emakeel::recipe::{AllLinear, LoraSettings, Quantization, Targets};
use serde::Deserialize;

/// The models of the golden files.
pub const MODELS: [&str; 2] = ["mha", "gqa"];

/// A document and its labels beside it; below zero is no target.
#[derive(Debug, Clone, Deserialize)]
pub struct Sequence {
    pub ids: Vec<u32>,
    pub labels: Vec<i64>,
}

/// The folder of the golden files, or a path in it.
pub fn golden(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(path)
}

/// A path in `../shared`; `None`, with a loud word, if that is not there.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared")).join(path);
    if found.exists() {
        return Some(found);
    }
    eprintln!("SKIPPED: ../shared is absent");
    None
}

pub fn json<T: for<'a> Deserialize<'a>>(path: impl AsRef<Path>) -> T {
    serde_json::from_str(&std::fs::read_to_string(golden(path)).unwrap()).unwrap()
}

pub fn tensors(path: impl AsRef<Path>) -> HashMap<String, Tensor> {
    candle_core::safetensors::load(golden(path), &Device::Cpu).unwrap()
}

pub fn model(name: &str) -> Llama {
    Llama::load(&golden(name), DType::F32, &Device::Cpu).unwrap()
}

/// The adapters of a model whose update is not zero.
pub fn adapters(model: &str) -> &'static [&'static str] {
    if model == "mha" { &["lora", "rslora", "head"] } else { &["lora", "rslora"] }
}

/// The LoRA settings of an adapter.
pub fn settings(adapter: &str) -> LoraSettings {
    let targets = match adapter {
        "fresh" => Targets::Names(vec!["q_proj".into(), "v_proj".into()]),
        "head" => Targets::Names(vec!["v_proj".into(), "lm_head".into()]),
        _ => Targets::AllLinear(AllLinear::AllLinear),
    };
    LoraSettings {
        rank: 4,
        alpha: 12.0,
        dropout: 0.0,
        targets,
        rslora: adapter == "rslora",
        quantization: Quantization::None,
        ..LoraSettings::default()
    }
}

/// Documents one after the other, as the model reads them.
pub fn batch(sequences: &[Sequence]) -> Batch {
    let (mut ids, mut targets, mut bounds) = (Vec::new(), Vec::new(), vec![0]);
    for sequence in sequences {
        let start = ids.len() as u32;
        ids.extend(&sequence.ids);
        for (place, label) in sequence.labels.iter().enumerate().skip(1) {
            if let Ok(label) = u32::try_from(*label) {
                targets.push((start + place as u32 - 1, label));
            }
        }
        bounds.push(ids.len() as u32);
    }
    Batch { ids, targets, weights: Vec::new(), segments: Segments::new(bounds).unwrap() }
}

pub fn logits(model: &Llama, batch: &Batch) -> Tensor {
    model.logits(&batch.ids, &batch.segments).unwrap()
}

/// The mean loss of a batch, and all gradients by the names of their parameters.
pub fn gradients(
    model: &Llama,
    parameters: &Parameters,
    batch: &Batch,
    recompute: usize,
) -> (f64, BTreeMap<String, Tensor>) {
    struct Keep<'a>(&'a Parameters, BTreeMap<String, Tensor>);
    impl GradientSink for Keep<'_> {
        fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
            let name = self.0.entries()[parameter.index].name.clone();
            assert!(self.1.insert(name.clone(), gradient).is_none(), "{name} came twice");
            Ok(())
        }
    }
    let mut sink = Keep(parameters, BTreeMap::new());
    let pass = Pass { loss_scale: 1.0 / batch.targets.len() as f64, recompute, dropout: None, noise: 0.0 };
    let loss = model.train_micro_step(batch, &pass, &mut sink).unwrap() * pass.loss_scale;
    (loss, sink.1)
}

fn largest(tensor: &Tensor) -> f64 {
    tensor.to_dtype(DType::F64).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

/// The largest difference over the largest expected number.
pub fn relative(got: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(got.dims(), expected.dims());
    largest(&(got - expected).unwrap()) / largest(expected)
}

/// Fails if tensors are missing, too many, or differ by more than `tolerance`; returns the largest difference.
pub fn compare(what: &str, got: &BTreeMap<String, Tensor>, expected: &BTreeMap<String, Tensor>, tolerance: f64) -> f64 {
    assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{what}");
    let mut worst = (0.0, "");
    for (name, expected) in expected {
        let difference = relative(&got[name], expected);
        // A NaN is no difference below the tolerance either.
        assert!(difference <= tolerance, "{what}: {name} differs by {difference:.2e} relative");
        if difference >= worst.0 {
            worst = (difference, name);
        }
    }
    println!("{what}: {} tensors, largest relative difference {:.1e} in {}", expected.len(), worst.0, worst.1);
    worst.0
}
