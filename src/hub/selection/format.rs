//! Formats that can hold rows, and files of one of them.

use super::super::repository::Entry;
use crate::error::{Error, Result};

/// What reads a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Format {
    Text,
    Table,
    Json,
    Arrow,
    Parquet,
}

/// Compressed files have the ending of what is in them before one of these.
const COMPRESSED: [&str; 5] = ["gz", "zst", "xz", "bz2", "lz4"];

fn format(path: &str) -> Option<Format> {
    let name = path.rsplit('/').next()?.to_lowercase();
    let mut endings = name.split('.').skip(1).collect::<Vec<_>>();
    if endings.last().is_some_and(|ending| COMPRESSED.contains(ending)) {
        endings.pop();
    }
    match *endings.last()? {
        "parquet" => Some(Format::Parquet),
        "json" | "jsonl" | "ndjson" => Some(Format::Json),
        "csv" | "tsv" => Some(Format::Table),
        "arrow" => Some(Format::Arrow),
        "txt" => Some(Format::Text),
        _ => None,
    }
}

/// Whether a file is in a format that can hold rows.
pub(super) fn is_data(path: &str) -> bool {
    format(path).is_some()
}

/// The files of the format that most of them have, and the paths of the others.
pub(super) fn of_one_kind(files: Vec<Entry>) -> Result<(Vec<Entry>, Vec<String>)> {
    let mut counts: Vec<(usize, Format)> = Vec::new();
    for found in files.iter().filter_map(|entry| format(&entry.path)) {
        match counts.iter_mut().find(|(_, known)| *known == found) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, found)),
        }
    }
    let Some((_, most)) = counts.into_iter().max() else {
        return Err(Error::new("the split has no file in a format that is read")
            .hint("formats are .parquet, .jsonl, .json, .csv, .tsv, .txt and .arrow, also compressed"));
    };
    let (kept, others): (Vec<Entry>, Vec<Entry>) =
        files.into_iter().partition(|entry| format(&entry.path) == Some(most));
    Ok((kept, others.into_iter().map(|entry| entry.path).collect()))
}
