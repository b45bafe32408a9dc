//! SHA-1, which Git names its files by: only to tell a damaged file from a whole one.
//!
//! # Source  FIPS 180-4, §6.1.2

/// A hash that grows by what is added.
#[derive(Debug, Clone)]
pub(super) struct Sha1 {
    state: [u32; 5],
    block: Vec<u8>,
    bytes: u64,
}

impl Sha1 {
    /// Of nothing.
    pub fn new() -> Self {
        Self {
            state: [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0],
            block: Vec::with_capacity(64),
            bytes: 0,
        }
    }

    /// Adds bytes.
    pub fn update(&mut self, mut bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at((64 - self.block.len()).min(bytes.len()));
            self.block.extend_from_slice(now);
            bytes = later;
            if self.block.len() == 64 {
                compress(&mut self.state, &self.block);
                self.block.clear();
            }
        }
    }

    /// The hash in hexadecimal.
    pub fn finish(mut self) -> String {
        let bits = self.bytes * 8;
        self.update(&[0x80]);
        while self.block.len() != 56 {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        self.state.iter().map(|word| format!("{word:08x}")).collect()
    }
}

fn compress(state: &mut [u32; 5], block: &[u8]) {
    let mut words: Vec<u32> = Vec::with_capacity(80);
    words.extend(block.chunks_exact(4).map(|four| four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))));
    let at = |words: &[u32], back: usize| words.get(words.len() - back).copied().unwrap_or(0);
    while words.len() < 80 {
        let next = at(&words, 3) ^ at(&words, 8) ^ at(&words, 14) ^ at(&words, 16);
        words.push(next.rotate_left(1));
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (round, word) in words.into_iter().enumerate() {
        let (mixed, constant) = match round {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc_u32),
            _ => (b ^ c ^ d, 0xca62_c1d6),
        };
        let next = a.rotate_left(5).wrapping_add(mixed).wrapping_add(e).wrapping_add(constant).wrapping_add(word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
        *sum = sum.wrapping_add(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha1(bytes: &[u8]) -> String {
        let mut hash = Sha1::new();
        hash.update(bytes);
        hash.finish()
    }

    #[test]
    fn the_examples_of_the_standard_come_out() {
        assert_eq!(sha1(b"abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(sha1(b""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
        let two_blocks = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
        assert_eq!(sha1(two_blocks), "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
        assert_eq!(sha1(&vec![b'a'; 1_000_000]), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    }

    #[test]
    fn how_the_bytes_are_cut_does_not_matter() {
        let bytes: Vec<u8> = (0..1000u32).map(|n| (n * 7) as u8).collect();
        for size in [1, 3, 63, 64, 65, 999] {
            let mut hash = Sha1::new();
            bytes.chunks(size).for_each(|chunk| hash.update(chunk));
            assert_eq!(hash.finish(), sha1(&bytes));
        }
    }
}
