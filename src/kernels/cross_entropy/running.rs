//! The loss over a frozen head: a part of the vocabulary after another passes by all rows.
//!
//! A task takes some rows through one part: it multiplies their logits, takes the exponentials against the largest
//! logit so far, and adds their products with the head to the rows' gradient, all while they are in its second
//! cache. When a row meets a larger logit, what it has summed is scaled down (online softmax, Milakov and
//! Gimelshein 2018, arXiv:1805.02867). Neither the logits of a row nor the whole packed head ever exist.

use super::Scale;
use crate::kernels::gemm::{Packed, Target, View};
use crate::kernels::simd::{self, Kernel, Vector};
use crate::kernels::{matmul, parallel, slices};

/// Entries of the vocabulary that pass by together: three blocks of the packed head.
pub(super) const PART: usize = 3 * 384;
/// Most rows of a task: its logits of one part are 442 KB.
pub(super) const ROWS: usize = 96;
/// Tasks of a thread, so that the last ones end together.
const TASKS: usize = 4;

/// What a row has seen of its logits.
#[derive(Clone, Copy)]
struct Seen {
    /// The largest.
    largest: f32,
    /// The sum of `e^(logit − largest)`.
    sum: f64,
    /// The target's; NaN until its part has passed.
    of_target: f32,
}

impl Seen {
    fn log_likelihood(&self) -> f64 {
        f64::from(self.of_target) - f64::from(self.largest) - self.sum.ln()
    }
}

/// `ln p(target)` of each row.
pub(super) fn log_likelihoods(hidden: View<'_>, weight: View<'_>, targets: &[u32]) -> Vec<f64> {
    pass(hidden, weight, targets, None).iter().map(Seen::log_likelihood).collect()
}

/// `ln p(target)` of each row, and the gradient of the negative sum of them by the rows, times `scale`.
pub(super) fn gradient(hidden: View<'_>, weight: View<'_>, targets: &[u32], scale: Scale<'_>) -> (Vec<f64>, Vec<f32>) {
    let features = weight.shape.1;
    let mut sums = vec![0f32; targets.len() * features];
    let seen = pass(hidden, weight, targets, Some(&mut sums));
    let rows = sums.chunks_mut(features.max(1)).zip(&seen).zip(targets);
    for (row, ((sums, seen), &target)) in rows.enumerate() {
        let scale = scale.gradient(row) as f32;
        let factor = (f64::from(scale) / seen.sum) as f32;
        let of_target = weight.below(target as usize, 1);
        let of_target = of_target.values.iter().step_by(of_target.strides.1.max(1));
        for (sum, weight) in sums.iter_mut().zip(of_target) {
            *sum = *sum * factor - scale * weight;
        }
    }
    (seen.iter().map(Seen::log_likelihood).collect(), sums)
}

/// All parts in their order. `sums`, if there are any, become for each row the sum of the head's rows, each times
/// `e^(logit − largest)`.
fn pass(hidden: View<'_>, weight: View<'_>, targets: &[u32], mut sums: Option<&mut [f32]>) -> Vec<Seen> {
    let (vocabulary, features) = weight.shape;
    let mut seen = vec![Seen { largest: f32::NEG_INFINITY, sum: 0.0, of_target: f32::NAN }; targets.len()];
    let rows = targets.len().div_ceil(rayon::current_num_threads() * TASKS).clamp(12, ROWS).next_multiple_of(12);
    for first in (0..vocabulary).step_by(PART) {
        let part = weight.below(first, PART.min(vocabulary - first));
        let wanted = sums.is_some();
        let mut all_rows = |head: Packed<'_>, mirrored: Option<Packed<'_>>| {
            let mut sums = sums.as_deref_mut().unwrap_or_default().chunks_mut(rows * features.max(1));
            let chunks = (0..).step_by(rows).zip(seen.chunks_mut(rows).zip(targets.chunks(rows)));
            let tasks = chunks.map(|(start, (seen, targets))| {
                let (hidden, sums) = (hidden.below(start, targets.len()), sums.next().unwrap_or_default());
                Task { hidden, head, mirrored, first, targets, seen, sums }
            });
            parallel::each(tasks.collect(), Task::run);
        };
        Packed::with(part.transposed(), true, |head| {
            if wanted {
                Packed::with(part, true, |mirrored| all_rows(head, Some(mirrored)));
            } else {
                all_rows(head, None);
            }
        });
    }
    seen
}

/// Some rows, and a part of the vocabulary.
struct Task<'a> {
    hidden: View<'a>,
    /// The part, `[features, entries]`.
    head: Packed<'a>,
    /// The part, `[entries, features]`, if sums are wanted.
    mirrored: Option<Packed<'a>>,
    /// The part's first entry.
    first: usize,
    targets: &'a [u32],
    seen: &'a mut [Seen],
    sums: &'a mut [f32],
}

impl Task<'_> {
    fn run(self) {
        let Self { hidden, head, mirrored, first, targets, seen, sums } = self;
        let (rows, entries) = (targets.len(), head.columns);
        let mut logits =
            slices::fresh(rows * entries, |values| matmul::on_this_thread(Target::Fresh(values), hidden, head));
        simd::dispatch(Exponentials { logits: &mut logits, entries, first, targets, seen, sums: &mut *sums });
        if let Some(mirrored) = mirrored {
            let target = if first == 0 { Target::Over(sums) } else { Target::Sum(sums) };
            matmul::on_this_thread(target, View::contiguous(&logits, rows, entries), mirrored);
        }
    }
}

/// Turns logits into exponentials.
struct Exponentials<'a> {
    logits: &'a mut [f32],
    entries: usize,
    first: usize,
    targets: &'a [u32],
    seen: &'a mut [Seen],
    sums: &'a mut [f32],
}

impl Kernel for Exponentials<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        let features = self.sums.len() / self.seen.len().max(1);
        let rows = self.logits.chunks_exact_mut(self.entries).zip(self.seen).zip(self.targets);
        for (row, ((logits, seen), &target)) in rows.enumerate() {
            if let Some(logit) = (target as usize).checked_sub(self.first).and_then(|target| logits.get(target)) {
                seen.of_target = *logit;
            }
            let largest = simd::largest::<V>(logits);
            if largest > seen.largest || largest.is_nan() {
                let shrink = (seen.largest - largest).exp();
                seen.largest = largest;
                seen.sum *= f64::from(shrink);
                // Before the first part there are no sums yet, only memory.
                if self.first > 0 {
                    for sum in self.sums[row * features..(row + 1) * features].iter_mut() {
                        *sum *= shrink;
                    }
                }
            }
            let largest = seen.largest;
            for logit in logits.iter_mut() {
                *logit = simd::exp::<V>(*logit - largest);
            }
            seen.sum += f64::from(simd::sum::<V>(logits));
        }
    }
}
