//! Splits and subsets of a data set that does not list them: told from the names of files and folders.

use super::super::repository::Entry;
use super::{Splits, format, pattern, unknown};
use crate::error::{Error, Result};

/// The words that mean a split, in the order in which splits are looked for.
const SPLITS: [(&str, &[&str]); 3] = [
    ("train", &["train", "training"]),
    ("validation", &["validation", "valid", "dev", "val"]),
    ("test", &["test", "testing", "eval", "evaluation"]),
];
/// What may stand between such a word and the rest of a name.
const BETWEEN: &str = "[-._ 0-9]";
/// `data/SPLIT-00000-of-00003.parquet`.
const SHARD: &str = "-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*";

/// The splits of the data set, or of a folder of it; the folder is the subset.
pub(super) fn subset(entries: &[Entry], wanted: Option<&str>) -> Result<(Option<String>, String, Splits)> {
    let Some(wanted) = wanted.filter(|wanted| *wanted != "default") else {
        return Ok((None, String::new(), splits(entries, "")?));
    };
    let folder = wanted.trim_matches('/');
    if !entries.iter().any(|entry| is_data_in(entry, folder)) {
        let mut folders: Vec<&str> = entries
            .iter()
            .filter(|entry| format::is_data(&entry.path))
            .filter_map(|entry| Some(entry.path.rsplit_once('/')?.0))
            .collect();
        folders.dedup();
        return Err(unknown("subset", wanted, &folders));
    }
    Ok((Some(folder.to_owned()), folder.to_owned(), splits(entries, folder)?))
}

fn is_data_in(entry: &Entry, folder: &str) -> bool {
    let inside = entry.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    inside && format::is_data(&entry.path)
}

/// The splits that the names in a folder tell; all files are `train` where they tell none.
pub(super) fn splits(entries: &[Entry], folder: &str) -> Result<Splits> {
    let sharded = sharded(entries, folder)?;
    if !sharded.is_empty() {
        return Ok(sharded);
    }
    for patterns in [in_folders, in_files] {
        let mut splits = Splits::new();
        for (split, words) in SPLITS {
            let patterns: Vec<String> = words.iter().flat_map(|word| patterns(word)).collect();
            if any_matches(entries, folder, &patterns)? {
                splits.push((split.to_owned(), patterns));
            }
        }
        if !splits.is_empty() {
            return Ok(splits);
        }
    }
    let all = vec!["**".to_owned()];
    if any_matches(entries, folder, &all)? {
        return Ok(vec![("train".to_owned(), all)]);
    }
    Err(Error::new("the data set has no files").hint("is it empty, or in another revision?"))
}

fn any_matches(entries: &[Entry], folder: &str, patterns: &[String]) -> Result<bool> {
    for one in patterns {
        if !pattern::matching_any(entries, folder, one)?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn sharded(entries: &[Entry], folder: &str) -> Result<Splits> {
    let mut names: Vec<String> = Vec::new();
    for entry in pattern::matching_any(entries, folder, &format!("data/*{SHARD}"))? {
        let file = entry.path.rsplit('/').next().unwrap_or_default();
        // The split is what stands before the last `-00000-of-00000`; Python's pattern takes as much as it can.
        let end = file.rfind("-of-").and_then(|of| of.checked_sub(6));
        let split = end.and_then(|end| file.get(..end)).unwrap_or_default();
        if !is_split_name(split) {
            return Err(Error::new("the name of a split")
                .got(format!("{split:?}"))
                .expected("a word")
                .at(file.to_owned()));
        }
        if !names.iter().any(|name| name == split) {
            names.push(split.to_owned());
        }
    }
    let known = |name: &String| SPLITS.iter().position(|(split, _)| split == name).unwrap_or(SPLITS.len());
    names.sort_by(|one, other| known(one).cmp(&known(other)).then_with(|| one.cmp(other)));
    Ok(names.into_iter().map(|name| (name.clone(), vec![format!("data/{name}{SHARD}")])).collect())
}

/// `^\w+(\.\w+)*$`
fn is_split_name(name: &str) -> bool {
    name.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
}

fn in_folders(word: &str) -> Vec<String> {
    vec![
        format!("**/{word}/**"),
        format!("**/{word}{BETWEEN}*/**"),
        format!("**/*{BETWEEN}{word}/**"),
        format!("**/*{BETWEEN}{word}{BETWEEN}*/**"),
    ]
}

fn in_files(word: &str) -> Vec<String> {
    vec![format!("**/{word}{BETWEEN}*"), format!("**/*{BETWEEN}{word}{BETWEEN}*")]
}
