//! Plans of real models, against numbers worked out by hand.

use super::*;
use crate::recipe::{
    AdapterKind, ChatTemplate, Mixture, MixtureUnit, NewModel, NoTarget, OptimizerKind, OptimizerSettings, Packing,
    Quantization, Recompute, Rounding, Schedule, ScheduleKind, TooLong, TrainOn,
};

const GIB: f64 = (1u64 << 30) as f64;

fn llama_2_7b() -> Config {
    let shape = NewModel {
        hidden_size: 4096,
        intermediate_size: 11_008,
        layers: 32,
        heads: 32,
        key_value_heads: 32,
        max_position_embeddings: 4096,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.02,
    };
    Config::new(&shape, 32_000, Some(1), vec![2]).unwrap()
}

fn training() -> Training {
    Training {
        sequence_length: 1024,
        batch: 256,
        micro_batch: 4,
        budget: Budget::Tokens(5_000_000_000),
        packing: Packing::Concat,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 2e-5,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            clip: Some(1.0),
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Linear, warmup: 0.03, final_learning_rate: 2e-6 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: 500,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: Recompute::All,
    }
}

fn full<'a>(config: &'a Config, dtype: DType, training: &'a Training) -> Setup<'a> {
    Setup { config, dtype, on_gpu: true, trained: Trained::All, training }
}

#[test]
fn pretraining_all_of_llama_2_7b_adds_up() {
    let plan = Plan::new(full(&llama_2_7b(), DType::BF16, &training()), None, None);
    let parameters = 6_738_415_616;
    assert_eq!((plan.parameters, plan.trained), (parameters, parameters));
    assert_eq!((plan.steps, plan.tokens, plan.micro_steps), (Some(19_074), Some(5_000_000_000), 64));
    assert_eq!(plan.memory.weights, 2 * parameters);
    // Two moments and a master, in f32; the sum of the gradients too, and one gradient on its way there.
    assert_eq!(plan.memory.optimizer, 12 * parameters);
    assert_eq!(plan.memory.gradients, 4 * parameters + 2 * 32_000 * 4096);
    assert_eq!(plan.checkpoint, 14 * parameters);
    assert_eq!(plan.disk, 2 * plan.checkpoint);
    // 6 operations for each parameter but the embedding, 2 more for those computed again, and the attention.
    let layers = (parameters - 2 * 32_000 * 4096 - 65 * 4096) as f64;
    let head = 32_000.0 * 4096.0;
    let attention = 2.0 * 4096.0 * 1024.0 * 32.0 * 4.5;
    let down = 32.0 * 11_008.0 * 4096.0;
    let expected = 8.0 * layers - 2.0 * down + 6.0 * head + attention;
    assert!((plan.operations_per_token - expected).abs() <= 1e-9 * expected);
    assert_eq!(plan.operations(), Some(5e9 * plan.operations_per_token));
    assert!(plan.warnings.is_empty());
}

#[test]
fn on_cuda_nothing_is_as_large_as_all_scores_or_all_logits() {
    let config = llama_2_7b();
    let plan = Plan::new(full(&config, DType::BF16, &training()), None, None).memory;
    let (tokens, hidden, inner, vocabulary) = (4096, 4096, 11_008, 32_000);
    // Each layer's input, in bf16; the gradients on their way through one, and what it computes again.
    assert_eq!(plan.activations, 32 * tokens * hidden * 2);
    let kept = 2 * hidden + 4 * hidden + 2 * inner + 2 * hidden + inner;
    let again = (kept - hidden) * 2 + 4 * 34;
    assert_eq!(plan.layer, tokens * (again + (3 * inner + 2 * hidden) * 2));
    // Half of the rows' logits; both gradients of the rows; the head's gradient in f32, and a part of it.
    assert_eq!(plan.logits, 2048 * vocabulary * 2 + 2 * tokens * hidden * 2 + vocabulary * hidden * 6);
    assert_eq!((plan.packed, plan.program, plan.update), (0, 0, 0));
    // In f32 there are no tiles: the scores of 32 heads, and four more tensors of that size in f32.
    let plain = Plan::new(full(&config, DType::F32, &training()), None, None).memory;
    assert!(plain.layer > 32 * 1024 * 1024 * 20);
}

#[test]
fn an_adapter_on_llama_2_7b_needs_little_beside_the_model() {
    let config = llama_2_7b();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let trained = Trained::Lora {
        modules: &modules,
        rank: 64,
        kind: AdapterKind::Lora,
        quantization: Quantization::None,
        beside: &[],
    };
    let training = Training { batch: 128, budget: Budget::Epochs(3.0), evaluate_every: 50, ..training() };
    let plan = Plan::new(Setup { trained, ..full(&config, DType::BF16, &training) }, None, None);
    // What PEFT prints for rank 64 on all linear modules.
    assert_eq!(plan.trained, 159_907_840);
    assert_eq!((plan.steps, plan.tokens, plan.operations()), (None, None, None));
    assert_eq!(plan.checkpoint, 12 * plan.trained);
    assert_eq!(plan.disk, 3 * plan.checkpoint);
    let total = plan.memory.total() as f64 / GIB;
    assert!((15.0..24.0).contains(&total), "{total} GiB");
    let training = Training { recompute: Recompute::Nothing, ..training };
    let kept = Plan::new(Setup { trained, ..full(&config, DType::BF16, &training) }, None, None);
    assert!(plan.memory.total() < kept.memory.total());
}

#[test]
fn modules_above_a_frozen_part_spare_its_backward_pass() {
    let config = llama_2_7b();
    let at = |layer: &str| -> Vec<(String, [usize; 2])> {
        config.module_shapes().into_iter().filter(|(path, _)| path.contains(layer)).collect()
    };
    let plan = |modules: &[(String, [usize; 2])]| {
        let trained =
            Trained::Lora { modules, rank: 8, kind: AdapterKind::Lora, quantization: Quantization::None, beside: &[] };
        Plan::new(Setup { trained, ..full(&config, DType::BF16, &training()) }, Some((10, 1000)), None)
    };
    let (low, high) = (plan(&at(".layers.0.")), plan(&at(".layers.31.")));
    assert_eq!((low.trained, low.steps, low.tokens), (high.trained, Some(10), Some(1000)));
    assert!(low.memory.activations > high.memory.activations);
    assert!(low.operations_per_token > 1.4 * high.operations_per_token);
}

#[test]
fn without_clipping_and_accumulation_one_gradient_lives_at_a_time() {
    let mut training = Training { batch: 4, ..training() };
    training.optimizer.clip = None;
    let plan = Plan::new(full(&llama_2_7b(), DType::BF16, &training), None, None);
    assert_eq!(plan.memory.gradients, 2 * 32_000 * 4096);
}

/// 24 GB: moments in 8 bits in the host's memory, weights rounded by chance, each updated within the backward pass.
#[test]
fn all_of_llama_2_7b_in_24_gb_adds_up() {
    let mut training = Training { batch: 16, micro_batch: 16, ..training() };
    training.optimizer = OptimizerSettings {
        kind: OptimizerKind::Adamw8bit,
        rounding: Rounding::Stochastic,
        offload: true,
        clip: None,
        ..training.optimizer
    };
    let config = llama_2_7b();
    let plan = Plan::new(full(&config, DType::BF16, &training), None, None);
    let parameters = 6_738_415_616;
    assert_eq!(plan.memory.weights, 2 * parameters);
    // One gradient, of the embedding or the head.
    assert_eq!(plan.memory.gradients, 2 * 32_000 * 4096);
    // Every tensor is whole blocks of 256: two codes for each element, two floats for each block.
    let state = 2 * parameters + 8 * parameters / 256;
    assert_eq!(plan.host, state);
    assert_eq!(plan.checkpoint, 2 * parameters + state);
    // Two slots for the part of a tensor that is updated at one time.
    let part = 1 << 24;
    assert_eq!(plan.memory.optimizer, 2 * (2 * part + 8 * part / 256));
    let total = plan.memory.total() as f64 / GIB;
    assert!((20.0..20.1).contains(&total), "{total} GiB");
    // On the CPU the host's memory is the only one.
    let setup = Setup { on_gpu: false, ..full(&config, DType::BF16, &training) };
    let here = Plan::new(setup, None, None);
    assert_eq!((here.host, here.memory.optimizer), (0, state + plan.memory.optimizer));
}

/// 40 to 80 GB: moments in 8 bits, weights rounded by chance.
#[test]
fn all_of_llama_2_7b_in_80_gb_adds_up() {
    let mut training = Training { micro_batch: 16, ..training() };
    training.optimizer.kind = OptimizerKind::Adamw8bit;
    let config = llama_2_7b();
    let parameters = 6_738_415_616;
    let with = |training: &Training| Plan::new(full(&config, DType::BF16, training), None, None);
    // A master copy beside the moments.
    assert_eq!(with(&training).memory.optimizer, 6 * parameters + 8 * parameters / 256);
    training.optimizer.rounding = Rounding::Stochastic;
    let plan = with(&training);
    assert_eq!((plan.memory.optimizer, plan.host), (2 * parameters + 8 * parameters / 256, 0));
    // Micro-steps are summed in f32.
    assert_eq!(plan.memory.gradients, 4 * parameters + 2 * 32_000 * 4096);
    let total = plan.memory.total() as f64 / GIB;
    assert!((57.7..57.9).contains(&total), "{total} GiB");
}

#[test]
fn an_adapter_on_llama_2_7b_in_4_bits_adds_up() {
    let config = llama_2_7b();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let trained = Trained::Lora {
        modules: &modules,
        rank: 16,
        kind: AdapterKind::Lora,
        quantization: Quantization::Nf4,
        beside: &[],
    };
    let training = Training { batch: 128, ..training() };
    let plan = Plan::new(Setup { trained, ..full(&config, DType::BF16, &training) }, None, None);
    let in_layers = 32 * (4 * 4096 * 4096 + 3 * 4096 * 11_008);
    let factors = 32 * 16 * (4 * 2 * 4096 + 3 * (4096 + 11_008));
    // Half a byte each, a byte for each 64, four bytes for each 256 of those, and a map of 256 floats for each module.
    let kept = in_layers / 2 + in_layers / 64 + 4 * in_layers / 64 / 256 + 224 * 1024;
    let ends = 2 * (2 * 32_000 * 4096 + 65 * 4096);
    assert_eq!((plan.trained, plan.memory.weights), (factors, kept + ends + 4 * factors));
    // One weight of the MLP is written out at a time.
    let plain = Trained::Lora {
        modules: &modules,
        rank: 16,
        kind: AdapterKind::Lora,
        quantization: Quantization::None,
        beside: &[],
    };
    let wide = Plan::new(Setup { trained: plain, ..full(&config, DType::BF16, &training) }, None, None);
    assert_eq!(plan.memory.layer - wide.memory.layer, 2 * 4096 * 11_008);
    let total = plan.memory.total() as f64 / GIB;
    assert!((5.0..7.0).contains(&total), "{total} GiB for 4 sequences of 1024");
}

#[test]
fn an_adapter_on_llama_2_7b_in_8_bits_adds_up() {
    let config = llama_2_7b();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let on = |quantization| Trained::Lora {
        modules: &modules,
        rank: 16,
        kind: AdapterKind::Lora,
        quantization,
        beside: &[],
    };
    let training = Training { batch: 128, ..training() };
    let plan = |quantization| {
        let setup = Setup { trained: on(quantization), ..full(&config, DType::BF16, &training) };
        Plan::new(setup, None, None)
    };
    let (eight, wide) = (plan(Quantization::Int8), plan(Quantization::None));
    // A byte each, and four for each row: of six modules of a layer, and of the one that makes the MLP narrow again.
    let kept = 32 * (4 * 4096 * 4100 + 2 * 11_008 * 4100 + 4096 * 11_012);
    let ends = 2 * (2 * 32_000 * 4096 + 65 * 4096);
    assert_eq!(eight.memory.weights, kept + ends + 4 * eight.trained);
    assert_eq!(eight.memory.layer - wide.memory.layer, 2 * 4096 * 11_008);
    // Where that is still too much, 4 bits are less.
    let setup = Setup { trained: on(Quantization::Int8), ..full(&config, DType::BF16, &training) };
    let fits = smaller(setup, None, 6 << 30).expect("4 bits");
    assert!(fits.changes.iter().any(|change| change == "quantization: nf4"), "{:?}", fits.changes);
}

#[test]
fn what_would_fit_is_what_is_felt_least() {
    let config = llama_2_7b();
    let training = Training { recompute: Recompute::ToFit(None), micro_batch: 8, ..training() };
    let setup = full(&config, DType::BF16, &training);
    let changes = |gib: u64| smaller(setup, None, gib << 30).map(|smaller| smaller.changes.join(", "));
    assert_eq!(changes(80).as_deref(), Some("optimizer.offload: true"));
    assert_eq!(changes(24).as_deref(), Some("optimizer.offload: true, optimizer.clip: 0 and batch: 8, one micro-step"));
    assert_eq!(changes(14), None);
    // Smaller by a micro-batch alone.
    let needed = Plan::new(setup, None, Some(1)).memory.safely();
    assert_eq!(smaller(setup, None, needed - 1).map(|s| s.changes.join(", ")).as_deref(), Some("micro_batch: 1"));
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let trained = Trained::Lora {
        modules: &modules,
        rank: 16,
        kind: AdapterKind::Lora,
        quantization: Quantization::None,
        beside: &[],
    };
    let fits = smaller(Setup { trained, ..setup }, None, 12 << 30).expect("4 bits");
    assert_eq!(fits.changes.join(", "), "quantization: nf4");
    assert!(fits.plan.memory.safely() <= 12 << 30);
}

#[test]
fn a_warmup_as_long_as_the_job_is_said() {
    let plan = Plan::new(full(&llama_2_7b(), DType::F32, &training()), Some((1, 1000)), None);
    assert_eq!(plan.warnings.len(), 1);
    assert!(plan.warnings[0].contains("warmup takes all 1 steps"));
}

#[test]
fn as_few_layers_are_computed_again_as_the_memory_asks_for() {
    let config = llama_2_7b();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let trained = Trained::Lora {
        modules: &modules,
        rank: 16,
        kind: AdapterKind::Lora,
        quantization: Quantization::None,
        beside: &[],
    };
    let plan = |recompute, free| {
        let training = Training { recompute, ..training() };
        Plan::new(Setup { on_gpu: false, trained, ..full(&config, DType::F32, &training) }, None, free)
    };
    let (none, all) = (plan(Recompute::Nothing, None), plan(Recompute::All, None));
    assert_eq!((none.recomputed, all.recomputed), (0, 32));
    let (most, least) = (none.memory.safely(), all.memory.safely());
    let mut before = 33;
    for eighths in 0..=8 {
        let limit = least + (most - least) * eighths / 8;
        let fit = plan(Recompute::ToFit(Some(limit)), Some(1));
        assert!(fit.memory.safely() <= limit && fit.limit == Some(limit), "{limit} {fit:?}");
        assert!(fit.recomputed < before, "more memory, fewer layers");
        before = fit.recomputed;
        assert!(fit.operations_per_token >= none.operations_per_token);
    }
    assert_eq!(before, 0);
    assert_eq!(plan(Recompute::ToFit(None), Some(least)).recomputed, 32);
    assert_eq!(plan(Recompute::ToFit(None), None).recomputed, 0);
    // What cannot be reached is not hidden.
    let beyond = plan(Recompute::ToFit(Some(least / 2)), None);
    assert!(beyond.recomputed == 32 && beyond.memory.safely() == least);
}

#[test]
fn whole_modules_are_planned_with_their_gradients_and_the_layers_below() {
    let config = llama_2_7b();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path.contains("layers.31.")).collect();
    let plan = |beside: &[(String, Vec<usize>)]| {
        let quantization = Quantization::None;
        let trained = Trained::Lora { modules: &modules, rank: 16, kind: AdapterKind::Lora, quantization, beside };
        Plan::new(Setup { trained, ..full(&config, DType::BF16, &training()) }, None, None)
    };
    let shape = vec![config.vocabulary, config.hidden_size];
    let elements = (config.vocabulary * config.hidden_size) as u64;
    let whole = |path: &str| (path.to_owned(), shape.clone());
    let (none, head) = (plan(&[]), plan(&[whole("lm_head")]));
    let both = plan(&[whole("model.embed_tokens"), whole("lm_head")]);
    let rows = plan(&[("model.embed_tokens".to_owned(), vec![100, config.hidden_size])]);
    assert_eq!(both.trained - none.trained, 2 * elements);
    assert_eq!(rows.trained - none.trained, 100 * config.hidden_size as u64);
    // In f32, and what products read of them.
    assert_eq!(both.memory.weights - none.memory.weights, 2 * elements * (4 + 2));
    assert_eq!(both.memory.optimizer - none.memory.optimizer, 2 * elements * 8);
    assert!(head.memory.logits >= none.memory.logits + elements * 4, "the gradient of the head's weight");
    assert_eq!(head.memory.activations, none.memory.activations);
    assert!(rows.memory.activations > 10 * none.memory.activations, "the backward pass goes down to the embedding");
    assert_eq!(head.operations_per_token - none.operations_per_token, 2.0 * elements as f64);
}
