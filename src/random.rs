//! Randomness that depends only on the seed and on what it is for, never on the order of work.
//!
//! A [`Stream`] is a function from a counter to a number: any element can be asked for at any time,
//! by any thread, after any restart, and is always the same. Dropout masks, shuffles and sampled
//! wordings all come from it.

mod shuffle;

pub use shuffle::Shuffle;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

/// A named, addressable stream of random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The stream of that name under a study's seed.
    pub fn new(seed: u64, name: &str) -> Self {
        // FNV-1a over the name, so that streams of different names are unrelated.
        let name = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { key: mix(mix(seed) ^ name) }
    }

    /// A stream of its own for item `index` of this one.
    pub fn child(self, index: u64) -> Self {
        Self { key: mix(self.key ^ mix(index.wrapping_add(0x51ed_270b))) }
    }

    /// What tells the stream from others, for code that computes its numbers elsewhere.
    pub(crate) fn key(self) -> u64 {
        self.key
    }

    /// The number at `index`, uniform over all of `u64`.
    #[inline]
    pub fn at(self, index: u64) -> u64 {
        mix(self.key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// The number at `index`, uniform in `[0, 1)`.
    #[inline]
    pub fn unit_at(self, index: u64) -> f64 {
        (self.at(index) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// The number at `index`, uniform in `0..bound`; 0 if the bound is 0.
    #[inline]
    pub fn below_at(self, index: u64, bound: u64) -> u64 {
        ((u128::from(self.at(index)) * u128::from(bound)) >> 64) as u64
    }

    /// The number at `index`, normal with that deviation (Box and Muller 1958).
    #[inline]
    pub fn normal_at(self, index: u64, deviation: f64) -> f64 {
        let pair = index & !1;
        let radius = (-2.0 * (1.0 - self.unit_at(pair)).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * self.unit_at(pair | 1)).sin_cos();
        deviation * radius * if index & 1 == 0 { cos } else { sin }
    }

    /// The same permutation of `0..count` at every call.
    pub fn permutation(self, count: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..count as u32).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below_at(last as u64, last as u64 + 1) as usize);
        }
        order
    }

    /// A sequential generator, where a distribution needs one.
    pub fn generator(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.key)
    }
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood 2014): every bit depends on every other.
#[inline]
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_depend_on_order_and_are_uniform() {
        let stream = Stream::new(42, "dropout");
        let mean = (0..100_000).map(|i| stream.unit_at(i)).sum::<f64>() / 1e5;
        // Standard error of the mean is 0.2887 / sqrt(1e5) = 0.0009; five of them.
        assert!((mean - 0.5).abs() < 0.0046, "{mean}");
        assert_eq!(stream.at(7), Stream::new(42, "dropout").at(7));
        assert_ne!(stream.at(7), Stream::new(42, "shuffle").at(7));
        assert_ne!(stream.at(7), Stream::new(43, "dropout").at(7));
        assert_ne!(stream.child(0).at(7), stream.child(1).at(7));
    }

    #[test]
    fn a_permutation_holds_each_number_once() {
        let mut order = Stream::new(1, "rows").permutation(1000);
        assert_ne!(order, (0..1000).collect::<Vec<u32>>());
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<u32>>());
    }
}
