//! Files that a pattern of `data_files` means: `*` within a name, `**` over folders, `[0-9]`.

use glob::{MatchOptions, Pattern};

use super::super::repository::Entry;
use super::format;
use crate::error::{Error, Result};

/// Files that never hold rows.
const NEVER: [&str; 6] =
    ["README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dummy_data.zip", "dataset_dict.json"];

/// The files in a format that can hold rows.
pub(super) fn matching<'e>(entries: &'e [Entry], folder: &str, pattern: &str) -> Result<Vec<&'e Entry>> {
    let mut found = matching_any(entries, folder, pattern)?;
    found.retain(|entry| format::is_data(&entry.path));
    Ok(found)
}

/// The files of any format, in the order of their paths.
///
/// Hidden files (`.name`) and folders for other things (`__name`) match only where the pattern names them.
pub(super) fn matching_any<'e>(entries: &'e [Entry], folder: &str, pattern: &str) -> Result<Vec<&'e Entry>> {
    let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
    let whole = if folder.is_empty() { pattern.to_owned() } else { format!("{}/{pattern}", Pattern::escape(folder)) };
    let compiled = Pattern::new(&whole)
        .map_err(|e| Error::new(format!("the pattern {pattern:?} of its `data_files` cannot be read: {}", e.msg)))?;
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };
    let last = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let wanted_by_name = last(&whole);
    let fits = |entry: &&Entry| {
        let path = entry.path.as_str();
        let name = last(path);
        (path == whole || compiled.matches_with(path, options))
            && (name == wanted_by_name || !NEVER.contains(&name.as_str()))
            && special(path) == special(&whole)
            && hidden(path) == hidden(&whole)
    };
    Ok(entries.iter().filter(fits).collect())
}

/// Folders on the way that begin with `__`.
fn special(path: &str) -> usize {
    let folders = path.rsplit_once('/').map_or("", |(folders, _)| folders);
    folders.split('/').filter(|part| part.starts_with("__")).count()
}

/// Parts of a path that begin with a dot.
fn hidden(path: &str) -> usize {
    path.split('/').filter(|part| part.starts_with('.') && part.chars().any(|c| c != '.')).count()
}
