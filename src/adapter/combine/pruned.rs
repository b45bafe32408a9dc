//! Which entries of an update stay.

use rayon::prelude::*;

use crate::random::Stream;

/// Entries that one thread takes at a time.
const PART: usize = 1 << 16;

/// Keeps the `⌊density·n⌋` entries of the largest magnitude and sets the others to zero; of equal ones, the first stay.
///
/// # Source
/// The trimming of TIES: Yadav et al. 2023, arXiv:2306.01708 §4.
pub(super) fn by_magnitude(values: &mut [f32], density: f64) {
    if density >= 1.0 {
        return;
    }
    let keep = (density * values.len() as f64) as usize;
    let drop = values.len() - keep;
    if keep == 0 {
        values.fill(0.0);
        return;
    }
    let mut sizes: Vec<f32> = values.iter().map(|value| value.abs()).collect();
    let (_, least, _) = sizes.select_nth_unstable_by(drop, f32::total_cmp);
    let least = *least;
    let mut equal = keep - values.iter().filter(|value| value.abs() > least).count();
    for value in values {
        let size = value.abs();
        let stays = size > least || (size == least && equal > 0);
        if stays && size == least {
            equal -= 1;
        }
        if !stays {
            *value = 0.0;
        }
    }
}

/// Keeps each entry with the probability `density`, divided by it, and sets the others to zero.
///
/// Which ones follows from the stream alone, whatever the number of threads.
///
/// # Source
/// DARE: Yu et al. 2023, arXiv:2311.03099 §3.2 (their drop rate is 1 − density).
pub(super) fn by_chance(values: &mut [f32], density: f64, stream: Stream) {
    if density >= 1.0 {
        return;
    }
    values.par_chunks_mut(PART).enumerate().for_each(|(part, values)| {
        for (value, index) in values.iter_mut().zip((part * PART) as u64..) {
            *value = if stream.unit_at(index) < density { (f64::from(*value) / density) as f32 } else { 0.0 };
        }
    });
}
