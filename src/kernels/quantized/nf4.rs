//! NF4: weights in 4 bits, in blocks of 64, whose scales may be in 8 bits themselves.

use super::dynamic_map::DynamicMap;
use super::{absmax, blockwise, bounds, divisor, expect_length};
use crate::error::Result;
use crate::kernels::parallel::{self, CHUNK};

/// Elements that share a largest magnitude; the last block may have fewer.
pub const BLOCK: usize = 64;

/// What the 16 codes stand for.
///
/// 8 quantiles of the normal distribution above zero, 7 below and zero itself. On each side the chances are evenly
/// spaced from a half to 1 − (1/30 + 1/32)/2, and all is divided by the largest.
///
/// # Units  the largest magnitude of a block is 1
/// # Source  Dettmers et al. 2023, arXiv:2305.14314, section 3 and appendix E
pub const LEVELS: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

const BOUNDS: [f32; 15] = bounds(&LEVELS);

/// The code of zero.
const ZERO: u8 = 7;

/// The code of the nearest level; of two equally near, the lower; 0 for NaN.
fn nearest(x: f32) -> u8 {
    BOUNDS.iter().map(|bound| u8::from(x > *bound)).sum()
}

/// What the lower four bits of a code stand for.
fn level(code: u8) -> f32 {
    LEVELS[usize::from(code & 15)]
}

/// The codes of `weights`, two in a byte with the first in the upper half, and the largest magnitude of each block.
///
/// The half that an odd number of weights leaves is the code of zero. A block of zeros has the code of zero and a
/// largest magnitude of zero. One with a NaN has a NaN for its largest magnitude, and comes back as NaN.
///
/// # Shapes  `weights: [n]` → `codes: [⌈n / 2⌉]`, `magnitudes: [⌈n / 64⌉]`
/// # Units  codes are indices into [`LEVELS`]; magnitudes are of the unit of the weights
/// # Errors  lengths differ from those
/// # Source  Dettmers et al. 2023, arXiv:2305.14314
pub fn quantize(weights: &[f32], codes: &mut [u8], magnitudes: &mut [f32]) -> Result<()> {
    expect_lengths(weights.len(), codes.len(), magnitudes.len())?;
    let magnitudes = magnitudes.chunks_mut(CHUNK / BLOCK);
    let tasks = weights.chunks(CHUNK).zip(codes.chunks_mut(CHUNK / 2)).zip(magnitudes).collect();
    parallel::each(tasks, |((weights, codes), magnitudes): ((&[f32], &mut [u8]), &mut [f32])| {
        for ((weights, codes), magnitude) in weights.chunks(BLOCK).zip(codes.chunks_mut(BLOCK / 2)).zip(magnitudes) {
            *magnitude = absmax(weights);
            let divisor = divisor(*magnitude);
            for (code, pair) in codes.iter_mut().zip(weights.chunks(2)) {
                let mut halves = pair.iter().map(|x| nearest(x / divisor));
                *code = halves.next().unwrap_or(ZERO) << 4 | halves.next().unwrap_or(ZERO);
            }
        }
    });
    Ok(())
}

/// What the codes stand for, each its level times its block's largest magnitude.
///
/// # Shapes  `codes: [⌈n / 2⌉]`, `magnitudes: [⌈n / 64⌉]` → `y: [n]`
/// # Units  `y` is of the unit of the magnitudes
/// # Errors  lengths differ from those
/// # Source  Dettmers et al. 2023, arXiv:2305.14314
pub fn dequantize(y: &mut [f32], codes: &[u8], magnitudes: &[f32]) -> Result<()> {
    expect_lengths(y.len(), codes.len(), magnitudes.len())?;
    let tasks = y.chunks_mut(CHUNK).zip(codes.chunks(CHUNK / 2)).zip(magnitudes.chunks(CHUNK / BLOCK)).collect();
    parallel::each(tasks, |((y, codes), magnitudes): ((&mut [f32], &[u8]), &[f32])| {
        for ((y, codes), magnitude) in y.chunks_mut(BLOCK).zip(codes.chunks(BLOCK / 2)).zip(magnitudes) {
            for (pair, byte) in y.chunks_mut(2).zip(codes) {
                for (y, code) in pair.iter_mut().zip([byte >> 4, *byte]) {
                    *y = level(code) * magnitude;
                }
            }
        }
    });
    Ok(())
}

fn expect_lengths(elements: usize, codes: usize, magnitudes: usize) -> Result<()> {
    expect_length("the codes of NF4", codes, elements.div_ceil(2))?;
    expect_length("the largest magnitudes of NF4", magnitudes, elements.div_ceil(BLOCK))
}

/// Largest magnitudes in 8 bits: the second quantisation.
///
/// They are all positive, so that their mean is taken off first. Half a byte a weight and 4 bytes for each 64 weights
/// become 4.127 bits a weight, instead of 4.5.
///
/// # Shapes  of n magnitudes: `codes: [n]`, `magnitudes: [⌈n / 256⌉]`
/// # Units  codes are indices into [`DynamicMap::signed`]; the others are of the unit of the magnitudes
/// # Source  Dettmers et al. 2023, arXiv:2305.14314, section 3
#[derive(Debug, Clone, PartialEq)]
pub struct Scales {
    /// The magnitudes less their mean, in 8 bits.
    pub codes: Vec<u8>,
    /// The largest magnitude of each block of 256 of those.
    pub magnitudes: Vec<f32>,
    /// The mean.
    pub offset: f32,
}

impl Scales {
    /// The magnitudes that [`quantize`] gives, in 8 bits.
    ///
    /// A NaN among them makes all of them NaN, through the mean.
    ///
    /// # Shapes  `magnitudes: [n]`
    /// # Errors  none that lengths can cause
    /// # Source  as [`Scales`]
    pub fn of(magnitudes: &[f32], map: &DynamicMap) -> Result<Self> {
        let sum: f64 = magnitudes.iter().map(|x| f64::from(*x)).sum();
        let offset = (sum / magnitudes.len().max(1) as f64) as f32;
        let centred: Vec<f32> = magnitudes.iter().map(|x| x - offset).collect();
        let mut scales = Self {
            codes: vec![0; centred.len()],
            magnitudes: vec![0.0; centred.len().div_ceil(blockwise::BLOCK)],
            offset,
        };
        blockwise::quantize(&centred, &mut scales.codes, &mut scales.magnitudes, map)?;
        Ok(scales)
    }

    /// The magnitudes that these stand for, as [`dequantize`] takes them.
    ///
    /// # Shapes  → `[n]`, as many as there are codes
    /// # Errors  there is not one magnitude for each 256 codes
    /// # Source  as [`Scales`]
    pub fn dequantize(&self, map: &DynamicMap) -> Result<Vec<f32>> {
        let mut magnitudes = vec![0.0; self.codes.len()];
        blockwise::dequantize(&mut magnitudes, &self.codes, &self.magnitudes, map)?;
        magnitudes.iter_mut().for_each(|x| *x += self.offset);
        Ok(magnitudes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::quantized::sample;

    struct Trip {
        codes: Vec<u8>,
        magnitudes: Vec<f32>,
        back: Vec<f32>,
    }

    fn trip(x: &[f32]) -> Result<Trip> {
        let n = x.len();
        // Values that must not stay.
        let (codes, magnitudes) = (vec![0xff; n.div_ceil(2)], vec![-1.0; n.div_ceil(BLOCK)]);
        let mut trip = Trip { codes, magnitudes, back: vec![9.0; n] };
        quantize(x, &mut trip.codes, &mut trip.magnitudes)?;
        dequantize(&mut trip.back, &trip.codes, &trip.magnitudes)?;
        Ok(trip)
    }

    /// The chance that a normal number is below x: the density, integrated by Simpson's rule.
    fn chance_below(x: f64) -> f64 {
        let (steps, density) = (400, |t: f64| (-t * t / 2.0).exp() / std::f64::consts::TAU.sqrt());
        let width = x / f64::from(steps);
        let weight = |i: i32| if i == 0 || i == steps { 1.0 } else { f64::from(2 + 2 * (i % 2)) };
        0.5 + width / 3.0 * (0..=steps).map(|i| weight(i) * density(width * f64::from(i))).sum::<f64>()
    }

    fn quantile(chance: f64) -> f64 {
        let (mut low, mut high) = (0.0, 4.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if chance_below(middle) < chance { low = middle } else { high = middle }
        }
        0.5 * (low + high)
    }

    #[test]
    fn the_levels_are_quantiles_of_the_normal_distribution() {
        let most = 1.0 - 0.5 * (1.0 / 30.0 + 1.0 / 32.0);
        let side = |parts: i32| {
            (1..=parts).map(move |i| quantile(0.5 + (most - 0.5) * f64::from(i) / f64::from(parts)) / quantile(most))
        };
        let mut levels: Vec<f64> = side(7).map(|x| -x).chain([0.0]).chain(side(8)).collect();
        levels.sort_by(f64::total_cmp);
        assert_eq!(levels.len(), LEVELS.len());
        for (derived, published) in levels.iter().zip(LEVELS) {
            // The published ones are off by up to 1.9e-7.
            assert!((derived - f64::from(published)).abs() < 2e-7, "{derived} {published}");
        }
    }

    #[test]
    fn codes_are_of_the_nearest_level() -> Result<()> {
        for n in [1, 2, 63, 64, 65, 255, 256, 257, 4109, CHUNK, 2 * CHUNK + 65] {
            let x = sample::normal(n as u64, n);
            let trip = trip(&x)?;
            for (i, x) in x.iter().enumerate() {
                let code = trip.codes[i / 2] >> (4 * (1 - i % 2)) & 15;
                let magnitude = trip.magnitudes[i / BLOCK];
                assert_eq!(usize::from(code), sample::nearest(&LEVELS, f64::from(x / magnitude)).0, "{n} {i}");
                assert_eq!(trip.back[i], level(code) * magnitude);
                // Half the distance of the two lowest levels.
                assert!((x - trip.back[i]).abs() <= 0.151_904 * magnitude);
            }
            assert!(n % 2 == 0 || trip.codes[n / 2] & 15 == ZERO);
        }
        Ok(())
    }

    #[test]
    fn the_error_of_normal_weights_is_a_tenth_of_them() -> Result<()> {
        let x = sample::normal(1, 1 << 16);
        let back = trip(&x)?.back;
        let squares = |x: &mut dyn Iterator<Item = f32>| x.map(|x| f64::from(x).powi(2)).sum::<f64>();
        let error = squares(&mut x.iter().zip(&back).map(|(x, back)| x - back)) / squares(&mut x.iter().copied());
        assert!((0.08..0.10).contains(&error.sqrt()), "{}", error.sqrt());
        Ok(())
    }

    #[test]
    fn of_two_equally_near_the_lower() -> Result<()> {
        let mut x = vec![1.0];
        x.extend(BOUNDS);
        let codes = trip(&x)?.codes;
        assert_eq!(codes, [0xf0, 0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde]);
        Ok(())
    }

    #[test]
    fn zeros_levels_and_tiny_numbers_come_back_as_they_are() -> Result<()> {
        let zeros = trip(&[0.0; 67])?;
        assert_eq!((zeros.back, zeros.codes), (vec![0.0; 67], vec![0x77; 34]));
        let levels = LEVELS.map(|x| x * 0.5);
        assert_eq!(trip(&levels)?.back, levels);
        // Smaller than the smallest normal number: one over it would be infinite.
        assert_eq!(trip(&[1e-42, -1e-42, 0.0])?.back, [1e-42, -1e-42, 0.0]);
        Ok(())
    }

    #[test]
    fn nan_makes_its_block_nan_and_no_other() -> Result<()> {
        let mut x = sample::normal(5, 200);
        x[70] = f32::NAN;
        let trip = trip(&x)?;
        assert!(trip.back.iter().enumerate().all(|(i, x)| x.is_nan() == (64..128).contains(&i)));
        let scales = Scales::of(&trip.magnitudes, &DynamicMap::signed())?;
        assert!(scales.dequantize(&DynamicMap::signed())?.iter().all(|x| x.is_nan()));
        Ok(())
    }

    #[test]
    fn scales_in_8_bits_are_near_those_in_32() -> Result<()> {
        let map = DynamicMap::signed();
        for n in [1, 100, 64 * 256, 64 * 256 + 1, 40_000] {
            let trip = trip(&sample::normal(n as u64, n))?;
            let scales = Scales::of(&trip.magnitudes, &map)?;
            let narrow = scales.dequantize(&map)?;
            for (i, (narrow, wide)) in narrow.iter().zip(&trip.magnitudes).enumerate() {
                // Half of a part of the map, and the rounding of the sum.
                let most = 0.9 / 128.0 * scales.magnitudes[i / blockwise::BLOCK] * 1.000_01 + 2.4e-7 * wide;
                assert!((narrow - wide).abs() <= most, "{n} {i} {narrow} {wide}");
            }
            let mut back = vec![9.0; n];
            dequantize(&mut back, &trip.codes, &narrow)?;
            assert!(back.iter().zip(&trip.back).all(|(a, b)| (a - b).abs() <= 0.02 * b.abs()), "{n}");
        }
        assert_eq!(Scales::of(&[], &map)?, Scales { codes: vec![], magnitudes: vec![], offset: 0.0 });
        Ok(())
    }

    #[test]
    fn wrong_lengths_are_refused() -> Result<()> {
        let (mut codes, mut magnitudes) = ([0; 33], [0.0; 2]);
        assert!(quantize(&[0.0; 64], &mut codes, &mut magnitudes[..1]).is_err());
        assert!(quantize(&[0.0; 65], &mut codes, &mut magnitudes[..1]).is_err());
        assert!(dequantize(&mut [0.0; 67], &codes, &magnitudes).is_err());
        assert!(dequantize(&mut [0.0; 65], &codes, &[0.0; 3]).is_err());
        let map = DynamicMap::signed();
        let scales = Scales::of(&[1.0; 300], &map)?;
        assert!(Scales { magnitudes: vec![1.0], ..scales }.dequantize(&map).is_err());
        Ok(())
    }
}
