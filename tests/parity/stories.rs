//! The trained 260K checkpoint: norms, a product with a fixed vector, and some entries of every gradient.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use emakeel::adapter::{self, Adapter};
use emakeel::model::Llama;
use serde::Deserialize;

use crate::golden::*;

const TOLERANCE: f64 = 1e-4;

#[derive(Deserialize)]
struct Digest {
    norm: f64,
    largest: f64,
    product: f64,
    entries: Vec<(usize, f64)>,
}

#[derive(Deserialize)]
struct Stories {
    batch: Vec<Sequence>,
    full_loss: f64,
    lora_loss: f64,
    logits: Digest,
    lora_logits: Digest,
    gradients: BTreeMap<String, Digest>,
}

/// `formula` of make.py: multiples of 1/1009 from integer arithmetic, times `size`.
fn formula(tensor_number: i64, count: usize, size: f64) -> Vec<f32> {
    (0..count as i64)
        .map(|i| ((((i * 7919 + 13 * tensor_number) % 1009) as f64 / 1009.0 - 0.5) * size) as f32)
        .collect()
}

/// Returns the largest difference, over the expected norm or largest number.
fn check(name: &str, got: &Tensor, expected: &Digest) -> f64 {
    let flat: Vec<f64> = got.flatten_all().unwrap().to_dtype(DType::F64).unwrap().to_vec1().unwrap();
    let norm = flat.iter().map(|value| value * value).sum::<f64>().sqrt();
    let product =
        flat.iter().zip(formula(0, flat.len(), 1.0)).map(|(value, factor)| value * f64::from(factor)).sum::<f64>();
    let mut worst =
        ((norm - expected.norm) / expected.norm).abs().max(((product - expected.product) / expected.norm).abs());
    for (place, value) in &expected.entries {
        worst = worst.max((flat[*place] - value).abs() / expected.largest);
    }
    assert!(worst <= TOLERANCE, "{name} differs by {worst:.2e} relative");
    worst
}

fn check_gradients(prefix: &str, got: &BTreeMap<String, Tensor>, expected: &Stories) {
    let expected: BTreeMap<&str, &Digest> =
        expected.gradients.iter().filter_map(|(name, digest)| Some((name.strip_prefix(prefix)?, digest))).collect();
    assert_eq!(got.keys().map(String::as_str).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
    let worst = got.iter().map(|(name, gradient)| check(name, gradient, expected[name.as_str()])).fold(0.0, f64::max);
    println!("260K {prefix}: {} gradients, largest relative difference {worst:.1e}", got.len());
}

#[test]
fn the_260k_checkpoints_logits_and_gradients_are_those_of_transformers_and_peft() {
    let Some(folder) = shared("data/checkpoints/stories260K_hf") else { return };
    let stories: Stories = json("stories260K.json");
    let batch = batch(&stories.batch);
    let mut model = Llama::load(&folder, DType::F32, &Device::Cpu).unwrap();
    check("logits", &logits(&model, &batch), &stories.logits);
    let parameters = model.train_all().unwrap();
    let (loss, got) = gradients(&model, &parameters, &batch, 0);
    assert!((loss - stories.full_loss).abs() <= 1e-5 * stories.full_loss, "{loss}, expected {}", stories.full_loss);
    check_gradients("full.", &got, &stories);

    model.freeze().unwrap();
    let (_, config) = adapter::create(&mut model, &settings("lora"), 0).unwrap();
    let mut adapter = Adapter::take(&model, &config).unwrap();
    // Sorted by name, A before B: the order in which make.py numbers them.
    for (number, pair) in adapter.modules.values_mut().enumerate() {
        for (side, factor) in [&mut pair.a, &mut pair.b].into_iter().enumerate() {
            let values = formula((2 * number + side) as i64, factor.elem_count(), 0.2);
            *factor = Tensor::from_vec(values, factor.dims(), &Device::Cpu).unwrap();
        }
    }
    let (parameters, _) = adapter.start_from(&mut model, &settings("lora")).unwrap();
    check("logits with LoRA", &logits(&model, &batch), &stories.lora_logits);
    let (loss, got) = gradients(&model, &parameters, &batch, 0);
    assert!((loss - stories.lora_loss).abs() <= 1e-5 * stories.lora_loss, "{loss}, expected {}", stories.lora_loss);
    check_gradients("lora.", &got, &stories);
}
