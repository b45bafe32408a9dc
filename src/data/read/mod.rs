//! Rows of a source, one by one, each with the file and line it comes from.
//!
//! | file | rows |
//! |---|---|
//! | `.json` | the elements of one array, or an object a line |
//! | `.jsonl`, `.ndjson` | an object a line |
//! | anything else | text: documents with blank lines between them if the file has such lines, else a document a line |
//!
//! Bitext is two text files whose lines belong together.

mod aligned;
mod fields;
pub(crate) mod hub;
mod json;
mod lines;
#[cfg(test)]
mod tests;
mod text;

use std::path::{Path, PathBuf};

use crate::data::Conversation;
use crate::data::world::{self, WorldRow};
use crate::error::{Error, Result};
use crate::progress::Progress;
use crate::recipe::{RowTemplate, Source, SourceOrigin};

/// A row as it stands in the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A text of its own.
    Document(String),
    /// Turns of people talking.
    Conversation(Conversation),
    /// The same sentence in the source's first and second language.
    Pair(String, String),
}

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index into [`Rows::files`].
    pub file: u32,
    /// Line, from 1.
    pub line: u64,
}

/// The rows of a source in order.
pub struct Rows {
    files: Vec<PathBuf>,
    bytes: u64,
    left: u64,
    rows: Box<dyn Iterator<Item = Result<Read>> + Send>,
}

/// A row, where it begins, and how many bytes of the source were read for it.
#[derive(Debug)]
pub struct Read {
    /// The row.
    pub row: Row,
    /// Where it begins.
    pub place: Place,
    /// Bytes of the source from the row before to the end of this one.
    pub bytes: u64,
}

impl Rows {
    /// Opens a source. `seed` is what the built-in world is made from.
    ///
    /// # Errors
    /// A file that is missing, empty, compressed or of the wrong kind for the source's template.
    pub fn open(source: &Source, seed: u64) -> Result<Self> {
        Self::open_with(source, seed, Progress::silent())
    }

    /// As [`Rows::open`], and says how far files are that are fetched.
    pub fn open_with(source: &Source, seed: u64, progress: Progress) -> Result<Self> {
        match &source.origin {
            SourceOrigin::Hub(dataset) => hub::rows(source, dataset, seed, progress),
            SourceOrigin::World { generator, rows } => Self::of_world(source, generator, *rows, seed),
            SourceOrigin::Files(paths) => Self::of_files(source, paths),
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

    fn of_world(source: &Source, generator: &str, rows: u64, seed: u64) -> Result<Self> {
        let swapped = source.languages.as_ref().is_some_and(|languages| languages[0] == "Estonian");
        let made = world::rows(generator, rows, seed)?;
        let count = made.len() as u64;
        let numbered = made.into_iter().zip(1u64..).map(move |(row, line)| {
            let row = match row {
                WorldRow::Text(text) => Row::Document(text),
                WorldRow::Instruction { instruction, input, output } => {
                    Row::Conversation(Conversation::question(instruction, input).answered(output))
                }
                WorldRow::Pair { english, estonian } if swapped => Row::Pair(estonian, english),
                WorldRow::Pair { english, estonian } => Row::Pair(english, estonian),
            };
            Ok(Read { row, place: Place { file: 0, line }, bytes: 1 })
        });
        Ok(Self {
            files: vec![PathBuf::from(format!("world {generator}"))],
            bytes: count,
            left: source.limit.unwrap_or(u64::MAX),
            rows: Box::new(numbered),
        })
    }

    fn of_files(source: &Source, paths: &[PathBuf]) -> Result<Self> {
        let files = expanded(paths)?;
        let mut bytes = 0;
        for file in &files {
            refuse_unreadable(file)?;
            bytes += size(file)?;
        }
        let rows: Box<dyn Iterator<Item = Result<Read>> + Send> = if source.template == RowTemplate::Translation {
            Box::new(aligned::pairs(&files)?)
        } else {
            let (template, text_field) = (source.template, source.text_field.clone());
            let opened = files.clone().into_iter().zip(0u32..);
            Box::new(opened.flat_map(move |(path, file)| one_file(&path, file, template, &text_field)))
        };
        Ok(Self { files, bytes, left: source.limit.unwrap_or(u64::MAX), rows })
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
        self.left = self.left.checked_sub(1)?;
        self.rows.next()
    }
}

type FileRows = Box<dyn Iterator<Item = Result<Read>> + Send>;

fn one_file(path: &Path, file: u32, template: RowTemplate, text_field: &str) -> FileRows {
    let opened: Result<FileRows> = match (is_json(path), template) {
        (true, _) => {
            let (name, text_field) = (path.to_owned(), text_field.to_owned());
            json::values(path).map(move |values| -> FileRows {
                Box::new(values.map(move |value| {
                    let json::Value { value, line, bytes } = value?;
                    let row = fields::row(value, template, &text_field);
                    let row = row.map_err(|error| error.at(format!("{}:{line}", name.display())))?;
                    Ok(Read { row, place: Place { file, line }, bytes })
                }))
            })
        }
        (false, RowTemplate::Plain) => text::documents(path).map(move |documents| -> FileRows {
            Box::new(documents.map(move |document| {
                let text::Document { text, line, bytes } = document?;
                Ok(Read { row: Row::Document(text), place: Place { file, line }, bytes })
            }))
        }),
        (false, _) => Err(Error::new("a plain text file has no fields")
            .at(path.display().to_string())
            .hint("instructions and messages are read from .json or .jsonl files")),
    };
    opened.unwrap_or_else(|error| Box::new(std::iter::once(Err(error))))
}

fn is_json(path: &Path) -> bool {
    extension(path).is_some_and(|extension| ["json", "jsonl", "ndjson"].contains(&extension.as_str()))
}

fn extension(path: &Path) -> Option<String> {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase())
}

/// Files as given, folders as the files in them by name.
pub(crate) fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |e| Error::io(path, "list the folder", &e);
        let mut inside = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path().is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
                inside.push(entry.path());
            }
        }
        if inside.is_empty() {
            return Err(Error::new("the folder has no files").at(path.display().to_string()));
        }
        inside.sort();
        files.extend(inside);
    }
    Ok(files)
}

fn refuse_unreadable(path: &Path) -> Result<()> {
    let refused = |what: &str, hint: &str| Err(Error::new(what).at(path.display().to_string()).hint(hint));
    match extension(path).as_deref() {
        Some("gz" | "zst" | "xz" | "bz2" | "zip" | "tar" | "tgz") => {
            refused("the file is compressed", "decompress it first")
        }
        Some("parquet" | "arrow") => refused("the file is in a binary table format", "export it as .jsonl first"),
        Some("csv" | "tsv") => refused("the file is a table", "export it as .jsonl, with a field for each column"),
        _ => Ok(()),
    }
}

fn size(path: &Path) -> Result<u64> {
    let size = std::fs::metadata(path).map_err(|e| Error::io(path, "read the file", &e))?.len();
    if size == 0 {
        return Err(Error::new("the file is empty").at(path.display().to_string()));
    }
    Ok(size)
}
