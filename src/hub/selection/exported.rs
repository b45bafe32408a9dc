//! The branch that the Hub makes of a data set as Parquet: `SUBSET/SPLIT/0000.parquet`.

use super::super::repository::Entry;
use super::{Splits, listed, unknown};
use crate::error::{Error, Result};

/// The splits of a subset; the only one, or `default`, if none is named.
pub(super) fn splits(entries: &[Entry], wanted: Option<&str>) -> Result<(Option<String>, String, Splits)> {
    let parts = |entry: &Entry| {
        let mut parts = entry.path.split('/');
        let (subset, split, file) = (parts.next()?, parts.next()?, parts.next()?);
        let fits = parts.next().is_none() && file.ends_with(".parquet");
        // Of a split that is too large the Hub exports a part, and says so in its name.
        fits.then(|| (subset.to_owned(), split.strip_prefix("partial-").unwrap_or(split).to_owned(), split.to_owned()))
    };
    let files: Vec<(String, String, String)> = entries.iter().filter_map(parts).collect();
    let mut subsets: Vec<&str> = files.iter().map(|(subset, ..)| subset.as_str()).collect();
    subsets.dedup();
    let chosen = match (wanted, subsets.as_slice()) {
        (Some(wanted), known) if known.contains(&wanted) => wanted,
        (Some(wanted), known) => return Err(unknown("subset", wanted, known)),
        (None, [only]) => only,
        (None, known) if known.contains(&"default") => "default",
        (None, known) => {
            return Err(Error::new("the data set has several subsets; subset is missing").hint(listed(known)));
        }
    };
    let mut splits: Splits = Vec::new();
    for (_, split, folder) in files.iter().filter(|(subset, ..)| subset == chosen) {
        let pattern = format!("{chosen}/{folder}/*.parquet");
        match splits.iter_mut().find(|(known, _)| known == split) {
            Some((_, patterns)) if patterns.contains(&pattern) => {}
            Some((_, patterns)) => patterns.push(pattern),
            None => splits.push((split.clone(), vec![pattern])),
        }
    }
    Ok((Some(chosen.to_owned()), String::new(), splits))
}
