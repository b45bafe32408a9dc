//! Packing for pretraining: documents one after the other, cut to length.
//!
//! Each source is one long line of tokens, its rows in the order of its [`Rotation`](super::rotation::Rotation); a
//! sequence is a piece of one source's line. Which source a sequence comes from, and which piece it is, depends on the
//! sequence's number alone, so the plan for a small budget is the beginning of the plan for a large one.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::Mixed;
use super::interleave::Interleave;
use super::rotation::Round;
use super::span::Rows;
use crate::data::Sequence;
use crate::error::{Error, Result};
use crate::recipe::{Budget, StoppingStrategy};

/// The plan of a run: where each sequence comes from.
#[derive(Debug)]
pub(super) struct Concat {
    length: u64,
    /// The source of each sequence.
    sources: Vec<u16>,
    /// Sequences of each source before each step.
    before_step: Vec<u64>,
    /// The end of each source's line.
    limits: Vec<u64>,
    /// The rounds used last, of each source.
    rounds: Vec<Mutex<Kept>>,
}

/// A piece of a line as a sequence: one document, in which all but the first token are targets.
pub(super) fn cut(ids: &[u32]) -> Sequence {
    let trained = (0..ids.len()).map(|at| at > 0).collect();
    Sequence { ids: ids.to_vec(), trained, bounds: vec![0, ids.len() as u32], weights: Vec::new() }
}

/// Rounds by their number, the oldest first.
type Kept = Vec<(u64, Arc<Round>)>;

/// How many rounds of a source are kept: a sequence reaches over the end of one at most now and then.
const KEPT: usize = 2;

impl Concat {
    /// Plans a run; also the tokens of each step, one after the other.
    pub fn plan(mixed: &Mixed, budget: Budget, length: usize, batch: usize) -> (Self, Vec<u64>) {
        let length = length as u64;
        let (slots, rounds) = match budget {
            Budget::Tokens(tokens) => (tokens.div_ceil(length * batch as u64) * batch as u64, None),
            Budget::Epochs(epochs) => (u64::MAX, Some(epochs.ceil() as u64)),
        };
        let mut plan = Self {
            length,
            sources: Vec::new(),
            before_step: Vec::new(),
            limits: rounds.map_or(vec![u64::MAX; mixed.len()], |rounds| mixed.ends(rounds)),
            rounds: (0..mixed.len()).map(|_| Mutex::default()).collect(),
        };
        // Sources that end before others are waited for at the end of each round.
        let waits = mixed.stopping == StoppingStrategy::AllExhaustedWithoutReplacement;
        let phases = if waits { rounds.unwrap_or(u64::MAX) } else { 1 };
        let (mut taken, mut step_tokens) = (vec![0; mixed.len()], Vec::new());
        for phase in 1..=phases {
            let available = plan.available(mixed, (phase < phases).then_some(phase));
            let mut interleave = Interleave::new(&mixed.proportions());
            while (plan.sources.len() as u64) < slots {
                let Some(source) = interleave.next(|source| taken.get(source) < available.get(source)) else { break };
                if plan.sources.len().is_multiple_of(batch) {
                    plan.before_step.extend_from_slice(&taken);
                    step_tokens.push(0);
                }
                let span = plan.span(source, taken.get(source).copied().unwrap_or(0));
                if let (Some(tokens), Some(taken)) = (step_tokens.last_mut(), taken.get_mut(source)) {
                    *tokens += span.end - span.start;
                    *taken += 1;
                }
                plan.sources.push(source as u16);
            }
            if plan.sources.len() as u64 == slots {
                break;
            }
        }
        (plan, step_tokens)
    }

    /// The sequences of each source that begin in the first `rounds` rounds; without a number, in the whole run.
    fn available(&self, mixed: &Mixed, rounds: Option<u64>) -> Vec<u64> {
        match rounds {
            Some(rounds) => mixed.ends(rounds).into_iter().map(|end| end.div_ceil(self.length)).collect(),
            // A last token alone could not be predicted from anything.
            None => {
                let sequences = |limit: &u64| limit / self.length + u64::from(limit % self.length > 1);
                self.limits.iter().map(sequences).collect()
            }
        }
    }

    /// Number of sequences.
    pub fn sequences(&self) -> u64 {
        self.sources.len() as u64
    }

    /// The source of each sequence.
    #[cfg(test)]
    pub fn sources(&self) -> &[u16] {
        &self.sources
    }

    /// The part of a source's line that its sequence `index` is.
    fn span(&self, source: usize, index: u64) -> Range<u64> {
        let limit = self.limits.get(source).copied().unwrap_or(u64::MAX);
        index * self.length..((index + 1) * self.length).min(limit)
    }

    /// The sequences of a step.
    pub fn step(&self, mixed: &Mixed, index: usize, batch: usize) -> Result<Vec<Sequence>> {
        let sequence = |rows: Rows| {
            let mut ids = Vec::with_capacity(self.length as usize);
            for (source, row, piece) in rows {
                if let Some((part, _)) = mixed.get(source) {
                    part.file.copy_ids(row, piece, &mut ids)?;
                }
            }
            Ok(cut(&ids))
        };
        self.rows(mixed, index, batch)?.into_iter().map(sequence).collect()
    }

    /// The rows of each sequence of a step: the source, the row, and the part of it.
    pub fn rows(&self, mixed: &Mixed, index: usize, batch: usize) -> Result<Vec<Rows>> {
        let count = mixed.len();
        let mut before = self.before_step.get(index * count..(index + 1) * count).unwrap_or_default().to_vec();
        let chosen = self.sources.iter().skip(index * batch).take(batch);
        let mut sequences = Vec::with_capacity(batch);
        for source in chosen.map(|source| usize::from(*source)) {
            if let Some(index) = before.get_mut(source) {
                sequences.push(self.rows_of(mixed, source, self.span(source, *index))?);
                *index += 1;
            }
        }
        Ok(sequences)
    }

    /// The rows of a piece of a source's line.
    fn rows_of(&self, mixed: &Mixed, source: usize, span: Range<u64>) -> Result<Rows> {
        let hole = |at: u64| Error::new(format!("the plan of source {source} has nothing at token {at}"));
        let (part, rotation) = mixed.get(source).ok_or_else(|| hole(span.start))?;
        let mut rows = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let number = rotation.round_at(part, at);
            let start = rotation.tokens_before(part, rotation.bound(part, number));
            let Some(round) = self.round(mixed, source, number) else { return Err(hole(at)) };
            let (mut index, before) = rotation.find(part, &round, at - start);
            if index >= round.len() {
                // Bounds of rounds are made so that this cannot be; without the check it would be an endless loop.
                return Err(hole(at).hint("this is a mistake in the program; please report the recipe"));
            }
            let mut skipped = at - start - before;
            while at < span.end && index < round.len() {
                let row = rotation.row_of(part, &round, index);
                let end = part.length(row).min(skipped + span.end - at);
                rows.push((source, row, skipped..end));
                at += end - skipped;
                (index, skipped) = (index + 1, 0);
            }
        }
        Ok(rows)
    }

    fn round(&self, mixed: &Mixed, source: usize, number: u64) -> Option<Arc<Round>> {
        let (part, rotation) = mixed.get(source)?;
        // A thread that panicked here left a list that is whole: it is changed by single pushes and removals.
        let mut kept = self.rounds.get(source)?.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, round)) = kept.iter().find(|(known, _)| *known == number) {
            return Some(round.clone());
        }
        let round = Arc::new(rotation.round(part, number));
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push((number, round.clone()));
        Some(round)
    }

    /// Tokens, sequences and rows that the run reads from a source.
    pub fn read_from(&self, mixed: &Mixed, source: usize) -> (u64, u64, f64) {
        let sequences = self.sources.iter().filter(|chosen| usize::from(**chosen) == source).count() as u64;
        let Some((part, rotation)) = mixed.get(source).filter(|_| sequences > 0) else { return (0, 0, 0.0) };
        let end = self.span(source, sequences - 1).end;
        // Seen from its last token, the end lies in a row also where it is the end of everything.
        let last = end - 1;
        let number = rotation.round_at(part, last);
        let bound = rotation.bound(part, number);
        let start = rotation.tokens_before(part, bound);
        let Some(round) = self.round(mixed, source, number) else { return (0, 0, 0.0) };
        let (index, before) = rotation.find(part, &round, last - start);
        let length = part.length(rotation.row_of(part, &round, index)).max(1);
        let rows = bound as f64 + index as f64 + (end - start - before) as f64 / length as f64;
        (end, sequences, rows)
    }
}
