//! Documents of a plain text file.

use super::lines::{LONGEST, Lines, too_long};
use super::open::Input;
use super::{Found, Row};
use crate::error::{Error, Result};
use crate::recipe::Documents;

/// The documents of a file, each with the line on which it begins. If the recipe does not say what a document is: what
/// stands between blank lines if the file has blank lines between others, else each line.
pub(super) fn documents(
    input: &Input,
    what: Option<Documents>,
) -> Result<impl Iterator<Item = Result<Found>> + Send + use<>> {
    let what = match what {
        Some(what) => what,
        None if has_blank_line_inside(input)? => Documents::BlankLine,
        None => Documents::Line,
    };
    let mut lines = Lines::open(input)?;
    Ok(std::iter::from_fn(move || {
        let document = match what {
            Documents::Line => one_line(&mut lines),
            Documents::BlankLine => several_lines(&mut lines, true, LONGEST),
            Documents::File => several_lines(&mut lines, false, LONGEST),
        };
        document.transpose()
    }))
}

fn has_blank_line_inside(input: &Input) -> Result<bool> {
    let mut lines = Lines::open(input)?;
    let (mut text_before, mut blank) = (false, false);
    while let Some(line) = lines.next()? {
        match (line.is_blank(), text_before) {
            (true, true) => blank = true,
            (false, _) if blank => return Ok(true),
            (false, _) => text_before = true,
            (true, false) => {}
        }
    }
    Ok(false)
}

fn one_line(lines: &mut Lines) -> Result<Option<Found>> {
    while let Some(line) = lines.next()? {
        if !line.is_blank() {
            let (row, line) = (line.text().map(|text| Row::Document(text.to_owned()).into()), line.number);
            return Ok(Some(Found { row, line, bytes: lines.taken() }));
        }
    }
    Ok(None)
}

/// The lines up to a blank one, or all of the file; blank lines before the first and after the last are left out.
///
/// # Errors
/// The file cannot be read, or the document is longer than `longest`.
fn several_lines(lines: &mut Lines, ends_at_blank: bool, longest: usize) -> Result<Option<Found>> {
    let mut document = String::new();
    let mut start = None;
    let mut blank = 0;
    let mut bad: Option<Error> = None;
    while let Some(line) = lines.next()? {
        if line.is_blank() {
            if start.is_some() && ends_at_blank {
                break;
            }
            blank += 1;
            continue;
        }
        if document.len().saturating_add(blank).saturating_add(line.bytes.len()) > longest {
            return Err(too_long("the document").at(line.place()));
        }
        match (start, line.text()) {
            (_, Err(error)) => bad = bad.or(Some(error)),
            (None, Ok(text)) => document.push_str(text),
            (Some(_), Ok(text)) => {
                document.extend(std::iter::repeat_n('\n', blank + 1));
                document.push_str(text);
            }
        }
        start = start.or(Some(line.number));
        blank = 0;
    }
    let Some(line) = start else { return Ok(None) };
    let row = match bad {
        Some(error) => Err(error),
        None => Ok(Row::Document(document).into()),
    };
    Ok(Some(Found { row, line, bytes: lines.taken() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_without_end_is_an_error() {
        let read = |content: &str, longest| {
            let input = Input::Memory("a.txt".into(), content.as_bytes().into());
            several_lines(&mut Lines::open(&input).unwrap(), false, longest)
        };
        for content in ["ab\nab\nab\nab\n", &["ab", "ab"].join(&"\n".repeat(9))] {
            assert!(read(content, 13).unwrap().is_some());
            let error = read(content, 9).err().unwrap().to_string();
            assert!(error.contains("the document is longer") && error.contains("a.txt:"), "{error}");
        }
    }
}
