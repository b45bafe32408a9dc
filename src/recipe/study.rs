//! What a recipe means: every default filled, every name resolved, every number in range.
//!
//! The other layers see only this; what was written is in `written`.

use std::path::PathBuf;

use candle_core::DType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::clean::Clean;
pub use super::judge::*;
pub use super::method::*;
pub use super::reading::*;
use super::task::TaskSettings;
pub use super::training::*;
use crate::device::DeviceChoice;

/// A whole study.
#[derive(Debug, Clone, PartialEq)]
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

impl Study {
    /// The share of a source's rows that none of its stages trains on, in `[0, 1)`: 0 if a stage trains on all of them, or
    /// if none reads the source.
    pub fn held_out(&self, source: &str) -> f64 {
        let pretrain = self.pretrain.iter().map(|pretrain| &pretrain.training);
        let trainings = pretrain.chain(self.adapters.iter().map(|adapter| &adapter.training));
        let shares = trainings.filter(|training| training.reads(source)).map(|training| training.held_out);
        shares.reduce(f64::min).unwrap_or(0.0)
    }
}

/// Where the base model comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Base {
    /// The weights.
    pub origin: BaseOrigin,
    /// The tokenizer, where it is not in the model's folder as it is.
    pub tokenizer: Option<TokenizerOrigin>,
    /// The dtype of weights and activations.
    pub dtype: DType,
    /// Whether CUDA devices multiply f32 matrices as TF32.
    pub tf32: bool,
}

impl Base {
    /// How many pieces the recipe adds to the model's tokenizer.
    pub fn new_pieces(&self) -> usize {
        match self.tokenizer {
            Some(TokenizerOrigin::Extended { tokens, .. }) => tokens,
            _ => 0,
        }
    }
}

/// A model's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum BaseOrigin {
    /// A Hugging Face model folder.
    Folder(PathBuf),
    /// A model on the Hugging Face Hub.
    Hub {
        /// `owner/name`.
        name: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// The commit that the revision stands for in this run, once it is known. No recipe says it.
        commit: Option<String>,
    },
    /// A model inside the program, by name (`tiny-english`, `tiny-estonian`).
    BuiltIn(String),
    /// Random weights of this shape: pretraining from nothing.
    New(NewModel),
}

/// A tokenizer's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenizerOrigin {
    /// A `tokenizer.json`, a `tokenizer.model`, or a folder with one of them.
    Path(PathBuf),
    /// Byte-level-fallback BPE, trained on these sources before anything else.
    Trained {
        /// Names of sources.
        sources: Vec<String>,
        /// Pieces in all, the 256 bytes and the three special ones included.
        vocabulary: usize,
    },
    /// The model's own, with more pieces from these sources.
    Extended {
        /// Names of sources.
        sources: Vec<String>,
        /// How many pieces are added.
        tokens: usize,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// The key in the recipe.
    pub name: String,
    /// Files, a data set on the Hub, or a built-in generator.
    pub origin: SourceOrigin,
    /// How a row becomes a conversation or a text.
    pub template: RowTemplate,
    /// For bitext: the names of the first and second language.
    pub languages: Option<[String; 2]>,
    /// How rows are read from files.
    pub reading: Reading,
    /// At most this many rows, from the start.
    pub limit: Option<u64>,
    /// Which rows are left out.
    pub clean: Clean,
}

/// A source's origin.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceOrigin {
    /// Files, folders and patterns with `*`, read in this order.
    Files(Vec<PathBuf>),
    /// The built-in world: a generator by name, and how many rows it makes.
    World {
        /// `english-text`, `estonian-text`, `finnish-text`, `english-instructions`, `estonian-instructions`,
        /// `finnish-instructions`, `translation-pairs`, `english-finnish-pairs`.
        generator: String,
        /// Number of rows.
        rows: u64,
    },
    /// A subset and a split of a data set on the Hugging Face Hub.
    Hub(HubDataset),
}

/// A data set on the Hugging Face Hub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubDataset {
    /// `owner/name`.
    pub name: String,
    /// A part of it; `None` for the only or default one.
    pub subset: Option<String>,
    /// `train`, or another that it has.
    pub split: String,
    /// A branch, a tag or a commit.
    pub revision: String,
    /// The commit that the revision stands for in this run, once it is known. No recipe says it.
    pub commit: Option<String>,
}

/// How a row of a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RowTemplate {
    /// A document: all of it is trained on.
    Plain,
    /// `instruction`, `input`, `output`, and `system` where there is one.
    Alpaca,
    /// `messages` with `role` and `content`, or `conversations` with `from` and `value`.
    Messages,
    /// `prompt` and `completion`, of which only the second is trained on.
    PromptCompletion,
    /// A pair of sentences, made into a translation instruction as the LLAMMAS scripts do.
    Translation,
    /// `input_ids`, tokenized already; `labels` or a mask of 0 and 1 say which of them are trained on.
    Tokens,
}

impl RowTemplate {
    /// Every way.
    pub const ALL: [Self; 6] =
        [Self::Plain, Self::Alpaca, Self::Messages, Self::PromptCompletion, Self::Translation, Self::Tokens];
}

/// Continued pretraining of all parameters.
#[derive(Debug, Clone, PartialEq)]
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
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterPlan {
    /// Its name; `name@base` or `name@pretrain@1B` where the recipe's entry has several foundations.
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

/// The comparison of all candidates.
#[derive(Debug, Clone, PartialEq)]
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
    /// The model that judges the answers, if the study has one.
    pub judge: Option<JudgeSettings>,
}

/// What goes to the Hub, when it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The user or organisation on the Hub.
    pub to: String,
    /// (Expanded) names of adapters.
    pub adapters: Vec<String>,
    /// Whether only the owner sees them.
    pub private: bool,
    /// The licence that the cards name, by the Hub's word for it.
    pub license: Option<String>,
}
