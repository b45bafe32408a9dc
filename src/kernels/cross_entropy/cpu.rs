//! The f32 path on the CPU: which way a head goes, and the way of a head that is trained.

use candle_core::Tensor;

use super::running;
use super::{LossOutput, Scale};
use crate::error::{Error, Result};
use crate::kernels::gemm::{Packed, View};
use crate::kernels::simd::{self, Kernel, Vector};
use crate::kernels::slices::{self, matrix};
use crate::kernels::{matmul, parallel};

/// Rows whose logits exist at one time where the head is trained.
pub(super) const ROWS: usize = 256;

pub(super) fn log_likelihoods(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
    let targets = valid_targets(targets, weight)?;
    matmul::with_views([hidden, weight], |[hidden, weight]| running::log_likelihoods(hidden, weight, &targets))
}

pub(super) fn forward_backward(
    hidden: &Tensor,
    weight: &Tensor,
    targets: &Tensor,
    scale: Scale<'_>,
    want_weight: bool,
) -> Result<LossOutput> {
    let targets = valid_targets(targets, weight)?;
    let (loss_sum, d_hidden, d_weight) = matmul::with_views([hidden, weight], |[hidden, weight]| {
        if want_weight {
            let (loss_sum, d_hidden, d_weight) = trained(hidden, weight, &targets, scale);
            (loss_sum, d_hidden, Some(d_weight))
        } else {
            let (likelihoods, d_hidden) = running::gradient(hidden, weight, &targets, scale);
            (scale.loss(&likelihoods), d_hidden, None)
        }
    })?;
    let d_hidden = slices::tensor(d_hidden, hidden.dims())?;
    Ok(LossOutput { loss_sum, d_hidden, d_weight: d_weight.map(|d| slices::tensor(d, weight.dims())).transpose()? })
}

fn valid_targets(targets: &Tensor, weight: &Tensor) -> Result<Vec<u32>> {
    let targets = slices::indices("cross-entropy targets", targets)?;
    let (vocabulary, _) = matrix("head weight", weight)?;
    match targets.iter().find(|target| **target as usize >= vocabulary) {
        None => Ok(targets),
        Some(target) => {
            Err(Error::new("target token").got(target).expected(format!("below the vocabulary of {vocabulary}")))
        }
    }
}

/// The sum of the losses, and the gradients by the rows and by the head.
fn trained(hidden: View<'_>, weight: View<'_>, targets: &[u32], scale: Scale<'_>) -> (f64, Vec<f32>, Vec<f32>) {
    let (vocabulary, features) = weight.shape;
    let (mut loss_sum, mut logits) = (0.0, Vec::new());
    let (mut d_hidden, mut d_weight) = (vec![0f32; targets.len() * features], Vec::new());
    // The head is packed once for all chunks of rows, for the logits and for the gradient.
    Packed::with(weight.transposed(), true, |head| {
        Packed::with(weight, true, |mirrored| {
            let chunks = targets.chunks(ROWS).zip(d_hidden.chunks_mut(ROWS * features.max(1)));
            for (start, (targets, d_hidden)) in (0..).step_by(ROWS).zip(chunks) {
                let rows = hidden.below(start, targets.len());
                matmul::into_vec(&mut logits, rows, head);
                let scale = scale.of(start, targets.len());
                loss_sum += scale.loss(&in_place(&mut logits, targets, scale));
                let d_logits = View::contiguous(&logits, targets.len(), vocabulary);
                matmul::add_into(d_hidden, d_logits, mirrored);
                matmul::add_views(&mut d_weight, d_logits.transposed(), rows);
            }
        });
    });
    d_weight.resize(vocabulary * features, 0.0);
    (loss_sum, d_hidden, d_weight)
}

/// Log-likelihoods of the rows of logits, which become `scale·(softmax − one-hot)`.
fn in_place(logits: &mut [f32], targets: &[u32], scale: Scale<'_>) -> Vec<f64> {
    let mut likelihoods = vec![0f64; targets.len()];
    let vocabulary = (logits.len() / targets.len().max(1)).max(1);
    let rows = logits.chunks_exact_mut(vocabulary).zip(targets).zip(&mut likelihoods).enumerate();
    let tasks = rows.map(|(row, ((logits, &target), likelihood))| {
        let scale = scale.gradient(row) as f32;
        Row { logits, target, scale, likelihood }
    });
    parallel::each(tasks.collect(), simd::dispatch);
    likelihoods
}

struct Row<'a> {
    logits: &'a mut [f32],
    target: u32,
    scale: f32,
    likelihood: &'a mut f64,
}

impl Kernel for Row<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        let target = self.target as usize;
        let largest = simd::largest::<V>(self.logits);
        let of_target = self.logits.get(target).map_or(f32::NAN, |logit| logit - largest);
        for logit in self.logits.iter_mut() {
            *logit = simd::exp::<V>(*logit - largest);
        }
        let sum = simd::sum::<V>(self.logits);
        *self.likelihood = f64::from(of_target) - f64::from(sum).ln();
        let factor = self.scale / sum;
        self.logits.iter_mut().for_each(|value| *value *= factor);
        if let Some(value) = self.logits.get_mut(target) {
            *value -= self.scale;
        }
    }
}
