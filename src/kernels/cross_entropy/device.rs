//! The head and its loss on a CUDA device: products by cuBLAS, rows of logits by one kernel that turns them into their
//! gradient in place.

use candle_core::{DType, Tensor};

use super::{LossOutput, Scale, chunks};
use crate::error::Result;
use crate::kernels::adamw::add_in_place;
use crate::kernels::cuda::{self, Engine};
use crate::kernels::matmul::{linear, linear_input_gradient, linear_weight_gradient};
use crate::kernels::slices::compute_dtype;

/// The engine, if the kernel fits rows of that vocabulary.
pub(super) fn engine(hidden: &Tensor, weight: &Tensor) -> Option<Engine> {
    let packs = (weight.dims().first()? * weight.dtype().size_in_bytes()).is_multiple_of(16);
    Engine::of(&[hidden, weight]).filter(|_| packs)
}

pub(super) fn log_likelihoods(engine: &Engine, hidden: &Tensor, weight: &Tensor, targets: &Tensor) -> Result<Vec<f64>> {
    let mut likelihoods = Vec::new();
    for (start, count) in chunks(hidden)? {
        let logits = linear(&hidden.narrow(0, start, count)?, weight)?;
        likelihoods.push(cuda::cross_entropy::rows(engine, &logits, &targets.narrow(0, start, count)?, None)?);
    }
    gathered(&likelihoods)
}

pub(super) fn forward_backward(
    engine: &Engine,
    hidden: &Tensor,
    weight: &Tensor,
    targets: &Tensor,
    scale: Scale<'_>,
    want_weight: bool,
) -> Result<LossOutput> {
    let (mut likelihoods, mut d_hidden) = (Vec::new(), Vec::new());
    let mut d_weight: Option<Tensor> = None;
    for (start, count) in chunks(hidden)? {
        let rows = hidden.narrow(0, start, count)?;
        let d_logits = linear(&rows, weight)?;
        let targets = targets.narrow(0, start, count)?;
        let scales = scale.of(start, count).gradients(count, hidden.device())?.to_dtype(DType::F32)?;
        likelihoods.push(cuda::cross_entropy::rows(engine, &d_logits, &targets, Some(&scales))?);
        d_hidden.push(linear_input_gradient(&d_logits, weight)?);
        if want_weight {
            let part = linear_weight_gradient(&d_logits, &rows)?;
            match &d_weight {
                None => d_weight = Some(part.to_dtype(compute_dtype(hidden.dtype()))?),
                Some(sum) => add_in_place(sum, &part)?,
            }
        }
    }
    let d_hidden = if d_hidden.is_empty() { hidden.zeros_like()? } else { Tensor::cat(&d_hidden, 0)? };
    let d_weight = match d_weight {
        Some(sum) => Some(sum.to_dtype(weight.dtype())?),
        None if want_weight => Some(weight.zeros_like()?),
        None => None,
    };
    Ok(LossOutput { loss_sum: scale.loss(&gathered(&likelihoods)?), d_hidden, d_weight })
}

fn gathered(parts: &[Tensor]) -> Result<Vec<f64>> {
    if parts.is_empty() {
        return Ok(Vec::new());
    }
    Ok(Tensor::cat(parts, 0)?.to_dtype(DType::F64)?.to_vec1::<f64>()?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::cross_entropy::reference;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, random};

    #[test]
    fn loss_and_gradients_equal_the_reference_in_more_than_one_chunk() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        // On the CPU a chunk has 256 rows.
        for (rows, want_weight) in [(300, true), (2, false), (0, true)] {
            let (hidden, weight) = (random("h", &[rows, 8], DType::F32)?, random("w", &[20, 8], DType::F32)?);
            let targets: Vec<u32> = (0..rows as u32).map(|i| i * 7 % 20).collect();
            let targets = Tensor::from_vec(targets, rows, &Device::Cpu)?;
            let wide = |t: &Tensor| t.to_dtype(DType::F64);
            let weights: Vec<f32> = (0..rows).map(|row| (row % 5) as f32 * 0.5).collect();
            let scale = Scale { all: 0.3, rows: &weights };
            let want = reference::forward_backward(&wide(&hidden)?, &wide(&weight)?, &targets, scale, want_weight)?;
            let got = forward_backward(&engine, &hidden, &weight, &targets, scale, want_weight)?;
            assert!((got.loss_sum - want.loss_sum).abs() <= 1e-6 * want.loss_sum);
            assert_close(2e-6, &[("d_hidden", &got.d_hidden, &want.d_hidden)])?;
            assert_eq!(got.d_weight.is_some(), want_weight);
            if let (Some(got), Some(want)) = (got.d_weight, want.d_weight) {
                assert_close(2e-6, &[("d_weight", &got, &want)])?;
            }
            let likelihoods = log_likelihoods(&engine, &hidden, &weight, &targets)?;
            assert!((scale.loss(&likelihoods) - want.loss_sum).abs() <= 1e-6 * want.loss_sum);
        }
        Ok(())
    }
}
