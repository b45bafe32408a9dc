//! Whole steps and whole jobs on a tiny model.

mod jobs;
mod steps;
mod together;

use std::cell::{Cell, RefCell};

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use crate::data::Sequence;
use crate::error::{Error, Result};
use crate::model::{Config, Factor, Llama, Lora, Parameters, Projection};
use crate::progress::Progress;
use crate::random::Stream;
use crate::recipe::{
    Budget, ChatTemplate, Mixture, MixtureUnit, NewModel, NoTarget, OptimizerSettings, Packing, Recompute, Schedule,
    ScheduleKind, TooLong, TrainOn, Training,
};
use crate::train::batches::Steps;
use crate::train::log::read as read_log;
use crate::train::run::{Job, Outcome, Summary, load_best, run};
use crate::train::step::{StepReport, Trainer, evaluate};

const VOCABULARY: usize = 40;

fn model(dtype: DType) -> Llama {
    let shape = NewModel {
        hidden_size: 16,
        intermediate_size: 24,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        max_position_embeddings: 64,
        tie_word_embeddings: false,
        rope_theta: 10_000.0,
        initializer_range: 0.1,
    };
    let config = Config::new(&shape, VOCABULARY, Some(1), vec![2]).unwrap();
    Llama::random(config, 7, dtype, &Device::Cpu).unwrap()
}

/// Puts low-rank factors with dropout on the queries and the MLP's output of both layers.
fn attach(model: &mut Llama) -> Parameters {
    let paths: Vec<String> = (0..2)
        .flat_map(|layer| ["self_attn.q_proj", "mlp.down_proj"].map(|m| format!("model.layers.{layer}.{m}")))
        .collect();
    let mut tensors = Vec::new();
    for path in &paths {
        let (rows, columns) = model.projection(path).unwrap().dims2().unwrap();
        for (name, shape) in [("a", [4, columns]), ("b", [rows, 4])] {
            let stream = Stream::new(3, &format!("{path}.{name}"));
            let values: Vec<f32> = (0..shape[0] * shape[1]).map(|i| stream.unit_at(i as u64) as f32 - 0.5).collect();
            tensors.push((format!("{path}.{name}"), Tensor::from_vec(values, shape.as_slice(), &Device::Cpu).unwrap()));
        }
    }
    let (parameters, views) = Parameters::gather(tensors).unwrap();
    let mut views = views.into_iter().map(Factor::Trained);
    for path in &paths {
        let base = model.projection(path).unwrap().frozen().unwrap().clone();
        let (a, b) = (views.next().unwrap(), views.next().unwrap());
        *model.projection_mut(path).unwrap() = Projection::Lora(Lora::new(base, a, b, 0.5, 0.2));
    }
    parameters
}

fn training() -> Training {
    Training {
        sequence_length: 12,
        batch: 4,
        micro_batch: 2,
        budget: Budget::Epochs(2.0),
        packing: Packing::BestFit,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 1e-2,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: Some(1.0),
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Cosine, warmup: 0.2, final_learning_rate: 1e-3 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: 3,
        evaluate_every: 2,
        held_out: 0.1,
        neftune_alpha: 0.0,
        recompute: Recompute::Nothing,
    }
}

/// Sequences of two documents each, some of whose tokens are targets; they follow from the number alone.
fn sequence(number: u64) -> Sequence {
    let stream = Stream::new(11, "sequences").child(number);
    let ids: Vec<u32> = (0..12).map(|i| 3 + stream.below_at(i, VOCABULARY as u64 - 3) as u32).collect();
    let trained = (0..12).map(|i| i != 0 && i != 5 && !stream.at(100 + i).is_multiple_of(3)).collect();
    Sequence { ids, trained, bounds: vec![0, 5, 12], ..Sequence::default() }
}

struct Made {
    steps: u64,
    held_out: Vec<Sequence>,
    /// The process dies when it asks for this step.
    dies_at: Cell<Option<u64>>,
}

impl Made {
    fn new(steps: u64) -> Self {
        Self { steps, held_out: (1000..1004).map(sequence).collect(), dies_at: Cell::new(None) }
    }
}

impl Steps for Made {
    fn steps(&self) -> u64 {
        self.steps
    }

    fn step(&self, index: u64) -> Result<Vec<Sequence>> {
        if self.dies_at.get() == Some(index) {
            return Err(Error::new("killed"));
        }
        Ok((4 * index..4 * index + 4).map(sequence).collect())
    }

    fn tokens_after(&self, steps: u64) -> u64 {
        48 * steps
    }

    fn held_out(&self) -> &[Sequence] {
        &self.held_out
    }
}

/// A job in a folder of its own, on a model of its own.
struct Place {
    folder: tempfile::TempDir,
    training: Training,
    data: Made,
    inputs: Value,
    snapshots: Vec<u64>,
    made: RefCell<Vec<u64>>,
}

impl Place {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            training: training(),
            data: Made::new(10),
            inputs: json!({ "base": "random" }),
            snapshots: vec![200, 480],
            made: RefCell::default(),
        }
    }

    fn with_job<R>(&self, act: impl FnOnce(&Job<'_>) -> R) -> R {
        let root = self.folder.path();
        act(&Job {
            name: "general",
            seed: 42,
            training: &self.training,
            recompute: if self.training.recompute == Recompute::All { usize::MAX } else { 0 },
            data: &self.data,
            snapshots: &self.snapshots,
            inputs: &self.inputs,
            checkpoints: &root.join("checkpoint"),
            log: &root.join("log.jsonl"),
            events: &root.join("tb/general"),
        })
    }

    /// A new process: everything in memory is gone.
    fn start(&self, stop_after: Option<u64>) -> Result<(Outcome, Parameters)> {
        let mut model = model(DType::F32);
        let parameters = attach(&mut model);
        let mut at_snapshot = |_: &Llama, tokens| {
            self.made.borrow_mut().push(tokens);
            Ok(())
        };
        let asked = Cell::new(0);
        let stop = || stop_after == Some(asked.replace(asked.get() + 1));
        let outcome =
            self.with_job(|job| run(&model, &parameters, job, &mut at_snapshot, &stop, Progress::silent()))?;
        Ok((outcome, parameters))
    }

    fn file(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The log without what a clock says.
    fn log(&self) -> Vec<(u64, u64, f64, f64, f64, Option<f64>)> {
        let lines = read_log(&self.folder.path().join("log.jsonl"), "general").unwrap();
        lines.iter().map(|l| (l.step, l.tokens, l.loss, l.gradient_norm, l.learning_rate, l.evaluation_loss)).collect()
    }
}

fn values(parameters: &Parameters) -> Vec<f32> {
    parameters.value().to_dtype(DType::F32).unwrap().to_vec1().unwrap()
}
