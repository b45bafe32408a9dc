//! The random numbers that PEFT draws VeRA's shared factors from, bit for bit: torch's generator for the CPU.
//!
//! It is the Mersenne twister, of which a uniform number takes the lower 24 bits. Torch's kernel puts it between two ends
//! with one rounding, on every processor that can multiply and add in one step.
//!
//! # Source  Matsumoto and Nishimura 1998, "Mersenne Twister: a 623-dimensionally equidistributed uniform pseudo-random
//!   number generator", MT19937; checked against torch 2.15

const WORDS: usize = 624;
const APART: usize = 397;

/// The generator.
pub(super) struct Mersenne {
    state: Vec<u32>,
    place: usize,
}

impl Mersenne {
    /// As `torch.Generator().manual_seed(seed)`, which takes the lower 32 bits.
    pub fn new(seed: u64) -> Self {
        let mut word = seed as u32;
        let mut state = vec![word];
        for index in 1..WORDS as u32 {
            word = 1_812_433_253u32.wrapping_mul(word ^ (word >> 30)).wrapping_add(index);
            state.push(word);
        }
        Self { state, place: WORDS }
    }

    /// So many numbers, uniform between two ends, as `Tensor.uniform_` fills a tensor of f32.
    pub fn uniform(&mut self, count: usize, (low, high): (f32, f32)) -> Vec<f32> {
        let unit = |word: u32| (word & 0x00ff_ffff) as f32 / (1 << 24) as f32;
        (0..count).map(|_| unit(self.next()).mul_add(high - low, low)).collect()
    }

    fn next(&mut self) -> u32 {
        if self.place == WORDS {
            self.turn();
        }
        let mut word = self.state.get(self.place).copied().unwrap_or_default();
        self.place += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    /// The next state, each word from three of those before.
    fn turn(&mut self) {
        let at = |state: &[u32], index: usize| state.get(index % WORDS).copied().unwrap_or_default();
        for index in 0..WORDS {
            let both = (at(&self.state, index) & 0x8000_0000) | (at(&self.state, index + 1) & 0x7fff_ffff);
            let odd = if both & 1 == 1 { 0x9908_b0df } else { 0 };
            let word = at(&self.state, index + APART) ^ (both >> 1) ^ odd;
            if let Some(slot) = self.state.get_mut(index) {
                *slot = word;
            }
        }
        self.place = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ten_thousandth_number_is_the_one_that_the_standard_of_cpp_names() {
        let mut generator = Mersenne::new(5489);
        let last = (0..10_000).map(|_| generator.next()).last();
        assert_eq!(last, Some(4_123_659_995));
    }
}
