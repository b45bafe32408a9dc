//! The head and its loss in one: logits of a few rows at a time, never of all.
//!
//! Only supervised rows are given. The gradient of a chunk's logits takes the place of the logits,
//! so that the peak is one chunk of `[CHUNK, vocabulary]`.

use candle_core::{D, DType, Tensor};

use super::matmul::{linear, linear_input_gradient, linear_weight_gradient};
use super::slices::{compute_dtype, expect_shape, matrix, on_cpu_f32};
use crate::error::Result;

/// Loss and gradients of a batch of rows.
#[derive(Debug)]
pub struct LossOutput {
    /// Sum over the rows of `−ln p(target)`, in nats; not multiplied by the scale.
    pub loss_sum: f64,
    /// Gradient of `scale·loss_sum` by `hidden`, `[rows, features]`.
    pub d_hidden: Tensor,
    /// Gradient of `scale·loss_sum` by `weight`, `[vocabulary, features]`, if it was wanted.
    pub d_weight: Option<Tensor>,
}

/// Cross-entropy of `hidden·weightᵀ` against the targets, with its gradients.
///
/// # Shapes  `hidden: [rows, features]`, `weight: [vocabulary, features]`, `targets: [rows]` u32
/// # Units   `scale` multiplies gradients only: `1 / target tokens of the step`
/// # Errors  a target is not below the vocabulary
pub fn forward_backward(
    hidden: &Tensor,
    weight: &Tensor,
    targets: &Tensor,
    scale: f64,
    want_weight: bool,
) -> Result<LossOutput> {
    check(hidden, weight, targets)?;
    if on_cpu_f32(&[hidden, weight]) {
        return cpu::forward_backward(hidden, weight, targets, scale, want_weight);
    }
    reference::forward_backward(hidden, weight, targets, scale, want_weight)
}

/// `ln p(target)` of each row, natural logarithm.
///
/// # Shapes  as [`forward_backward`] → one number for each row
pub fn log_likelihoods(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
    check(hidden, weight, targets)?;
    if on_cpu_f32(&[hidden, weight]) {
        return cpu::log_likelihoods(hidden, weight, targets);
    }
    reference::log_likelihoods(hidden, weight, targets)
}

fn check(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<()> {
    let (rows, features) = matrix("cross-entropy input", hidden)?;
    let (vocabulary, _) = matrix("head weight", weight)?;
    expect_shape("head weight", weight, &[vocabulary, features])?;
    expect_shape("cross-entropy targets", targets, &[rows])
}

mod reference {
    use super::*;

    /// First row and number of the rows whose logits exist at one time.
    fn chunks(hidden: &Tensor) -> Result<impl Iterator<Item = (usize, usize)> + use<>> {
        let step = if hidden.device().is_cpu() { 256 } else { 2048 };
        let rows = hidden.dim(0)?;
        Ok((0..rows).step_by(step).map(move |start| (start, step.min(rows - start))))
    }

    /// Logits minus their log-sum-exp, in the wide dtype, and the target's column of it.
    fn log_probabilities(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<(Tensor, Tensor)> {
        let logits = linear(hidden, weight)?.to_dtype(compute_dtype(hidden.dtype()))?;
        let shifted = logits.broadcast_sub(&logits.max_keepdim(D::Minus1)?)?;
        let normal = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)?;
        let of_target = normal.gather(&targets.unsqueeze(1)?, 1)?.squeeze(1)?;
        Ok((normal, of_target))
    }

    pub(super) fn log_likelihoods(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
        let mut parts = Vec::new();
        for (start, len) in chunks(hidden)? {
            let (_, part) = log_probabilities(&hidden.narrow(0, start, len)?, weight, &targets.narrow(0, start, len)?)?;
            parts.push(part);
        }
        if parts.is_empty() {
            return Ok(Vec::new());
        }
        Ok(Tensor::cat(&parts, 0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?)
    }

    pub(super) fn forward_backward(
        hidden: &Tensor,
        weight: &Tensor,
        targets: &Tensor,
        scale: f64,
        want_weight: bool,
    ) -> Result<LossOutput> {
        let wide = compute_dtype(hidden.dtype());
        let (mut likelihoods, mut d_hidden) = (Vec::new(), Vec::new());
        let mut d_weight: Option<Tensor> = None;
        for (start, len) in chunks(hidden)? {
            let (h, t) = (hidden.narrow(0, start, len)?, targets.narrow(0, start, len)?);
            let (normal, of_target) = log_probabilities(&h, weight, &t)?;
            likelihoods.push(of_target);
            let minus_one = Tensor::full(-1f32, (len, 1), hidden.device())?.to_dtype(wide)?;
            let d_logits = normal.exp()?.scatter_add(&t.unsqueeze(1)?.contiguous()?, &minus_one, 1)?;
            let d_logits = (d_logits * scale)?.to_dtype(hidden.dtype())?;
            d_hidden.push(linear_input_gradient(&d_logits, weight)?);
            if want_weight {
                let part = linear_weight_gradient(&d_logits, &h)?.to_dtype(wide)?;
                d_weight = Some(match d_weight {
                    None => part,
                    Some(sum) => (sum + part)?,
                });
            }
        }
        if d_hidden.is_empty() {
            let d_weight = if want_weight { Some(weight.zeros_like()?) } else { None };
            return Ok(LossOutput { loss_sum: 0.0, d_hidden: hidden.zeros_like()?, d_weight });
        }
        let likelihoods = Tensor::cat(&likelihoods, 0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?;
        Ok(LossOutput {
            loss_sum: -likelihoods.iter().sum::<f64>(),
            d_hidden: Tensor::cat(&d_hidden, 0)?,
            d_weight: d_weight.map(|sum| sum.to_dtype(weight.dtype())).transpose()?,
        })
    }
}

mod cpu {
    use super::*;
    use crate::error::Error;
    use crate::kernels::gemm::{Packed, View};
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::{matmul, parallel, slices};

    /// Rows whose logits exist at one time.
    const ROWS: usize = 256;

    pub(super) fn log_likelihoods(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
        let targets = valid_targets(targets, weight)?;
        let mut likelihoods = Vec::with_capacity(targets.len());
        let mut logits = Vec::new();
        matmul::with_views([hidden, weight], |[hidden, weight]| {
            Packed::with(weight.transposed(), true, |head| {
                for (start, targets) in (0..).step_by(ROWS).zip(targets.chunks(ROWS)) {
                    matmul::into_vec(&mut logits, hidden.below(start, targets.len()), head);
                    likelihoods.extend(in_place(&mut logits, targets, None));
                }
            });
        })?;
        Ok(likelihoods)
    }

    pub(super) fn forward_backward(
        hidden: &Tensor,
        weight: &Tensor,
        targets: &Tensor,
        scale: f64,
        want_weight: bool,
    ) -> Result<LossOutput> {
        let targets = valid_targets(targets, weight)?;
        let (features, mut loss_sum, mut logits) = (weight.dim(1)?, 0.0, Vec::new());
        let d_weight = if want_weight { Some(weight.zeros_like()?) } else { None };
        let mut d_hidden = vec![0f32; hidden.elem_count()];
        matmul::with_views([hidden, weight], |[hidden, weight]| {
            // The head is packed once for all chunks of rows, for the logits and for the gradient.
            Packed::with(weight.transposed(), true, |head| {
                Packed::with(weight, true, |mirrored| -> Result<()> {
                    let chunks = targets.chunks(ROWS).zip(d_hidden.chunks_mut(ROWS * features.max(1)));
                    for (start, (targets, d_hidden)) in (0..).step_by(ROWS).zip(chunks) {
                        let rows = hidden.below(start, targets.len());
                        matmul::into_vec(&mut logits, rows, head);
                        loss_sum -= in_place(&mut logits, targets, Some(scale as f32)).iter().sum::<f64>();
                        let d_logits = View::contiguous(&logits, targets.len(), weight.shape.0);
                        matmul::add_into(d_hidden, d_logits, mirrored);
                        if let Some(sum) = &d_weight {
                            slices::write(sum, |sum| matmul::add_views(sum, d_logits.transposed(), rows))?;
                        }
                    }
                    Ok(())
                })
            })
        })??;
        Ok(LossOutput { loss_sum, d_hidden: slices::tensor(d_hidden, hidden.dims())?, d_weight })
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

    /// Log-likelihoods of the rows of logits, which become `scale·(softmax − one-hot)` if a scale is given.
    fn in_place(logits: &mut [f32], targets: &[u32], scale: Option<f32>) -> Vec<f64> {
        let mut likelihoods = vec![0f64; targets.len()];
        let vocabulary = (logits.len() / targets.len().max(1)).max(1);
        let rows = logits.chunks_exact_mut(vocabulary).zip(targets).zip(&mut likelihoods);
        let tasks = rows.map(|((logits, &target), likelihood)| Row { logits, target, scale, likelihood });
        parallel::each(tasks.collect(), simd::dispatch);
        likelihoods
    }

    struct Row<'a> {
        logits: &'a mut [f32],
        target: u32,
        scale: Option<f32>,
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
            let Some(scale) = self.scale else { return };
            let factor = scale / sum;
            self.logits.iter_mut().for_each(|value| *value *= factor);
            if let Some(value) = self.logits.get_mut(target) {
                *value -= scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::oracle::{assert_close, gradients, random};

    fn inputs(rows: usize, features: usize, vocabulary: usize, dtype: DType) -> Result<(Tensor, Tensor, Tensor)> {
        let targets: Vec<u32> = (0..rows as u32).map(|i| (i * 7 + 3) % vocabulary as u32).collect();
        let targets = Tensor::from_vec(targets, rows, &Device::Cpu)?;
        Ok((random("h", &[rows, features], dtype)?, random("w", &[vocabulary, features], dtype)?, targets))
    }

    #[test]
    fn the_reference_equals_autograd_in_f64() -> Result<()> {
        // 300 rows are two chunks.
        for (rows, features, vocabulary) in [(1, 3, 2), (300, 5, 11)] {
            let (hidden, weight, targets) = inputs(rows, features, vocabulary, DType::F64)?;
            let direction = Tensor::full(0.125f64, (rows, 1), &Device::Cpu)?;
            let (losses, [dh, dw]) = gradients([&hidden, &weight], &direction, |[hidden, weight]| {
                let logits = hidden.matmul(&weight.t()?)?;
                let normal = logits.broadcast_sub(&logits.exp()?.sum_keepdim(1)?.log()?)?;
                Ok(normal.gather(&targets.unsqueeze(1)?, 1)?.neg()?)
            })?;
            let loss = losses.sum_all()?.to_scalar::<f64>()?;
            let got = forward_backward(&hidden, &weight, &targets, 0.125, true)?;
            assert!((got.loss_sum - loss).abs() <= 1e-12 * loss, "{} {loss}", got.loss_sum);
            let got_dw = got.d_weight.expect("the weight's gradient");
            assert_close(1e-12, &[("d_hidden", &got.d_hidden, &dh), ("d_weight", &got_dw, &dw)])?;
            let likelihoods = log_likelihoods(&hidden, &weight, &targets)?;
            assert!((likelihoods.iter().sum::<f64>() + loss).abs() <= 1e-12 * loss);
        }
        Ok(())
    }

    #[test]
    fn the_fast_path_equals_the_reference() -> Result<()> {
        for (rows, features, vocabulary) in [(0, 3, 5), (1, 3, 2), (300, 16, 101)] {
            let (hidden, weight, targets) = inputs(rows, features, vocabulary, DType::F32)?;
            let fast = forward_backward(&hidden, &weight, &targets, 0.01, true)?;
            let slow = reference::forward_backward(&hidden, &weight, &targets, 0.01, true)?;
            assert!(
                (fast.loss_sum - slow.loss_sum).abs() <= 1e-6 * slow.loss_sum,
                "{} {}",
                fast.loss_sum,
                slow.loss_sum
            );
            let (dw, want_dw) = (fast.d_weight.expect("a gradient"), slow.d_weight.expect("a gradient"));
            assert_close(1e-6, &[("d_hidden", &fast.d_hidden, &slow.d_hidden), ("d_weight", &dw, &want_dw)])?;
            let likelihoods = log_likelihoods(&hidden, &weight, &targets)?;
            assert!((likelihoods.iter().sum::<f64>() + fast.loss_sum).abs() < 1e-9 * fast.loss_sum.max(1.0));
            assert!(forward_backward(&hidden, &weight, &targets, 0.01, false)?.d_weight.is_none());
        }
        Ok(())
    }

    #[test]
    fn huge_logits_do_not_overflow_and_a_nan_reaches_the_loss() -> Result<()> {
        let weight = Tensor::new(&[[1e4f32], [-1e4], [0.0]], &Device::Cpu)?;
        let hidden = Tensor::new(&[[1f32], [1.0], [f32::NAN]], &Device::Cpu)?;
        let likelihoods = log_likelihoods(&hidden, &weight, &Tensor::new(&[0u32, 1, 0], &Device::Cpu)?)?;
        assert_eq!(likelihoods[..2], [0.0, -2e4]);
        assert!(likelihoods[2].is_nan());
        Ok(())
    }

    #[test]
    fn a_target_outside_the_vocabulary_is_named() -> Result<()> {
        let (hidden, weight, _) = inputs(1, 2, 4, DType::F32)?;
        let text = log_likelihoods(&hidden, &weight, &Tensor::new(&[4u32], &Device::Cpu)?).map_err(|e| e.to_string());
        assert_eq!(text, Err("target token is 4, must be below the vocabulary of 4".into()));
        Ok(())
    }
}
