//! The 256 values that a code of 8 bits can stand for: fine near zero, and all over seven powers of ten.

use super::bounds;

/// How many values a code of 8 bits can stand for.
pub const ENTRIES: usize = 256;

/// The powers of ten that the map goes over, the smallest first.
const DECADES: [f32; 7] = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0];

/// A map from codes to values, in ascending order.
///
/// In each power of ten the values are the middles of equal parts of its upper nine tenths; each power has twice as
/// many parts as the one below it. Zero and one are added.
///
/// # Units  the largest magnitude of a block is 1
/// # Source  Dettmers et al. 2021, arXiv:2110.02861, section 2.1; the values are those of `create_dynamic_map` of
///   bitsandbytes, bit by bit
#[derive(Debug, Clone, PartialEq)]
pub struct DynamicMap {
    values: [f32; ENTRIES],
    bounds: [f32; ENTRIES - 1],
}

impl DynamicMap {
    /// For numbers of either sign. −1 is not in it: its nearest is −0.993.
    ///
    /// # Units  from −0.993 to 1
    /// # Source  as [`DynamicMap`]
    pub fn signed() -> Self {
        Self::of(magnitudes(1).flat_map(|x| [-x, x]))
    }

    /// For numbers that are not negative, each power of ten twice as fine.
    ///
    /// # Units  from 0 to 1
    /// # Source  as [`DynamicMap`]
    pub fn unsigned() -> Self {
        Self::of(magnitudes(2))
    }

    /// 254 values, and zero and one.
    fn of(between: impl Iterator<Item = f32>) -> Self {
        let mut values = [0.0; ENTRIES];
        for (value, x) in values.iter_mut().zip(between.chain([0.0, 1.0])) {
            *value = x;
        }
        values.sort_by(f32::total_cmp);
        Self { bounds: bounds(&values), values }
    }

    /// All values, as the CUDA kernels take them.
    ///
    /// # Shapes  `[256]`, ascending
    /// # Units  as the map's
    pub fn values(&self) -> &[f32; ENTRIES] {
        &self.values
    }

    /// The code of the nearest value; of two equally near, the lower; 0 for NaN.
    ///
    /// # Units  as the map's
    pub fn nearest(&self, x: f32) -> u8 {
        self.bounds.partition_point(|bound| x > *bound) as u8
    }

    /// What a code stands for.
    ///
    /// # Units  as the map's
    pub fn value(&self, code: u8) -> f32 {
        self.values[usize::from(code)]
    }
}

/// The middles of the parts of every power of ten, of which the smallest has this many.
fn magnitudes(fewest: u32) -> impl Iterator<Item = f32> {
    DECADES.into_iter().enumerate().flat_map(move |(decade, scale)| {
        let parts = fewest << decade;
        (0..parts).map(move |part| (edge(part, parts) + edge(part + 1, parts)) / 2.0 * scale)
    })
}

/// Where part `index` of `[0.1, 1]` starts: counted from the nearer end and rounded once, which the published values
/// depend on in their last bit.
fn edge(index: u32, parts: u32) -> f32 {
    let (start, end) = (0.1f32, 1f32);
    let step = (end - start) / parts as f32;
    if index < parts.div_ceil(2) {
        step.mul_add(index as f32, start)
    } else {
        step.mul_add(-((parts - index) as f32), end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::quantized::sample;

    /// The bits of all values, folded into one number (FNV-1a).
    fn fingerprint(map: &DynamicMap) -> u64 {
        let bytes = map.values().iter().flat_map(|x| x.to_bits().to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_values_are_the_published_ones() {
        let (signed, unsigned) = (DynamicMap::signed(), DynamicMap::unsigned());
        assert_eq!([0, 127, 128, 255].map(|code| signed.value(code)), [-0.992_968_74, 0.0, 5.500_000_4e-7, 1.0]);
        assert_eq!(
            [0, 1, 2, 3, 255].map(|code| unsigned.value(code)),
            [0.0, 3.250_000_3e-7, 7.75e-7, 2.124_999_8e-6, 1.0]
        );
        assert_eq!(fingerprint(&signed), 0xd677_f22a_9666_5bc4);
        assert_eq!(fingerprint(&unsigned), 0x4381_1b16_730a_873e);
    }

    #[test]
    fn values_ascend_and_are_their_own_nearest() {
        for map in [DynamicMap::signed(), DynamicMap::unsigned()] {
            assert!(map.values().is_sorted_by(|a, b| a < b));
            assert!((0..=255).all(|code| map.nearest(map.value(code)) == code));
        }
    }

    #[test]
    fn signed_values_are_symmetric_but_for_one() {
        let map = DynamicMap::signed();
        assert!((1..=127).all(|i| map.value(127 - i) == -map.value(127 + i)));
    }

    #[test]
    fn the_nearest_value_is_nearest_in_f64() {
        for map in [DynamicMap::signed(), DynamicMap::unsigned()] {
            for (i, x) in sample::normal(7, 5000).into_iter().enumerate() {
                // All powers of ten, and beyond both ends.
                let x = x * 10f32.powi(-(i as i32 % 9));
                let (_, least) = sample::nearest(map.values(), f64::from(x));
                let distance = f64::from(map.value(map.nearest(x))) - f64::from(x);
                // The bound between two neighbours is rounded to f32.
                assert!(distance.abs() <= least + 1.2e-7 * f64::from(x).abs(), "{x}");
            }
        }
    }

    #[test]
    fn of_two_equally_near_the_lower_and_zero_for_nan() {
        let map = DynamicMap::unsigned();
        let tie = 0.5 * (map.value(100) + map.value(101));
        assert_eq!([map.nearest(tie), map.nearest(tie.next_up())], [100, 101]);
        assert_eq!(map.nearest(f32::NAN), 0);
        assert_eq!([map.nearest(f32::INFINITY), map.nearest(f32::NEG_INFINITY)], [255, 0]);
    }
}
