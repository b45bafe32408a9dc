//! Examples from files as people have them; the format is found by looking at the content.
//!
//! | task | formats |
//! |---|---|
//! | translation | a table (TSV) with a column for each language; two aligned text files; JSON rows with a key for each language, or `source` and `references` |
//! | choice | XCOPA and EstCOPA (JSON rows: `premise`, `choice1`, `choice2`, `question`, `label`); COPA's XML; JSON rows with `choices` |
//! | answer | SQuAD (nested), EstQA (flat); JSON rows with `context`, `question`, `answers` |
//! | correction | M2 (`S` and `A` lines, as EstGEC-L2); two aligned text files; JSON rows with `source` and `references` |
//! | perplexity | text; JSON rows with `text` |
//! | conversation | JSON rows with `turns`, and `reference` where there are good answers (MT-bench) |
//!
//! *JSON rows* are JSON lines or one JSON array. Languages may go by name or code (`Estonian`, `et`, `est_Latn`).
//! Every error names the file and the line, or the place inside one JSON document.

mod answer;
mod bitext;
mod choice;
mod copa_xml;
mod detokenise;
mod fields;
mod m2;
mod own;
mod text;
mod turns;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::files;
use crate::recipe::TaskKind;

use super::example::Example;
use super::language::Language;
use super::maxmatch::Gold;
use crate::data::template::Fields;
use fields::Fields as Object;

/// An example, and the fields of its row where the task reads rows of its own.
pub(super) type Found = (Example, Fields);

/// Reads all examples of a task from its files, in their order; the turns of a conversation are a group.
///
/// # Errors
/// A file that is not there, is empty, or is in no known format for this task; a field or column that is
/// missing; files of different lengths.
pub(super) fn groups(kind: &TaskKind, paths: &[PathBuf], row: &[(String, String)]) -> Result<Vec<Vec<Found>>> {
    if row.is_empty() {
        let mut groups: Vec<Vec<Found>> = Vec::new();
        for example in examples(kind, paths)? {
            let goes_on = matches!(example, Example::Turn { number, .. } if number > 0);
            match groups.last_mut().filter(|_| goes_on) {
                Some(group) => group.push((example, Fields::new())),
                None => groups.push(vec![(example, Fields::new())]),
            }
        }
        return Ok(groups);
    }
    let groups = own::examples(kind, paths, row)?;
    if groups.is_empty() {
        return Err(no_example(paths));
    }
    let group = |(examples, row): (Vec<Example>, Fields)| examples.into_iter().map(|it| (it, row.clone())).collect();
    Ok(groups.into_iter().map(group).collect())
}

/// Reads all examples of a task from its files in a known format, in their order.
///
/// # Errors
/// As for a task.
pub fn examples(kind: &TaskKind, paths: &[PathBuf]) -> Result<Vec<Example>> {
    let examples = match kind {
        TaskKind::Translation { from, to } => {
            bitext::translations(paths, &Language::named(from), &Language::named(to))?
        }
        TaskKind::Correction => match paths {
            [source, corrected] => bitext::corrections(source, corrected)?,
            _ => each_file(paths, corrections)?,
        },
        TaskKind::Choice => each_file(paths, choice::read)?,
        TaskKind::Answer => each_file(paths, answer::read)?,
        TaskKind::Perplexity => each_file(paths, text::read)?,
        TaskKind::Conversation => each_file(paths, turns::read)?,
    };
    if examples.is_empty() {
        return Err(no_example(paths));
    }
    Ok(examples)
}

fn no_example(paths: &[PathBuf]) -> Error {
    let names = paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Error::new("no example in the file").at(names)
}

/// The sentences of an M2 file with their edits.
pub(super) fn golds(path: &Path) -> Result<Vec<Gold>> {
    let content = open(path)?;
    match content.looks {
        Looks::M2 => m2::golds(&content.text, path),
        looks => Err(unknown_format(path, looks, "M2")),
    }
}

/// A file's text and what it looks like.
struct Content {
    text: String,
    looks: Looks,
}

/// What a file looks like from its first characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Json,
    Xml,
    M2,
    /// Its first line has a tab.
    Table,
    Lines,
}

fn open(path: &Path) -> Result<Content> {
    let text = files::read_text(path)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n");
    let first = text.lines().find(|line| !line.trim().is_empty());
    let Some(first) = first.map(str::trim_start) else {
        return Err(Error::new("the file is empty").at(path.display().to_string()));
    };
    let looks = match first {
        _ if first.starts_with('{') || (first.starts_with('[') && text.trim_end().ends_with(']')) => Looks::Json,
        _ if first.starts_with("<?xml") || first.starts_with("<copa-corpus") => Looks::Xml,
        _ if is_m2(&text) => Looks::M2,
        _ if first.contains('\t') => Looks::Table,
        _ => Looks::Lines,
    };
    Ok(Content { text, looks })
}

/// Sentences (`S …`) with annotations (`A …`) under them and nothing else.
fn is_m2(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.next().is_some_and(|line| line.starts_with("S "))
        && lines.next().is_none_or(|line| line.starts_with("A ") || line.starts_with("S "))
}

fn each_file(paths: &[PathBuf], read: impl Fn(&Path) -> Result<Vec<Example>>) -> Result<Vec<Example>> {
    let lists = paths.iter().map(|path| read(path)).collect::<Result<Vec<_>>>()?;
    Ok(lists.into_iter().flatten().collect())
}

/// An error for a file in a format that its task cannot have.
fn unknown_format(path: &Path, looks: Looks, expected: &str) -> Error {
    let got = match looks {
        Looks::Json => "JSON",
        Looks::Xml => "XML",
        Looks::M2 => "M2",
        Looks::Table => "a table with tabs",
        Looks::Lines => "plain lines",
    };
    Error::new("the file's format").got(got).expected(expected).at(path.display().to_string())
}

fn corrections(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    match content.looks {
        Looks::M2 => m2::read(&content.text, path),
        Looks::Json => fields::rows(&content.text, path)?.iter().map(correction).collect(),
        looks => Err(unknown_format(path, looks, "M2, JSON rows, or two aligned text files")),
    }
}

fn correction(row: &Object) -> Result<Example> {
    Ok(Example::Correction {
        source: row.text(&["source", "sentence", "wrong"])?,
        references: row.texts(&["references", "reference", "correction", "right"])?,
        gold: None,
    })
}

#[cfg(test)]
mod tests;
