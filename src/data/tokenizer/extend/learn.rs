//! Byte-pair training that goes on from an existing vocabulary.
//!
//! Pairs of neighbours are counted once, and again only in the runs where a pair was joined: each pair knows the runs
//! that have it. A queue gives the commonest; an entry whose count has changed since is put back with the new one. Of
//! equally common pairs that with the lower ids is taken first, so that the result depends on nothing but the counts.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::BuildHasherDefault;

use super::super::Tokenizer;
use super::super::bpe::{PairHasher, pair};
use super::rules::Rules;
use super::units::{Units, missing_character};
use super::{Made, NewPiece};

/// The right side of a candidate that is one character.
const ALONE: u32 = u32::MAX;
/// What is there only once is no piece of a language.
const LEAST: u64 = 2;

/// The state of training.
pub(super) struct Learner<'t> {
    tokenizer: &'t Tokenizer,
    rules: &'t Rules,
    runs: Vec<(Vec<u32>, u64)>,
    candidates: HashMap<u64, Candidate, BuildHasherDefault<PairHasher>>,
    queue: BinaryHeap<(u64, Reverse<u64>)>,
    learned: Vec<NewPiece>,
    texts: Vec<Vec<u8>>,
}

/// Two neighbours, or a character without a piece.
struct Candidate {
    allowed: bool,
    count: u64,
    runs: Vec<u32>,
}

impl<'t> Learner<'t> {
    /// Counts the pairs of all runs.
    pub fn new(tokenizer: &'t Tokenizer, rules: &'t Rules, units: Units) -> Self {
        let mut learner = Self {
            tokenizer,
            rules,
            runs: units.into_runs().collect(),
            candidates: HashMap::default(),
            queue: BinaryHeap::new(),
            learned: Vec::new(),
            texts: Vec::new(),
        };
        let runs = std::mem::take(&mut learner.runs);
        for (index, (run, count)) in runs.iter().enumerate() {
            for (left, right) in neighbours(run) {
                learner.add(left, right, index as u32, *count);
            }
            for symbol in run.iter().filter(|symbol| missing_character(**symbol).is_some()) {
                learner.add(*symbol, ALONE, index as u32, *count);
            }
        }
        learner.runs = runs;
        let common = learner.candidates.iter().filter(|(_, candidate)| candidate.allowed && candidate.count >= LEAST);
        learner.queue = common.map(|(key, candidate)| (candidate.count, Reverse(*key))).collect();
        learner
    }

    /// Learns so many pieces; fewer where nothing is there twice any more.
    pub fn learn(mut self, tokens: usize) -> Vec<NewPiece> {
        while self.learned.len() < tokens {
            let Some((count, Reverse(key))) = self.queue.pop() else { break };
            let now = self.candidates.get(&key).map_or(0, |candidate| candidate.count);
            if now != count {
                if now >= LEAST {
                    self.queue.push((now, Reverse(key)));
                }
                continue;
            }
            self.take((key >> 32) as u32, key as u32);
        }
        self.learned
    }

    /// Makes a candidate a piece, everywhere.
    fn take(&mut self, left: u32, right: u32) {
        let id = (self.tokenizer.size + self.learned.len()) as u32;
        let text = self.text(left, right);
        let made = match missing_character(left) {
            Some(character) => Made::Character(character),
            None => Made::Of(left, right),
        };
        self.learned.push(NewPiece { made, spelled: self.spelled(made) });
        self.texts.push(text);
        let Some(candidate) = self.candidates.remove(&pair(left, right)) else { return };
        let mut fresh = Vec::new();
        for index in candidate.runs {
            let Some((run, count)) = self.runs.get_mut(index as usize) else { continue };
            let joined = join(run, left, right, id);
            if joined.len() == run.len() && joined == *run {
                continue;
            }
            let (before, count) = (std::mem::replace(run, joined.clone()), *count);
            for (left, right) in neighbours(&before) {
                if let Some(candidate) = self.candidates.get_mut(&pair(left, right)) {
                    candidate.count = candidate.count.saturating_sub(count);
                }
            }
            for (left, right) in neighbours(&joined) {
                if left == id || right == id {
                    fresh.push(pair(left, right));
                    self.add(left, right, index, count);
                } else if let Some(candidate) = self.candidates.get_mut(&pair(left, right)) {
                    candidate.count += count;
                }
            }
        }
        self.offer(fresh);
    }

    /// Puts new pairs in the queue.
    fn offer(&mut self, mut keys: Vec<u64>) {
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            match self.candidates.get(&key) {
                Some(candidate) if candidate.allowed && candidate.count >= LEAST => {
                    self.queue.push((candidate.count, Reverse(key)));
                }
                _ => {}
            }
        }
    }

    /// Counts a candidate that is in a run.
    fn add(&mut self, left: u32, right: u32, run: u32, count: u64) {
        let key = pair(left, right);
        if !self.candidates.contains_key(&key) {
            let allowed = right == ALONE || self.rules.may_be(&self.text(left, right));
            self.candidates.insert(key, Candidate { allowed, count: 0, runs: Vec::new() });
        }
        let Some(candidate) = self.candidates.get_mut(&key) else { return };
        candidate.count += count;
        if candidate.allowed && candidate.runs.last() != Some(&run) {
            candidate.runs.push(run);
        }
    }

    fn text(&self, left: u32, right: u32) -> Vec<u8> {
        let mut text = self.text_of(left);
        if right != ALONE {
            text.extend(self.text_of(right));
        }
        text
    }

    fn text_of(&self, symbol: u32) -> Vec<u8> {
        if let Some(character) = missing_character(symbol) {
            return character.to_string().into_bytes();
        }
        match (symbol as usize).checked_sub(self.tokenizer.size) {
            Some(new) => self.texts.get(new).cloned().unwrap_or_default(),
            None => self.tokenizer.pieces.get(symbol).unwrap_or_default().to_vec(),
        }
    }

    /// The old ids in the place of a piece.
    fn spelled(&self, made: Made) -> Vec<u32> {
        let old = |id: u32| match (id as usize).checked_sub(self.tokenizer.size) {
            Some(new) => self.learned.get(new).map(|piece| piece.spelled.clone()).unwrap_or_default(),
            None => vec![id],
        };
        match made {
            Made::Of(left, right) => [old(left), old(right)].concat(),
            Made::Character(character) => self.tokenizer.ids_of_missing(character),
        }
    }
}

/// All pairs of neighbours; characters that are no piece yet have none.
fn neighbours(run: &[u32]) -> impl Iterator<Item = (u32, u32)> {
    let pairs = run.iter().copied().zip(run.iter().skip(1).copied());
    pairs.filter(|(left, right)| missing_character(*left).is_none() && missing_character(*right).is_none())
}

/// The run with each `left`, `right` as `id`, from the left.
fn join(run: &[u32], left: u32, right: u32, id: u32) -> Vec<u32> {
    let mut joined = Vec::with_capacity(run.len());
    let mut rest = run;
    while let [first, after @ ..] = rest {
        rest = after;
        match after {
            _ if *first != left => joined.push(*first),
            _ if right == ALONE => joined.push(id),
            [second, after @ ..] if *second == right => {
                joined.push(id);
                rest = after;
            }
            _ => joined.push(*first),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_joined_from_the_left() {
        assert_eq!(join(&[1, 1, 1, 2, 1], 1, 1, 9), [9, 1, 2, 1]);
        assert_eq!(join(&[1, 2, 1, 2, 1], 1, 2, 9), [9, 9, 1]);
        assert_eq!(join(&[5, 6, 5], 5, ALONE, 9), [9, 6, 9]);
    }
}
