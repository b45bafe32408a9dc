//! From a step's sequences to the micro-batches that the model reads.
//!
//! All sequences of a micro-batch lie one after the other, without padding. A target is a token that is
//! trained on, and the row that predicts it: the token before it, in the same document.

use crate::data::{Sequence, Stream};
use crate::error::{Error, Result};
use crate::kernels::attention::Segments;
use crate::model::Batch;

/// Where the sequences of a job come from; the index of a step is the whole position.
pub trait Steps {
    /// Number of steps.
    fn steps(&self) -> u64;
    /// The sequences of a step, counted from 0; the same ones at every call.
    ///
    /// # Errors
    /// They cannot be read.
    fn step(&self, index: u64) -> Result<Vec<Sequence>>;
    /// Tokens read, masked ones included, when `steps` steps are done.
    fn tokens_after(&self, steps: u64) -> u64;
    /// Sequences that are never trained on.
    fn held_out(&self) -> &[Sequence];
}

impl Steps for Stream {
    fn steps(&self) -> u64 {
        Stream::steps(self)
    }

    fn step(&self, index: u64) -> Result<Vec<Sequence>> {
        Stream::step(self, index)
    }

    fn tokens_after(&self, steps: u64) -> u64 {
        Stream::tokens_after(self, steps)
    }

    fn held_out(&self) -> &[Sequence] {
        Stream::held_out(self)
    }
}

/// Concatenates sequences, `size` to a micro-batch; those that would have no target are left out.
///
/// # Errors
/// A sequence contradicts itself: names its number and what is wrong.
pub fn micro_batches(sequences: &[Sequence], size: usize) -> Result<Vec<Batch>> {
    let mut batches = Vec::with_capacity(sequences.len().div_ceil(size.max(1)));
    for (number, group) in sequences.chunks(size.max(1)).enumerate() {
        let mut batch = Concatenation::default();
        for (place, sequence) in group.iter().enumerate() {
            batch.add(sequence).map_err(|error| error.at(format!("sequence {}", number * size.max(1) + place)))?;
        }
        if !batch.targets.is_empty() {
            batches.push(batch.finish()?);
        }
    }
    Ok(batches)
}

#[derive(Default)]
struct Concatenation {
    ids: Vec<u32>,
    targets: Vec<(u32, u32)>,
    weights: Vec<f32>,
    bounds: Vec<u32>,
}

impl Concatenation {
    fn add(&mut self, sequence: &Sequence) -> Result<()> {
        if sequence.trained.len() != sequence.ids.len() {
            let (got, expected) = (sequence.trained.len(), format!("{}, one for each token", sequence.ids.len()));
            return Err(Error::new("the number of marks for trained tokens").got(got).expected(expected));
        }
        let start = self.ids.len() as u32;
        let (documents, weights) = (sequence.documents(), &sequence.weights);
        if !weights.is_empty() && weights.len() != documents {
            let expected = format!("{documents}, one for each document");
            return Err(Error::new("the number of weights").got(weights.len()).expected(expected));
        }
        for (number, document) in sequence.bounds.windows(2).enumerate() {
            let &[from, to] = document else { continue };
            self.bounds.push(start + from);
            for row in from..to {
                let place = row as usize;
                let (Some(id), Some(trained)) = (sequence.ids.get(place), sequence.trained.get(place)) else {
                    return Err(Error::new(format!("the document bound {to} lies behind the last token")));
                };
                if *trained && row == from {
                    return Err(Error::new(format!(
                        "token {row} is a target, but it opens a document: nothing predicts it"
                    )));
                }
                if *trained {
                    self.targets.push((start + row - 1, *id));
                    self.weights.push(weights.get(number).copied().unwrap_or(1.0));
                }
            }
        }
        let last = sequence.bounds.last().copied().unwrap_or(0);
        if last as usize != sequence.ids.len() || sequence.bounds.first().is_some_and(|first| *first != 0) {
            let expected = format!("from 0 to {}", sequence.ids.len());
            return Err(Error::new("the document bounds").got(format!("{:?}", sequence.bounds)).expected(expected));
        }
        self.ids.extend_from_slice(&sequence.ids);
        Ok(())
    }

    fn finish(mut self) -> Result<Batch> {
        self.bounds.push(self.ids.len() as u32);
        if self.weights.iter().all(|weight| *weight == 1.0) {
            self.weights.clear();
        }
        let segments = Segments::new(self.bounds)?;
        Ok(Batch { segments, ids: self.ids, targets: self.targets, weights: self.weights })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequence(ids: &[u32], trained: &[u32], bounds: &[u32]) -> Sequence {
        Sequence {
            ids: ids.to_vec(),
            trained: (0..ids.len() as u32).map(|place| trained.contains(&place)).collect(),
            bounds: bounds.to_vec(),
            weights: Vec::new(),
        }
    }

    #[test]
    fn a_target_is_predicted_by_the_row_before_it() {
        let sequences = [sequence(&[1, 5, 6, 1, 7], &[2, 4], &[0, 3, 5]), sequence(&[1, 8], &[1], &[0, 2])];
        let batches = micro_batches(&sequences, 2).unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].ids, [1, 5, 6, 1, 7, 1, 8]);
        assert_eq!(batches[0].targets, [(1, 6), (3, 7), (5, 8)]);
        assert_eq!(batches[0].segments.bounds(), [0, 3, 5, 7]);
    }

    #[test]
    fn targets_count_as_much_as_their_document() {
        let weighed = Sequence { weights: vec![0.5, 2.0], ..sequence(&[1, 5, 6, 1, 7], &[1, 2, 4], &[0, 3, 5]) };
        let plain = sequence(&[1, 8], &[1], &[0, 2]);
        let batches = micro_batches(&[weighed.clone(), plain.clone()], 2).unwrap();
        assert_eq!((batches[0].weights.clone(), batches[0].weight()), (vec![0.5, 0.5, 2.0, 1.0], 4.0));
        let batches = micro_batches(&[plain.clone(), plain], 2).unwrap();
        assert_eq!((batches[0].weights.len(), batches[0].weight()), (0, 2.0));
        let one = Sequence { weights: vec![1.0], ..weighed };
        assert!(micro_batches(&[one], 1).unwrap_err().to_string().contains("the number of weights is 1, must be 2"));
    }

    #[test]
    fn a_micro_batch_without_a_target_is_left_out() {
        let sequences = [sequence(&[1, 5], &[], &[0, 2]), sequence(&[1, 8], &[1], &[0, 2])];
        assert_eq!(micro_batches(&sequences, 1).unwrap().len(), 1);
        assert_eq!(micro_batches(&sequences, 2).unwrap()[0].targets, [(2, 8)]);
    }

    #[test]
    fn a_sequence_that_contradicts_itself_is_named() {
        let error = |broken: Sequence| {
            let sequences = [sequence(&[1, 8], &[1], &[0, 2]), broken];
            micro_batches(&sequences, 1).unwrap_err().to_string()
        };
        assert_eq!(
            error(sequence(&[1, 5], &[0], &[0, 2])),
            "sequence 1  token 0 is a target, but it opens a document: nothing predicts it"
        );
        assert!(error(sequence(&[1, 5], &[1], &[0, 3])).contains("sequence 1  the document bound 3"));
        assert!(error(sequence(&[1, 5, 6], &[1], &[0, 2])).contains("sequence 1  the document bounds is [0, 2]"));
        let short = Sequence { trained: vec![false], ..sequence(&[1, 5], &[], &[0, 2]) };
        assert!(error(short).contains("the number of marks"));
    }
}
