//! What a task of the comparison asks, of what, and how its answers are read and scored.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One task.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskSettings {
    /// What is asked.
    pub kind: TaskKind,
    /// The examples.
    pub data: TaskData,
    /// The most tokens an answer may have.
    pub max_new_tokens: usize,
    /// How translations are scored.
    pub metric: MetricSettings,
    /// What tables call it instead of its kind.
    pub name: Option<String>,
    /// The parts of an example, each as an expression of Jinja over the fields of a row; empty for files in a known format.
    pub row: Vec<(String, String)>,
    /// How the question is put, by language; empty for the kind's own words.
    pub prompts: Vec<(String, PromptWords)>,
    /// How a choice is made.
    pub choose: Choose,
    /// What of a written text is the answer.
    pub read: ReadAnswer,
    /// What is reported, the first as the score of the task; empty for what is usual.
    pub metrics: Vec<MetricWord>,
}

impl TaskSettings {
    /// A task of a kind, with nothing of its own.
    pub fn of(kind: TaskKind, data: TaskData, max_new_tokens: usize) -> Self {
        Self {
            kind,
            data,
            max_new_tokens,
            metric: MetricSettings::default(),
            name: None,
            row: Vec::new(),
            prompts: Vec::new(),
            choose: Choose::default(),
            read: ReadAnswer::default(),
            metrics: Vec::new(),
        }
    }
}

/// The words of a prompt, in Jinja over the parts of an example.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PromptWords {
    /// A system message before the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The question, or what to do.
    pub instruction: String,
    /// What it is about, where the chat template has a place of its own for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// How a choice is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Choose {
    /// The choice whose text the model finds likeliest; the choices are not shown.
    #[default]
    Likelihood,
    /// The choices are shown with letters, and the model writes one.
    Letter,
}

/// What of a written text is the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ReadAnswer {
    /// Its first line; all of it where a right answer has several lines.
    #[default]
    Line,
    /// All of it.
    All,
    /// What the first group of a regular expression matches, or the whole match; nothing if there is none.
    Pattern(String),
}

/// A score that a task may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricWord {
    /// BLEU.
    Bleu,
    /// chrF.
    Chrf,
    /// chrF++.
    #[serde(rename = "chrf++")]
    ChrfPlusPlus,
    /// TER.
    Ter,
    /// Share of answers that equal a right one, but for case, punctuation and articles.
    ExactMatch,
    /// Share of answers that equal a right one.
    SameText,
    /// F1 over words.
    F1,
    /// Share of answers in the language of the task.
    InLanguage,
}

/// How translations are scored, beside chrF and chrF++.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricSettings {
    /// The tokens of BLEU.
    pub tokenize: BleuTokens,
    /// The SentencePiece model of those tokens that need one.
    pub model: Option<PathBuf>,
    /// Whether BLEU ignores case.
    pub lowercase: bool,
    /// Whether TER is reported too.
    pub ter: bool,
}

/// How BLEU cuts a line into tokens, by sacreBLEU's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum BleuTokens {
    /// Western punctuation apart.
    #[default]
    #[serde(rename = "13a")]
    ThirteenA,
    /// Punctuation and symbols of all scripts apart.
    #[serde(rename = "intl")]
    International,
    /// Each character.
    #[serde(rename = "char")]
    Characters,
    /// What stands between spaces.
    #[serde(rename = "none")]
    Spaces,
    /// Pieces of FLORES-200's SentencePiece model: spBLEU.
    #[serde(rename = "flores200")]
    Flores200,
}

impl BleuTokens {
    /// Its name in a recipe.
    pub fn name(self) -> &'static str {
        match self {
            Self::ThirteenA => "13a",
            Self::International => "intl",
            Self::Characters => "char",
            Self::Spaces => "none",
            Self::Flores200 => "flores200",
        }
    }
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
    /// Choose one of some texts; accuracy.
    Choice,
    /// Answer a question; exact match and F1.
    Answer,
    /// Correct a sentence; exact match and chrF.
    Correction,
    /// Predict a text; perplexity per token and bits per byte.
    Perplexity,
    /// Answer turn after turn, for judges.
    Conversation,
}

impl TaskKind {
    /// Whether the model writes an answer, if choices are made that way.
    pub fn is_written(&self, choose: Choose) -> bool {
        match self {
            Self::Translation { .. } | Self::Answer | Self::Correction | Self::Conversation => true,
            Self::Choice => choose == Choose::Letter,
            Self::Perplexity => false,
        }
    }
}

/// Where a task's examples come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskData {
    /// The built-in world's held-out part, in that language where the task has one.
    World {
        /// `English` or `Estonian`.
        language: String,
    },
    /// The rows of a source of the study that no stage trains on.
    HeldOut {
        /// The source's name.
        source: String,
    },
    /// A file in one of the known formats (see `eval::read`).
    File {
        /// The file; bitext in two files has two.
        paths: Vec<PathBuf>,
        /// The language, as the table names it.
        language: String,
    },
}

impl TaskData {
    /// The language of the examples, by its English name; empty for a source, which does not say.
    pub fn language(&self) -> &str {
        match self {
            Self::World { language } | Self::File { language, .. } => language,
            Self::HeldOut { .. } => "",
        }
    }
}
