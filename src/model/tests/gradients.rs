//! Every gradient of the model against candle's autograd over plain operations, in f64.

use candle_core::DType;

use super::oracle::Oracle;
use super::small::{Collected, attach_dora, attach_lora, attach_scales, attach_vera, batch, config, difference, model};
use crate::error::Result;
use crate::model::{Factor, Llama, Parameters, Pass, Projection, Weight};
use crate::random::Stream;

const TOLERANCE: f64 = 1e-9;
const SCALE: f64 = 0.125;

/// Compares the loss and the gradient of every trained parameter, with and without recomputation.
fn compare(model: &Llama, parameters: &Parameters, dropout: Option<Stream>) -> Result<()> {
    let batch = batch();
    let oracle = Oracle::new(model, batch.ids.len(), batch.targets.len(), dropout)?;
    let (expected_loss, expected) = oracle.loss_and_gradients(&batch, SCALE)?;
    for recompute in [0, 1, usize::MAX] {
        let mut sink = Collected::default();
        let loss =
            model.train_micro_step(&batch, &Pass { loss_scale: SCALE, recompute, dropout, noise: 0.0 }, &mut sink)?;
        assert!((loss - expected_loss).abs() < TOLERANCE * expected_loss, "{loss} {expected_loss}");
        let named = sink.named(parameters);
        assert_eq!(named.len(), parameters.entries().len(), "every parameter gets a gradient");
        for (name, gradient) in named {
            let error = difference(&gradient, &expected[&name]);
            assert!(error < TOLERANCE, "{name}: {error}");
        }
    }
    Ok(())
}

#[test]
fn full_gradients_equal_autograd_for_multi_head_attention_and_an_untied_head() -> Result<()> {
    let mut model = model(config(4, false), DType::F64);
    let parameters = model.train_all()?;
    assert_eq!(parameters.entries().len(), 3 * 9 + 3);
    compare(&model, &parameters, None)
}

#[test]
fn full_gradients_equal_autograd_for_grouped_queries_and_a_tied_head() -> Result<()> {
    let mut model = model(config(2, true), DType::F64);
    let parameters = model.train_all()?;
    assert_eq!(parameters.elements(), model.config.parameter_count());
    compare(&model, &parameters, None)
}

#[test]
fn lora_gradients_equal_autograd_with_and_without_dropout() -> Result<()> {
    for key_value_heads in [4, 1] {
        for dropout in [0.0, 0.3] {
            let mut model = model(config(key_value_heads, false), DType::F64);
            let paths = model.module_paths();
            let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
            // alpha 5, rank 3.
            let parameters = attach_lora(&mut model, &paths, 5.0 / 3.0, dropout);
            assert_eq!(parameters.entries().len(), 2 * 22);
            compare(&model, &parameters, Some(Stream::new(9, "dropout").child(4)))?;
            compare(&model, &parameters, None)?;
        }
    }
    Ok(())
}

#[test]
fn lora_on_some_modules_only_has_the_same_gradients() -> Result<()> {
    let sets: [&[&str]; 8] = [
        &["model.layers.0.self_attn.q_proj"],
        &["model.layers.1.self_attn.v_proj", "model.layers.2.mlp.down_proj"],
        &["model.layers.1.self_attn.o_proj"],
        &["model.layers.0.mlp.gate_proj"],
        &["model.layers.2.mlp.up_proj"],
        &["model.layers.2.mlp.down_proj"],
        &["model.layers.0.mlp.down_proj", "model.layers.1.self_attn.k_proj"],
        &["lm_head"],
    ];
    for paths in sets {
        let mut model = model(config(2, false), DType::F64);
        let parameters = attach_lora(&mut model, paths, 0.5, 0.1);
        compare(&model, &parameters, Some(Stream::new(1, "dropout")))?;
    }
    Ok(())
}

#[test]
fn a_single_trained_weight_anywhere_has_the_same_gradient() -> Result<()> {
    for tied in [false, true] {
        let whole = model(config(2, tied), DType::F64);
        for (name, _) in whole.config.tensor_shapes() {
            let mut model = whole.clone();
            let tensor = model.named_tensors()?.into_iter().find(|(known, _)| *known == name).unwrap().1;
            let (parameters, views) = Parameters::gather(vec![(name.clone(), tensor)])?;
            let parameter = views.into_iter().next().unwrap();
            let path = name.strip_suffix(".weight").unwrap();
            if let Some(projection) = model.projection_mut(path) {
                *projection = Projection::Trained(parameter);
            } else {
                let weight = match path.strip_prefix("model.layers.").and_then(|rest| rest.split_once('.')) {
                    None if path == "model.norm" => &mut model.norm,
                    None => &mut model.embedding,
                    Some((layer, "input_layernorm")) => &mut model.layers[layer.parse::<usize>().unwrap()].input_norm,
                    Some((layer, _)) => &mut model.layers[layer.parse::<usize>().unwrap()].post_attention_norm,
                };
                *weight = Weight::Trained(parameter);
            }
            compare(&model, &parameters, None)?;
        }
    }
    Ok(())
}

#[test]
fn the_gradients_of_lengths_of_rows_equal_autograd_with_and_without_dropout() -> Result<()> {
    for dropout in [0.0, 0.3] {
        let mut whole = model(config(2, false), DType::F64);
        let paths = whole.module_paths();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let parameters = attach_dora(&mut whole, &paths, 5.0 / 3.0, dropout);
        assert_eq!(parameters.entries().len(), 3 * 22);
        compare(&whole, &parameters, Some(Stream::new(9, "dropout").child(4)))?;
        compare(&whole, &parameters, None)?;
        let mut some = model(config(4, false), DType::F64);
        let parameters = attach_dora(&mut some, &["model.layers.1.self_attn.v_proj", "lm_head"], 0.5, dropout);
        compare(&some, &parameters, Some(Stream::new(1, "dropout")))?;
    }
    Ok(())
}

#[test]
fn the_gradients_of_scales_of_outputs_and_inputs_equal_autograd() -> Result<()> {
    let mut whole = model(config(2, false), DType::F64);
    let paths = whole.module_paths();
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    let parameters = attach_scales(&mut whole, &paths);
    compare(&whole, &parameters, None)?;
    for path in ["model.layers.0.mlp.down_proj", "model.layers.1.self_attn.k_proj", "lm_head"] {
        let mut one = model(config(4, false), DType::F64);
        let parameters = attach_scales(&mut one, &[path]);
        compare(&one, &parameters, None)?;
    }
    Ok(())
}

#[test]
fn the_gradients_of_vectors_of_shared_factors_equal_autograd_with_and_without_dropout() -> Result<()> {
    for dropout in [0.0, 0.3] {
        let mut whole = model(config(2, false), DType::F64);
        let paths = whole.module_paths();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        let parameters = attach_vera(&mut whole, &paths, dropout);
        assert_eq!((parameters.entries().len(), parameters.decayed_elements()), (2 * 22, 0));
        compare(&whole, &parameters, Some(Stream::new(9, "dropout").child(4)))?;
        compare(&whole, &parameters, None)?;
        for path in ["model.layers.0.mlp.down_proj", "model.layers.1.self_attn.k_proj", "lm_head"] {
            let mut one = model(config(4, false), DType::F64);
            let parameters = attach_vera(&mut one, &[path], dropout);
            compare(&one, &parameters, Some(Stream::new(1, "dropout")))?;
        }
    }
    Ok(())
}

#[test]
fn a_frozen_first_factor_leaves_the_other_gradients_as_they_are() -> Result<()> {
    for dropout in [0.0, 0.3] {
        let mut model = model(config(2, false), DType::F64);
        let paths = model.module_paths();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        attach_lora(&mut model, &paths, 0.5, dropout);
        let tensors = paths.iter().map(|path| match model.projection(path) {
            Some(Projection::Lora(lora)) => (format!("{path}.lora_B"), lora.b.value().clone()),
            _ => panic!("no factors on {path}"),
        });
        let (parameters, views) = Parameters::gather(tensors.collect())?;
        for (path, view) in paths.iter().zip(views) {
            if let Some(Projection::Lora(lora)) = model.projection_mut(path) {
                lora.a = Factor::Frozen(lora.a.value().copy()?);
                lora.b = Factor::Trained(view);
            }
        }
        compare(&model, &parameters, Some(Stream::new(9, "dropout")))?;
    }
    Ok(())
}
