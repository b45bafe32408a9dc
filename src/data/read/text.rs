//! Documents of a plain text file.

use std::path::Path;

use super::lines::Lines;
use crate::error::Result;

/// A document and where it begins.
#[derive(Debug)]
pub(super) struct Document {
    pub text: String,
    pub line: u64,
    pub bytes: u64,
}

/// The documents of a file: those between blank lines if it has blank lines between others, else each line.
pub(super) fn documents(path: &Path) -> Result<impl Iterator<Item = Result<Document>> + Send + use<>> {
    let whole_lines = !has_blank_line_inside(path)?;
    let mut lines = Lines::open(path)?;
    let mut failed = false;
    Ok(std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let document = next(&mut lines, whole_lines).transpose();
        failed = matches!(document, Some(Err(_)));
        document
    }))
}

fn has_blank_line_inside(path: &Path) -> Result<bool> {
    let (mut text_before, mut blank) = (false, false);
    for line in Lines::open(path)? {
        match (line?.text.trim().is_empty(), text_before) {
            (true, true) => blank = true,
            (false, _) if blank => return Ok(true),
            (false, _) => text_before = true,
            (true, false) => {}
        }
    }
    Ok(false)
}

fn next(lines: &mut Lines, whole_lines: bool) -> Result<Option<Document>> {
    let mut document: Option<Document> = None;
    let mut skipped = 0;
    for line in lines {
        let line = line?;
        match &mut document {
            None if line.text.trim().is_empty() => skipped += line.bytes,
            None => {
                let started = Document { text: line.text, line: line.number, bytes: skipped + line.bytes };
                if whole_lines {
                    return Ok(Some(started));
                }
                document = Some(started);
            }
            Some(open) => {
                open.bytes += line.bytes;
                if line.text.trim().is_empty() {
                    break;
                }
                open.text.push('\n');
                open.text.push_str(&line.text);
            }
        }
    }
    Ok(document)
}
