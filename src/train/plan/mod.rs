//! What a job is going to need, before anything is done: memory by part, arithmetic, disk.
//!
//! The numbers follow from the shapes alone. What a device driver, a matrix library or a fragmented
//! allocator takes beside them is not counted: leave about a tenth free.

use candle_core::DType;

use crate::kernels::cross_entropy;
use crate::model::Config;
use crate::recipe::{Budget, Recompute, Training};
use crate::train::optimizer::{CHUNK, state_layout};
use crate::train::schedule::LearningRate;
use crate::train::sinks::{gradient_dtype, is_in_backward};

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
    },
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

    /// Plans a job of a model of this shape in `dtype`; `length` is steps and tokens, where the data was read already,
    /// `free` the bytes that training may take where the recipe does not say it.
    #[allow(clippy::too_many_arguments)]
    pub fn new(
        config: &Config,
        dtype: DType,
        on_gpu: bool,
        trained: Trained<'_>,
        training: &Training,
        length: Option<(u64, u64)>,
        free: Option<u64>,
    ) -> Self {
        let (limit, allowed) = match training.recompute {
            Recompute::ToFit(limit) => (limit, limit.or(free)),
            Recompute::All | Recompute::Nothing => (None, None),
        };
        let passed = config.layers - lowest_layer(config, trained);
        let plan = |recomputed| Self::with(config, dtype, on_gpu, trained, training, length, recomputed);
        let most = plan(if training.recompute == Recompute::All { passed } else { 0 });
        let Some(allowed) = allowed else { return most };
        let fits = |plan: &Self| plan.memory.safely() <= allowed;
        let fewest = (0..=passed).map(plan).find(fits).unwrap_or_else(|| plan(passed));
        Self { limit, ..fewest }
    }

    fn with(
        config: &Config,
        dtype: DType,
        on_gpu: bool,
        trained: Trained<'_>,
        training: &Training,
        length: Option<(u64, u64)>,
        recomputed: usize,
    ) -> Self {
        let sizes = Sizes::new(config, dtype, trained);
        let micro_steps = training.batch.div_ceil(training.micro_batch.max(1));
        let (steps, tokens) = length.or_else(|| length_of(training)).unzip();
        let (state_dtype, state_rows) = state_layout(sizes.trained_dtype);
        let optimizer = sizes.trained * (state_rows * state_dtype.size_in_bytes()) as u64;
        let checkpoint = sizes.trained * sizes.trained_dtype.size_in_bytes() as u64 + optimizer;
        let is_fused = is_fused(dtype, on_gpu);
        let (activations, layer) = activations(config, dtype, is_fused, trained, training, recomputed);
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
                gradients: gradients(&sizes, training, micro_steps, is_fused),
                optimizer,
                activations,
                layer,
                logits: if is_fused && !is_head_adapted(trained) {
                    fused_head(config, trained, training)
                } else {
                    logits(config, dtype, on_gpu, trained, training)
                },
                packed: if is_fused { packed(config, trained, training) } else { 0 },
                program: if on_gpu { 0 } else { PROGRAM },
                update: if is_fused { 0 } else { update(&sizes, training, micro_steps) },
            },
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
    /// Elements of the largest trained tensor.
    largest: u64,
    /// Bytes.
    weights: u64,
}

impl Sizes {
    fn new(config: &Config, dtype: DType, trained: Trained<'_>) -> Self {
        let base = config.parameter_count() as u64;
        let width = dtype.size_in_bytes() as u64;
        match trained {
            Trained::All => {
                let elements = |(_, shape): (String, Vec<usize>)| shape.iter().product::<usize>() as u64;
                let largest = config.tensor_shapes().into_iter().map(elements).max().unwrap_or(0);
                Self { parameters: base, trained: base, trained_dtype: dtype, largest, weights: base * width }
            }
            Trained::Lora { modules, rank } => {
                let factors = modules.iter().flat_map(|(_, [rows, columns])| [rank * rows, rank * columns]);
                let trained = factors.clone().sum::<usize>() as u64;
                let trained_dtype = if dtype == DType::F64 { DType::F64 } else { DType::F32 };
                Self {
                    parameters: base + trained,
                    trained,
                    trained_dtype,
                    largest: factors.max().unwrap_or(0) as u64,
                    weights: base * width + trained * trained_dtype.size_in_bytes() as u64,
                }
            }
        }
    }
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

/// Six rows of f32 for the elements that are updated at one time.
fn update(sizes: &Sizes, training: &Training, micro_steps: usize) -> u64 {
    let together = if is_in_backward(training, micro_steps) { sizes.largest } else { sizes.trained };
    together.min(CHUNK as u64) * 24
}

fn gradients(sizes: &Sizes, training: &Training, micro_steps: usize, is_fused: bool) -> u64 {
    let one = sizes.largest * sizes.trained_dtype.size_in_bytes() as u64;
    if is_in_backward(training, micro_steps) {
        return one;
    }
    // Products go straight into the sum, where they are fused; a head's own gradient is counted with its logits.
    let one = if is_fused { 0 } else { one };
    one + sizes.trained * gradient_dtype(sizes.trained_dtype, micro_steps).size_in_bytes() as u64
}

/// What a token leaves behind in one layer, in bytes.
fn kept_of_layer(config: &Config, dtype: DType, trained: Trained<'_>, layer: usize) -> u64 {
    let width = dtype.size_in_bytes();
    let (query, inner, hidden) = (config.query_width(), config.intermediate_size, config.hidden_size);
    // Both residual inputs of the norms; queries, keys, values and the attention's output; gate and up.
    let mut elements = 2 * hidden + 2 * query + 2 * config.key_value_width() + 2 * inner;
    let mut narrow = 0;
    let mut reads = [false; 3];
    for (which, name) in crate::model::LAYER_PROJECTIONS.iter().enumerate() {
        let path = format!("model.layers.{layer}.{name}");
        let is_trained = match trained {
            Trained::All => true,
            Trained::Lora { modules, rank } => {
                let found = modules.iter().any(|(module, _)| *module == path);
                narrow += if found { rank * 4 } else { 0 };
                found
            }
        };
        // The modules that read the same input share it; that of `o_proj` is kept in any case.
        let input = [0, 0, 0, 3, 1, 1, 2].get(which).copied().unwrap_or(3);
        if let Some(read) = reads.get_mut(input) {
            *read |= is_trained;
        }
    }
    for (read, size) in reads.into_iter().zip([hidden, hidden, inner]) {
        elements += if read { size } else { 0 };
    }
    (elements * width + narrow + 4 * (config.heads + 2)) as u64
}

/// Whether the kernels are single passes, without f32 copies of what they read.
fn is_fused(dtype: DType, on_gpu: bool) -> bool {
    dtype == DType::F32 && !on_gpu
}

/// What the forward pass keeps, and what the backward pass of one layer adds to it.
fn activations(
    config: &Config,
    dtype: DType,
    is_fused: bool,
    trained: Trained<'_>,
    training: &Training,
    recomputed: usize,
) -> (u64, u64) {
    let tokens = (training.micro_batch * training.sequence_length) as u64;
    let width = dtype.size_in_bytes() as u64;
    let (hidden, inner) = (config.hidden_size as u64, config.intermediate_size as u64);
    // Gradients on their way through one layer: the three inner ones of the MLP, and the residual ones around it.
    let passing = (3 * inner + 4 * hidden) * width;
    let layers = lowest_layer(config, trained)..config.layers;
    let kept = |layer| kept_of_layer(config, dtype, trained, layer);
    // The lowest ones are computed again: the backward pass comes to them when the others are gone.
    let inputs = recomputed.min(layers.len()) as u64 * hidden * width;
    // Its input is one of those that are kept.
    let again = layers.clone().take(recomputed).map(|layer| kept(layer) - hidden * width).max().unwrap_or(0);
    let kept = inputs + layers.skip(recomputed).map(kept).sum::<u64>();
    // Measured: a layer that is computed again has less in its way, since its own tensors go as they are used.
    let within = (3 * inner + 2 * hidden) * width;
    let layer = passing.max((inputs + again + within).saturating_sub(kept));
    // Without fused kernels: six f32 copies inside the MLP, or the scores of all heads in the longest document.
    let scores = (config.heads * training.sequence_length * training.sequence_length) as u64 * 20;
    let copies = if is_fused { 0 } else { scores.max(tokens * inner * 24) };
    (tokens * kept, tokens * layer + copies)
}

/// The head where its kernels are single passes: the gradient of its rows, and the logits of a chunk of rows with the
/// gradient of its weight, or of some rows and entries on each thread.
fn fused_head(config: &Config, trained: Trained<'_>, training: &Training) -> u64 {
    let rows = training.micro_batch * training.sequence_length;
    let beside = match trained {
        Trained::All => config.vocabulary * (rows.min(cross_entropy::ROWS) + config.hidden_size),
        Trained::Lora { .. } => rayon::current_num_threads() * cross_entropy::TILE,
    };
    4 * (beside + 3 * rows * config.hidden_size) as u64
}

/// The right operands of the largest products: the head in both orders or a part of it, a weight or a batch of inputs.
fn packed(config: &Config, trained: Trained<'_>, training: &Training) -> u64 {
    let tokens = training.micro_batch * training.sequence_length;
    let (hidden, widest) = (config.hidden_size, config.intermediate_size.max(config.query_width()));
    let (head, largest) = match trained {
        Trained::All => (config.vocabulary * hidden, tokens * widest.max(hidden)),
        Trained::Lora { .. } => (config.vocabulary.min(cross_entropy::PART) * hidden, widest * hidden),
    };
    4 * (head + head.max(largest)) as u64
}

/// The head: logits, what is shifted and normalised of them, and their gradient, a chunk of rows at a time.
fn logits(config: &Config, dtype: DType, on_gpu: bool, trained: Trained<'_>, training: &Training) -> u64 {
    let rows = if on_gpu { 2048 } else { 512 }.min(training.micro_batch * training.sequence_length);
    let wide = dtype.size_in_bytes().max(4);
    // Each chunk's part of the weight's gradient is added into a new sum.
    let of_weight = match trained {
        Trained::All => 3 * config.vocabulary * config.hidden_size * wide,
        Trained::Lora { .. } => 0,
    };
    (rows * config.vocabulary * 4 * wide + of_weight) as u64
}

/// Whether the head has a low-rank update: then it goes by whole logits in any dtype.
fn is_head_adapted(trained: Trained<'_>) -> bool {
    matches!(trained, Trained::Lora { modules, .. } if modules.iter().any(|(path, _)| path == "lm_head"))
}

/// The lowest layer through which the backward pass goes.
fn lowest_layer(config: &Config, trained: Trained<'_>) -> usize {
    match trained {
        Trained::All => 0,
        Trained::Lora { modules, .. } => {
            let layer = |path: &str| path.strip_prefix("model.layers.")?.split('.').next()?.parse().ok();
            modules.iter().filter_map(|(path, _)| layer(path)).min().unwrap_or(config.layers)
        }
    }
}

/// Operations for each token: two for each weight that it meets, in each pass that meets it.
fn operations(config: &Config, trained: Trained<'_>, training: &Training, recomputed: usize) -> f64 {
    let lowest = lowest_layer(config, trained);
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
        Trained::Lora { modules, rank } => {
            modules.iter().map(|(_, [rows, columns])| 6.0 * (rank * (rows + columns)) as f64).sum()
        }
    };
    let again = (2.0 * layer + attention) * recomputed as f64;
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
