//! Packing for conversations: each row whole, with attention and positions of its own.
//!
//! Rows of a round are put, longest first, into the sequence that they fill best (best-fit decreasing; within a few
//! hundredths of full in practice), and the sequences are shuffled. Packing decides which rows share a step, never what
//! a row is: bounds keep them apart. Documents that are longer than a sequence may be split; their pieces are then packed
//! as rows are. A round of very many rows is packed in pieces, each a fair sample of it, so that
//! memory does not grow with the source.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use super::Mixed;
use super::rotation::Round;
use super::span::Rows;
use crate::data::Sequence;
use crate::error::Result;
use crate::random;
use crate::recipe::Budget;

/// Rows that are packed together, at most about.
const PIECE: u64 = 1 << 20;

/// A row of one of the sources, or a piece of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub source: u16,
    pub row: u32,
    /// The token of the row that it begins with.
    pub start: u32,
}

/// Sequences as lists of rows.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    items: Vec<Item>,
    /// The first item of each sequence, and the end of the last.
    starts: Vec<u32>,
}

impl Packed {
    /// Packs rows of the given lengths, none longer than `capacity`.
    ///
    /// O(n log n): rows are sorted once, and open sequences are found by the room that they have left.
    pub fn best_fit(rows: &[(Item, u32)], capacity: u32) -> Self {
        let mut order: Vec<u32> = (0..rows.len() as u32).collect();
        order.sort_by_key(|index| std::cmp::Reverse(rows.get(*index as usize).map_or(0, |(_, length)| *length)));
        let mut open: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let mut placed: Vec<(u32, Item)> = Vec::with_capacity(rows.len());
        let mut sequences = 0;
        for index in order {
            let Some((item, length)) = rows.get(index as usize).copied() else { continue };
            let tightest = open.range(length..).next().map(|(room, _)| *room);
            let (room, sequence) = match tightest.and_then(|room| Some((room, open.get_mut(&room)?.pop()?))) {
                Some(found) => found,
                None => {
                    sequences += 1;
                    (capacity, sequences - 1)
                }
            };
            if open.get(&room).is_some_and(Vec::is_empty) {
                open.remove(&room);
            }
            open.entry(room.saturating_sub(length)).or_default().push(sequence);
            placed.push((sequence, item));
        }
        placed.sort_by_key(|(sequence, _)| *sequence);
        let mut packed =
            Self { items: Vec::with_capacity(rows.len()), starts: Vec::with_capacity(sequences as usize + 1) };
        for (sequence, item) in placed {
            if packed.starts.len() == sequence as usize {
                packed.starts.push(packed.items.len() as u32);
            }
            packed.items.push(item);
        }
        packed.starts.push(packed.items.len() as u32);
        packed
    }

    /// The same sequences in another order.
    fn reordered(&self, order: &[u32]) -> Self {
        let mut packed =
            Self { items: Vec::with_capacity(self.items.len()), starts: Vec::with_capacity(self.starts.len()) };
        for sequence in order {
            packed.starts.push(packed.items.len() as u32);
            packed.items.extend_from_slice(self.sequence(*sequence as usize));
        }
        packed.starts.push(packed.items.len() as u32);
        packed
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// The rows of a sequence.
    pub fn sequence(&self, index: usize) -> &[Item] {
        let start = self.starts.get(index).copied().unwrap_or(0) as usize;
        let end = self.starts.get(index + 1).copied().unwrap_or(0) as usize;
        self.items.get(start..end).unwrap_or_default()
    }
}

/// A part of a round that is packed on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    round: u64,
    number: u64,
    /// Pieces of the round.
    of: u64,
}

/// The plan of a run: which sequences each round has.
#[derive(Debug)]
pub(super) struct BestFit {
    capacity: u32,
    shuffle: random::Stream,
    /// The pieces of all rounds, each with the sequences before it.
    pieces: Vec<(u64, Piece)>,
    sequences: u64,
    /// What each source gives to the run.
    read: Vec<Read>,
    /// The rounds used last, and the packed pieces used last.
    rounds: Mutex<Vec<(u64, Arc<Vec<Round>>)>>,
    kept: Mutex<Vec<(Piece, Arc<Packed>)>>,
}

/// What a source gives to a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Read {
    pub rows: u64,
    pub tokens: u64,
    pub trained: u64,
}

impl BestFit {
    /// Plans a run; also the tokens of each step, one after the other.
    pub fn plan(
        mixed: &Mixed,
        budget: Budget,
        length: usize,
        batch: usize,
        shuffle: random::Stream,
    ) -> Result<(Self, Vec<u64>)> {
        let mut plan = Self {
            capacity: length as u32,
            shuffle,
            pieces: Vec::new(),
            sequences: 0,
            read: vec![Read::default(); mixed.len()],
            rounds: Mutex::default(),
            kept: Mutex::default(),
        };
        let (most_rounds, most_tokens) = match budget {
            Budget::Tokens(tokens) => (u64::MAX, tokens),
            Budget::Epochs(epochs) => (epochs.ceil() as u64, u64::MAX),
        };
        let mut step_tokens: Vec<u64> = Vec::new();
        let mut total = 0;
        'rounds: for round in 0..most_rounds {
            for piece in plan.pieces_of(mixed, round) {
                let packed = plan.pack(mixed, piece);
                plan.pieces.push((plan.sequences, piece));
                for sequence in 0..packed.len() {
                    if plan.sequences.is_multiple_of(batch as u64) {
                        if total >= most_tokens {
                            break 'rounds;
                        }
                        step_tokens.push(0);
                    }
                    let tokens = plan.count(mixed, packed.sequence(sequence))?;
                    total += tokens;
                    if let Some(step) = step_tokens.last_mut() {
                        *step += tokens;
                    }
                    plan.sequences += 1;
                }
            }
        }
        Ok((plan, step_tokens))
    }

    /// Number of sequences.
    pub fn sequences(&self) -> u64 {
        self.sequences
    }

    /// Sequences before each round, and the end of the last.
    #[cfg(test)]
    pub fn rounds(&self) -> Vec<u64> {
        let first = self.pieces.iter().filter(|(_, piece)| piece.number == 0).map(|(before, _)| *before);
        first.chain([self.sequences]).collect()
    }

    /// What a source gives to the run.
    pub fn read_from(&self, source: usize) -> Read {
        self.read.get(source).copied().unwrap_or_default()
    }

    fn count(&mut self, mixed: &Mixed, items: &[Item]) -> Result<u64> {
        let mut tokens = 0;
        for item in items {
            let source = usize::from(item.source);
            if let (Some((part, _)), Some(read)) = (mixed.get(source), self.read.get_mut(source)) {
                let piece = part.piece(item.row, u64::from(item.start));
                let length = piece.end - piece.start;
                tokens += length;
                *read = Read {
                    rows: read.rows + u64::from(item.start == 0),
                    tokens: read.tokens + length,
                    trained: read.trained + part.targets(item.row, piece)?,
                };
            }
        }
        Ok(tokens)
    }

    /// The pieces of a round.
    fn pieces_of(&self, mixed: &Mixed, round: u64) -> impl Iterator<Item = Piece> + use<> {
        let rows: u64 = self.round(mixed, round).iter().map(Round::len).sum();
        let of = rows.div_ceil(PIECE).max(1);
        (0..of).map(move |number| Piece { round, number, of })
    }

    /// Packs a piece: of each source as large a part of the round's rows.
    fn pack(&self, mixed: &Mixed, piece: Piece) -> Packed {
        let mut rows = Vec::new();
        for (source, round) in self.round(mixed, piece.round).iter().enumerate() {
            if let Some((part, rotation)) = mixed.get(source) {
                let bound = |number: u64| (u128::from(round.len()) * u128::from(number) / u128::from(piece.of)) as u64;
                rows.extend(
                    (bound(piece.number)..bound(piece.number + 1))
                        .flat_map(|index| part.items(source as u16, rotation.row_of(part, round, index))),
                );
            }
        }
        let packed = Packed::best_fit(&rows, self.capacity);
        let shuffle = self.shuffle.child(piece.round).child(piece.number);
        packed.reordered(&shuffle.permutation(packed.len()))
    }

    /// The sequences of a step.
    ///
    /// # Errors
    /// The tokens of a source are damaged or cannot be read.
    pub fn step(&self, mixed: &Mixed, index: u64, batch: usize) -> Result<Vec<Sequence>> {
        self.of_step(index, batch).map(|index| mixed.unpack(&self.items(mixed, index))).collect()
    }

    /// The rows of each sequence of a step: the source, the row, and the piece of it.
    pub fn rows(&self, mixed: &Mixed, index: u64, batch: usize) -> Vec<Rows> {
        let row = |item: Item| {
            let source = usize::from(item.source);
            let (part, _) = mixed.get(source)?;
            Some((source, item.row, part.piece(item.row, u64::from(item.start))))
        };
        self.of_step(index, batch).map(|index| self.items(mixed, index).into_iter().filter_map(row).collect()).collect()
    }

    /// The numbers of the sequences of a step.
    fn of_step(&self, index: u64, batch: usize) -> Range<u64> {
        let first = index * batch as u64;
        first..(first + batch as u64).min(self.sequences)
    }

    /// What a sequence is made of.
    pub fn items(&self, mixed: &Mixed, index: u64) -> Vec<Item> {
        let after = self.pieces.partition_point(|(before, _)| *before <= index);
        let Some((before, piece)) = self.pieces.get(after.saturating_sub(1)) else { return Vec::new() };
        self.piece(mixed, *piece).sequence((index - before) as usize).to_vec()
    }

    fn piece(&self, mixed: &Mixed, piece: Piece) -> Arc<Packed> {
        kept(&self.kept, piece, || self.pack(mixed, piece))
    }

    /// The rows of a round, source by source.
    fn round(&self, mixed: &Mixed, number: u64) -> Arc<Vec<Round>> {
        let of = |source| mixed.get(source).map(|(part, rotation)| rotation.round(part, number));
        kept(&self.rounds, number, || (0..mixed.len()).filter_map(of).collect())
    }
}

/// What was made for a key, or is made now; the two used last are kept.
fn kept<K: PartialEq, V>(kept: &Mutex<Vec<(K, Arc<V>)>>, key: K, make: impl FnOnce() -> V) -> Arc<V> {
    // A thread that panicked here left a list that is whole: it is changed by single pushes and removals.
    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, value)) = kept.iter().find(|(known, _)| *known == key) {
        return value.clone();
    }
    let value = Arc::new(make());
    if kept.len() == 2 {
        kept.remove(0);
    }
    kept.push((key, value.clone()));
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(lengths: &[u32]) -> Vec<(Item, u32)> {
        lengths
            .iter()
            .enumerate()
            .map(|(row, length)| (Item { source: 0, row: row as u32, start: 0 }, *length))
            .collect()
    }

    proptest::proptest! {
        #[test]
        fn every_row_is_packed_once_and_nothing_overflows(lengths in proptest::collection::vec(1u32..=64, 0..300)) {
            let packed = Packed::best_fit(&rows(&lengths), 64);
            let mut seen = vec![0; lengths.len()];
            let mut fills = Vec::new();
            for sequence in 0..packed.len() {
                let items = packed.sequence(sequence);
                items.iter().for_each(|item| seen[item.row as usize] += 1);
                fills.push(items.iter().map(|item| lengths[item.row as usize]).sum::<u32>());
            }
            proptest::prop_assert!(seen.iter().all(|count| *count == 1));
            proptest::prop_assert!(fills.iter().all(|fill| *fill > 0 && *fill <= 64));
            // Two sequences that fit one would have been one.
            fills.sort_unstable();
            proptest::prop_assert!(fills.len() < 2 || fills[0] + fills[1] > 64);
        }
    }

    #[test]
    fn a_row_goes_where_it_leaves_the_least_room() {
        let packed = Packed::best_fit(&rows(&[6, 7, 3, 4]), 10);
        let lengths = |sequence| packed.sequence(sequence).iter().map(|item| item.row).collect::<Vec<_>>();
        assert_eq!((packed.len(), lengths(0), lengths(1)), (2, vec![1, 2], vec![0, 3]));
    }

    #[test]
    fn typical_rows_fill_sequences_almost_whole() {
        let stream = random::Stream::new(5, "lengths");
        let lengths: Vec<u32> = (0..50_000).map(|index| 20 + stream.below_at(index, 400) as u32).collect();
        let packed = Packed::best_fit(&rows(&lengths), 1024);
        let filled = f64::from(lengths.iter().sum::<u32>()) / (packed.len() * 1024) as f64;
        assert!(filled > 0.995, "{filled}");
    }
}
