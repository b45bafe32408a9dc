//! How a run of training goes: everything about it that does not say which parameters are trained.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::template::{ChatTemplate, TrainOn};

/// A weighted part of a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct MixturePart {
    /// The name of a source.
    pub source: String,
    /// How much of it is taken.
    pub amount: Amount,
    /// For bitext: the share of first→second among the translation instructions, in `[0, 1]`.
    pub forward_share: f64,
}

/// How much of a source a mixture takes. The parts of a mixture are all shares, or none is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// A share of the whole; all shares of a mixture sum to 1.
    Share(f64),
    /// So many rows, each time through the mixture.
    Rows(u64),
    /// So many tokens, to the nearest row, each time through the mixture.
    Tokens(u64),
    /// All of it so many times, each time through the mixture.
    Epochs(f64),
}

impl Amount {
    /// The share, if it is one.
    pub(crate) fn share_mut(&mut self) -> Option<&mut f64> {
        match self {
            Self::Share(share) => Some(share),
            Self::Rows(_) | Self::Tokens(_) | Self::Epochs(_) => None,
        }
    }
}

/// Sources, and how much of each.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The parts, in the order written.
    pub parts: Vec<MixturePart>,
    /// What a share is a share of.
    pub by: MixtureUnit,
    /// When one time through sources with shares ends.
    pub stopping: StoppingStrategy,
}

/// When one time through a mixture ends: the words of `interleave_datasets` in Hugging Face's `datasets`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StoppingStrategy {
    /// When the first source has been read whole, for its share: no row is repeated before that.
    #[default]
    FirstExhausted,
    /// When the last source has been read whole: those that end before it begin again.
    AllExhausted,
    /// When the last source has been read whole, once each: shares hold until the first one ends, then the others go
    /// on without it.
    AllExhaustedWithoutReplacement,
}

/// What a weight is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MixtureUnit {
    /// Tokens, as read (masked ones included).
    Tokens,
    /// Rows.
    Rows,
}

/// How long to train.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Budget {
    /// Until this many tokens were read.
    Tokens(u64),
    /// This many times through the mixture.
    Epochs(f64),
}

/// How documents fill sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// BOS document EOS, one after the other, cut to length; every token is trained on.
    Concat,
    /// Whole conversations, each with attention and positions of its own.
    BestFit,
}

/// What to do with a row that does not fit the sequence length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TooLong {
    /// Stop and name the row.
    Error,
    /// Leave the row out and count it.
    Drop,
    /// Keep the beginning and count the tokens lost.
    Truncate,
    /// Cut documents of plain text into as many sequences as they need; leave longer conversations out and count them.
    Split,
}

/// What to do with a row that has no token to train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NoTarget {
    /// Stop and name the row.
    Error,
    /// Leave the row out and count it.
    Drop,
}

/// How the frozen weights of linear modules are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Quantization {
    /// As they are.
    #[default]
    None,
    /// In 4 bits (NF4, with scales in 8 bits): QLoRA.
    Nf4,
    /// In 8 bits, with a scale for each row: the weights of LLM.int8.
    Int8,
}

impl Quantization {
    /// What a weight is in, as a sentence says it.
    pub(crate) fn bits(self) -> &'static str {
        match self {
            Self::None => "plain",
            Self::Nf4 => "4 bits",
            Self::Int8 => "8 bits",
        }
    }
}

/// How AdamW's moments are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Both moments in f32.
    #[default]
    Adamw,
    /// Both moments in 8 bits, in blocks of 256.
    #[serde(rename = "adamw-8bit")]
    Adamw8bit,
}

/// How parameters of bf16 or f16 follow updates that are smaller than their own steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// A master copy in f32 is updated, and they are rounded from it.
    #[default]
    Master,
    /// They are updated themselves and rounded by chance, so that the mean is exact. bf16 only.
    Stochastic,
}

/// AdamW.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptimizerSettings {
    /// How its moments are kept.
    pub kind: OptimizerKind,
    /// How narrow parameters are rounded.
    pub rounding: Rounding,
    /// Whether the state lies in the host's memory, and each part comes to the device for its update only. The same
    /// bytes come out.
    #[serde(skip)]
    pub offload: bool,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Decoupled weight decay, on matrices only.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest global gradient norm; `None` does not clip.
    pub clip: Option<f64>,
}

/// The numbers of `torch.optim.AdamW`.
impl Default for OptimizerSettings {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::Adamw,
            rounding: Rounding::Master,
            offload: false,
            learning_rate: 1e-3,
            weight_decay: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            clip: None,
        }
    }
}

/// The shape of the learning rate over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleKind {
    /// Straight down to the final rate.
    Linear,
    /// Half a cosine down to the final rate.
    Cosine,
    /// The peak rate throughout.
    Constant,
}

/// Learning rate over the steps.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Schedule {
    /// Its shape after warmup.
    pub kind: ScheduleKind,
    /// Share of all steps spent going up from zero, in `[0, 1)`.
    pub warmup: f64,
    /// The rate at the last step.
    pub final_learning_rate: f64,
}

/// Everything about a run of training that does not say what is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// Tokens in a sequence.
    pub sequence_length: usize,
    /// Sequences in a step.
    pub batch: usize,
    /// Sequences in a micro-step; divides `batch`.
    pub micro_batch: usize,
    /// How long.
    pub budget: Budget,
    /// How documents fill sequences.
    pub packing: Packing,
    /// Rows longer than a sequence.
    pub too_long: TooLong,
    /// Rows without a target.
    pub no_target: NoTarget,
    /// The optimizer.
    pub optimizer: OptimizerSettings,
    /// The learning rate.
    pub schedule: Schedule,
    /// How conversations become text.
    pub template: ChatTemplate,
    /// Whose words are trained on.
    pub train_on: TrainOn,
    /// What is trained on.
    pub mixture: Mixture,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between evaluations of the held-out loss; 0 never evaluates.
    pub evaluate_every: u64,
    /// Share of rows held out of each source for the evaluation loss, in `[0, 0.5]`.
    pub held_out: f64,
    /// Noise on the embeddings (NEFTune): uniform in ±alpha/√(tokens of the document · hidden size); 0 is none.
    pub neftune_alpha: f64,
    /// Which activations are computed again in the backward pass instead of being kept.
    pub recompute: Recompute,
}

/// How many layers keep only their input for the backward pass, and are computed again there. No number changes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recompute {
    /// All of them.
    All,
    /// None of them.
    Nothing,
    /// As few as it takes to stay within so many bytes of memory; without a number, within what is free.
    ToFit(Option<u64>),
}

impl Training {
    /// Whether its mixture has the source.
    pub fn reads(&self, source: &str) -> bool {
        self.mixture.parts.iter().any(|part| part.source == source)
    }
}
