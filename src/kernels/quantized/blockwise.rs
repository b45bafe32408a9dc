//! Numbers in 8 bits, in blocks of 256: what the moments of AdamW and the scales of NF4 are kept in.

use super::dynamic_map::DynamicMap;
use super::{absmax, divisor, expect_length};
use crate::error::Result;

/// Elements that share a largest magnitude; the last block may have fewer.
pub const BLOCK: usize = 256;

/// The codes of `x`, and the largest magnitude of each block.
///
/// A block of zeros has the code of zero and a largest magnitude of zero. One with a NaN has a NaN for its largest
/// magnitude, and comes back as NaN.
///
/// # Shapes  `x: [n]` → `codes: [n]`, `magnitudes: [⌈n / 256⌉]`
/// # Units  codes are indices into `map`; magnitudes are of the unit of `x`
/// # Errors  lengths differ from those
/// # Source  Dettmers et al. 2021, arXiv:2110.02861
pub fn quantize(x: &[f32], codes: &mut [u8], magnitudes: &mut [f32], map: &DynamicMap) -> Result<()> {
    expect_length("the codes of 8 bits", codes.len(), x.len())?;
    expect_length("the largest magnitudes", magnitudes.len(), x.len().div_ceil(BLOCK))?;
    for ((x, codes), magnitude) in x.chunks(BLOCK).zip(codes.chunks_mut(BLOCK)).zip(magnitudes) {
        *magnitude = quantize_block(x, codes, map);
    }
    Ok(())
}

/// The codes of one block; returns its largest magnitude.
pub(in crate::kernels) fn quantize_block(x: &[f32], codes: &mut [u8], map: &DynamicMap) -> f32 {
    let magnitude = absmax(x);
    let divisor = divisor(magnitude);
    for (code, x) in codes.iter_mut().zip(x) {
        *code = map.nearest(x / divisor);
    }
    magnitude
}

/// What the codes stand for, each its value in the map times its block's largest magnitude.
///
/// # Shapes  `codes: [n]`, `magnitudes: [⌈n / 256⌉]` → `y: [n]`
/// # Units  `y` is of the unit of the magnitudes
/// # Errors  lengths differ from those
/// # Source  Dettmers et al. 2021, arXiv:2110.02861
pub fn dequantize(y: &mut [f32], codes: &[u8], magnitudes: &[f32], map: &DynamicMap) -> Result<()> {
    expect_length("the codes of 8 bits", codes.len(), y.len())?;
    expect_length("the largest magnitudes", magnitudes.len(), y.len().div_ceil(BLOCK))?;
    for ((y, codes), magnitude) in y.chunks_mut(BLOCK).zip(codes.chunks(BLOCK)).zip(magnitudes) {
        dequantize_block(y, codes, *magnitude, map);
    }
    Ok(())
}

/// What the codes of one block stand for.
pub(in crate::kernels) fn dequantize_block(y: &mut [f32], codes: &[u8], magnitude: f32, map: &DynamicMap) {
    for (y, code) in y.iter_mut().zip(codes) {
        *y = map.value(*code) * magnitude;
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

    fn trip(x: &[f32], map: &DynamicMap) -> Result<Trip> {
        let blocks = x.len().div_ceil(BLOCK);
        // Values that must not stay.
        let mut trip = Trip { codes: vec![0xff; x.len()], magnitudes: vec![-1.0; blocks], back: vec![-1.0; x.len()] };
        quantize(x, &mut trip.codes, &mut trip.magnitudes, map)?;
        dequantize(&mut trip.back, &trip.codes, &trip.magnitudes, map)?;
        Ok(trip)
    }

    #[test]
    fn what_comes_back_is_as_near_as_the_map_allows() -> Result<()> {
        for n in [0, 1, 255, 256, 257, 4109] {
            let x: Vec<f32> = sample::normal(n as u64, n).into_iter().map(|x| x * x * x).collect();
            let not_negative: Vec<f32> = x.iter().map(|x| x.abs()).collect();
            // Half of a part of the largest power of ten: 0.9 in 64 or 128 parts.
            for (x, map, half) in
                [(&x, DynamicMap::signed(), 0.9 / 128.0), (&not_negative, DynamicMap::unsigned(), 0.9 / 256.0)]
            {
                let trip = trip(x, &map)?;
                for (i, (x, back)) in x.iter().zip(&trip.back).enumerate() {
                    let (largest, error) = (trip.magnitudes[i / BLOCK], (x - back).abs());
                    assert!(error <= half * largest * 1.000_01, "{n} {i} {x} {back}");
                    // Small ones are nearer: in the power of ten below, a part is a fifth of that.
                    assert!(x.abs() > 0.1 * largest || error <= half * 0.2 * largest * 1.000_01, "{n} {i} {x} {back}");
                }
            }
        }
        Ok(())
    }

    #[test]
    fn the_largest_element_comes_back_as_it_is() -> Result<()> {
        let mut x = sample::normal(3, 300);
        (x[17], x[280]) = (97.3, 12.1);
        let trip = trip(&x, &DynamicMap::signed())?;
        assert_eq!((trip.magnitudes, trip.back[17], trip.back[280]), (vec![97.3, 12.1], 97.3, 12.1));
        Ok(())
    }

    #[test]
    fn zeros_come_back_as_zeros() -> Result<()> {
        for map in [DynamicMap::signed(), DynamicMap::unsigned()] {
            let trip = trip(&[0.0; 260], &map)?;
            assert_eq!((trip.back, trip.magnitudes), (vec![0.0; 260], vec![0.0; 2]));
            assert!(trip.codes.iter().all(|code| map.value(*code) == 0.0));
        }
        Ok(())
    }

    #[test]
    fn tiny_numbers_keep_their_sign_and_size() -> Result<()> {
        // Smaller than the smallest normal number: one over it would be infinite.
        let x = [1e-42f32, -1e-42, 0.0];
        let trip = trip(&x, &DynamicMap::signed())?;
        assert_eq!(trip.codes, [255, 0, 127]);
        assert!(trip.back.iter().zip(x).all(|(back, x)| (back - x).abs() <= 1e-44));
        Ok(())
    }

    #[test]
    fn nan_makes_its_block_nan_and_no_other() -> Result<()> {
        let mut x = sample::normal(5, 600);
        x[300] = f32::NAN;
        let trip = trip(&x, &DynamicMap::signed())?;
        let nan: Vec<bool> = trip.back.iter().map(|x| x.is_nan()).collect();
        assert!(nan.iter().enumerate().all(|(i, nan)| *nan == (256..512).contains(&i)));
        Ok(())
    }

    #[test]
    fn infinity_does_not_come_back_finite() -> Result<()> {
        let trip = trip(&[1.0, f32::INFINITY, -2.0], &DynamicMap::signed())?;
        assert!(trip.back.iter().all(|x| !x.is_finite()));
        Ok(())
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let (map, mut codes, mut magnitudes) = (DynamicMap::signed(), [0; 257], [0.0; 2]);
        assert!(quantize(&[0.0; 256], &mut codes, &mut magnitudes, &map).is_err());
        assert!(quantize(&[0.0; 257], &mut codes, &mut magnitudes[..1], &map).is_err());
        assert!(dequantize(&mut [0.0; 513], &codes, &magnitudes, &map).is_err());
        assert!(dequantize(&mut [0.0; 257], &codes, &[0.0; 3], &map).is_err());
    }
}
