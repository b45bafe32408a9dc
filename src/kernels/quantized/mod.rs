//! Numbers in 8 and 4 bits, on the CPU: what the CUDA kernels of these formats are compared with, and what files are
//! read and written by.
//!
//! Each divides a block of adjacent elements by the largest magnitude among them. NF4 and the 8 bits of an optimizer
//! store, for each element, the index of the nearest entry of a table; of two equally near entries it is the lower one.
//! int8 stores whole numbers, of which a row is a block. A block that has a NaN in it has a NaN for its largest magnitude,
//! so that all of it comes back as NaN: what went wrong is not hidden as a zero.

pub mod blockwise;
pub mod dynamic_map;
pub mod int8;
pub mod nf4;

#[cfg(test)]
pub(super) mod golden;
mod matrix;
mod rows;

pub use matrix::Nf4;
pub use rows::Int8;

use crate::error::{Error, Result};

/// The largest magnitude of a block; NaN if an element is.
fn absmax(block: &[f32]) -> f32 {
    // As integers magnitudes have the same order, and NaN is larger than all.
    f32::from_bits(block.iter().map(|x| x.abs().to_bits()).max().unwrap_or(0))
}

/// What the elements of a block are divided by: 1 where the largest magnitude is 0 or NaN.
fn divisor(absmax: f32) -> f32 {
    if absmax > 0.0 { absmax } else { 1.0 }
}

/// The halves between neighbours.
const fn bounds<const N: usize, const BOUNDS: usize>(values: &[f32; N]) -> [f32; BOUNDS] {
    const { assert!(BOUNDS + 1 == N, "one bound less than values") };
    let mut bounds = [0.0; BOUNDS];
    let mut i = 0;
    while i < BOUNDS {
        bounds[i] = 0.5 * (values[i] + values[i + 1]);
        i += 1;
    }
    bounds
}

fn expect_length(what: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(Error::new(format!("length of {what}")).got(got).expected(expected)) }
}

#[cfg(test)]
mod sample {
    /// Numbers of a distribution close to the normal one, the same each time.
    pub(super) fn normal(seed: u64, n: usize) -> Vec<f32> {
        let mut state = seed;
        let mut uniform = || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut bits = state;
            bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((bits ^ (bits >> 31)) >> 11) as f64 / 2f64.powi(53)
        };
        (0..n).map(|_| ((0..12).map(|_| uniform()).sum::<f64>() - 6.0) as f32).collect()
    }

    /// The entry that is nearest in f64, and how far it is.
    pub(super) fn nearest(values: &[f32], x: f64) -> (usize, f64) {
        let distances = values.iter().map(|value| (f64::from(*value) - x).abs()).enumerate();
        distances.fold((0, f64::INFINITY), |best, this| if this.1 < best.1 { this } else { best })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_magnitude_shows_nan_and_infinity() {
        assert_eq!(absmax(&[]), 0.0);
        assert_eq!(absmax(&[-3.0, 2.0, -0.0]), 3.0);
        assert_eq!(absmax(&[1.0, f32::NEG_INFINITY]), f32::INFINITY);
        assert!(absmax(&[1.0, -f32::NAN, f32::INFINITY]).is_nan());
        assert_eq!([divisor(0.0), divisor(f32::NAN), divisor(0.25)], [1.0, 1.0, 0.25]);
    }
}
