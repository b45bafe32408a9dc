//! Which files a subset and a split of a data set are, chosen as Python's `datasets` 5 does.
//!
//! 1. The header of `README.md` (or `.huggingface.yaml`) may list `configs`, each a subset with its `data_files`:
//!    `card`.
//! 2. The branch `refs/convert/parquet`, which the Hub makes, has a folder for each subset and in it one for each split:
//!    `exported`.
//! 3. Else names tell the split: `data/SPLIT-00000-of-00003.parquet`, folders named like a split, files named like one;
//!    else all files are `train`. A folder is then a subset: `by_name`.
//!
//! Differences: a file that two patterns match is read once; a split that is named like a folder of its own on the
//! exported branch is found by that name; formats that hold no text (images, sound, archives) are not known.

mod by_name;
mod card;
mod exported;
mod format;
mod pattern;
#[cfg(test)]
mod tests;

pub(super) use card::{Card, read as read_card};

use super::repository::Entry;
use crate::error::{Error, Result};

/// The files of a split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chosen {
    /// The subset; `None` where the data set has no subsets.
    pub subset: Option<String>,
    /// In the order in which they are read.
    pub files: Vec<Entry>,
    /// Files of the split in a format that is not read with the others.
    pub left_out: Vec<String>,
}

/// A subset's splits with the patterns of their files.
type Splits = Vec<(String, Vec<String>)>;

/// Chooses the files of a subset and a split.
///
/// # Errors
/// There is no such subset or split: says which there are. The data set has a loader script.
pub(super) fn choose(
    entries: &[Entry],
    cards: &[Card],
    name: &str,
    revision: &str,
    subset: Option<&str>,
    split: &str,
) -> Result<Chosen> {
    refuse_script(entries, name)?;
    let (subset, base, splits) = if revision.starts_with("refs/convert/") {
        exported::splits(entries, subset)?
    } else if let Some(card) = cards.iter().find(|card| !card.subsets.is_empty()) {
        card.splits(entries, subset)?
    } else {
        by_name::subset(entries, subset)?
    };
    let known: Vec<&str> = splits.iter().map(|(split, _)| split.as_str()).collect();
    let Some((_, patterns)) = splits.iter().find(|(known, _)| known == split) else {
        return Err(unknown("split", split, &known));
    };
    let mut files: Vec<Entry> = Vec::new();
    for pattern in patterns {
        for entry in pattern::matching(entries, &base, pattern)? {
            if !files.contains(entry) {
                files.push(entry.clone());
            }
        }
    }
    let (files, left_out) = format::of_one_kind(files)?;
    let files: Vec<Entry> = files.into_iter().filter(|entry| entry.size != Some(0)).collect();
    if files.is_empty() {
        return Err(Error::new(format!("the split {split:?} has no rows: no file matches {}", patterns.join(", "))));
    }
    Ok(Chosen { subset, files, left_out })
}

/// A data set that is a program is not run, here or by `datasets` since version 4.
fn refuse_script(entries: &[Entry], name: &str) -> Result<()> {
    let script = format!("{name}.py");
    if !entries.iter().any(|entry| entry.path == script) {
        return Ok(());
    }
    Err(Error::new(format!("the data set is a program ({script}), which is not run"))
        .hint("most of them are there as files too: add revision: refs/convert/parquet"))
}

/// The error of a name that is not among those known.
fn unknown(what: &str, wanted: &str, known: &[&str]) -> Error {
    let error = Error::new(format!("the data set has no {what} {wanted:?}"));
    if known.is_empty() { error } else { error.hint(listed(known)) }
}

/// What there is, for a hint.
fn listed(known: &[&str]) -> String {
    const MOST: usize = 40;
    let mut list = format!("it has {}", known.iter().take(MOST).copied().collect::<Vec<_>>().join(", "));
    if known.len() > MOST {
        list.push_str(&format!(" and {} more", known.len() - MOST));
    }
    list
}
