//! One training step of a small Llama, LoRA and full, as a run does it: `cargo bench --bench step`.

use candle_core::{DType, Device};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use emakeel::adapter;
use emakeel::data::Sequence;
use emakeel::error::Result;
use emakeel::model::{Config, Llama};
use emakeel::random::Stream;
use emakeel::recipe::{
    AllLinear, Budget, ChatTemplate, LoraSettings, Mixture, MixtureUnit, NewModel, NoTarget, OptimizerSettings,
    Packing, Quantization, Recompute, Schedule, ScheduleKind, Targets, TooLong, TrainOn, Training,
};
use emakeel::train::Trainer;

const BATCH: usize = 4;
const SEQUENCE_LENGTH: usize = 128;
const VOCABULARY: usize = 2048;
const LEARNING_RATE: f64 = 1e-4;

fn model() -> Result<Llama> {
    let shape = NewModel {
        hidden_size: 128,
        intermediate_size: 352,
        layers: 4,
        heads: 4,
        key_value_heads: 4,
        max_position_embeddings: SEQUENCE_LENGTH,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.02,
    };
    Llama::random(Config::new(&shape, VOCABULARY, None, Vec::new())?, 1, DType::F32, &Device::Cpu)
}

fn training() -> Training {
    Training {
        sequence_length: SEQUENCE_LENGTH,
        batch: BATCH,
        micro_batch: BATCH,
        budget: Budget::Epochs(1.0),
        packing: Packing::Concat,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: LEARNING_RATE,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: Some(1.0),
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Constant, warmup: 0.0, final_learning_rate: LEARNING_RATE },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: u64::MAX,
        evaluate_every: 0,
        held_out: 0.0,
        neftune_alpha: 0.0,
        recompute: Recompute::Nothing,
    }
}

fn sequences() -> Vec<Sequence> {
    let sequence = |index: u64| {
        let stream = Stream::new(1, "ids").child(index);
        let ids = (0..SEQUENCE_LENGTH as u64).map(|at| stream.below_at(at, VOCABULARY as u64) as u32).collect();
        let trained = (0..SEQUENCE_LENGTH).map(|token| token > 0).collect();
        Sequence { ids, trained, bounds: vec![0, SEQUENCE_LENGTH as u32], weights: Vec::new() }
    };
    (0..BATCH as u64).map(sequence).collect()
}

fn step(criterion: &mut Criterion, name: &str) -> Result<()> {
    let mut model = model()?;
    let parameters = if name == "lora" {
        let targets = Targets::AllLinear(AllLinear::AllLinear);
        let settings = LoraSettings {
            rank: 16,
            alpha: 32.0,
            dropout: 0.0,
            targets,
            rslora: false,
            quantization: Quantization::None,
            ..LoraSettings::default()
        };
        adapter::create(&mut model, &settings, 1)?.0
    } else {
        model.train_all()?
    };
    let (training, sequences) = (training(), sequences());
    let mut trainer = Trainer::new(&parameters, &training, Stream::new(1, "dropout"))?;
    let mut group = criterion.benchmark_group("step");
    group.sample_size(20).throughput(Throughput::Elements((BATCH * SEQUENCE_LENGTH) as u64));
    let mut index = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            index += 1;
            trainer.step(&model, index - 1, &sequences, LEARNING_RATE).expect("the step runs")
        });
    });
    group.finish();
    Ok(())
}

fn steps(criterion: &mut Criterion) {
    for name in ["lora", "full"] {
        step(criterion, name).expect("the model and the trainer are made");
    }
}

criterion_group!(benches, steps);
criterion_main!(benches);
