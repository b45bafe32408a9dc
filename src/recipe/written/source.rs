//! The keys of an entry of `sources`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::count::Count;
use super::super::shapes::{Named, Words};
use super::super::study::{Documents, FileFormat, OnBadRow, RowTemplate};
use super::clean::Clean;

/// Where rows come from and what they are: one of `path`, `builtin` and `hub`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    /// A file, a folder, a pattern such as `data/*.jsonl.zst`, or a list of them, read in that order. Compressed files
    /// (gzip, zstd, bzip2, xz) are read as they are. For `template: translation`: two text files whose lines belong
    /// together, tables of two columns, or any files with `fields`.
    pub(crate) path: Option<Words>,
    /// Rows made by the program itself, about its small world: `english-text`, `estonian-text`, `finnish-text`,
    /// `english-instructions`, `estonian-instructions`, `finnish-instructions`, `translation-pairs` (English and Estonian) or
    /// `english-finnish-pairs`.
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
    /// The field that holds the text of a plain row: short for `fields: { text: … }`. Default: text.
    pub(crate) text: Option<String>,
    /// Names of fields where they are not the template's own, such as `{ instruction: juhis, output: vastus }`; a
    /// dotted path (`translation.et`) leads into nested objects. With `weight`, a row's targets count as much as that
    /// field says, 0.5 half as much as others.
    pub(crate) fields: Option<Named<String>>,
    /// For `template: translation`: the names of the languages of the first and the second side, in English.
    pub(crate) languages: Option<Vec<String>>,
    /// The format of the files. Default: told from the content and the name.
    pub(crate) format: Option<FileFormat>,
    /// What a document of a plain text file is. Default: what stands between blank lines if the file has such lines,
    /// else each line.
    pub(crate) documents: Option<Documents>,
    /// Whether the first row of a CSV or TSV file names the columns; without it they are named '1', '2', '3'. Default: true.
    pub(crate) header: Option<bool>,
    /// Whether a cell of a CSV or TSV file that begins with a double quote goes on to the next one, over tabs and line
    /// ends. Default: true.
    pub(crate) quotes: Option<bool>,
    /// Whether a row that cannot be read is an error, or is left out and counted. Default: error.
    pub(crate) on_bad_row: Option<OnBadRow>,
    /// At most this many rows, from the start. Default: all.
    pub(crate) limit: Option<Count>,
    /// Which rows are left out before training: duplicates, texts of another language, and so on.
    pub(crate) clean: Option<Clean>,
}
