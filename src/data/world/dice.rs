//! Random choices in a row, from one addressable stream.

use crate::random::Stream;

/// Draws choice after choice; the same stream draws the same choices.
#[derive(Debug)]
pub(super) struct Dice {
    stream: Stream,
    next: u64,
}

impl Dice {
    /// Starts at the beginning of a stream.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, next: 0 }
    }

    /// A number in `0..bound`; 0 if the bound is 0.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        self.next += 1;
        self.stream.below_at(self.next, bound as u64) as usize
    }

    /// True in that many of a hundred cases.
    pub(super) fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of the items, which are not none.
    pub(super) fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items of one of the groups, each group being as likely.
    pub(super) fn pick_among<T: Copy>(&mut self, groups: &[&[T]]) -> T {
        let group = self.pick(groups);
        self.pick(group)
    }

    /// The index of a weight, chosen in proportion to it.
    pub(super) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        for (index, &weight) in weights.iter().enumerate() {
            if left < weight {
                return index;
            }
            left -= weight;
        }
        0
    }

    /// Puts the items into a random order.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }

    /// Draws until the draw will do; in the end, whatever was drawn last.
    pub(super) fn until<T>(&mut self, mut draw: impl FnMut(&mut Self) -> T, accept: impl Fn(&T) -> bool) -> T {
        let mut drawn = draw(self);
        for _ in 0..TRIES {
            if accept(&drawn) {
                break;
            }
            drawn = draw(self);
        }
        drawn
    }
}

/// How often a draw is repeated. The rarest accepted one, a held-out sentence of a kind, comes about once
/// in twenty draws, so that all of these fail with a probability of 1e-200.
const TRIES: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_kept_and_shuffles_lose_nothing() {
        let mut dice = Dice::new(Stream::new(1, "dice"));
        let mut seen = [0usize; 3];
        (0..10_000).for_each(|_| seen[dice.weighted(&[1, 0, 3])] += 1);
        // 2500 expected, standard deviation 43; five of them.
        assert!(seen[0].abs_diff(2500) < 215 && seen[1] == 0, "{seen:?}");
        let mut items = [1, 2, 3, 4, 5];
        dice.shuffle(&mut items);
        items.sort_unstable();
        assert_eq!(items, [1, 2, 3, 4, 5]);
    }
}
