//! 50 steps of training: AdamW, weight decay on matrices only, clipping, warmup, accumulation over micro-batches.

use std::collections::{BTreeMap, HashMap};

use candle_core::Tensor;
use emakeel::adapter::Adapter;
use emakeel::data::Sequence as TokenSequence;
use emakeel::model::Parameters;
use emakeel::random::Stream;
use emakeel::recipe::{
    Budget, ChatTemplate, Mixture, MixtureUnit, NoTarget, OptimizerSettings, Packing, Recompute, Schedule,
    ScheduleKind, TooLong, TrainOn, Training,
};
use emakeel::train::{LearningRate, Trainer};
use serde::Deserialize;
use serde_json::Value;

use crate::golden::*;

/// Largest difference of the loss at any step, in nats.
const TOLERANCE: f64 = 1e-3;

/// What transformers and PEFT say of a step.
#[derive(Deserialize)]
struct Step {
    loss: f64,
    gradient_norm: f64,
    learning_rate: f64,
}

/// The recipe that make.py trained by, as its summary tells it.
fn training(micro_batch: usize, recompute: bool) -> (Training, u64) {
    let summary: Value = json("summary.json");
    let number = |key: &str| summary["training"][key].as_f64().unwrap();
    let optimizer = OptimizerSettings {
        learning_rate: number("learning_rate"),
        weight_decay: number("weight_decay"),
        beta1: number("beta1"),
        beta2: number("beta2"),
        epsilon: number("epsilon"),
        clip: Some(number("clip")),
        ..OptimizerSettings::default()
    };
    let warmup = number("warmup") / number("steps");
    let training = Training {
        sequence_length: 32,
        batch: 4,
        micro_batch,
        budget: Budget::Epochs(1.0),
        packing: Packing::BestFit,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer,
        schedule: Schedule { kind: ScheduleKind::Linear, warmup, final_learning_rate: 0.0 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: 100,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: if recompute { Recompute::All } else { Recompute::Nothing },
    };
    (training, number("steps") as u64)
}

fn token_sequence(sequence: &Sequence) -> TokenSequence {
    let trained = sequence.labels.iter().enumerate().map(|(place, label)| place > 0 && *label >= 0).collect();
    TokenSequence {
        ids: sequence.ids.clone(),
        trained,
        bounds: vec![0, sequence.ids.len() as u32],
        weights: Vec::new(),
    }
}

/// Trains one of the models as its curve says, checks each step and where it ends.
fn follow(name: &str, kind: &str, micro_batch: usize, recompute: bool) {
    let mut model = model(name);
    let parameters: Parameters = match kind {
        "full" => model.train_all().unwrap(),
        adapter => {
            let folder = golden(format!("{name}/{adapter}"));
            Adapter::load(&folder).unwrap().start_from(&mut model, &settings(adapter)).unwrap().0
        }
    };
    let (training, steps) = training(micro_batch, recompute);
    let rate = LearningRate::new(&training.schedule, training.optimizer.learning_rate, steps);
    let curve = json::<HashMap<String, Vec<Step>>>(format!("{name}/curves.json")).remove(kind).unwrap();
    let batches: Vec<Vec<Vec<Sequence>>> = json("steps.json");
    assert_eq!((curve.len() as u64, batches.len() as u64), (steps, steps));
    let mut trainer = Trainer::new(&parameters, &training, Stream::new(0, "dropout")).unwrap();
    let (mut worst_loss, mut worst_norm) = (0f64, 0f64);
    for (index, (expected, micros)) in curve.iter().zip(&batches).enumerate() {
        let learning_rate = rate.at(index as u64);
        assert!((learning_rate - expected.learning_rate).abs() < 1e-12, "step {index}: rate {learning_rate}");
        let sequences: Vec<TokenSequence> = micros.iter().flatten().map(token_sequence).collect();
        let report = trainer.step(&model, index as u64, &sequences, learning_rate).unwrap();
        let loss = (report.loss - expected.loss).abs();
        let norm = (report.gradient_norm - expected.gradient_norm).abs() / expected.gradient_norm;
        assert!(loss <= TOLERANCE, "{name} {kind}, step {index}: loss {}, expected {}", report.loss, expected.loss);
        assert!(
            norm <= TOLERANCE,
            "{name} {kind}, step {index}: norm {}, expected {}",
            report.gradient_norm,
            expected.gradient_norm
        );
        (worst_loss, worst_norm) = (worst_loss.max(loss), worst_norm.max(norm));
    }
    let ends = tensors(format!("{name}/ends.safetensors"));
    let batch = batch(&json::<Vec<Sequence>>("batch.json"));
    let end = relative(&logits(&model, &batch), &ends[&format!("{kind}.logits")]);
    assert!(end <= TOLERANCE, "{name} {kind}: logits at the end differ by {end:.1e}");
    println!(
        "{name} {kind}: loss differs by {worst_loss:.1e} at most, gradient norm by {worst_norm:.1e} relative, logits at the end by {end:.1e}"
    );
    if kind != "full" {
        check_factors(name, kind, &parameters, &ends);
    }
}

fn check_factors(name: &str, kind: &str, parameters: &Parameters, ends: &HashMap<String, Tensor>) {
    let got: BTreeMap<String, Tensor> = parameters
        .entries()
        .iter()
        .enumerate()
        .map(|(index, entry)| (entry.name.clone(), parameters.view(parameters.value(), index).unwrap()))
        .collect();
    let prefix = format!("{kind}.");
    let expected = ends
        .iter()
        .filter_map(|(name, tensor)| Some((name.strip_prefix(&prefix)?.to_string(), tensor.clone())))
        .filter(|(name, _)| name != "logits")
        .collect();
    compare(&format!("{name} {kind}, factors after 50 steps"), &got, &expected, TOLERANCE);
}

#[test]
fn full_training_follows_transformers_for_50_steps() {
    for name in MODELS {
        follow(name, "full", 2, false);
    }
}

#[test]
fn lora_training_follows_peft_for_50_steps() {
    for name in MODELS {
        follow(name, "lora", 2, false);
    }
}

#[test]
fn a_fresh_adapter_on_two_modules_follows_peft_however_the_step_is_cut() {
    for name in MODELS {
        for (micro_batch, recompute) in [(2, true), (1, false), (4, true)] {
            follow(name, "fresh", micro_batch, recompute);
        }
    }
}

#[test]
fn schedules_are_those_of_transformers() {
    let summary: Value = json("summary.json");
    let number = |key: &str| summary["training"][key].as_f64().unwrap();
    let steps = number("steps") as u64;
    for (name, kind) in [
        ("linear", ScheduleKind::Linear),
        ("cosine", ScheduleKind::Cosine),
        ("constant_with_warmup", ScheduleKind::Constant),
    ] {
        let schedule = Schedule { kind, warmup: number("warmup") / number("steps"), final_learning_rate: 0.0 };
        let rate = LearningRate::new(&schedule, 1.0, steps);
        for (step, expected) in summary["schedules"][name].as_array().unwrap().iter().enumerate() {
            assert!((rate.at(step as u64) - expected.as_f64().unwrap()).abs() < 1e-12, "{name}, step {step}");
        }
    }
}
