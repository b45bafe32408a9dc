//! The parts of a plan's memory, each from the shapes alone.

use candle_core::DType;

use super::{Sizes, Trained};
use crate::kernels::{attention, cross_entropy};
use crate::model::Config;
use crate::recipe::{AdapterKind, Training};
use crate::train::optimizer::CHUNK;
use crate::train::sinks::{gradient_dtype, is_in_backward};

/// Six rows of f32 for the elements that are updated at one time.
pub(super) fn update(sizes: &Sizes, training: &Training, micro_steps: usize) -> u64 {
    let together = if is_in_backward(training, micro_steps) { sizes.largest } else { sizes.trained };
    together.min(CHUNK as u64) * 24
}

pub(super) fn gradients(sizes: &Sizes, training: &Training, micro_steps: usize, kernels: Kernels) -> u64 {
    let one = sizes.largest * sizes.trained_dtype.size_in_bytes() as u64;
    if is_in_backward(training, micro_steps) {
        return one;
    }
    // The CPU's products go straight into the sum; a head's own gradient is counted with its logits.
    let one = if kernels == Kernels::Cpu { 0 } else { one };
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
            Trained::Lora { modules, rank, kind, .. } => {
                let found = modules.iter().find(|(module, _)| *module == path);
                // What is kept of the module's own output.
                narrow += found.map_or(0, |(_, [rows, _])| match kind {
                    AdapterKind::Lora | AdapterKind::LoraFa | AdapterKind::Vera => rank * width,
                    AdapterKind::Dora => (rank + rows) * width,
                    AdapterKind::Ia3 => rows * width,
                });
                (found.is_some() && !matches!(kind, AdapterKind::LoraFa | AdapterKind::Vera))
                    || trained.is_whole(&path, &config.projection_shape(which))
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

/// Elements for each token that VeRA's backward pass makes again beside an output's gradient: the update of the widest
/// module, and its product with that gradient.
fn widened(trained: Trained<'_>) -> u64 {
    match trained {
        Trained::Lora { modules, kind: AdapterKind::Vera, .. } => {
            2 * modules.iter().map(|(_, [rows, _])| *rows as u64).max().unwrap_or(0)
        }
        Trained::All | Trained::Lora { .. } => 0,
    }
}

/// How operations run, and so what they take beside their results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kernels {
    /// In plain tensor operations, with copies in f32.
    Plain,
    /// In single passes over f32.
    Cpu,
    /// In single passes over any dtype that trains; attention in tiles, or with the scores of a whole document.
    Cuda { tiled_attention: bool },
}

impl Kernels {
    pub(super) fn of(config: &Config, dtype: DType, on_gpu: bool) -> Self {
        match (dtype, on_gpu) {
            (DType::F32, false) => Self::Cpu,
            (DType::F32 | DType::BF16 | DType::F16, true) => {
                Self::Cuda { tiled_attention: attention::is_tiled_on_cuda(dtype, config.head_dimension) }
            }
            _ => Self::Plain,
        }
    }
}

/// What the forward pass keeps, and what the backward pass of one layer adds to it.
pub(super) fn activations(
    config: &Config,
    dtype: DType,
    kernels: Kernels,
    trained: Trained<'_>,
    training: &Training,
    recomputed: usize,
) -> (u64, u64) {
    let tokens = (training.micro_batch * training.sequence_length) as u64;
    let width = dtype.size_in_bytes() as u64;
    let (hidden, inner) = (config.hidden_size as u64, config.intermediate_size as u64);
    // Gradients on their way through one layer: the three inner ones of the MLP, and the residual ones around it.
    let beside = widened(trained) * width;
    let passing = (3 * inner + 4 * hidden) * width + beside;
    let layers = trained.lowest_layer(config)..config.layers;
    let kept = |layer| kept_of_layer(config, dtype, trained, layer);
    // The lowest ones are computed again: the backward pass comes to them when the others are gone.
    let inputs = recomputed.min(layers.len()) as u64 * hidden * width;
    // Its input is one of those that are kept.
    let again = layers.clone().take(recomputed).map(|layer| kept(layer) - hidden * width).max().unwrap_or(0);
    let kept = inputs + layers.skip(recomputed).map(kept).sum::<u64>();
    // Measured: a layer that is computed again has less in its way, since its own tensors go as they are used.
    let within = (3 * inner + 2 * hidden) * width + beside;
    let layer = passing.max((inputs + again + within).saturating_sub(kept));
    // Without fused kernels: six f32 copies inside the MLP, or the scores of all heads in the longest document.
    let scores = (config.heads * training.sequence_length * training.sequence_length) as u64 * 20;
    let copies = match kernels {
        Kernels::Plain => scores.max(tokens * inner * 24),
        Kernels::Cuda { tiled_attention: false } => scores,
        Kernels::Cpu | Kernels::Cuda { tiled_attention: true } => 0,
    };
    (tokens * kept, tokens * layer + copies)
}

/// The head where its kernels are single passes: the gradient of its rows, and the logits of a chunk of rows with the
/// gradient of its weight, or of some rows and entries on each thread.
pub(super) fn fused_head(config: &Config, trained: Trained<'_>, training: &Training) -> u64 {
    let rows = training.micro_batch * training.sequence_length;
    let beside = match trained.has_head_gradient(config) {
        true => config.vocabulary * (rows.min(cross_entropy::ROWS) + config.hidden_size),
        false => rayon::current_num_threads() * cross_entropy::TILE,
    };
    4 * (beside + 3 * rows * config.hidden_size) as u64
}

/// The right operands of the largest products: the head in both orders or a part of it, a weight or a batch of inputs.
pub(super) fn packed(config: &Config, trained: Trained<'_>, training: &Training) -> u64 {
    let tokens = training.micro_batch * training.sequence_length;
    let (hidden, widest) = (config.hidden_size, config.intermediate_size.max(config.query_width()));
    let head = match trained.has_head_gradient(config) {
        true => config.vocabulary * hidden,
        false => config.vocabulary.min(cross_entropy::PART) * hidden,
    };
    let largest = match trained {
        Trained::All => tokens * widest.max(hidden),
        Trained::Lora { .. } => widest * hidden,
    };
    4 * (head + head.max(largest)) as u64
}

/// The head on a CUDA device: the logits of a chunk of rows, which their gradient replaces; the gradient of all rows,
/// in parts and whole; and of the head's weight the sum in f32 and a chunk's part, or the sum rounded.
pub(super) fn head_on_cuda(config: &Config, dtype: DType, trained: Trained<'_>, training: &Training) -> u64 {
    let width = dtype.size_in_bytes();
    let rows = training.micro_batch * training.sequence_length;
    let weight = config.vocabulary * config.hidden_size;
    let of_weight = if trained.has_head_gradient(config) { weight * (4 + width) } else { 0 };
    let chunk = rows.min(cross_entropy::CUDA_ROWS) * config.vocabulary * width;
    (chunk + 2 * rows * config.hidden_size * width + of_weight) as u64
}

/// The head: logits, what is shifted and normalised of them, and their gradient, a chunk of rows at a time.
pub(super) fn logits(config: &Config, dtype: DType, trained: Trained<'_>, training: &Training) -> u64 {
    let rows = 512.min(training.micro_batch * training.sequence_length);
    let wide = dtype.size_in_bytes().max(4);
    // Each chunk's part of the weight's gradient is added into a new sum.
    let of_weight =
        if trained.has_head_gradient(config) { 3 * config.vocabulary * config.hidden_size * wide } else { 0 };
    (rows * config.vocabulary * 4 * wide + of_weight) as u64
}
