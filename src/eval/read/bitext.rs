//! Sentences with their translation or correction: a table, JSON rows, or two aligned files.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

use super::super::example::Example;
use super::super::language::Language;
use super::fields::{self, Fields};
use super::{Looks, open, unknown_format};

/// Reads translation examples from one file or from two.
pub(super) fn translations(paths: &[PathBuf], from: &Language, to: &Language) -> Result<Vec<Example>> {
    match paths {
        [path] => one_file(path, from, to),
        [first, second] => {
            let (source, target) = in_order(first, second, from, to);
            let pairs = aligned(source, target)?;
            Ok(pairs.map(|(source, target)| Example::Translation { source, references: vec![target] }).collect())
        }
        _ => Err(Error::new("a translation task's files").got(paths.len()).expected("one file, or two aligned ones")),
    }
}

/// Reads correction examples from the sentences as written and as they should be.
pub(super) fn corrections(source: &Path, corrected: &Path) -> Result<Vec<Example>> {
    let pairs = aligned(source, corrected)?;
    Ok(pairs.map(|(source, right)| Example::Correction { source, references: vec![right], gold: None }).collect())
}

/// Files whose names say their languages (`news.en`, `et.txt`) are taken by name; others as from, to.
fn in_order<'p>(first: &'p Path, second: &'p Path, from: &Language, to: &Language) -> (&'p Path, &'p Path) {
    let says = |path: &Path, language: &Language| {
        let parts = [path.extension(), path.file_stem()];
        parts.into_iter().flatten().any(|part| language.is_called(&part.to_string_lossy()))
    };
    if says(first, to) && says(second, from) { (second, first) } else { (first, second) }
}

fn aligned(source: &Path, target: &Path) -> Result<impl Iterator<Item = (String, String)> + use<>> {
    let (sources, targets) = (lines(source)?, lines(target)?);
    if sources.len() != targets.len() {
        let names = format!("{} and {}", source.display(), target.display());
        return Err(Error::new("aligned files must have equally many lines")
            .got(format!("{} and {}", sources.len(), targets.len()))
            .at(names));
    }
    Ok(sources.into_iter().zip(targets))
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let content = open(path)?;
    let blank = |number: usize| {
        Error::new("the line is blank")
            .at(format!("{}:{number}", path.display()))
            .hint("every line of aligned files is a sentence; remove the line from both files")
    };
    let lines = content.text.lines().zip(1usize..);
    lines.map(|(line, n)| Some(line.trim().to_owned()).filter(|l| !l.is_empty()).ok_or_else(|| blank(n))).collect()
}

fn one_file(path: &Path, from: &Language, to: &Language) -> Result<Vec<Example>> {
    let content = open(path)?;
    match content.looks {
        Looks::Table => table(&content.text, path, from, to),
        Looks::Json => fields::rows(&content.text, path)?.iter().map(|row| json_row(row, from, to)).collect(),
        looks => Err(unknown_format(path, looks, "a table with tabs, JSON rows, or two aligned text files")),
    }
}

/// A TSV whose first line names the columns.
fn table(text: &str, path: &Path, from: &Language, to: &Language) -> Result<Vec<Example>> {
    let mut lines = text.lines().zip(1usize..).filter(|(line, _)| !line.trim().is_empty());
    let header: Vec<&str> = lines.next().map(|(line, _)| line.split('\t').collect()).unwrap_or_default();
    let column = |language: &Language| {
        header.iter().position(|name| language.is_called(name)).ok_or_else(|| {
            Error::new(format!("no column for {language}"))
                .at(format!("{}:1", path.display()))
                .hint(format!("the columns are: {}", header.join(", ")))
        })
    };
    let (from, to) = (column(from)?, column(to)?);
    lines
        .map(|(line, number)| {
            let cells: Vec<&str> = line.split('\t').collect();
            let cell = |index: usize| {
                let text = cells.get(index).map(|cell| cell.trim()).filter(|cell| !cell.is_empty());
                let name = header.get(index).copied().unwrap_or_default();
                text.map(unquoted).ok_or_else(|| {
                    Error::new(format!("column {name:?} is missing or blank"))
                        .at(format!("{}:{number}", path.display()))
                })
            };
            Ok(Example::Translation { source: cell(from)?, references: vec![cell(to)?] })
        })
        .collect()
}

/// A cell without the quoting that CSV writers put around cells with quotation marks.
///
/// FLORES as it is passed around went through such a writer up to twice. A cell was quoted if it begins and
/// ends with `"` and every `"` between is doubled; one without a `"` inside would not have been quoted.
fn unquoted(cell: &str) -> String {
    let mut cell = cell.to_owned();
    loop {
        let inner = cell.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let Some(inner) = inner.filter(|inner| inner.contains('"') && !inner.replace("\"\"", "").contains('"')) else {
            return cell;
        };
        cell = inner.replace("\"\"", "\"");
    }
}

/// `{"translation": {"en": …, "et": …}}`, `{"en": …, "et": …}`, or `{"source": …, "references": […]}`.
fn json_row(row: &Fields, from: &Language, to: &Language) -> Result<Example> {
    let inner = if row.has("translation") { Some(row.inner("translation")?) } else { None };
    let row = inner.as_ref().unwrap_or(row);
    let key = |language: &Language| row.names().find(|name| language.is_called(name)).map(str::to_owned);
    let (source, target) = (key(from), key(to));
    Ok(Example::Translation {
        source: row.text(&[source.as_deref().unwrap_or("source")])?,
        references: match &target {
            Some(target) => row.texts(&[target])?,
            None => row.texts(&["references", "reference", "target"])?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::unquoted;

    #[test]
    fn quoting_is_taken_off_as_often_as_it_was_put_on() {
        for (cell, expected) in [
            (r#""""""""See on nii, """" ütles ta.""""#, r#""See on nii, " ütles ta."#),
            (r#""""Tere,"" ütles ta.""#, r#""Tere," ütles ta."#),
            (r#""Tere," ütles ta, "ja head aega.""#, r#""Tere," ütles ta, "ja head aega.""#),
            (r#""Tere.""#, r#""Tere.""#),
            (r#"""#, r#"""#),
            ("", ""),
        ] {
            assert_eq!(unquoted(cell), expected);
        }
    }
}
