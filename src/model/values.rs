//! Values as files have them, widened to f32, added to, and rounded again, on all threads.

use candle_core::DType;
use half::f16;
use rayon::prelude::*;

/// Values that a thread takes at a time.
const PART: usize = 1 << 16;

/// Values that are widened at a time; they stay in the nearest cache.
const FEW: usize = 2048;

/// Values of a file.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    /// Their bytes.
    pub bytes: &'a [u8],
    /// Their dtype: f32, f16, bf16 or f64.
    pub dtype: DType,
}

/// `old + update`, computed in f32, as bytes of a dtype (f32, f16, bf16 or f64); no update at all adds nothing.
///
/// `None` if a value is not finite, or not in that dtype.
pub(super) fn sum(old: Values<'_>, update: &[f32], dtype: DType) -> Option<Vec<u8>> {
    let (bytes, finite) = any_sum(old, update, dtype);
    finite.then_some(bytes)
}

/// As [`sum`], and whether all is finite.
pub(super) fn any_sum(old: Values<'_>, update: &[f32], dtype: DType) -> (Vec<u8>, bool) {
    let (from, to) = (old.dtype.size_in_bytes(), dtype.size_in_bytes());
    let count = old.bytes.len() / from;
    let mut bytes = vec![0u8; count * to];
    let finite = bytes.par_chunks_mut(PART * to).enumerate().map(|(part, out)| {
        let mut wide = [0f32; FEW];
        let mut finite = true;
        for (index, out) in out.chunks_mut(FEW * to).enumerate() {
            let first = part * PART + index * FEW;
            let range = first..first + out.len() / to;
            let Some(wide) = wide.get_mut(..range.len()) else { return false };
            widen(old.bytes.get(range.start * from..range.end * from).unwrap_or_default(), old.dtype, wide);
            for (value, update) in wide.iter_mut().zip(update.get(range).unwrap_or_default()) {
                *value += update;
            }
            finite &= round(wide, dtype, out);
        }
        finite
    });
    let finite = finite.reduce(|| true, |one, two| one && two);
    (bytes, finite)
}

fn widen(bytes: &[u8], dtype: DType, wide: &mut [f32]) {
    fn each<const N: usize>(bytes: &[u8], wide: &mut [f32], value: impl Fn([u8; N]) -> f32) {
        wide.iter_mut().zip(bytes.as_chunks::<N>().0).for_each(|(wide, bytes)| *wide = value(*bytes));
    }
    match dtype {
        DType::BF16 => each(bytes, wide, |b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)),
        DType::F16 => each(bytes, wide, |b| f16::from_le_bytes(b).to_f32()),
        DType::F64 => each(bytes, wide, |b| f64::from_le_bytes(b) as f32),
        _ => each(bytes, wide, f32::from_le_bytes),
    }
}

/// Whether all values are finite before and after.
fn round(wide: &[f32], dtype: DType, out: &mut [u8]) -> bool {
    fn each<const N: usize>(wide: &[f32], out: &mut [u8], value: impl Fn(f32) -> ([u8; N], bool)) -> bool {
        let mut finite = true;
        for (wide, out) in wide.iter().zip(out.as_chunks_mut::<N>().0) {
            let (bytes, fits) = value(*wide);
            *out = bytes;
            finite &= wide.is_finite() & fits;
        }
        finite
    }
    match dtype {
        // To the nearest, and of two that are equally near to the even one; a carry may reach the exponent of infinity.
        DType::BF16 => each(wide, out, |value| {
            let bits = value.to_bits();
            let rounded = (bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16) as u16;
            (rounded.to_le_bytes(), rounded & 0x7f80 != 0x7f80)
        }),
        DType::F16 => each(wide, out, |value| {
            let rounded = f16::from_f32(value);
            (rounded.to_le_bytes(), rounded.is_finite())
        }),
        DType::F64 => each(wide, out, |value| (f64::from(value).to_le_bytes(), true)),
        _ => each(wide, out, |value| (value.to_le_bytes(), true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::bf16;

    #[test]
    fn every_bf16_comes_back_and_sums_round_to_even() {
        let finite = |bits: u16| bits & 0x7f80 != 0x7f80;
        let all: Vec<u8> = (0..=u16::MAX).filter(|bits| finite(*bits)).flat_map(u16::to_le_bytes).collect();
        let old = Values { bytes: &all, dtype: DType::BF16 };
        assert_eq!(sum(old, &[], DType::BF16).as_deref(), Some(all.as_slice()));
        let updates: Vec<f32> =
            (0..all.len() / 2).map(|i| (i as f32).sin() * 10f32.powi((i % 70) as i32 - 40)).collect();
        let got = sum(old, &updates, DType::BF16).unwrap();
        for ((bytes, old), update) in got.as_chunks().0.iter().zip(all.as_chunks().0).zip(updates) {
            let expected = bf16::from_f32(bf16::from_le_bytes(*old).to_f32() + update);
            assert_eq!(bf16::from_le_bytes(*bytes).to_bits(), expected.to_bits());
        }
    }

    #[test]
    fn what_is_not_finite_is_told() {
        let one = 1f32.to_le_bytes();
        let old = Values { bytes: &one, dtype: DType::F32 };
        for dtype in [DType::F32, DType::F16, DType::BF16] {
            assert!(sum(old, &[f32::NAN], dtype).is_none());
            assert!(sum(old, &[f32::NEG_INFINITY], dtype).is_none());
        }
        assert!(sum(old, &[70_000.0], DType::F16).is_none());
        assert!(sum(old, &[f32::MAX], DType::BF16).is_none(), "rounded up to infinity");
        assert_eq!(sum(old, &[1.0], DType::F16), Some(f16::from_f32(2.0).to_le_bytes().to_vec()));
    }
}
