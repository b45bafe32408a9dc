//! Bitext: two text files whose lines belong together.

use std::path::PathBuf;

use super::lines::{Line, Lines};
use super::{Place, Read, Row};
use crate::error::{Error, Result};

/// The pairs of two files, line by line.
///
/// # Errors
/// There are not two files; later, the files have different numbers of lines.
pub(super) fn pairs(files: &[PathBuf]) -> Result<impl Iterator<Item = Result<Read>> + Send + use<>> {
    let [first, second] = files else {
        return Err(Error::new("the number of files of a bitext")
            .got(files.len())
            .expected("2")
            .hint("the first has a sentence a line in the first language, the second its translations"));
    };
    let (mut left, mut right) = (Lines::open(first)?, Lines::open(second)?);
    let names = [first.display().to_string(), second.display().to_string()];
    let mut done = false;
    Ok(std::iter::from_fn(move || {
        if done {
            return None;
        }
        let pair = next(&mut left, &mut right, &names).transpose();
        done = !matches!(pair, Some(Ok(_)));
        pair
    }))
}

fn next(left: &mut Lines, right: &mut Lines, names: &[String; 2]) -> Result<Option<Read>> {
    match (left.next().transpose()?, right.next().transpose()?) {
        (Some(one), Some(other)) => Ok(Some(Read {
            place: Place { file: 0, line: one.number },
            bytes: one.bytes + other.bytes,
            row: Row::Pair(one.text, other.text),
        })),
        (None, None) => Ok(None),
        (Some(extra), None) => Err(uneven(names, [count(extra, left)?, right.number()])),
        (None, Some(extra)) => Err(uneven(names, [left.number(), count(extra, right)?])),
    }
}

/// All lines of the longer file.
fn count(extra: Line, rest: &mut Lines) -> Result<u64> {
    rest.try_fold(extra.number, |_, line| line.map(|line| line.number))
}

fn uneven(names: &[String; 2], counts: [u64; 2]) -> Error {
    Error::new(format!(
        "the two files of a bitext have different numbers of lines: {} has {}, {} has {}",
        names[0], counts[0], names[1], counts[1]
    ))
    .hint("line n of one must be the translation of line n of the other")
}
