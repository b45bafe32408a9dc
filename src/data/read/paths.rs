//! The files that a source's paths stand for.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// Files as given, folders as the files in them by name, patterns as what they match by name.
pub(crate) fn expanded(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            files.extend(inside(path)?);
        } else if path.exists() || !is_pattern(path) {
            // A file may be called what looks like a pattern.
            files.push(path.clone());
        } else {
            files.extend(matching(path)?);
        }
    }
    Ok(files)
}

fn inside(folder: &Path) -> Result<Vec<PathBuf>> {
    let failed = |e| Error::io(folder, "list the folder", &e);
    let mut inside = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if entry.path().is_file() && !entry.file_name().to_string_lossy().starts_with('.') {
            inside.push(entry.path());
        }
    }
    if inside.is_empty() {
        return Err(Error::new("the folder has no files").at(folder.display().to_string()));
    }
    inside.sort();
    Ok(inside)
}

fn is_pattern(path: &Path) -> bool {
    path.to_string_lossy().contains(['*', '?', '['])
}

fn matching(pattern: &Path) -> Result<Vec<PathBuf>> {
    let text = pattern.to_string_lossy();
    let options = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::default() };
    let matches = glob::glob_with(&text, options).map_err(|source| {
        Error::new(format!("the pattern cannot be read: {source}"))
            .at(text.as_ref())
            .hint("* is any letters, ? one letter, ** any folders, [ab] one of those letters")
    })?;
    let mut found = Vec::new();
    for path in matches {
        let path = path.map_err(|source| Error::io(source.path(), "list the folder", source.error()))?;
        if path.is_file() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(Error::new("the pattern matches no file")
            .at(text.as_ref())
            .hint("check the path; relative paths start at the current folder"));
    }
    found.sort();
    Ok(found)
}
