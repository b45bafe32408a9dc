//! Weights in 8 bits, a scale for each row: what LLM.int8 keeps of a linear module.
//!
//! As bitsandbytes' `Linear8bitLt` stores them: the weight is rounded to f16 first, whatever it was; a row's scale is its
//! largest magnitude, and a code is `w·(1/scale·127)`, in f32 (torch divides a number by a tensor so), rounded to the
//! nearest whole number, of two equally near to the even one. What it stands for is `code·scale·(1/127)`. A row that has a NaN in it has a NaN for its scale, and comes
//! back as NaN.

use super::{absmax, expect_length};
use crate::error::{Error, Result};
use crate::kernels::parallel::{self, CHUNK};

/// The largest code; its negative is the smallest one.
const MOST: f32 = 127.0;

/// The nearest f32 to 1/127: what bitsandbytes multiplies with, where it would divide.
const PART: f32 = 7.874_016e-3;

/// The codes of a matrix, and the largest magnitude of each row.
///
/// A row of zeros has codes of zero and a largest magnitude of zero.
///
/// # Shapes  `weights: [rows·columns]` → `codes: [rows·columns]`, `magnitudes: [rows]`
/// # Units  codes are whole numbers from −127 to 127, as bytes of two's complement; magnitudes are of the unit of the weights
/// # Errors  lengths differ from those
/// # Source  Dettmers et al. 2022, arXiv:2208.07339, section 2; `int8_vectorwise_quant` of bitsandbytes 0.50.2, on the CPU
pub fn quantize(weights: &[f32], columns: usize, codes: &mut [u8], magnitudes: &mut [f32]) -> Result<()> {
    let rows = expect_lengths(weights.len(), columns, codes.len(), magnitudes.len())?;
    let tasks = weights.chunks(rows * columns).zip(codes.chunks_mut(rows * columns)).zip(magnitudes.chunks_mut(rows));
    parallel::each(tasks.collect(), |((weights, codes), magnitudes): ((&[f32], &mut [u8]), &mut [f32])| {
        for ((row, codes), magnitude) in weights.chunks(columns).zip(codes.chunks_mut(columns)).zip(magnitudes) {
            *magnitude = absmax(row);
            let factor = 1.0 / *magnitude * MOST;
            for (code, x) in codes.iter_mut().zip(row) {
                // NaN, of a row of zeros too, is the code 0.
                *code = (x * factor).round_ties_even().clamp(-MOST, MOST) as i8 as u8;
            }
        }
    });
    Ok(())
}

/// What the codes stand for.
///
/// # Shapes  `codes: [rows·columns]`, `magnitudes: [rows]` → `y: [rows·columns]`
/// # Units  `y` is of the unit of the magnitudes
/// # Errors  lengths differ from those
/// # Source  `int8_vectorwise_dequant` of bitsandbytes 0.50.2
pub fn dequantize(y: &mut [f32], columns: usize, codes: &[u8], magnitudes: &[f32]) -> Result<()> {
    let rows = expect_lengths(y.len(), columns, codes.len(), magnitudes.len())?;
    let tasks = y.chunks_mut(rows * columns).zip(codes.chunks(rows * columns)).zip(magnitudes.chunks(rows));
    parallel::each(tasks.collect(), |((y, codes), magnitudes): ((&mut [f32], &[u8]), &[f32])| {
        for ((row, codes), magnitude) in y.chunks_mut(columns).zip(codes.chunks(columns)).zip(magnitudes) {
            for (y, code) in row.iter_mut().zip(codes) {
                *y = f32::from(*code as i8) * magnitude * PART;
            }
        }
    });
    Ok(())
}

/// Checks the lengths; returns how many rows are done in one go.
fn expect_lengths(elements: usize, columns: usize, codes: usize, magnitudes: usize) -> Result<usize> {
    if columns == 0 || !elements.is_multiple_of(columns) {
        return Err(Error::new("elements of a matrix in int8").got(elements).expected(format!("rows of {columns}")));
    }
    expect_length("the codes of int8", codes, elements)?;
    expect_length("the largest magnitudes of int8", magnitudes, elements / columns)?;
    Ok((CHUNK / columns).max(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernels::quantized::sample;

    struct Trip {
        codes: Vec<i8>,
        magnitudes: Vec<f32>,
        back: Vec<f32>,
    }

    fn trip(x: &[f32], columns: usize) -> Result<Trip> {
        // Values that must not stay.
        let (mut codes, mut magnitudes) = (vec![0xee; x.len()], vec![-1.0; x.len() / columns.max(1)]);
        quantize(x, columns, &mut codes, &mut magnitudes)?;
        let mut back = vec![9.0; x.len()];
        dequantize(&mut back, columns, &codes, &magnitudes)?;
        Ok(Trip { codes: codes.into_iter().map(|code| code as i8).collect(), magnitudes, back })
    }

    proptest! {
        #[test]
        fn what_comes_back_is_within_half_a_step(columns in 1usize..400, rows in 1usize..60, seed in 0u64..1000) {
            let x = sample::normal(seed, rows * columns);
            let trip = trip(&x, columns).unwrap();
            for (i, (x, back)) in x.iter().zip(&trip.back).enumerate() {
                let step = trip.magnitudes[i / columns] / 127.0;
                // A little more: what is rounded is a product of roundings itself, of up to 127.
                prop_assert!((x - back).abs() <= 0.5 * step * 1.000_1, "{i} {x} {back}");
            }
        }
    }

    #[test]
    fn of_two_equally_near_the_even_one() -> Result<()> {
        let x = [127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127.0, 3.500_001];
        assert_eq!(trip(&x, x.len())?.codes, [127, 0, 2, 2, 0, -2, -2, -127, 4]);
        Ok(())
    }

    #[test]
    fn each_row_has_a_scale_of_its_own_and_zeros_come_back_as_zeros() -> Result<()> {
        let trip = trip(&[1.0, -0.5, 0.0, 0.0, -40.0, 20.0], 2)?;
        assert_eq!(trip.magnitudes, [1.0, 0.0, 40.0]);
        assert_eq!(trip.codes, [127, -64, 0, 0, -127, 64]);
        assert_eq!(trip.back[2..4], [0.0, 0.0]);
        Ok(())
    }

    #[test]
    fn nan_makes_its_row_nan_and_infinity_does_not_come_back_finite() -> Result<()> {
        let trip = trip(&[1.0, f32::NAN, 2.0, 3.0, f32::NEG_INFINITY, 0.0], 2)?;
        assert!(trip.back[..2].iter().all(|x| x.is_nan()) && trip.back[2..4].iter().all(|x| x.is_finite()));
        assert!(trip.back[4..].iter().all(|x| !x.is_finite()));
        // Smaller than the smallest normal number: 127 over it is infinite.
        assert_eq!(self::trip(&[1e-42, 0.0, -1e-42], 3)?.codes, [127, 0, -127]);
        Ok(())
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let (mut codes, mut magnitudes) = ([0; 6], [0.0; 2]);
        assert!(quantize(&[0.0; 6], 0, &mut codes, &mut magnitudes).is_err());
        assert!(quantize(&[0.0; 6], 4, &mut codes, &mut magnitudes).is_err());
        assert!(quantize(&[0.0; 6], 2, &mut codes, &mut magnitudes).is_err());
        assert!(dequantize(&mut [0.0; 6], 3, &codes[..5], &magnitudes).is_err());
    }
}
