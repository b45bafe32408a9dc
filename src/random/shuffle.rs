//! A permutation that takes no memory: any element can be asked for at any time, whatever the length.

use super::Stream;

/// Rounds of mixing, two half-rounds each. Four half-rounds look random where halves are wide (Luby and Rackoff 1988).
const ROUNDS: u64 = 4;
/// Rounds for ranges of at most [`SHORT`] bits, whose few keys of a half-round take longer to reach all orders.
const MANY_ROUNDS: u64 = 8;
const SHORT: u32 = 8;

/// The numbers `0..count` in a random order that follows from a [`Stream`].
///
/// The order is a block cipher over as many bits as the numbers need; a result that is no number of the range is
/// enciphered again until it is one, which takes less than two tries on average.
///
/// # Source  Black and Rogaway 2002, "Ciphers with arbitrary finite domains" (cycle walking); Luby and Rackoff 1988
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shuffle {
    stream: Stream,
    count: u64,
    /// Bits of the lower half.
    low: u32,
    /// Bits of the upper half, as many or one less.
    high: u32,
    rounds: u64,
}

impl Shuffle {
    /// The order of `0..count` under a stream.
    pub fn new(stream: Stream, count: u64) -> Self {
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        let rounds = if bits > SHORT { ROUNDS } else { MANY_ROUNDS };
        Self { stream, count, low: bits.div_ceil(2), high: bits / 2, rounds }
    }

    /// How many numbers there are.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number at `index` of the order. An index past the end stays as it is.
    #[inline]
    pub fn at(&self, index: u64) -> u64 {
        if index >= self.count {
            return index;
        }
        let mut value = self.encipher(index);
        // The cipher's cycle through an index of the range comes back to it at the latest, so this ends.
        while value >= self.count {
            value = self.encipher(value);
        }
        value
    }

    /// A Feistel network over `low + high` bits; each half is changed by what the other one says, so it can be undone.
    #[inline]
    fn encipher(&self, value: u64) -> u64 {
        let mask = |bits: u32| (1u64 << bits) - 1;
        let (mut upper, mut lower) = (value >> self.low, value & mask(self.low));
        for round in 0..self.rounds {
            lower ^= self.stream.at(round << 33 | upper) & mask(self.low);
            upper ^= self.stream.at(round << 33 | 1 << 32 | lower) & mask(self.high);
        }
        upper << self.low | lower
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(key: u64, count: u64) -> Vec<u64> {
        let shuffle = Shuffle::new(Stream::new(key, "rows"), count);
        (0..count).map(|index| shuffle.at(index)).collect()
    }

    proptest::proptest! {
        #[test]
        fn any_length_is_a_permutation(key in proptest::num::u64::ANY, count in 0u64..5000) {
            let mut order = order(key, count);
            order.sort_unstable();
            proptest::prop_assert_eq!(order, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn large_numbers_stay_in_their_range(key in proptest::num::u64::ANY, count in 1u64.., at in proptest::num::u64::ANY) {
            let shuffle = Shuffle::new(Stream::new(key, "rows"), count);
            proptest::prop_assert!(shuffle.at(at % count) < count);
        }
    }

    #[test]
    fn every_short_length_is_a_permutation_and_an_index_past_the_end_stays() {
        for count in 0..200 {
            let mut order = order(7, count);
            order.sort_unstable();
            assert_eq!(order, (0..count).collect::<Vec<_>>());
            assert_eq!(Shuffle::new(Stream::new(7, "rows"), count).at(count + 3), count + 3);
        }
    }

    /// Chi-squared of counts that should be equal, in its standard deviations above what is expected.
    fn excess(seen: &[f64], free: u64) -> f64 {
        let equal = seen.iter().sum::<f64>() / seen.len() as f64;
        let chi: f64 = seen.iter().map(|seen| (seen - equal).powi(2) / equal).sum();
        (chi - free as f64) / (2.0 * free as f64).sqrt()
    }

    #[test]
    fn numbers_and_pairs_come_to_all_places_equally_often() {
        for count in [3u64, 5, 6, 7, 8, 13, 100, 300] {
            let mut seen = vec![0.0; (count * count) as usize];
            let mut pairs = seen.clone();
            for key in 0..500 * count {
                let order = order(key, count);
                pairs[(order[0] * count + order[1]) as usize] += 1.0;
                for (place, number) in (0..).zip(order) {
                    seen[(place * count + number) as usize] += 1.0;
                }
            }
            // No number is at two places.
            let pairs: Vec<f64> =
                (0..).zip(pairs).filter(|(at, _)| at % (count + 1) != 0).map(|(_, seen)| seen).collect();
            let both = (excess(&seen, (count - 1) * (count - 1)), excess(&pairs, count * (count - 1) - 1));
            assert!(both.0 < 5.0 && both.1 < 5.0, "{count}: {both:?}");
        }
    }

    #[test]
    fn neighbours_are_not_kept() {
        let order = order(3, 100_000);
        let next = order.windows(2).filter(|pair| pair[1] == pair[0] + 1).count();
        // One is expected.
        assert!(next < 10, "{next}");
    }
}
