//! How the rows of files are read: their format, the names of their fields, and what a bad row means.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::study::RowTemplate;

/// How the rows of a source's files are read; the built-in world needs none of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Names of fields where they are not the template's own: the template's name, then the name in the files, which
    /// may be a dotted path into nested objects.
    pub fields: Vec<(String, String)>,
    /// The format, where it is not to be told from the name and the content.
    pub format: Option<FileFormat>,
    /// What a document of a text file is; found out file by file if `None`.
    pub documents: Option<Documents>,
    /// Whether the first row of a CSV or TSV file names its columns. Without it they are named 1, 2, 3.
    pub header: bool,
    /// Whether a cell of a CSV or TSV file may stand in double quotes.
    pub quotes: bool,
    /// What happens when a row cannot be read.
    pub on_bad_row: OnBadRow,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            fields: Vec::new(),
            format: None,
            documents: None,
            header: true,
            quotes: true,
            on_bad_row: OnBadRow::Error,
        }
    }
}

impl Reading {
    /// The name in the files of a field that the template calls `name`.
    pub fn field<'r>(&'r self, name: &'r str) -> &'r str {
        self.renamed(name).unwrap_or(name)
    }

    /// The name that the recipe gives a field, if it gives one.
    pub fn renamed(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(own, _)| own == name).map(|(_, written)| written.as_str())
    }
}

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FileFormat {
    /// One array of rows, an object with one list of rows in it, or one row after the other.
    Json,
    /// One JSON value a line.
    Jsonl,
    /// Cells with commas between them.
    Csv,
    /// Cells with tabs between them.
    Tsv,
    /// Plain text.
    Text,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow IPC, as a stream or as a file.
    Arrow,
}

/// What a document of a plain text file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Documents {
    /// Each line that is not blank.
    Line,
    /// The whole file.
    File,
    /// The lines between blank lines.
    BlankLine,
}

/// What happens when a row cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadRow {
    /// The work stops and names the row.
    #[default]
    Error,
    /// The row is left out and counted.
    Skip,
}

/// The field that says how much a row counts, which rows of any template may have; only where the recipe names it.
pub const WEIGHT: &str = "weight";

impl RowTemplate {
    /// The fields that the template reads, by the names that they have unless the recipe gives others.
    pub fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Plain => &["text"],
            Self::Alpaca => &["instruction", "input", "output", "system"],
            Self::Messages => &["messages", "role", "content", "system"],
            Self::PromptCompletion => &["prompt", "completion"],
            Self::Translation => &["first", "second"],
            Self::Tokens => &["input_ids", "labels", "trained", "loss_mask", "assistant_masks", "attention_mask"],
        }
    }
}
