//! What is trained on: random tokens, in full sequences or in rows of given lengths.

use std::path::Path;

use super::model::SEED;
use crate::cli::BenchArgs;
use crate::data::Sequence;
use crate::data::stream::{Item, Packed};
use crate::error::{Error, Result};
use crate::files;
use crate::random::Stream;

/// The lengths of a row, in tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    tokens: u32,
    supervised: u32,
}

/// The sequences of all steps, each a function of its index.
#[derive(Debug)]
pub struct Rows {
    /// Row lengths, if they are given.
    lengths: Option<Vec<Row>>,
    batch: usize,
    sequence_length: usize,
    vocabulary: usize,
}

impl Rows {
    /// Full sequences, or the rows of the file that the flags name.
    ///
    /// # Errors
    /// The file cannot be read, or a row does not fit (names it).
    pub fn open(args: &BenchArgs, vocabulary: usize) -> Result<Self> {
        let lengths = args.lengths.as_deref().map(|path| read_lengths(path, args.sequence_length)).transpose()?;
        Ok(Self { lengths, batch: args.batch, sequence_length: args.sequence_length, vocabulary })
    }

    /// How many steps the given rows last, the last one perhaps with fewer rows; `None` where there is no end.
    pub fn steps(&self) -> Option<usize> {
        self.lengths.as_ref().map(|rows| rows.len().div_ceil(self.batch.max(1)))
    }

    /// Rows in a step.
    pub fn rows(&self, step: usize) -> usize {
        self.lengths.as_ref().map_or(self.batch, |_| self.rows_of(step).len())
    }

    /// Whether every step has the same work.
    pub fn are_alike(&self) -> bool {
        self.lengths.is_none()
    }

    /// The sequences of a step; given rows are packed best-fit.
    pub fn step(&self, step: usize) -> Vec<Sequence> {
        let stream = Stream::new(SEED, "bench").child(step as u64);
        if self.lengths.is_none() {
            let row = Row { tokens: self.sequence_length as u32, supervised: self.sequence_length as u32 - 1 };
            return (0..self.batch).map(|index| self.sequence(&[row], stream.child(index as u64))).collect();
        }
        let rows = self.rows_of(step);
        let items: Vec<(Item, u32)> =
            (0u32..).zip(rows).map(|(row, r)| (Item { source: 0, row, start: 0 }, r.tokens)).collect();
        let packed = Packed::best_fit(&items, self.sequence_length as u32);
        let sequence = |index: usize| {
            let of_sequence = packed.sequence(index).iter().filter_map(|item| rows.get(item.row as usize).copied());
            self.sequence(&of_sequence.collect::<Vec<_>>(), stream.child(index as u64))
        };
        (0..packed.len()).map(sequence).collect()
    }

    fn rows_of(&self, step: usize) -> &[Row] {
        self.lengths.as_deref().and_then(|rows| rows.chunks(self.batch.max(1)).nth(step)).unwrap_or_default()
    }

    /// One sequence of random tokens; of each row the last tokens are targets.
    fn sequence(&self, rows: &[Row], stream: Stream) -> Sequence {
        let mut sequence = Sequence { bounds: vec![0], ..Sequence::default() };
        for row in rows {
            let start = sequence.ids.len() as u64;
            let ids =
                (start..start + u64::from(row.tokens)).map(|at| stream.below_at(at, self.vocabulary as u64) as u32);
            sequence.ids.extend(ids);
            sequence.trained.extend((0..row.tokens).map(|token| token + row.supervised >= row.tokens));
            sequence.bounds.push(sequence.ids.len() as u32);
        }
        sequence
    }
}

/// Random prompts of one length.
pub fn prompts(count: usize, tokens: usize, vocabulary: usize) -> Vec<Vec<u32>> {
    let stream = Stream::new(SEED, "prompts");
    let prompt = |stream: Stream| (0..tokens as u64).map(|at| stream.below_at(at, vocabulary as u64) as u32).collect();
    (0..count as u64).map(|index| prompt(stream.child(index))).collect()
}

/// Reads a list of `[tokens, supervised tokens]`.
fn read_lengths(path: &Path, sequence_length: usize) -> Result<Vec<Row>> {
    let pairs: Vec<[u32; 2]> = files::read_json(path)?;
    let mut rows = Vec::with_capacity(pairs.len());
    for (number, [tokens, supervised]) in pairs.into_iter().enumerate() {
        let place = || format!("{}, row {number}", path.display());
        if !(2..=sequence_length).contains(&(tokens as usize)) {
            return Err(Error::new("its number of tokens")
                .got(tokens)
                .expected(format!("from 2 to {sequence_length}, the sequence length"))
                .at(place())
                .hint("raise --sequence-length, or cut the rows"));
        }
        if !(1..tokens).contains(&supervised) {
            return Err(Error::new("its number of supervised tokens")
                .got(supervised)
                .expected(format!("from 1 to {}: nothing predicts the first token", tokens - 1))
                .at(place()));
        }
        rows.push(Row { tokens, supervised });
    }
    if rows.is_empty() {
        return Err(Error::new("there are no rows").at(path.display().to_string()));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lengths: Option<&[[u32; 2]]>) -> Rows {
        let row = |&[tokens, supervised]: &[u32; 2]| Row { tokens, supervised };
        let lengths = lengths.map(|pairs| pairs.iter().map(row).collect());
        Rows { lengths, batch: 3, sequence_length: 8, vocabulary: 50 }
    }

    #[test]
    fn full_sequences_are_targets_but_for_their_first_token_and_differ() {
        let rows = rows(None);
        let sequences = rows.step(0);
        assert_eq!((sequences.len(), rows.rows(0), rows.steps()), (3, 3, None));
        assert!(sequences.iter().all(|s| s.len() == 8 && s.targets() == 7 && !s.trained[0] && s.bounds == [0, 8]));
        assert_eq!(sequences, rows.step(0));
        assert!(sequences[0].ids != sequences[1].ids && sequences != rows.step(1));
        assert!(sequences.iter().flat_map(|s| &s.ids).all(|id| *id < 50));
    }

    #[test]
    fn given_rows_are_packed_a_batch_at_a_time_and_their_tails_are_targets() {
        let rows = rows(Some(&[[5, 2], [4, 1], [3, 2], [8, 7]]));
        assert_eq!((rows.steps(), rows.rows(0), rows.rows(1)), (Some(2), 3, 1));
        let sequences = rows.step(0);
        assert_eq!(sequences.iter().map(|s| s.bounds.clone()).collect::<Vec<_>>(), [vec![0, 5, 8], vec![0, 4]]);
        let targets = [false, false, false, true, true, false, true, true];
        assert_eq!(sequences[0].trained, targets);
        assert_eq!(sequences[1].trained, [false, false, false, true]);
        assert_eq!(rows.step(1)[0].targets(), 7);
    }
}
