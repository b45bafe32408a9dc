//! The difference of bit patterns, with bytes of one weight apart.
//!
//! Patterns are subtracted as numbers that wrap around; small differences of both signs become small numbers (0, −1, 1, −2,
//! …), so that all bytes but the lowest are mostly zeros. All lowest bytes come first, then all second ones, and so on.

/// What `base` is beside what was foretold, elements of `size` bytes each; `None` if they are the same.
pub(super) fn apart(base: &[u8], foretold: &[u8], size: usize) -> Option<Vec<u8>> {
    if base == foretold {
        return None;
    }
    Some(match size {
        2 => apart_by::<2>(base, foretold),
        4 => apart_by::<4>(base, foretold),
        8 => apart_by::<8>(base, foretold),
        _ => apart_by::<1>(base, foretold),
    })
}

/// Undoes [`apart`]: what was foretold becomes the base. The planes are as long as it.
pub(super) fn together(planes: &[u8], foretold: &mut [u8], size: usize) {
    match size {
        2 => together_by::<2>(planes, foretold),
        4 => together_by::<4>(planes, foretold),
        8 => together_by::<8>(planes, foretold),
        _ => together_by::<1>(planes, foretold),
    }
}

fn apart_by<const N: usize>(base: &[u8], foretold: &[u8]) -> Vec<u8> {
    let mut planes = vec![0u8; base.len()];
    let count = (base.len() / N).max(1);
    let pairs = || base.as_chunks::<N>().0.iter().zip(foretold.as_chunks::<N>().0);
    for (place, plane) in planes.chunks_mut(count).enumerate() {
        for (byte, (base, foretold)) in plane.iter_mut().zip(pairs()) {
            let difference = number(*base).wrapping_sub(number(*foretold)) & mask::<N>();
            let turned = (difference << 1) ^ 0u64.wrapping_sub(difference >> (8 * N - 1));
            *byte = (turned >> (8 * place)) as u8;
        }
    }
    planes
}

fn together_by<const N: usize>(planes: &[u8], foretold: &mut [u8]) {
    let count = (foretold.len() / N).max(1);
    for (index, value) in foretold.as_chunks_mut::<N>().0.iter_mut().enumerate() {
        let bytes = planes.iter().skip(index).step_by(count).take(N).zip(0u32..);
        let turned = bytes.fold(0u64, |sum, (byte, place)| sum | (u64::from(*byte) << (8 * place)));
        let difference = (turned >> 1) ^ 0u64.wrapping_sub(turned & 1);
        let base = number(*value).wrapping_add(difference).to_le_bytes();
        value.iter_mut().zip(base).for_each(|(byte, new)| *byte = new);
    }
}

const fn mask<const N: usize>() -> u64 {
    u64::MAX >> (64 - 8 * N)
}

fn number<const N: usize>(bytes: [u8; N]) -> u64 {
    let mut wide = [0u8; 8];
    wide.iter_mut().zip(bytes).for_each(|(wide, byte)| *wide = byte);
    u64::from_le_bytes(wide)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bits_come_back_from_any_forecast(
            (base, foretold) in (0usize..40).prop_flat_map(|n| {
                (prop::collection::vec(any::<u8>(), 8 * n), prop::collection::vec(any::<u8>(), 8 * n))
            }),
        ) {
            for size in [1, 2, 4, 8] {
                match apart(&base, &foretold, size) {
                    None => prop_assert_eq!(&base, &foretold),
                    Some(planes) => {
                        let mut back = foretold.clone();
                        together(&planes, &mut back, size);
                        prop_assert_eq!(&back, &base);
                    }
                }
            }
        }
    }

    #[test]
    fn small_differences_of_both_signs_are_in_the_lowest_bytes() {
        let base: Vec<u8> = [300u16, 255, 256, 7].iter().flat_map(|value| value.to_le_bytes()).collect();
        let foretold: Vec<u8> = [299u16, 256, 256, 9].iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(apart(&base, &foretold, 2).unwrap(), [2, 1, 0, 3, 0, 0, 0, 0]);
    }
}
