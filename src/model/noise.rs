//! Noise on the embeddings while training (NEFTune), each document's by its own length.
//!
//! # Source  Jain et al. 2023, arXiv:2310.05914 §2; there, as in TRL, a document's length counts its padding: here is none

use candle_core::{Device, Tensor};

use crate::error::Result;
use crate::kernels::attention::Segments;
use crate::random::Stream;

/// Adds numbers uniform in `±alpha/√(tokens of the document · features)`.
///
/// # Shapes  `x: [tokens, features]` → the same
pub(super) fn add(x: Tensor, segments: &Segments, alpha: f64, stream: Stream) -> Result<Tensor> {
    let (tokens, features) = x.dims2()?;
    let bounds: Vec<f32> = segments
        .iter()
        .flat_map(|document| {
            let bound = alpha / ((document.len() * features) as f64).sqrt();
            std::iter::repeat_n(bound as f32, document.len())
        })
        .collect();
    let bounds = Tensor::from_vec(bounds, (tokens, 1), &Device::Cpu)?.to_device(x.device())?;
    let noise = uniform((tokens, features), stream, x.device())?.broadcast_mul(&bounds)?;
    Ok((&x + noise.to_dtype(x.dtype())?)?)
}

/// Numbers uniform in `[-1, 1)`.
fn uniform(shape: (usize, usize), stream: Stream, device: &Device) -> Result<Tensor> {
    if device.is_cuda() {
        // Others than on the CPU, but the same each time.
        device.set_seed(stream.at(0))?;
        return Ok(Tensor::rand(-1f32, 1f32, shape, device)?);
    }
    let values: Vec<f32> =
        (0..(shape.0 * shape.1) as u64).map(|index| (2.0 * stream.unit_at(index) - 1.0) as f32).collect();
    Ok(Tensor::from_vec(values, shape, device)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_within_the_bound_of_each_document_and_the_same_each_time() -> Result<()> {
        let segments = Segments::new(vec![0, 400, 404])?;
        let x = Tensor::zeros((404, 16), candle_core::DType::F32, &Device::Cpu)?;
        let noise = |seed| -> Result<Vec<Vec<f32>>> {
            Ok(add(x.clone(), &segments, 5.0, Stream::new(seed, "noise"))?.to_vec2()?)
        };
        let first = noise(1)?;
        let largest = |rows: &[Vec<f32>]| rows.iter().flatten().fold(0f32, |most, value| most.max(value.abs()));
        // 5/√(400·16) and 5/√(4·16): the largest of many uniform numbers is close to the bound.
        let (long, short) = (largest(&first[..400]), largest(&first[400..]));
        assert!(long <= 0.0625 && long > 0.0624, "{long}");
        assert!(short <= 0.625 && short > 0.5, "{short}");
        let values: Vec<f64> = first[..400].iter().flatten().map(|value| f64::from(*value)).collect();
        let variance = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!((variance * 3.0 / 0.0625f64.powi(2) - 1.0).abs() < 0.05, "{variance}");
        assert_eq!(first, noise(1)?);
        assert_ne!(first, noise(2)?);
        Ok(())
    }
}
