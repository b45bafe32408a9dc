//! A model in 4 or 8 bits computes what the weights that it keeps compute.

use candle_core::{DType, Device};

use super::small::{Collected, attach_lora, batch, config, difference, model};
use crate::error::Result;
use crate::kernels::quantized::{Int8, Nf4};
use crate::model::{FrozenWeight, Llama, Pass, Projection};
use crate::recipe::Quantization;

const MODULES: [&str; 3] = ["model.layers.0.self_attn.q_proj", "model.layers.1.mlp.up_proj", "lm_head"];

/// The model of the other tests in 4 or 8 bits, and one with the weights that this one keeps.
fn both(quantization: Quantization) -> (Llama, Llama) {
    let mut kept = model(config(2, false), DType::F32);
    for path in kept.module_paths().into_iter().filter(|path| path != "lm_head") {
        let projection = kept.projection_mut(&path).unwrap();
        let weight = FrozenWeight::new(projection.weight().unwrap(), quantization).unwrap();
        *projection = Projection::Frozen(weight);
    }
    let mut plain = kept.clone();
    for path in plain.module_paths() {
        let projection = plain.projection_mut(&path).unwrap();
        *projection = Projection::Frozen(FrozenWeight::Plain(projection.weight().unwrap()));
    }
    (kept, plain)
}

#[test]
fn losses_and_gradients_of_an_adapter_are_those_of_the_kept_weights() -> Result<()> {
    for quantization in [Quantization::Nf4, Quantization::Int8] {
        of_the_kept_weights(quantization)?;
    }
    Ok(())
}

fn of_the_kept_weights(quantization: Quantization) -> Result<()> {
    let (mut kept, mut plain) = both(quantization);
    let batch = batch();
    let pass = Pass { loss_scale: 0.25, recompute: 1, dropout: None, noise: 0.0 };
    let results = [&mut kept, &mut plain].map(|model| -> Result<_> {
        let parameters = attach_lora(model, &MODULES, 0.5, 0.0);
        let mut sink = Collected::default();
        let loss = model.train_micro_step(&batch, &pass, &mut sink)?;
        Ok((loss, sink.named(&parameters)))
    });
    let [got, want] = results;
    let (got, want) = (got?, want?);
    assert_eq!(got.0, want.0);
    assert_eq!(got.1.keys().collect::<Vec<_>>(), want.1.keys().collect::<Vec<_>>());
    for (name, gradient) in &got.1 {
        assert_eq!(difference(gradient, &want.1[name]), 0.0, "{name}");
    }
    Ok(())
}

#[test]
fn loading_in_few_bits_keeps_the_nearest_of_each_layer_and_the_ends_as_they_are() -> Result<()> {
    for quantization in [Quantization::Nf4, Quantization::Int8] {
        keeps_the_nearest(quantization)?;
    }
    Ok(())
}

fn keeps_the_nearest(quantization: Quantization) -> Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let plain = model(config(2, false), DType::F32);
    plain.save(folder.path(), DType::F32)?;
    let kept = Llama::load_in(folder.path(), (DType::F32, quantization), &Device::Cpu)?;
    for path in plain.module_paths() {
        let (weight, got) = (plain.projection(&path).unwrap().weight()?, kept.projection(&path).unwrap());
        let want = match (path.as_str(), quantization) {
            ("lm_head", _) => weight.clone(),
            (_, Quantization::Int8) => Int8::quantize(&weight)?.dequantize()?,
            _ => Nf4::quantize(&weight)?.dequantize()?,
        };
        let kept = if path == "lm_head" { Quantization::None } else { quantization };
        assert_eq!(got.frozen().map(FrozenWeight::quantization), Some(kept), "{path}");
        assert_eq!(difference(&got.weight()?, &want), 0.0, "{path}");
    }
    assert_eq!(difference(kept.embedding.value(), plain.embedding.value()), 0.0);
    let text = kept.save(&folder.path().join("again"), DType::F32).unwrap_err().to_string();
    let expected = format!("a module is in {}, so what would be saved is not the model", quantization.bits());
    assert!(text.contains(&expected), "{text}");
    Ok(())
}
