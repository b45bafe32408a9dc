//! Rounding by chance: bf16 parameters without a wider copy still follow updates smaller than their own steps.

use candle_core::{DType, Device, Tensor};
use half::bf16;

use super::parallel::{self, CHUNK};
use super::slices;
use crate::error::Result;

/// A number that seed and index alone decide, each bit of it by chance; `adamw.cu` has the same.
fn by_chance(seed: u32, index: u64) -> u32 {
    const FACTOR: u32 = 0xd251_1f53;
    const STEP: u32 = 0x9e37_79b9;
    let (mut low, mut high) = (index as u32 ^ seed, ((index >> 32) as u32).wrapping_add(STEP));
    for round in 0..4u32 {
        let product = u64::from(low) * u64::from(FACTOR);
        low = (product >> 32) as u32 ^ high ^ seed.wrapping_add(round.wrapping_mul(STEP));
        high = product as u32;
    }
    low ^ high
}

/// One of the two bf16 neighbours of `x`, with a chance that makes the mean exact.
fn rounded(x: f32, chance: u32) -> bf16 {
    let bits = x.to_bits();
    if !x.is_finite() {
        return bf16::from_f32(x);
    }
    bf16::from_bits((bits.wrapping_add(chance & 0xffff) >> 16) as u16)
}

/// The values in bf16, element `i` rounded by the chance that `seed` gives `i`.
///
/// # Shapes  `[n]` → `[n]`
/// # Source  Gupta et al. 2015, arXiv:1502.02551
pub(super) fn to_bf16_by_chance(values: &Tensor, seed: u32) -> Result<Tensor> {
    let values = values.to_dtype(DType::F32)?;
    let mut results = vec![bf16::ZERO; values.elem_count()];
    slices::read([&values], |[values]| {
        parallel::chunks_mut(&mut results, CHUNK, |index, results| {
            let places = (index * CHUNK) as u64..;
            let values = values.get(index * CHUNK..).unwrap_or_default();
            for ((result, x), place) in results.iter_mut().zip(values).zip(places) {
                *result = rounded(*x, by_chance(seed, place));
            }
        });
        Ok(())
    })?;
    Ok(Tensor::from_vec(results, values.dims(), &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_the_value_and_each_is_a_neighbour() -> Result<()> {
        let (n, x) = (40_000, 1.0 + 2f32.powi(-7) * 0.3);
        let values = Tensor::full(x, n, &Device::Cpu)?;
        let results: Vec<f64> = to_bf16_by_chance(&values, 5)?.to_dtype(DType::F64)?.to_vec1()?;
        assert!(results.iter().all(|y| [1.0, 1.0 + 2f64.powi(-7)].contains(y)));
        let mean = results.iter().sum::<f64>() / n as f64;
        // Five standard deviations of a share of 0.3 among 40,000 are 0.0115 of a step.
        assert!((mean - f64::from(x)).abs() < 0.0115 * 2f64.powi(-7), "{mean}");
        let other: Vec<f64> = to_bf16_by_chance(&values, 6)?.to_dtype(DType::F64)?.to_vec1()?;
        assert_ne!(results, other);
        Ok(())
    }

    #[test]
    fn exact_values_and_values_that_are_not_finite_stay() -> Result<()> {
        let values = [1.5f32, -0.0, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -3.0];
        let results: Vec<f32> =
            to_bf16_by_chance(&Tensor::new(&values, &Device::Cpu)?, 9)?.to_dtype(DType::F32)?.to_vec1()?;
        assert!(results.iter().zip(values).all(|(got, want)| *got == want || (got.is_nan() && want.is_nan())));
        Ok(())
    }
}
