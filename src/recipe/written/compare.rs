//! The keys of `compare` and `publish`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::count::Count;
use super::super::shapes::{Named, Words};
use super::super::task::{BleuTokens, Choose, MetricWord, PromptWords};
use super::super::training::ChatTemplate;
use super::judge::Judge;

/// The comparison of the base, every snapshot and every adapter.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compare {
    /// The tasks that all of them answer. Required.
    #[schemars(with = "Vec<Task>")]
    pub(crate) tasks: Option<Vec<Task>>,
    /// Also score each LoRA adapter merged into its base. Default: false.
    pub(crate) merged: Option<bool>,
    /// Prompts answered together, those of all adapters on one base among them. Default: 16.
    pub(crate) batch: Option<Count>,
    /// At most this many examples a task. Default: all.
    pub(crate) limit: Option<Count>,
    /// How prompts are written. Default: the template of the adapters.
    pub(crate) template: Option<ChatTemplate>,
    /// A model that judges the answers.
    pub(crate) judge: Option<Judge>,
}

/// One task. A file of a task has the same keys; those of the recipe go before its own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Task {
    /// What is asked: a kind of task, a task that comes with the program (`emakeel recipes`), or the path of a YAML file of
    /// a task. Required.
    #[schemars(with = "TaskName")]
    pub(crate) task: Option<TaskWord>,
    /// What tables call it. Default: its kind; the name of its file.
    pub(crate) name: Option<String>,
    /// The examples: `world` (the held-out part of the program's own small world, in English, Estonian or Finnish; translated
    /// from English or into it), `held-out` (for perplexity: the rows of sources that no stage trains on, by their
    /// `held_out`), a file, or a list of files. Required.
    #[schemars(with = "Words")]
    pub(crate) data: Option<Words>,
    /// For `data: held-out`: the source. Default: each that has such rows, a task for each.
    pub(crate) source: Option<String>,
    /// For translation: the language of the sentence given, in English. Required there.
    pub(crate) from: Option<String>,
    /// For translation: the language of the sentence wanted, in English. Required there.
    pub(crate) to: Option<String>,
    /// For all but translation: the language of the examples, in English. Default: Estonian.
    pub(crate) language: Option<String>,
    /// The most tokens an answer may have. Default: 64 for answers, 256 for translations and corrections.
    pub(crate) max_new_tokens: Option<Count>,
    /// For translation: how answers are scored, beside chrF and chrF++.
    pub(crate) metric: Option<Metric>,
    /// For files in a format of their own: the parts of an example, each as an expression of Jinja over the fields of a
    /// row of JSON, CSV or TSV. Translations and corrections have `source` and `references`; choices `context`, `question`,
    /// `choices` and `right` (the number of the right one from 0, its letter, or its text); answers `context`, `question` and
    /// `references`; perplexity `text`; conversations `turns` and `references`.
    #[schemars(with = "Option<std::collections::BTreeMap<String, String>>")]
    pub(crate) row: Option<Named<String>>,
    /// How the question is put, by the English name of a language: the task's, else the first, is taken. In Jinja over the parts
    /// of an example and the fields of its row. Default: the kind's own words.
    #[schemars(with = "Option<std::collections::BTreeMap<String, PromptWords>>")]
    pub(crate) prompts: Option<Named<PromptWords>>,
    /// For choices: how one is made. Default: likelihood.
    pub(crate) choose: Option<Choose>,
    /// What of a written text is the answer. Default: line.
    pub(crate) read: Option<ReadWord>,
    /// A regular expression for the answer in a written text: what its first group matches, or all of it.
    pub(crate) pattern: Option<String>,
    /// What is reported of written answers, the first as the score of the task. Default: what is usual for the kind.
    pub(crate) metrics: Option<Vec<MetricWord>>,
}

/// What a task may be called, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code)]
enum TaskName {
    Kind(TaskWord),
    File(String),
}

/// How much of a written text is the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ReadWord {
    /// Its first line; all of it where a right answer has several.
    Line,
    /// All of it.
    All,
}

/// How translations are scored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metric {
    /// The options of BLEU.
    pub(crate) bleu: Option<Bleu>,
    /// Also report TER. Default: false.
    pub(crate) ter: Option<bool>,
}

/// The options of BLEU.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bleu {
    /// What it counts n-grams of, by sacreBLEU's names: 13a, intl, char, none, or flores200 (spBLEU), which needs a model.
    /// Default: 13a.
    pub(crate) tokenize: Option<BleuTokens>,
    /// The SentencePiece model for flores200: the path of a file.
    pub(crate) model: Option<String>,
    /// Whether case is ignored. Default: false.
    pub(crate) lowercase: Option<bool>,
}

/// What a task asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TaskWord {
    /// Translate a sentence; BLEU and chrF.
    Translation,
    /// Choose one of some texts; accuracy.
    Choice,
    /// Answer a question about a text; exact match and F1.
    Answer,
    /// Correct a sentence; F0.5 of edits, exact match and chrF, and the M2 scorer's measures where annotators' edits are given.
    Correction,
    /// Predict a text; perplexity per token, word and byte, and bits per byte.
    Perplexity,
    /// Answer turn after turn, each with what was said before; for judges and people, and the share of answers in the language.
    Conversation,
}

/// What goes to the Hub.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Publish {
    /// The user or organisation on the Hub. Required.
    #[schemars(with = "String")]
    pub(crate) to: Option<String>,
    /// Names of adapters. Default: all.
    pub(crate) adapters: Option<Vec<String>>,
    /// Whether only the owner sees them. Default: true.
    pub(crate) private: Option<bool>,
    /// The licence that the cards name, by the Hub's word for it: `apache-2.0`, `cc-by-4.0`, `llama2`, `other`.
    pub(crate) license: Option<String>,
}
