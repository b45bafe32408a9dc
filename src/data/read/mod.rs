//! Rows of a source, one by one, each with the file and line it comes from.
//!
//! | format | rows |
//! |---|---|
//! | JSON | the elements of one list, of the one list inside an object, or one value after the other |
//! | JSON lines | a value a line |
//! | CSV, TSV | a row after the one that names the columns |
//! | Parquet, Arrow IPC | a row; nested columns are what they would be in JSON |
//! | text | documents with blank lines between them if the file has such lines, else a document a line |
//!
//! Bitext is two text files whose lines belong together, or two fields of any other format. Files may be compressed.
//!
//! | module | concept |
//! |---|---|
//! | `paths`, `open`, `format` | which files, their content, what format it has |
//! | `lines`, `text`, `aligned` | text |
//! | `shape`, `scan`, `json`, `record` | JSON |
//! | `table` | CSV and TSV |
//! | `parquet`, `thrift`, `pages`, `arrow`, `columns`, `cell` | Parquet and Arrow IPC |
//! | `layout`, `value` | the fields of a row that are kept |
//! | `row`, `messages`, `tokens` | those fields as a row |

mod aligned;
mod arrow;
mod cell;
mod columns;
mod format;
pub(crate) mod hub;
mod json;
mod layout;
mod lines;
mod messages;
mod open;
mod pages;
mod parquet;
mod paths;
mod record;
mod row;
mod scan;
mod shape;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod thrift;
mod tokens;
mod value;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::data::Conversation;
use crate::data::world::{self, WorldRow};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::recipe::{FileFormat, OnBadRow, Reading, RowTemplate, Source, SourceOrigin};
use layout::Layout;
use open::Input;
pub(crate) use paths::expanded;

/// Skipped rows of which the places and reasons are kept.
const FIRST_SKIPPED: usize = 10;

/// A row as it stands in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A text of its own.
    Document(String),
    /// Turns of people talking.
    Conversation(Conversation),
    /// The same sentence in the source's first and second language.
    Pair(String, String),
    /// Token ids, and which of them are targets; equally long.
    Tokens {
        /// The ids.
        ids: Vec<u32>,
        /// Which of them are trained on; never the first.
        trained: Vec<bool>,
    },
}

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into [`Rows::files`].
    pub file: u32,
    /// Line, from 1; in Parquet and Arrow files the number of the row.
    pub line: u64,
}

/// Rows that could not be read and were left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// Where the first ten are, and what is wrong with each.
    pub first: Vec<String>,
}

/// The rows of a source in order.
pub struct Rows {
    files: Vec<PathBuf>,
    bytes: u64,
    left: u64,
    skips: bool,
    skipped: Skipped,
    /// Nothing can be read after an error.
    failed: bool,
    rows: Box<dyn Iterator<Item = Result<(u32, Found)>> + Send>,
}

/// A row, where it begins, and how many bytes of the source were read for it.
#[derive(Debug)]
pub struct Read {
    /// The row.
    pub row: Row,
    /// How much its targets count in training; 0 or more.
    pub weight: f32,
    /// Where it begins.
    pub place: Place,
    /// Bytes of the source from the row before to the end of this one.
    pub bytes: u64,
}

/// What stands at a place of a file: a row, or what is wrong with it. An error around it means that the rest of the file
/// cannot be read.
struct Found {
    row: Result<Weighed>,
    line: u64,
    bytes: u64,
}

/// A row, and how much its targets count.
struct Weighed {
    row: Row,
    weight: f32,
}

impl From<Row> for Weighed {
    fn from(row: Row) -> Self {
        Self { row, weight: 1.0 }
    }
}

type FoundRows = Box<dyn Iterator<Item = Result<Found>> + Send>;

impl Rows {
    /// Opens a source. `seed` is what the built-in world is made from.
    ///
    /// # Errors
    /// A file that is missing, empty, an archive, or of the wrong kind for the source's template.
    pub fn open(source: &Source, seed: u64) -> Result<Self> {
        Self::open_with(source, seed, Progress::silent())
    }

    /// As [`Rows::open`], and says how far files are that are fetched.
    pub fn open_with(source: &Source, seed: u64, progress: Progress) -> Result<Self> {
        match &source.origin {
            SourceOrigin::Hub(dataset) => hub::rows(source, dataset, progress),
            SourceOrigin::World { generator, rows } => Self::of_world(source, generator, *rows, seed),
            SourceOrigin::Files(paths) => {
                let inputs = expanded(paths)?.into_iter().map(Input::File).collect();
                Self::of_inputs(source, inputs)
            }
        }
    }

    /// The files that [`Place::file`] counts; the built-in world is one, by its generator's name.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The size of the source, in the unit of [`Read::bytes`].
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The rows that were left out so far; none where a bad row is an error.
    pub fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    fn of_world(source: &Source, generator: &str, rows: u64, seed: u64) -> Result<Self> {
        let swapped = source.languages.as_ref().is_some_and(|languages| languages[0] != "English");
        let made = world::rows(generator, rows, seed)?;
        let count = made.len() as u64;
        let numbered = made.into_iter().zip(1u64..).map(move |(row, line)| {
            let row = match row {
                WorldRow::Text(text) => Row::Document(text),
                WorldRow::Instruction { instruction, input, output } => {
                    Row::Conversation(Conversation::question(instruction, input).answered(output))
                }
                WorldRow::Pair { english, other } if swapped => Row::Pair(other, english),
                WorldRow::Pair { english, other } => Row::Pair(english, other),
            };
            Ok((0, Found { row: Ok(row.into()), line, bytes: 1 }))
        });
        Ok(Self {
            files: vec![PathBuf::from(format!("world {generator}"))],
            bytes: count,
            left: source.limit.unwrap_or(u64::MAX),
            skips: false,
            skipped: Skipped::default(),
            failed: false,
            rows: Box::new(numbered),
        })
    }

    fn of_inputs(source: &Source, inputs: Vec<Input>) -> Result<Self> {
        let reading = &source.reading;
        let formats = inputs.iter().map(|input| format::of(input, reading.format)).collect::<Result<Vec<_>>>()?;
        let bytes = inputs.iter().map(Input::size).sum::<Result<u64>>()?;
        let files = inputs.iter().map(|input| PathBuf::from(input.name())).collect();
        let layout = Arc::new(Layout::new(source));
        let text = |format: &FileFormat| *format == FileFormat::Text;
        let rows: Box<dyn Iterator<Item = Result<(u32, Found)>> + Send> = match inputs.as_slice() {
            [first, second] if layout.has_no_names() && formats.iter().all(text) => {
                Box::new(aligned::pairs(first, second)?.map(|found| Ok((0, found?))))
            }
            _ => {
                for (input, format) in inputs.iter().zip(&formats) {
                    refuse_fieldless(*format, &layout).map_err(|error| error.at(input.name()))?;
                }
                let reading = reading.clone();
                let files = inputs.into_iter().zip(formats).zip(0u32..);
                Box::new(files.flat_map(move |((input, format), file)| {
                    let opened = one_file(&input, format, &layout, &reading);
                    opened
                        .unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
                        .map(move |found| Ok((file, found?)))
                }))
            }
        };
        let (left, skips) = (source.limit.unwrap_or(u64::MAX), reading.on_bad_row == OnBadRow::Skip);
        Ok(Self { files, bytes, left, skips, skipped: Skipped::default(), failed: false, rows })
    }

    /// The next row, and with it the bytes of those that were skipped before it.
    fn read(&mut self) -> Option<Result<Read>> {
        let mut skipped_bytes = 0;
        loop {
            let (file, found) = match self.rows.next()? {
                Ok(found) => found,
                Err(error) => return Some(Err(error)),
            };
            match found.row {
                Ok(Weighed { row, weight }) => {
                    let place = Place { file, line: found.line };
                    return Some(Ok(Read { row, weight, place, bytes: skipped_bytes + found.bytes }));
                }
                Err(error) if self.skips => {
                    skipped_bytes += found.bytes;
                    self.skipped.add(&error);
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Skipped {
    fn add(&mut self, error: &Error) {
        self.count += 1;
        if self.first.len() < FIRST_SKIPPED {
            // The hint says what to do about a row that is an error.
            let text = error.to_string();
            self.first.push(text.lines().next().unwrap_or_default().to_owned());
        }
    }
}

impl std::fmt::Debug for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rows").field("files", &self.files).field("left", &self.left).finish_non_exhaustive()
    }
}

impl Iterator for Rows {
    type Item = Result<Read>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        self.left = self.left.checked_sub(1)?;
        let read = self.read();
        self.failed = !matches!(read, Some(Ok(_)));
        read
    }
}

/// What stands in a file of a kind that is not known yet.
fn one_input(input: &Input, layout: &Arc<Layout>, reading: &Reading) -> Result<FoundRows> {
    let format = format::of(input, reading.format)?;
    refuse_fieldless(format, layout).map_err(|error| error.at(input.name()))?;
    one_file(input, format, layout, reading)
}

fn one_file(input: &Input, format: FileFormat, layout: &Arc<Layout>, reading: &Reading) -> Result<FoundRows> {
    let layout = Arc::clone(layout);
    match format {
        FileFormat::Json => json::values(input, layout),
        FileFormat::Jsonl => json::lines(input, layout),
        FileFormat::Csv | FileFormat::Tsv => table::rows(input, format, layout, reading),
        FileFormat::Parquet => parquet::rows(input, layout),
        FileFormat::Arrow => arrow::rows(input, layout),
        FileFormat::Text => Ok(Box::new(text::documents(input, reading.documents)?)),
    }
}

/// Text has no fields, and JSON has no order of fields.
fn refuse_fieldless(format: FileFormat, layout: &Layout) -> Result<()> {
    match (format, layout.template) {
        (FileFormat::Text, RowTemplate::Plain) => Ok(()),
        (FileFormat::Text, RowTemplate::Translation) => Err(Error::new("bitext in plain text must be two files")
            .hint("give two text files whose lines belong together, or a table of two columns")),
        (FileFormat::Text, _) => Err(Error::new("a plain text file has no fields").hint(
            "rows with fields are read from .json, .jsonl, .csv, .tsv, .parquet or .arrow files; or say the format",
        )),
        (FileFormat::Json | FileFormat::Jsonl, _) if layout.has_no_names() => {
            Err(Error::new("the two fields of a pair have no names")
                .hint("name them, such as fields: { first: translation.en, second: translation.et }"))
        }
        _ => Ok(()),
    }
}

/// A place in a file as people name it: `file:line`, or the number of a row where the file has no lines.
pub(crate) fn place_name(path: &Path, line: u64) -> String {
    let format = format::of(&Input::File(path.to_owned()), None);
    match format {
        Ok(FileFormat::Parquet | FileFormat::Arrow) => format!("{}: row {line}", path.display()),
        _ => format!("{}:{line}", path.display()),
    }
}

/// The rows in bytes of a format, bad ones left out: for tests that try any bytes at all.
///
/// # Errors
/// The bytes cannot be read to their end, or to the row after `most`.
#[doc(hidden)]
pub fn rows_of_bytes(bytes: &[u8], format: FileFormat, template: RowTemplate, most: usize) -> Result<Vec<Row>> {
    let reading = Reading { format: Some(format), on_bad_row: OnBadRow::Skip, ..Reading::default() };
    let source = Source {
        name: "bytes".into(),
        origin: SourceOrigin::Files(vec![]),
        template,
        languages: None,
        reading,
        limit: None,
        clean: crate::recipe::Clean::default(),
    };
    let rows = Rows::of_inputs(&source, vec![Input::Memory("bytes".into(), bytes.into())])?.rows;
    rows.take(most)
        .filter_map(|found| found.map(|(_, found)| found.row.ok().map(|found| found.row)).transpose())
        .collect()
}
