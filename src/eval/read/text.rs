//! Documents to predict: text, or JSON rows with a field `text`.

use std::path::Path;

use crate::error::Result;

use super::super::example::Example;
use super::{Looks, fields, open};

/// A text file with blank lines has a document between each two of them; one without has a document a line.
pub(super) fn read(path: &Path) -> Result<Vec<Example>> {
    let content = open(path)?;
    if content.looks == Looks::Json {
        return fields::rows(&content.text, path)?.iter().map(|row| Ok(Example::Text(row.text(&["text"])?))).collect();
    }
    Ok(documents(&content.text).map(Example::Text).collect())
}

fn documents(text: &str) -> impl Iterator<Item = String> {
    let mut documents: Vec<Vec<&str>> = vec![Vec::new()];
    let apart = text.trim().lines().any(|line| line.trim().is_empty());
    for line in text.lines().map(str::trim_end) {
        if line.trim().is_empty() || !apart {
            documents.push(Vec::new());
        }
        if let Some(last) = documents.last_mut().filter(|_| !line.trim().is_empty()) {
            last.push(line);
        }
    }
    documents.into_iter().filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::documents;

    #[test]
    fn blank_lines_part_documents_where_there_are_any() {
        assert_eq!(documents("a\nb\n\n\n c\n").collect::<Vec<_>>(), ["a\nb", " c"]);
        assert_eq!(documents("a\nb\n\n").collect::<Vec<_>>(), ["a", "b"]);
    }
}
