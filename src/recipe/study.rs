//! What a recipe means: every default filled, every name resolved, every number in range.
//!
//! The other layers see only this; what was written is in `written`.

use std::path::PathBuf;

use candle_core::DType;
use serde::Serialize;

use crate::device::DeviceChoice;

/// A whole study.
#[derive(Debug, Clone)]
pub struct Study {
    /// The name of the run folder.
    pub name: String,
    /// Every random choice follows from it.
    pub seed: u64,
    /// Where the work runs.
    pub device: DeviceChoice,
    /// The model that learns.
    pub base: Base,
    /// Where rows come from, in the order written.
    pub sources: Vec<Source>,
    /// Continued pretraining, if the study has it.
    pub pretrain: Option<Pretrain>,
    /// The adapters, `on` lists expanded to one each, in an order in which each comes after the one it starts from.
    pub adapters: Vec<AdapterPlan>,
    /// The tasks that every candidate answers.
    pub compare: Option<Compare>,
}

/// Where the base model comes from.
#[derive(Debug, Clone)]
pub struct Base {
    /// The weights.
    pub origin: BaseOrigin,
    /// The tokenizer, where it is not in the model's folder.
    pub tokenizer: Option<TokenizerOrigin>,
    /// The dtype of weights and activations.
    pub dtype: DType,
}

/// A model's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum BaseOrigin {
    /// A Hugging Face model folder.
    Folder(PathBuf),
    /// A model inside the program, by name (`tiny-english`).
    BuiltIn(String),
    /// Random weights of this shape: pretraining from nothing.
    New(NewModel),
}

/// A tokenizer's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenizerOrigin {
    /// A `tokenizer.json`, a SentencePiece `tokenizer.model`, or a folder with one of them.
    Path(PathBuf),
    /// Byte-level-fallback BPE, trained on these sources before anything else.
    Trained {
        /// Names of sources.
        sources: Vec<String>,
        /// Pieces in all, the 256 bytes and the three special ones included.
        vocabulary: usize,
    },
}

/// The shape of a model with random weights.
#[derive(Debug, Clone, PartialEq)]
pub struct NewModel {
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the MLP.
    pub intermediate_size: usize,
    /// Number of layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key and value heads.
    pub key_value_heads: usize,
    /// Longest sequence the model is meant for.
    pub max_position_embeddings: usize,
    /// Whether embedding and head are one matrix.
    pub tie_word_embeddings: bool,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Standard deviation of the initial weights.
    pub initializer_range: f64,
}

/// Where rows come from and what they are.
#[derive(Debug, Clone)]
pub struct Source {
    /// The key in the recipe.
    pub name: String,
    /// Files or a built-in generator.
    pub origin: SourceOrigin,
    /// How a row becomes a conversation or a text.
    pub template: RowTemplate,
    /// For bitext: the names of the first and second language.
    pub languages: Option<[String; 2]>,
    /// The field that holds the text of a plain row in JSON.
    pub text_field: String,
    /// At most this many rows, from the start.
    pub limit: Option<u64>,
}

/// A source's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceOrigin {
    /// Files, read in this order; bitext has exactly two.
    Files(Vec<PathBuf>),
    /// The built-in bilingual world: a generator by name, and how many rows it makes.
    World {
        /// `english-text`, `estonian-text`, `english-instructions`, `estonian-instructions`, `translation-pairs`.
        generator: String,
        /// Number of rows.
        rows: u64,
    },
}

/// How a row of a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowTemplate {
    /// A document: all of it is trained on.
    Plain,
    /// `instruction`, `input`, `output`.
    Alpaca,
    /// `messages` with `role` and `content`.
    Messages,
    /// A pair of sentences, made into a translation instruction as the LLAMMAS scripts do.
    Translation,
}

/// How a conversation becomes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChatTemplate {
    /// `<|user|>\n…\n<|assistant|>\n…</s>\n`.
    LlammasChat,
    /// The Stanford Alpaca prompt.
    Alpaca,
    /// The words alone, one turn a line.
    Plain,
}

/// A weighted part of a mixture.
#[derive(Debug, Clone, PartialEq)]
pub struct MixturePart {
    /// The name of a source.
    pub source: String,
    /// Its share; all shares of a mixture sum to 1.
    pub weight: f64,
    /// For bitext: the share of first→second among the translation instructions, in `[0, 1]`.
    pub forward_share: f64,
}

/// Weighted sources.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    /// The parts, in the order written.
    pub parts: Vec<MixturePart>,
    /// What a weight is a share of.
    pub by: MixtureUnit,
}

/// What a weight is a share of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// BOS document EOS, one after the other, cut to length; every token is trained on.
    Concat,
    /// Whole conversations, each with attention and positions of its own.
    BestFit,
}

/// What to do with a row that does not fit the sequence length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TooLong {
    /// Stop and name the row.
    Error,
    /// Leave the row out and count it.
    Drop,
    /// Keep the beginning and count the tokens lost.
    Truncate,
}

/// What to do with a row that has no token to train on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoTarget {
    /// Stop and name the row.
    Error,
    /// Leave the row out and count it.
    Drop,
}

/// AdamW.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptimizerSettings {
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

/// The shape of the learning rate over the steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone)]
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
    /// What is trained on.
    pub mixture: Mixture,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between evaluations of the held-out loss; 0 never evaluates.
    pub evaluate_every: u64,
    /// Share of rows held out of each source for the evaluation loss, in `[0, 0.5]`.
    pub held_out: f64,
    /// Recompute activations in the backward pass instead of keeping them.
    pub recompute: bool,
}

/// Continued pretraining of all parameters.
#[derive(Debug, Clone)]
pub struct Pretrain {
    /// How.
    pub training: Training,
    /// Token counts at which a snapshot is kept, ascending; the last is the whole budget.
    pub snapshots: Vec<u64>,
}

/// A model that an adapter is trained on, or that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Foundation {
    /// The base as it came.
    Base,
    /// The snapshot after this many tokens of pretraining.
    Snapshot(u64),
}

/// One adapter to train.
#[derive(Debug, Clone)]
pub struct AdapterPlan {
    /// Its name; `name@base` or `name@1B` where the recipe's entry has several foundations.
    pub name: String,
    /// What it stands on.
    pub on: Foundation,
    /// The adapter it starts from, by (expanded) name.
    pub start_from: Option<String>,
    /// What is trained.
    pub method: Method,
    /// How.
    pub training: Training,
}

/// What is trained.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Low-rank adapters.
    Lora(LoraSettings),
    /// All parameters.
    Full,
}

/// LoRA as PEFT means it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoraSettings {
    /// Rank of the update.
    pub rank: usize,
    /// The update is multiplied by alpha / rank, or alpha / √rank for rsLoRA.
    pub alpha: f64,
    /// Probability that an input of A is set to zero while training.
    pub dropout: f64,
    /// Which modules.
    pub targets: Targets,
    /// Scale by alpha / √rank.
    pub rslora: bool,
}

/// Which modules get an adapter, by PEFT's rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Targets {
    /// Every linear module but the head: `all-linear`.
    AllLinear(AllLinear),
    /// Modules whose path equals a name or ends in `.name`.
    Names(Vec<String>),
    /// Modules whose whole path matches a regular expression.
    Pattern(String),
}

/// The word `all-linear`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AllLinear {
    /// `all-linear`.
    AllLinear,
}

/// The comparison of all candidates.
#[derive(Debug, Clone)]
pub struct Compare {
    /// The tasks, one column or more each.
    pub tasks: Vec<TaskSettings>,
    /// Also score each adapter merged into its base.
    pub merged: bool,
    /// Prompts decoded together.
    pub batch: usize,
    /// At most this many examples a task.
    pub limit: Option<usize>,
    /// How prompts are written; the adapters' template.
    pub template: ChatTemplate,
}

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSettings {
    /// What is asked.
    pub kind: TaskKind,
    /// The examples.
    pub data: TaskData,
    /// The most tokens an answer may have.
    pub max_new_tokens: usize,
}

/// What a task asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskKind {
    /// Translate; BLEU and chrF.
    Translation {
        /// Language of the sentence given.
        from: String,
        /// Language of the sentence wanted.
        to: String,
    },
    /// Choose one of two causes or effects; accuracy by log-likelihood.
    Choice,
    /// Answer a question; exact match and F1.
    Answer,
    /// Correct a sentence; exact match and chrF.
    Correction,
    /// Predict a text; perplexity per token and bits per byte.
    Perplexity,
}

/// Where a task's examples come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskData {
    /// The built-in world's held-out part, in that language where the task has one.
    World {
        /// `English` or `Estonian`.
        language: String,
    },
    /// A file in one of the known formats (see `eval::read`).
    File {
        /// The file; bitext in two files has two.
        paths: Vec<PathBuf>,
        /// The language, as the table names it.
        language: String,
    },
}
