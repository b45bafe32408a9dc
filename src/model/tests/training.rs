//! What a micro-step promises beside right gradients: the same numbers however the work is cut, and clear errors.

use std::collections::BTreeMap;

use candle_core::{DType, Tensor};

use super::small::{Collected, attach_lora, batch, config, difference, model, noise};
use crate::error::Result;
use crate::kernels::adamw::add_in_place;
use crate::model::{Batch, FrozenWeight, GradientSink, Parameter, Pass, Projection, Segments, Weight};
use crate::random::Stream;

const PASS: Pass = Pass { loss_scale: 0.25, recompute: 0, dropout: None, noise: 0.0 };

#[test]
fn recomputed_layers_give_the_same_bytes() -> Result<()> {
    let mut model = model(config(2, false), DType::F32);
    let parameters =
        attach_lora(&mut model, &["model.layers.0.self_attn.q_proj", "model.layers.2.mlp.down_proj"], 0.5, 0.4);
    let mut results: Vec<(f64, BTreeMap<String, Vec<f32>>)> = Vec::new();
    for recompute in [0, 1, 2, 3, usize::MAX] {
        let mut sink = Collected::default();
        let pass = Pass { recompute, dropout: Some(Stream::new(3, "dropout")), ..PASS };
        let loss = model.train_micro_step(&batch(), &pass, &mut sink)?;
        let values = sink.named(&parameters).into_iter();
        results.push((loss, values.map(|(name, g)| (name, g.flatten_all().unwrap().to_vec1().unwrap())).collect()));
    }
    assert!(results.iter().all(|result| *result == results[0]));
    Ok(())
}

#[test]
fn packed_documents_equal_the_same_documents_one_by_one() -> Result<()> {
    let mut model = model(config(2, true), DType::F64);
    let parameters = model.train_all()?;
    let weights = [0.5, 2.0, 1.25];
    let mut packed = batch();
    for (row, _) in &packed.targets {
        let document = packed.segments.iter().position(|document| document.contains(&(*row as usize)));
        packed.weights.push(weights[document.unwrap()]);
    }
    let mut together = Collected::default();
    let loss = model.train_micro_step(&packed, &PASS, &mut together)?;
    let (mut sum, mut loss_sum, mut likelihoods) = (BTreeMap::<usize, Tensor>::new(), 0.0, Vec::new());
    for (document, weight) in packed.segments.iter().zip(weights) {
        let inside = |row: &u32| document.contains(&(*row as usize));
        let targets: Vec<_> = packed.targets.iter().filter(|(row, _)| inside(row)).collect();
        let batch = Batch {
            ids: packed.ids[document.clone()].to_vec(),
            targets: targets.into_iter().map(|(row, id)| (row - document.start as u32, *id)).collect(),
            weights: Vec::new(),
            segments: Segments::one(document.len()),
        };
        if batch.targets.is_empty() {
            continue;
        }
        let mut alone = Collected::default();
        loss_sum += f64::from(weight) * model.train_micro_step(&batch, &PASS, &mut alone)?;
        likelihoods.extend(model.log_likelihoods(&batch)?);
        for (index, gradient) in alone.0 {
            let gradient = (gradient * f64::from(weight))?;
            match sum.get(&index) {
                Some(sum) => add_in_place(sum, &gradient)?,
                None => drop(sum.insert(index, gradient)),
            }
        }
    }
    assert!((loss - loss_sum).abs() < 1e-12 * loss, "{loss} {loss_sum}");
    for (index, gradient) in &together.0 {
        let error = difference(gradient, &sum[index]);
        assert!(error < 1e-12, "{}: {error}", parameters.entries()[*index].name);
    }
    for (packed, alone) in model.log_likelihoods(&packed)?.iter().zip(&likelihoods) {
        assert!((packed - alone).abs() < 1e-12, "{packed} {alone}");
    }
    let weighed = likelihoods.iter().zip(&packed.weights).map(|(likelihood, weight)| likelihood * f64::from(*weight));
    assert!((weighed.sum::<f64>() + loss).abs() < 1e-10);
    Ok(())
}

#[test]
fn scores_come_in_the_order_of_the_targets_whatever_the_cut() -> Result<()> {
    let mut config = config(2, true);
    config.max_position_embeddings = 1500;
    let model = model(config, DType::F32);
    let stream = Stream::new(1, "ids");
    let ids: Vec<u32> = (0..6000).map(|i| stream.below_at(i, 37) as u32).collect();
    // Five documents: more than one forward pass.
    let segments = Segments::new(vec![0, 1500, 3000, 4400, 4500, 6000])?;
    let targets = vec![(5990, 3), (0, 4), (4450, 5), (2999, 6), (3000, 7), (0, 8), (4399, 9)];
    let scores = model.log_likelihoods(&Batch {
        ids: ids.clone(),
        targets: targets.clone(),
        weights: Vec::new(),
        segments: segments.clone(),
    })?;
    let logits = model.logits(&ids, &segments)?.to_dtype(DType::F64)?.to_vec2::<f64>()?;
    for ((row, id), score) in targets.iter().zip(scores) {
        let row = &logits[*row as usize];
        let expected = row[*id as usize] - row.iter().map(|l| l.exp()).sum::<f64>().ln();
        assert!((score - expected).abs() < 1e-4, "{score} {expected}");
    }
    Ok(())
}

/// Overwrites each parameter as soon as its gradient comes, as an optimizer inside the backward pass does.
struct Overwrite<'a>(&'a mut Collected);

impl GradientSink for Overwrite<'_> {
    fn accept(&mut self, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        let flat = parameter.value.flatten_all()?;
        add_in_place(&flat, &Tensor::full(1e3, flat.dims(), flat.device())?)?;
        self.0.accept(parameter, gradient)
    }
}

#[test]
fn a_sink_may_change_a_parameter_when_its_gradient_comes() -> Result<()> {
    for tied in [false, true] {
        let mut model = model(config(2, tied), DType::F64);
        for lora in [false, true] {
            let parameters = match lora {
                false => model.train_all()?,
                true => {
                    model.freeze()?;
                    attach_lora(
                        &mut model,
                        &["model.layers.1.mlp.up_proj", "model.layers.0.self_attn.k_proj"],
                        0.7,
                        0.0,
                    )
                }
            };
            let kept = parameters.value().force_contiguous()?;
            let (mut plain, mut changing) = (Collected::default(), Collected::default());
            model.train_micro_step(&batch(), &PASS, &mut plain)?;
            model.train_micro_step(&batch(), &PASS, &mut Overwrite(&mut changing))?;
            for (index, gradient) in &plain.0 {
                assert_eq!(difference(&changing.0[index], gradient), 0.0, "{}", parameters.entries()[*index].name);
            }
            parameters.value().slice_set(&kept, 0, 0)?;
        }
    }
    Ok(())
}

#[test]
fn frozen_weights_do_not_follow_the_buffer_any_more() -> Result<()> {
    let mut model = model(config(2, false), DType::F32);
    let before = model.logits(&[1, 2, 3], &Segments::one(3))?.to_vec2::<f32>()?;
    let parameters = model.train_all()?;
    assert_eq!(model.logits(&[1, 2, 3], &Segments::one(3))?.to_vec2::<f32>()?, before);
    assert!(model.is_trained());
    model.freeze()?;
    assert!(!model.is_trained());
    crate::kernels::adamw::fill_zero(parameters.value())?;
    assert_eq!(model.logits(&[1, 2, 3], &Segments::one(3))?.to_vec2::<f32>()?, before);
    Ok(())
}

#[test]
fn the_gradients_of_f32_equal_those_of_f64() -> Result<()> {
    let Some(folder) = super::checkpoint::folder() else { return Ok(()) };
    let mut all = Vec::new();
    for dtype in [DType::F32, DType::F64] {
        let mut model = crate::model::Llama::load(&folder, dtype, &candle_core::Device::Cpu)?;
        let parameters = model.train_all()?;
        let mut sink = Collected::default();
        let ids: Vec<u32> = (0..200).map(|i| Stream::new(2, "ids").below_at(i, 512) as u32).collect();
        let mut batch = Batch::document(ids);
        batch.segments = Segments::new(vec![0, 3, 90, 200])?;
        let loss = model.train_micro_step(&batch, &Pass { loss_scale: 1.0 / 199.0, ..PASS }, &mut sink)?;
        all.push((loss, sink.named(&parameters)));
    }
    assert!((all[0].0 / all[1].0 - 1.0).abs() < 1e-6);
    for (name, gradient) in &all[0].1 {
        let error = difference(gradient, &all[1].1[name]);
        assert!(error < 1e-4, "{name}: {error}");
    }
    Ok(())
}

#[test]
fn a_micro_step_that_trains_nothing_is_an_error() -> Result<()> {
    let mut model = model(config(2, false), DType::F32);
    let run = |model: &crate::model::Llama, batch: &Batch| {
        model.train_micro_step(batch, &PASS, &mut Collected::default()).unwrap_err().to_string()
    };
    assert!(run(&model, &batch()).starts_with("nothing in the model is trained"));
    model.train_all()?;
    let text = run(&model, &Batch { targets: vec![], ..batch() });
    assert!(text.starts_with("none of the 17 tokens of the batch is a target"), "{text}");
    let text = run(&model, &Batch { targets: vec![(3, 37)], ..batch() });
    assert!(text.starts_with("a target is id 37 at row 3"), "{text}");
    let mut wrong = batch();
    wrong.ids[4] = 99;
    assert!(
        run(&model, &wrong).starts_with("the token id at place 4 is 99, must be below the model's vocabulary of 37")
    );
    let text = run(&model, &Batch { ids: vec![1; 16], ..batch() });
    assert!(text.starts_with("number of tokens is 16, must be 17"), "{text}");
    let text = run(&model, &Batch::document(vec![1; 33]));
    assert!(text.contains("33 tokens, must be at most max_position_embeddings, 32"), "{text}");
    Ok(())
}

#[test]
fn a_loss_that_is_not_finite_says_where_it_began_and_sends_no_gradient() -> Result<()> {
    let mut model = model(config(2, false), DType::F32);
    attach_lora(&mut model, &["model.layers.0.self_attn.q_proj"], 0.5, 0.0);
    let huge = (noise(1, "huge", &[20, 28])? * 1e30)?.to_dtype(DType::F32)?;
    model.layers[1].mlp.down = Projection::Frozen(FrozenWeight::Plain(huge));
    let norm = Weight::Frozen((model.layers[1].post_attention_norm.value() * 1e20)?);
    model.layers[1].post_attention_norm = norm;
    let mut sink = Collected::default();
    let text = model.train_micro_step(&batch(), &PASS, &mut sink).unwrap_err().to_string();
    assert!(text.starts_with("the loss over 9 targets among 17 tokens is NaN, must be a finite number"), "{text}");
    assert!(text.contains("hint: values stop being finite in model.layers.1"), "{text}");
    assert!(sink.0.is_empty());
    assert!(model.log_likelihoods(&batch()).unwrap_err().to_string().contains("the log-likelihood of target 0 is NaN"));
    Ok(())
}

#[test]
fn narrow_dtypes_train_and_generate_close_to_f32() -> Result<()> {
    let reference = model(config(2, false), DType::F32);
    let expected = reference.log_likelihoods(&batch())?;
    for (dtype, tolerance) in [(DType::BF16, 0.15), (DType::F16, 0.02)] {
        let mut model = model(config(2, false), dtype);
        for (got, expected) in model.log_likelihoods(&batch())?.iter().zip(&expected) {
            assert!((got - expected).abs() < tolerance * (1.0 + expected.abs()), "{dtype:?} {got} {expected}");
        }
        let settings = crate::model::Sampling::greedy(&model, 3);
        assert_eq!(model.generate(&[vec![1, 2], vec![3]], &settings, &|| false, &mut |_, _| {})?.len(), 2);
        let parameters = model.train_all()?;
        let mut sink = Collected::default();
        model.train_micro_step(&batch(), &PASS, &mut sink)?;
        assert_eq!(sink.0.len(), parameters.entries().len());
    }
    Ok(())
}
