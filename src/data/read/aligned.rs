//! Bitext: two text files whose lines belong together.

use super::lines::Lines;
use super::open::Input;
use super::{Found, Row};
use crate::error::{Error, Result};

/// The pairs of two files, line by line.
///
/// # Errors
/// A file cannot be opened; later, the files have different numbers of lines.
pub(super) fn pairs(first: &Input, second: &Input) -> Result<impl Iterator<Item = Result<Found>> + Send + use<>> {
    let (mut left, mut right) = (Lines::open(first)?, Lines::open(second)?);
    Ok(std::iter::from_fn(move || next(&mut left, &mut right).transpose()))
}

fn next(left: &mut Lines, right: &mut Lines) -> Result<Option<Found>> {
    let (row, line) = match (left.next()?, right.next()?) {
        (Some(one), Some(other)) => {
            let pair = one.text().and_then(|one| Ok(Row::Pair(one.to_owned(), other.text()?.to_owned()).into()));
            (pair, one.number)
        }
        (None, None) => return Ok(None),
        (one, _) => {
            // All lines of the longer file are counted, for the message.
            let longer = if one.is_some() { &mut *left } else { &mut *right };
            while longer.next()?.is_some() {}
            return Err(uneven(left, right));
        }
    };
    Ok(Some(Found { row, line, bytes: left.taken() + right.taken() }))
}

fn uneven(left: &Lines, right: &Lines) -> Error {
    Error::new(format!(
        "the two files of a bitext have different numbers of lines: {} has {}, {} has {}",
        left.name(),
        left.number(),
        right.name(),
        right.number()
    ))
    .hint("line n of one must be the translation of line n of the other")
}
