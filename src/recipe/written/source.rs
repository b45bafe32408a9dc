//! The keys of an entry of `sources`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::count::Count;
use super::super::shapes::Words;
use super::super::study::RowTemplate;
use super::clean::Clean;

/// Where rows come from and what they are: one of `path`, `builtin` and `hub`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// A file, a folder, or a list of them, read in that order. For `template: translation` two files whose lines
    /// belong together.
    pub(crate) path: Option<Words>,
    /// Rows made by the program itself, about its small bilingual world: `english-text`, `estonian-text`,
    /// `english-instructions`, `estonian-instructions` or `translation-pairs`.
    pub(crate) builtin: Option<String>,
    /// How many rows a `builtin` source makes. Required there.
    pub(crate) rows: Option<Count>,
    /// A data set on the Hugging Face Hub, as `owner/name`. Its files are fetched when their rows are wanted.
    pub(crate) hub: Option<String>,
    /// The part of a `hub` data set, such as a language. Default: its only or default one.
    pub(crate) subset: Option<String>,
    /// The split of a `hub` data set. Default: train.
    pub(crate) split: Option<String>,
    /// The branch, tag or commit of a `hub` data set. Default: main.
    pub(crate) revision: Option<String>,
    /// How a row is read. Default: plain for a `path` or a `hub` data set; a `builtin` brings its own.
    pub(crate) template: Option<RowTemplate>,
    /// The field that holds the text of a plain row in JSON or Parquet. Default: text.
    pub(crate) text: Option<String>,
    /// For `template: translation`: the names of the languages of the first and the second file, in English.
    pub(crate) languages: Option<Vec<String>>,
    /// At most this many rows, from the start. Default: all.
    pub(crate) limit: Option<Count>,
    /// Which rows are left out before training: duplicates, texts of another language, and so on.
    pub(crate) clean: Option<Clean>,
}
