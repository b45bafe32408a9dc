//! What a job is going to need, before anything is done: memory by part, arithmetic, disk.
//!
//! The numbers follow from the shapes alone. What a device driver, a matrix library or a fragmented
//! allocator takes beside them is not counted: leave about a tenth free.

mod beside;
mod parts;
mod smaller;

use candle_core::DType;

use crate::kernels::quantized::{Int8, Nf4};
use crate::model::Config;
use crate::recipe::{AdapterKind, Budget, Quantization, Recompute, Training};
use crate::train::optimizer::Layout;
use crate::train::schedule::LearningRate;

pub use smaller::{Smaller, smaller};

use parts::{Kernels, activations, fused_head, gradients, head_on_cuda, logits, packed, update};

/// What is trained.
#[derive(Debug, Clone, Copy)]
pub enum Trained<'a> {
    /// Every parameter.
    All,
    /// Low-rank factors in f32 on some modules.
    Lora {
        /// Path and shape `[out, in]` of each module.
        modules: &'a [(String, [usize; 2])],
        /// Rank of the factors.
        rank: usize,
        /// What of each module is trained.
        kind: AdapterKind,
        /// How the model's own weights are kept.
        quantization: Quantization,
        /// Path and shape of whole weights, or of rows of weights, that are trained with them.
        beside: &'a [(String, Vec<usize>)],
    },
}

/// What a plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// The shape of the model.
    pub config: &'a Config,
    /// The dtype of weights and activations.
    pub dtype: DType,
    /// Whether a CUDA device does the work.
    pub on_gpu: bool,
    /// What of the model is trained.
    pub trained: Trained<'a>,
    /// How.
    pub training: &'a Training,
}

/// What a job needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Parameters of the model, what is trained beside them included.
    pub parameters: u64,
    /// Parameters that are trained.
    pub trained: u64,
    /// Steps; unknown until the data is read where the budget is in epochs.
    pub steps: Option<u64>,
    /// Tokens read; unknown as the steps are.
    pub tokens: Option<u64>,
    /// Micro-steps in a step.
    pub micro_steps: u64,
    /// Floating-point operations for each token read, forward and backward.
    pub operations_per_token: f64,
    /// Device memory at the fullest moment.
    pub memory: Memory,
    /// Bytes of the host's memory that the optimizer's state takes, where it lies there beside a device.
    pub host: u64,
    /// Layers that are computed again in the backward pass, the lowest that it goes through.
    pub recomputed: usize,
    /// Bytes that the recipe allows, if it says so.
    pub limit: Option<u64>,
    /// Bytes of one checkpoint.
    pub checkpoint: u64,
    /// Bytes of disk at the moment when a new checkpoint is whole and no older one is gone.
    pub disk: u64,
    /// What is likely not meant, a sentence each.
    pub warnings: Vec<String>,
}

/// Bytes of device memory, by what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Memory {
    /// Weights, frozen and trained.
    pub weights: u64,
    /// Gradients of parameters.
    pub gradients: u64,
    /// Moments and master weights.
    pub optimizer: u64,
    /// What the forward pass keeps for the backward pass.
    pub activations: u64,
    /// The backward pass of one layer; computed again first, where the recipe says so.
    pub layer: u64,
    /// The head: logits of one chunk of rows, and the gradient of its weight.
    pub logits: u64,
    /// Packed operands, which matrix products keep for the next one.
    pub packed: u64,
    /// The program itself, where the device is the processor.
    pub program: u64,
    /// What the optimizer needs beside its state.
    pub update: u64,
}

/// Code, tables and small buffers of the program when nothing is trained yet: what a model of 5,000 parameters takes.
const PROGRAM: u64 = 16 << 20;

impl Memory {
    /// All of it at the fullest moment: the head, each layer and the update come one after the other.
    pub fn total(&self) -> u64 {
        let passes = self.activations + self.layer.max(self.logits);
        self.weights + self.gradients + self.optimizer + self.packed + self.program + passes.max(self.update)
    }

    /// The same and a twelfth more: what may be allowed without ever being passed.
    pub fn safely(&self) -> u64 {
        self.total() + self.total() / 12
    }
}

impl Plan {
    /// Floating-point operations of the whole job, where its length is known.
    pub fn operations(&self) -> Option<f64> {
        self.tokens.map(|tokens| tokens as f64 * self.operations_per_token)
    }

    /// Plans a job; `length` is steps and tokens, where the data was read already, `free` the bytes that training may
    /// take where the recipe does not say it.
    pub fn new(setup: Setup<'_>, length: Option<(u64, u64)>, free: Option<u64>) -> Self {
        let Setup { config, trained, training, .. } = setup;
        let (limit, allowed) = match training.recompute {
            Recompute::ToFit(limit) => (limit, limit.or(free)),
            Recompute::All | Recompute::Nothing => (None, None),
        };
        let passed = config.layers - trained.lowest_layer(config);
        let plan = |recomputed| Self::with(setup, length, recomputed);
        let most = plan(if training.recompute == Recompute::All { passed } else { 0 });
        let Some(allowed) = allowed else { return most };
        let fits = |plan: &Self| plan.memory.safely() <= allowed;
        let fewest = (0..=passed).map(plan).find(fits).unwrap_or_else(|| plan(passed));
        Self { limit, ..fewest }
    }

    fn with(setup: Setup<'_>, length: Option<(u64, u64)>, recomputed: usize) -> Self {
        let Setup { config, dtype, on_gpu, trained, training } = setup;
        let sizes = Sizes::new(config, dtype, trained);
        let micro_steps = training.batch.div_ceil(training.micro_batch.max(1));
        let (steps, tokens) = length.or_else(|| length_of(training)).unzip();
        let layout = Layout::new(&training.optimizer, sizes.trained_dtype);
        let state = layout.bytes(sizes.tensors.iter().copied());
        let checkpoint = sizes.trained * sizes.trained_dtype.size_in_bytes() as u64 + state;
        let on_device = layout.bytes_on_device(sizes.tensors.iter().copied());
        // The processor's own memory is the host's.
        let (optimizer, host) = match (training.optimizer.offload, on_gpu) {
            (true, true) => (on_device, state),
            (true, false) => (on_device + state, 0),
            (false, _) => (state, 0),
        };
        let kernels = Kernels::of(config, dtype, on_gpu);
        let (activations, layer) = activations(config, dtype, kernels, trained, training, recomputed);
        // A weight of 4 or 8 bits is written out for the product that it is in.
        let layer = layer + sizes.written_out * dtype.size_in_bytes() as u64;
        let kept = if training.evaluate_every > 0 { 3 } else { 2 };
        Self {
            parameters: sizes.parameters,
            trained: sizes.trained,
            steps,
            tokens,
            micro_steps: micro_steps as u64,
            operations_per_token: operations(config, trained, training, recomputed),
            memory: Memory {
                weights: sizes.weights,
                gradients: gradients(&sizes, training, micro_steps, kernels),
                optimizer,
                activations,
                layer,
                logits: match kernels {
                    Kernels::Cpu if !is_head_adapted(trained) => fused_head(config, trained, training),
                    Kernels::Cuda { .. } => head_on_cuda(config, dtype, trained, training),
                    _ => logits(config, dtype, trained, training),
                },
                packed: if kernels == Kernels::Cpu { packed(config, trained, training) } else { 0 },
                program: if on_gpu { 0 } else { PROGRAM },
                update: if kernels == Kernels::Plain { update(&sizes, training, micro_steps) } else { 0 },
            },
            host,
            recomputed,
            limit: None,
            checkpoint,
            disk: kept * checkpoint,
            warnings: steps.and_then(|steps| warmup_warning(training, steps)).into_iter().collect(),
        }
    }
}

/// Counts that several parts follow from.
struct Sizes {
    parameters: u64,
    trained: u64,
    trained_dtype: DType,
    /// Elements of each trained tensor.
    tensors: Vec<u64>,
    /// Elements of the largest trained tensor.
    largest: u64,
    /// Bytes.
    weights: u64,
    /// Elements of the largest weight that is kept in 4 or 8 bits.
    written_out: u64,
}

impl Sizes {
    fn new(config: &Config, dtype: DType, trained: Trained<'_>) -> Self {
        let base = config.parameter_count() as u64;
        let width = dtype.size_in_bytes() as u64;
        match trained {
            Trained::All => {
                let elements = |(_, shape): (String, Vec<usize>)| shape.iter().product::<usize>() as u64;
                let tensors: Vec<u64> = config.tensor_shapes().into_iter().map(elements).collect();
                Self {
                    parameters: base,
                    trained: base,
                    trained_dtype: dtype,
                    largest: tensors.iter().copied().max().unwrap_or(0),
                    tensors,
                    weights: base * width,
                    written_out: 0,
                }
            }
            Trained::Lora { modules, rank, kind, quantization, beside } => {
                let of_module = |[rows, columns]: [usize; 2]| match kind {
                    AdapterKind::Lora => vec![rank * rows, rank * columns],
                    AdapterKind::LoraFa => vec![rank * rows],
                    AdapterKind::Dora => vec![rank * rows, rank * columns, rows],
                    AdapterKind::Ia3 => vec![rows.max(columns)],
                    AdapterKind::Vera => vec![rank, rows],
                };
                let factors = modules.iter().flat_map(|(_, shape)| of_module(*shape));
                let own = beside.iter().map(|(_, shape)| shape.iter().product::<usize>());
                let tensors: Vec<u64> = factors.chain(own.clone()).map(|elements| elements as u64).collect();
                let trained = tensors.iter().sum::<u64>();
                let kept = match kind {
                    AdapterKind::LoraFa => modules.iter().map(|(_, [_, columns])| (rank * columns) as u64).sum(),
                    AdapterKind::Vera => shared_factors(modules, rank),
                    AdapterKind::Lora | AdapterKind::Dora | AdapterKind::Ia3 => 0,
                };
                let trained_dtype = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
                // What products read of whole weights where these are wider.
                let narrow = if trained_dtype == dtype { 0 } else { own.sum::<usize>() as u64 * width };
                let (base_bytes, written_out) = match quantization {
                    Quantization::None => (base * width, 0),
                    Quantization::Nf4 => {
                        quantized(config, base, width, |[rows, columns]| Nf4::bytes_of((rows * columns) as u64))
                    }
                    Quantization::Int8 => quantized(config, base, width, Int8::bytes_of),
                };
                Self {
                    parameters: base + trained,
                    trained,
                    trained_dtype,
                    largest: tensors.iter().copied().max().unwrap_or(0),
                    tensors,
                    weights: base_bytes + (trained + kept) * trained_dtype.size_in_bytes() as u64 + narrow,
                    written_out,
                }
            }
        }
    }
}

/// Bytes of a model whose layers' linear modules are in so many bytes each, and elements of the largest of those.
fn quantized(config: &Config, parameters: u64, width: u64, bytes_of: impl Fn([usize; 2]) -> u64) -> (u64, u64) {
    let modules = config.module_shapes().into_iter().filter(|(path, _)| path.starts_with("model.layers."));
    let shapes: Vec<[usize; 2]> = modules.map(|(_, shape)| shape).collect();
    let elements = |shape: &[usize; 2]| shape.iter().product::<usize>() as u64;
    let plain = parameters - shapes.iter().map(elements).sum::<u64>();
    let bytes = plain * width + shapes.iter().map(|shape| bytes_of(*shape)).sum::<u64>();
    (bytes, shapes.iter().map(elements).max().unwrap_or(0))
}

/// Elements of VeRA's factors: the first in each width that modules have, the second once.
fn shared_factors(modules: &[(String, [usize; 2])], rank: usize) -> u64 {
    let widths: std::collections::BTreeSet<usize> = modules.iter().map(|(_, [_, columns])| *columns).collect();
    let rows = modules.iter().map(|(_, [rows, _])| *rows).max().unwrap_or(0);
    (rank * (widths.into_iter().sum::<usize>() + rows)) as u64
}

/// Steps and tokens, where the budget says so.
fn length_of(training: &Training) -> Option<(u64, u64)> {
    match training.budget {
        Budget::Tokens(tokens) => {
            let of_step = (training.batch * training.sequence_length).max(1) as u64;
            Some((tokens.div_ceil(of_step), tokens))
        }
        Budget::Epochs(_) => None,
    }
}

/// Whether the head has a low-rank update: then it goes by whole logits in any dtype.
fn is_head_adapted(trained: Trained<'_>) -> bool {
    matches!(trained, Trained::Lora { modules, .. } if modules.iter().any(|(path, _)| path == "lm_head"))
}

/// Operations for each token: two for each weight that it meets, in each pass that meets it.
fn operations(config: &Config, trained: Trained<'_>, training: &Training, recomputed: usize) -> f64 {
    let lowest = trained.lowest_layer(config);
    let modules = config.module_shapes();
    let area = |[rows, columns]: [usize; 2]| (rows * columns) as f64;
    let head = (config.vocabulary * config.hidden_size) as f64;
    let layer = modules.iter().take(crate::model::LAYER_PROJECTIONS.len()).map(|(_, shape)| area(*shape)).sum::<f64>();
    // A token attends to half a sequence on average, with a product for the scores and one for the values.
    let attention = 2.0 * (config.query_width() * training.sequence_length) as f64;
    let (all, passed) = (config.layers as f64, (config.layers - lowest) as f64);
    let forward = 2.0 * (layer * all + head) + attention * all;
    // The gradient of the input for each module passed; attention has five products where forward has two.
    let mut backward = 2.0 * (layer * passed + head) + 2.5 * attention * passed;
    backward += match trained {
        Trained::All => 2.0 * (layer * all + head),
        Trained::Lora { modules, rank, kind, .. } => {
            let products = |rows: usize, columns: usize| match kind {
                AdapterKind::Lora | AdapterKind::Dora => 6.0 * (rank * (rows + columns)) as f64,
                // VeRA makes its wide product again.
                AdapterKind::LoraFa | AdapterKind::Vera => (rank * (6 * rows + 4 * columns)) as f64,
                AdapterKind::Ia3 => 0.0,
            };
            // The embedding's product is with one column.
            let linear = modules.iter().filter(|(path, _)| path != "model.embed_tokens");
            linear.map(|(_, [rows, columns])| products(*rows, *columns)).sum::<f64>() + trained.whole_operations(config)
        }
    };
    // All but the product by `down_proj`, whose result is known.
    let down = modules.iter().find(|(path, _)| path.ends_with("down_proj")).map_or(0.0, |(_, shape)| area(*shape));
    let again = (2.0 * (layer - down) + attention) * recomputed as f64;
    forward + backward + again
}

fn warmup_warning(training: &Training, steps: u64) -> Option<String> {
    let warmup = LearningRate::new(&training.schedule, training.optimizer.learning_rate, steps).warmup_steps();
    (warmup >= steps && steps > 0).then(|| {
        format!("warmup takes all {steps} steps, so the peak learning rate is never reached; lower schedule.warmup")
    })
}

#[cfg(test)]
mod tests;
