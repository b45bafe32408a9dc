//! Cross-entropy over rows of logits on CUDA: `cross_entropy.cu`.

use candle_core::{DType, Tensor};

use super::launch::{Argument, Engine, Launch};
use crate::error::Result;

/// `ln p(target)` of each row, `[rows]` f32; with scales, `[rows]` f32, the logits become
/// their gradient, each row times its scale, in place.
///
/// The loss of a row is minus its likelihood. Targets must be below the vocabulary.
pub(in crate::kernels) fn rows(
    engine: &Engine,
    logits: &Tensor,
    targets: &Tensor,
    scales: Option<&Tensor>,
) -> Result<Tensor> {
    let (count, vocabulary) = logits.dims2()?;
    let likelihoods = engine.empty(&[count], DType::F32)?;
    engine.run(&Launch {
        kernel: "cross_entropy_rows",
        dtype: Some(logits.dtype()),
        grid: [count, 1, 1],
        threads: 512,
        shared: 0,
        arguments: &[
            Argument::Output(logits),
            Argument::Output(&likelihoods),
            Argument::Input(targets),
            Argument::Int(vocabulary as i32),
            Argument::Int(i32::from(scales.is_some())),
            // Where no gradient is wanted, the scales are not read.
            Argument::Input(scales.unwrap_or(targets)),
        ],
    })?;
    Ok(likelihoods)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    #[test]
    fn likelihoods_and_gradients_are_those_of_f64() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, vocabulary) in [(DType::F32, 8), (DType::BF16, 4104), (DType::F16, 2064)] {
            // One row of logits so far apart that only the largest has a probability at all.
            let scale = Tensor::new(&[[1.0f64], [5.0], [40.0]], &Device::Cpu)?.to_dtype(dtype)?;
            let logits = random("logits", &[3, vocabulary], dtype)?.broadcast_mul(&scale)?;
            let targets = [vocabulary as u32 - 1, 0, 3];
            let exact = logits.to_dtype(DType::F64)?.to_vec2::<f64>()?;
            let (mut want, mut want_gradient) = (Vec::new(), Vec::new());
            for ((row, &target), scale) in exact.iter().zip(&targets).zip([0.25, 0.5, 0.0]) {
                let largest = row.iter().fold(f64::MIN, |a, b| a.max(*b));
                let log_sum = largest + row.iter().map(|x| (x - largest).exp()).sum::<f64>().ln();
                want.push(row[target as usize] - log_sum);
                let one = |i: usize| f64::from(u8::from(i == target as usize));
                want_gradient.extend(row.iter().enumerate().map(|(i, x)| ((x - log_sum).exp() - one(i)) * scale));
            }
            let want = Tensor::from_vec(want, 3, &Device::Cpu)?;
            let want_gradient = Tensor::from_vec(want_gradient, (3, vocabulary), &Device::Cpu)?;
            let before = logits.copy()?;
            let targets = Tensor::new(&targets, &Device::Cpu)?;
            assert_close(2e-6, &[("likelihood", &rows(&engine, &logits, &targets, None)?, &want)])?;
            assert_eq!(crate::kernels::oracle::error(&logits, &before)?, 0.0, "no gradient was wanted");
            let scales = Tensor::new(&[0.25f32, 0.5, 0.0], &Device::Cpu)?;
            let likelihoods = rows(&engine, &logits, &targets, Some(&scales))?;
            assert_close(2e-6, &[("likelihood", &likelihoods, &want)])?;
            assert_close(bound_of(dtype), &[("gradient", &logits, &want_gradient)])?;
        }
        Ok(())
    }

    #[test]
    fn a_logit_that_is_not_a_number_shows() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        let mut values = vec![0f32; 16];
        values[9] = f32::NAN;
        let logits = Tensor::from_vec(values, (2, 8), &Device::Cpu)?;
        let (targets, scales) = (Tensor::new(&[1u32, 2], &Device::Cpu)?, Tensor::new(&[1f32, 1.0], &Device::Cpu)?);
        let got = rows(&engine, &logits, &targets, Some(&scales))?.to_vec1::<f32>()?;
        assert!(got[0].is_finite() && got[1].is_nan(), "{got:?}");
        Ok(())
    }
}
