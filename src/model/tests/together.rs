//! Adapters trained in one batch get the gradients that each gets alone.

use candle_core::{DType, Tensor};

use super::small::{Collected, attach_lora, batch, config, model, noise};
use crate::error::Result;
use crate::model::{Batch, GradientSink, Llama, Parameter, Parameters, Pass, Projection, Segments, Share};
use crate::random::Stream;

/// The gradients of each adapter apart.
#[derive(Default)]
struct Apart(Vec<Collected>);

impl GradientSink for Apart {
    fn accept(&mut self, parameter: &Parameter, _: Tensor) -> Result<()> {
        panic!("parameter {} of nobody", parameter.index)
    }

    fn accept_of(&mut self, adapter: usize, parameter: &Parameter, gradient: Tensor) -> Result<()> {
        self.0[adapter].accept(parameter, gradient)
    }
}

/// Three adapters on one base: other modules, scales and dropout; the third has values of its own.
fn adapters(base: &Llama) -> Vec<(Llama, Parameters)> {
    let on = |paths: &[&str], scale, dropout| {
        let mut model = base.clone();
        let parameters = attach_lora(&mut model, paths, scale, dropout);
        (model, parameters)
    };
    let (q, v, down) =
        ("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj", "model.layers.2.mlp.down_proj");
    let third = on(&[q, "model.layers.0.self_attn.k_proj", v, down, "lm_head"], 2.0, 0.0);
    let values = noise(77, "other values", &[third.1.elements()]).unwrap().to_dtype(base.dtype()).unwrap();
    third.1.value().slice_set(&values, 0, 0).unwrap();
    vec![on(&[q, down], 0.5, 0.4), on(&[v], 1.5, 0.0), third]
}

fn batches() -> Vec<Batch> {
    let mut weighed = batch();
    weighed.weights = (0..weighed.targets.len()).map(|row| 0.5 + row as f32 / 4.0).collect();
    let short = Batch {
        ids: vec![1, 9, 4, 30],
        targets: vec![(0, 9), (2, 30)],
        weights: Vec::new(),
        segments: Segments::one(4),
    };
    vec![batch(), short, weighed]
}

#[test]
fn each_adapter_gets_the_losses_and_gradients_that_it_gets_alone() -> Result<()> {
    for (dtype, bound) in [(DType::F64, 1e-12), (DType::F32, 2e-6)] {
        let base = model(config(2, false), dtype);
        let adapters = adapters(&base);
        let batches = batches();
        for recompute in [0, 2] {
            let passes: Vec<Pass> = (0..3u64)
                .map(|n| Pass {
                    loss_scale: 0.1 + n as f64,
                    recompute,
                    dropout: Some(Stream::new(n, "dropout")),
                    noise: 0.0,
                })
                .collect();
            let shares: Vec<Share<'_>> =
                (0..3).map(|n| Share { model: &adapters[n].0, batch: &batches[n], pass: passes[n] }).collect();
            let mut sink = Apart(adapters.iter().map(|_| Collected::default()).collect());
            let losses = Llama::train_together(&shares, &mut sink)?;
            for (number, (model, parameters)) in adapters.iter().enumerate() {
                let mut alone = Collected::default();
                let loss = model.train_micro_step(&batches[number], &passes[number], &mut alone)?;
                assert!((losses[number] - loss).abs() <= bound * loss, "{number}: {} {loss}", losses[number]);
                let (together, alone) = (sink.0[number].named(parameters), alone.named(parameters));
                assert_eq!(together.keys().collect::<Vec<_>>(), alone.keys().collect::<Vec<_>>());
                assert_eq!(together.len(), parameters.entries().len());
                for (name, gradient) in &alone {
                    let largest = |t: Tensor| {
                        t.abs().unwrap().max_all().unwrap().to_dtype(DType::F64).unwrap().to_scalar::<f64>()
                    };
                    let (error, size) = (largest((gradient - &together[name])?)?, largest(gradient.clone())?);
                    assert!(size > 0.0 && error <= bound * size, "{number} {name}: {error} of {size}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn what_cannot_be_joined_is_refused() -> Result<()> {
    let (base, other) = (model(config(2, false), DType::F32), model(config(2, false), DType::F32));
    let (mut first, mut second) = (adapters(&base), adapters(&other));
    let batch = batch();
    let pass = Pass { loss_scale: 1.0, recompute: 0, dropout: None, noise: 0.0 };
    let of = |models: [&Llama; 2]| {
        let shares = models.map(|model| Share { model, batch: &batch, pass });
        Llama::train_together(&shares, &mut Apart(vec![Collected::default(), Collected::default()]))
            .unwrap_err()
            .to_string()
    };
    let error = of([&first[0].0, &second[0].0]);
    assert!(error.contains("model.layers.0") && error.contains("the same weights in memory"), "{error}");
    let whole = first[1].0.projection_mut("model.layers.1.mlp.up_proj").unwrap();
    let (_, views) = Parameters::gather(vec![("up".into(), whole.weight()?)])?;
    *whole = Projection::Trained(views.into_iter().next().unwrap());
    let error = of([&first[0].0, &first[1].0]);
    assert!(error.contains("only plain low-rank updates"), "{error}");
    second.clear();
    assert!(Llama::train_together(&[], &mut Collected::default()).is_err());
    Ok(())
}
