//! The memory that a plan foretells is the memory that a step takes, measured by counting allocations.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use candle_core::{DType, Device, Tensor};
use emakeel::adapter;
use emakeel::data::Sequence;
use emakeel::model::{Config, Factor, Llama, Lora, Parameters, Projection};
use emakeel::random::Stream;
use emakeel::recipe::{
    AdapterKind, Budget, ChatTemplate, LoraSettings, Mixture, MixtureUnit, NewModel, NoTarget, OptimizerSettings,
    Packing, Quantization, Recompute, Schedule, ScheduleKind, TooLong, TrainOn, Training,
};
use emakeel::train::{Plan, Setup, Trained, Trainer};

/// The system's allocator, with a count of the bytes that live and the most that ever did.
struct Counting;

static LIVING: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is passed on to the system's allocator; the counts are beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let living = LIVING.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(living, Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVING.fetch_sub(layout.size(), Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn config() -> Config {
    let shape = NewModel {
        hidden_size: 128,
        intermediate_size: 344,
        layers: 5,
        heads: 8,
        key_value_heads: 4,
        max_position_embeddings: 256,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.02,
    };
    Config::new(&shape, 1_000, None, Vec::new()).unwrap()
}

fn training(micro_batch: usize, recompute: Recompute, clip: Option<f64>) -> Training {
    Training {
        sequence_length: 256,
        batch: 4,
        micro_batch,
        budget: Budget::Epochs(1.0),
        packing: Packing::Concat,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 1e-3,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            clip,
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Linear, warmup: 0.0, final_learning_rate: 0.0 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: 100,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute,
    }
}

/// Factors of rank 8 on every module of the layers.
fn attach(model: &mut Llama, modules: &[(String, [usize; 2])]) -> Parameters {
    let mut tensors = Vec::new();
    for (path, [rows, columns]) in modules {
        tensors.push((format!("{path}.a"), Tensor::rand(-0.1f32, 0.1, (8, *columns), &Device::Cpu).unwrap()));
        tensors.push((format!("{path}.b"), Tensor::rand(-0.1f32, 0.1, (*rows, 8), &Device::Cpu).unwrap()));
    }
    let (parameters, views) = Parameters::gather(tensors).unwrap();
    let mut views = views.into_iter().map(Factor::Trained);
    for (path, _) in modules {
        let base = model.projection(path).unwrap().frozen().unwrap().clone();
        let (a, b) = (views.next().unwrap(), views.next().unwrap());
        *model.projection_mut(path).unwrap() = Projection::Lora(Lora::new(base, a, b, 2.0, 0.0));
    }
    parameters
}

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    All,
    Lora,
    /// VeRA, on weights that are kept so.
    Vera(Quantization),
    /// Factors, and the embedding and the head whole.
    Saved,
}

/// An adapter of rank 8 on every module of the layers.
fn attach_fresh(model: &mut Llama, kind: AdapterKind, modules_to_save: &[&str]) -> Parameters {
    let modules_to_save = modules_to_save.iter().map(|name| (*name).to_owned()).collect();
    let settings = LoraSettings { kind, rank: 8, dropout: 0.0, modules_to_save, ..LoraSettings::default() };
    adapter::create(model, &settings, 1).unwrap().0
}

/// Measured bytes over planned ones.
fn ratio(what: What, dtype: DType, training: &Training) -> f64 {
    let config = config();
    let modules: Vec<_> = config.module_shapes().into_iter().filter(|(path, _)| path != "lm_head").collect();
    let before = LIVING.load(Relaxed);
    let quantization = if let What::Vera(quantization) = what { quantization } else { Quantization::None };
    let mut model = Llama::random_in(config.clone(), 1, (dtype, quantization), &Device::Cpu).unwrap();
    let shape = vec![config.vocabulary, config.hidden_size];
    let ends = ["model.embed_tokens", "lm_head"].map(|path| (path.to_owned(), shape.clone()));
    let of = |kind| Trained::Lora { modules: &modules, rank: 8, kind, quantization, beside: &[] };
    let (parameters, trained) = match what {
        What::Lora => (attach(&mut model, &modules), of(AdapterKind::Lora)),
        What::Vera(_) => (attach_fresh(&mut model, AdapterKind::Vera, &[]), of(AdapterKind::Vera)),
        What::Saved => (
            attach_fresh(&mut model, AdapterKind::Lora, &["embed_tokens", "lm_head"]),
            Trained::Lora { modules: &modules, rank: 8, kind: AdapterKind::Lora, quantization, beside: &ends },
        ),
        What::All => (model.train_all().unwrap(), Trained::All),
    };
    let plan = Plan::new(Setup { config: &config, dtype, on_gpu: false, trained, training }, Some((1, 1024)), None);
    let trainer = Trainer::new(&parameters, training, Stream::new(1, "memory")).unwrap();
    let mut trainer = trainer.recomputing(plan.recomputed);
    let sequences: Vec<Sequence> = (0..4)
        .map(|row| Sequence {
            ids: (0..256).map(|i| Stream::new(2, "ids").child(row).below_at(i, 1_000) as u32).collect(),
            trained: (0..256).map(|i| i > 0).collect(),
            bounds: vec![0, 256],
            weights: Vec::new(),
        })
        .collect();
    PEAK.store(LIVING.load(Relaxed), Relaxed);
    trainer.step(&model, 0, &sequences, 1e-3).unwrap();
    let measured = PEAK.load(Relaxed) - before;
    // Allocations of the step alone are counted, without the program.
    let ratio = measured as f64 / (plan.memory.total() - plan.memory.program) as f64;
    println!(
        "{what:?}, {dtype:?}, micro-batch {}, {:?} ({} layers), clip {:?}: measured {measured}, planned {} {:?}, ratio {ratio:.2}",
        training.micro_batch,
        training.recompute,
        plan.recomputed,
        training.optimizer.clip,
        plan.memory.total(),
        plan.memory
    );
    ratio
}

/// One test, so that nothing else allocates beside it.
#[test]
fn a_step_takes_the_memory_that_is_planned() {
    let (all, nothing) = (Recompute::All, Recompute::Nothing);
    // The first amount asks for two or three of the five layers, the second for four.
    let (some, more) = (Recompute::ToFit(Some(72 << 20)), Recompute::ToFit(Some(55 << 20)));
    let fused = [(4, nothing, Some(1.0)), (4, some, Some(1.0)), (4, more, Some(1.0)), (4, all, Some(1.0))];
    let fused = fused.into_iter().chain([(1, nothing, Some(1.0)), (4, all, None)]);
    let fused = fused.map(|case| (DType::F32, case));
    // Narrow dtypes go through plain operations on the CPU, as they do on a GPU.
    let plain = [(DType::BF16, (2, all, Some(1.0)))];
    for (dtype, (micro_batch, recompute, clip)) in fused.chain(plain) {
        let vera: &[What] = match (recompute, clip) {
            (Recompute::Nothing, Some(_)) => &[What::Vera(Quantization::Int8)],
            (Recompute::All, Some(_)) => &[What::Vera(Quantization::None)],
            _ => &[],
        };
        for what in [What::All, What::Lora, What::Saved].iter().chain(vera) {
            let ratio = ratio(*what, dtype, &training(micro_batch, recompute, clip));
            let least = if dtype == DType::F32 { 0.9 } else { 0.8 };
            assert!((least..=1.1).contains(&ratio), "{ratio}");
        }
    }
}
