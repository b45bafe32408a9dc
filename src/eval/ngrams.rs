//! N-grams as numbers: two n-grams of some texts are equal exactly if their numbers are.
//!
//! An n-gram is the pair of the (n−1)-gram that it begins with and the token that it ends with, both numbers already,
//! so that each order costs one look-up for each position, however long the n-grams are. All texts of an example (the
//! answer and its references) are numbered together.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// A hash for numbers: one multiplication, and the upper bits brought down.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

/// Numbers things from 0 on, in the order they first come.
#[derive(Debug)]
pub(super) struct Numbers<T, S = BuildHasherDefault<NumberHasher>> {
    known: HashMap<T, u32, S>,
}

impl<T: Eq + Hash, S: std::hash::BuildHasher + Default> Numbers<T, S> {
    pub(super) fn new() -> Self {
        Self { known: HashMap::default() }
    }

    pub(super) fn of(&mut self, thing: T) -> u32 {
        let next = self.known.len() as u32;
        *self.known.entry(thing).or_insert(next)
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    fn clear(&mut self) {
        self.known.clear();
    }
}

/// Texts as numbers of their tokens, one list for each.
#[derive(Debug, Default)]
pub(super) struct Texts {
    tokens: Vec<Vec<u32>>,
    /// Numbers run from 0 to this, exclusive.
    distinct: usize,
}

impl Texts {
    /// Words, as they are.
    pub(super) fn of_words<'w>(texts: impl Iterator<Item = Vec<&'w str>>) -> Self {
        // The hash of strings stays the usual one: texts may come from strangers.
        let mut numbers: Numbers<&str, std::hash::RandomState> = Numbers::new();
        let tokens = texts.map(|words| words.into_iter().map(|word| numbers.of(word)).collect()).collect();
        Self { tokens, distinct: numbers.len() }
    }

    /// Characters.
    pub(super) fn of_characters(texts: impl Iterator<Item = impl Iterator<Item = char>>) -> Self {
        let mut numbers: Numbers<u32> = Numbers::new();
        let tokens = texts.map(|text| text.map(|c| numbers.of(u32::from(c))).collect()).collect();
        Self { tokens, distinct: numbers.len() }
    }

    /// Gives the counts of the n-grams of each order from 1 to `longest`: for each text, how often each number is there.
    ///
    /// # Shapes
    /// `counted(n, counts)`: `counts[text][number]`; all rows of one call are equally long.
    pub(super) fn count(&self, longest: usize, mut counted: impl FnMut(usize, &[Vec<u32>])) {
        let (mut ids, mut distinct) = (self.tokens.clone(), self.distinct);
        let mut pairs: Numbers<u64> = Numbers::new();
        let mut counts: Vec<Vec<u32>> = vec![Vec::new(); ids.len()];
        for n in 1..=longest {
            if n > 1 {
                pairs.clear();
                for (ids, tokens) in ids.iter_mut().zip(&self.tokens) {
                    ids.truncate((tokens.len() + 1).saturating_sub(n));
                    for (id, last) in ids.iter_mut().zip(tokens.iter().skip(n - 1)) {
                        *id = pairs.of(u64::from(*id) << 32 | u64::from(*last));
                    }
                }
                distinct = pairs.len();
            }
            for (counts, ids) in counts.iter_mut().zip(&ids) {
                counts.clear();
                counts.resize(distinct, 0);
                for id in ids {
                    if let Some(count) = counts.get_mut(*id as usize) {
                        *count += 1;
                    }
                }
            }
            counted(n, &counts);
        }
    }

    /// Tokens of each text.
    pub(super) fn lengths(&self) -> impl Iterator<Item = usize> {
        self.tokens.iter().map(Vec::len)
    }

    /// The numbers of each text's tokens.
    pub(super) fn tokens(&self) -> &[Vec<u32>] {
        &self.tokens
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn n_grams_are_counted_as_if_they_were_lists(texts in prop::collection::vec("[a-d]{0,12}", 1..4)) {
            let numbered = Texts::of_characters(texts.iter().map(|text| text.chars()));
            numbered.count(5, |n, counts| {
                for (text, counts) in texts.iter().zip(counts) {
                    let mut plain: HashMap<&[u8], u32> = HashMap::new();
                    text.as_bytes().windows(n).for_each(|gram| *plain.entry(gram).or_default() += 1);
                    let mut expected: Vec<u32> = plain.into_values().collect();
                    let mut found: Vec<u32> = counts.iter().copied().filter(|count| *count > 0).collect();
                    expected.sort_unstable();
                    found.sort_unstable();
                    assert_eq!(found, expected, "{n}-grams of {text}");
                }
                for (first, counts) in texts.iter().zip(counts) {
                    for (second, others) in texts.iter().zip(counts_of(&numbered, n)) {
                        let shared: u32 = counts.iter().zip(&others).map(|(a, b)| a.min(b)).sum();
                        assert_eq!(shared, plainly_shared(first, second, n));
                    }
                }
            });
        }
    }

    fn counts_of(texts: &Texts, order: usize) -> Vec<Vec<u32>> {
        let mut kept = Vec::new();
        texts.count(order, |n, counts| {
            if n == order {
                kept = counts.to_vec()
            }
        });
        kept
    }

    fn plainly_shared(first: &str, second: &str, n: usize) -> u32 {
        let mut left: Vec<&[u8]> = second.as_bytes().windows(n).collect();
        let take = |gram: &[u8]| left.iter().position(|other| *other == gram).map(|at| left.swap_remove(at)).is_some();
        first.as_bytes().windows(n).map(take).filter(|taken| *taken).count() as u32
    }
}
