//! Which rows a sequence is made of, for people.

use std::ops::Range;

use super::{Plan, Stream};
use crate::error::{Error, Result};

/// The rows of a sequence: the source of each, the row, and the part of it.
pub(super) type Rows = Vec<(usize, u32, Range<u64>)>;

/// A row in a sequence, or the part of it that the sequence has. The spans of a sequence lie one after the other and are
/// all of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The name of the source.
    pub source: String,
    /// The file and line at which the row begins.
    pub place: String,
    /// The token of the row with which the span begins.
    pub start: u64,
    /// The token of the row before which it ends.
    pub end: u64,
    /// Tokens of the row, as far as it is used.
    pub length: u64,
}

impl Stream {
    /// The rows of each sequence of a step.
    ///
    /// # Errors
    /// There is no step of that index; or a source is damaged or cannot be read.
    pub fn spans(&self, index: u64) -> Result<Vec<Vec<Span>>> {
        self.check_step(index)?;
        let sequences: Vec<Rows> = match &self.plan {
            Plan::Concat(plan) => plan.rows(&self.mixed, index as usize, self.batch)?,
            Plan::BestFit(plan) => plan.rows(&self.mixed, index, self.batch),
        };
        let span = |(source, row, piece): (usize, u32, Range<u64>)| {
            let part = self.mixed.parts.get(source);
            let part = part.ok_or_else(|| Error::new(format!("the plan has no source {source}")))?;
            Ok(Span {
                source: part.name.clone(),
                place: part.place(row)?,
                start: piece.start,
                end: piece.end,
                length: part.length(row),
            })
        };
        sequences.into_iter().map(|rows| rows.into_iter().map(span).collect()).collect()
    }

    /// Tokens of each row of a source of the mixture, those left out included, before anything is cut.
    pub fn row_lengths(&self, source: usize) -> impl Iterator<Item = u64> {
        self.mixed
            .parts
            .get(source)
            .into_iter()
            .flat_map(|part| (0..part.file.rows() as u32).map(|row| part.file.length(row)))
    }
}
