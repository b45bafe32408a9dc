//! The head and its loss in one: logits of a few rows at a time, never of all.
//!
//! Only supervised rows are given. On the CPU, logits of a frozen head never leave the second cache; where the
//! head's own gradient is wanted too, the gradient of a chunk's logits takes the place of the logits.

mod cpu;
mod device;
mod running;
mod scale;
#[cfg(test)]
mod tests;

use candle_core::{D, DType, Tensor};

pub use scale::Scale;

use super::matmul::{linear, linear_input_gradient, linear_weight_gradient};
use super::slices::{compute_dtype, expect_shape, matrix, on_cpu_f32};
use crate::error::Result;

/// Rows whose logits exist at one time on the CPU where the head is trained.
pub const ROWS: usize = cpu::ROWS;
/// Entries of a frozen head that are packed at one time on the CPU.
pub const PART: usize = running::PART;
/// Logits of a frozen head that exist on each thread of the CPU.
pub const TILE: usize = running::PART * running::ROWS;

/// Rows whose logits exist at one time on a CUDA device.
pub const CUDA_ROWS: usize = 2048;

/// Loss and gradients of a batch of rows.
#[derive(Debug)]
pub struct LossOutput {
    /// Sum over the rows of `−ln p(target)`, in nats, each times its weight.
    pub loss_sum: f64,
    /// Gradient of `scale.all·loss_sum` by `hidden`, `[rows, features]`.
    pub d_hidden: Tensor,
    /// Gradient of `scale.all·loss_sum` by `weight`, `[vocabulary, features]`, if it was wanted.
    pub d_weight: Option<Tensor>,
}

/// Cross-entropy of `hidden·weightᵀ` against the targets, with its gradients.
///
/// # Shapes  `hidden: [rows, features]`, `weight: [vocabulary, features]`, `targets: [rows]` u32
/// # Errors  a target is not below the vocabulary; there are weights, but not one for each row
pub fn forward_backward<'r>(
    hidden: &Tensor,
    weight: &Tensor,
    targets: &Tensor,
    scale: impl Into<Scale<'r>>,
    want_weight: bool,
) -> Result<LossOutput> {
    check(hidden, weight, targets)?;
    let scale = scale.into().check(hidden.dim(0)?)?;
    if on_cpu_f32(&[hidden, weight]) {
        return cpu::forward_backward(hidden, weight, targets, scale, want_weight);
    }
    if let Some(engine) = device::engine(hidden, weight) {
        return device::forward_backward(&engine, hidden, weight, targets, scale, want_weight);
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
    if let Some(engine) = device::engine(hidden, weight) {
        return device::log_likelihoods(&engine, hidden, weight, targets);
    }
    reference::log_likelihoods(hidden, weight, targets)
}

fn check(hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<()> {
    let (rows, features) = matrix("cross-entropy input", hidden)?;
    let (vocabulary, _) = matrix("head weight", weight)?;
    expect_shape("head weight", weight, &[vocabulary, features])?;
    expect_shape("cross-entropy targets", targets, &[rows])
}

/// First row and number of the rows whose logits exist at one time, where they are not computed on the CPU in f32.
fn chunks(hidden: &Tensor) -> Result<impl Iterator<Item = (usize, usize)> + use<>> {
    let step = if hidden.device().is_cpu() { 256 } else { CUDA_ROWS };
    let rows = hidden.dim(0)?;
    Ok((0..rows).step_by(step).map(move |start| (start, step.min(rows - start))))
}

mod reference {
    use super::*;

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

    pub(super) fn forward_backward<'r>(
        hidden: &Tensor,
        weight: &Tensor,
        targets: &Tensor,
        scale: impl Into<Scale<'r>>,
        want_weight: bool,
    ) -> Result<LossOutput> {
        let scale = scale.into();
        let wide = compute_dtype(hidden.dtype());
        let (mut likelihoods, mut d_hidden) = (Vec::new(), Vec::new());
        let mut d_weight: Option<Tensor> = None;
        for (start, len) in chunks(hidden)? {
            let (h, t) = (hidden.narrow(0, start, len)?, targets.narrow(0, start, len)?);
            let (normal, of_target) = log_probabilities(&h, weight, &t)?;
            likelihoods.push(of_target);
            let minus_one = Tensor::full(-1f32, (len, 1), hidden.device())?.to_dtype(wide)?;
            let d_logits = normal.exp()?.scatter_add(&t.unsqueeze(1)?.contiguous()?, &minus_one, 1)?;
            let scales = scale.of(start, len).gradients(len, hidden.device())?.to_dtype(wide)?;
            let d_logits = d_logits.broadcast_mul(&scales.unsqueeze(1)?)?.to_dtype(hidden.dtype())?;
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
            loss_sum: scale.loss(&likelihoods),
            d_hidden: Tensor::cat(&d_hidden, 0)?,
            d_weight: d_weight.map(|sum| sum.to_dtype(weight.dtype())).transpose()?,
        })
    }
}
