//! Documents of a plain text file.

use super::lines::Lines;
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
            Documents::BlankLine => several_lines(&mut lines, true),
            Documents::File => several_lines(&mut lines, false),
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
fn several_lines(lines: &mut Lines, ends_at_blank: bool) -> Result<Option<Found>> {
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
