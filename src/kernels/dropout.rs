//! Dropout whose mask is a function of the stream and the element's index.
//!
//! Recomputing a layer, or resuming a killed run, meets the same mask again. Backward is the same
//! function applied to the gradient.

use candle_core::{Device, Tensor};

use super::cuda;
use super::parallel::{self, CHUNK};
use super::simd::{self, Kernel, Vector};
use super::slices::{self, on_cpu_f32};
use crate::error::{Error, Result};
use crate::random::Stream;

/// Zeroes each element with that probability and divides the kept ones by `1 − probability`.
///
/// # Shapes  any → the same
/// # Errors  a probability outside `[0, 1)`
pub fn forward(x: &Tensor, probability: f64, stream: Stream) -> Result<Tensor> {
    if !(0.0..1.0).contains(&probability) {
        return Err(Error::new("dropout").got(probability).expected("at least 0 and below 1"));
    }
    if probability == 0.0 {
        return Ok(x.clone());
    }
    if on_cpu_f32(&[x]) {
        return fast(x, probability, stream);
    }
    if let Some(engine) = cuda::Engine::of(&[x]) {
        let kept = (1.0 / (1.0 - probability)) as f32;
        return cuda::dropout::apply(&engine, x, stream, threshold(probability), kept);
    }
    reference(x, probability, stream)
}

/// Whether the element at `index` is dropped: two elements share one number of the stream.
#[inline(always)]
fn dropped(stream: Stream, index: u64, threshold: u64) -> bool {
    (stream.at(index >> 1) >> (32 * (index & 1))) & 0xffff_ffff < threshold
}

/// The probability as a bound on 32 random bits.
pub(super) fn threshold(probability: f64) -> u64 {
    (probability * 4_294_967_296.0) as u64
}

/// Only the mask is made on the CPU, a byte for each element; it is applied where `x` is.
fn reference(x: &Tensor, probability: f64, stream: Stream) -> Result<Tensor> {
    let mut mask = vec![0u8; x.elem_count()];
    let threshold = threshold(probability);
    let tasks = mask.chunks_mut(CHUNK).enumerate();
    let tasks = tasks.map(|(i, mask)| Mask { mask, first: (i * CHUNK) as u64, threshold, stream });
    parallel::each(tasks.collect(), simd::dispatch);
    let mask = Tensor::from_vec(mask, x.shape(), &Device::Cpu)?.to_device(x.device())?.to_dtype(x.dtype())?;
    Ok(((x * mask)? * (1.0 / (1.0 - probability)))?)
}

struct Mask<'a> {
    mask: &'a mut [u8],
    first: u64,
    threshold: u64,
    stream: Stream,
}

impl Kernel for Mask<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        for (kept, index) in self.mask.iter_mut().zip(self.first..) {
            *kept = u8::from(!dropped(self.stream, index, self.threshold));
        }
    }
}

fn fast(x: &Tensor, probability: f64, stream: Stream) -> Result<Tensor> {
    let mut y = vec![0f32; x.elem_count()];
    let (threshold, kept) = (threshold(probability), (1.0 / (1.0 - probability)) as f32);
    slices::read([x], |[x]| {
        let tasks = y.chunks_mut(CHUNK).zip(x.chunks(CHUNK)).enumerate();
        let tasks = tasks.map(|(i, (y, x))| Masked { y, x, first: (i * CHUNK) as u64, threshold, kept, stream });
        parallel::each(tasks.collect(), simd::dispatch);
        Ok(())
    })?;
    slices::tensor(y, x.dims())
}

struct Masked<'a> {
    y: &'a mut [f32],
    x: &'a [f32],
    first: u64,
    threshold: u64,
    kept: f32,
    stream: Stream,
}

impl Kernel for Masked<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        for ((y, x), index) in self.y.iter_mut().zip(self.x).zip(self.first..) {
            let mask = if dropped(self.stream, index, self.threshold) { 0.0 } else { self.kept };
            *y = x * mask;
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;

    use super::*;
    use crate::kernels::oracle::random;

    #[test]
    fn the_kept_share_and_their_scale_are_those_asked_for() -> Result<()> {
        let ones = Tensor::ones((1000, 100), DType::F32, &Device::Cpu)?;
        let y = forward(&ones, 0.1, Stream::new(3, "dropout"))?.flatten_all()?.to_vec1::<f32>()?;
        let kept = y.iter().filter(|y| **y != 0.0).count() as f64 / 1e5;
        // Standard error √(0.1·0.9/1e5) = 0.00095; five of them.
        assert!((kept - 0.9).abs() < 0.0048, "{kept}");
        assert!(y.iter().all(|y| *y == 0.0 || (*y - 1.0 / 0.9).abs() < 1e-6));
        Ok(())
    }

    #[test]
    fn the_mask_depends_on_stream_and_index_only() -> Result<()> {
        let stream = Stream::new(3, "dropout");
        let x = random("x", &[300, 70], DType::F32)?;
        let fast = forward(&x, 0.3, stream)?.to_vec2::<f32>()?;
        assert_eq!(fast, reference(&x, 0.3, stream)?.to_vec2::<f32>()?);
        assert_ne!(fast, forward(&x, 0.3, stream.child(1))?.to_vec2::<f32>()?);
        let part = forward(&x.narrow(0, 0, 10)?, 0.3, stream)?.to_vec2::<f32>()?;
        assert_eq!(part, fast[..10]);
        Ok(())
    }

    #[test]
    fn a_probability_of_one_is_refused() -> Result<()> {
        let x = random("x", &[2], DType::F32)?;
        assert!(forward(&x, 1.0, Stream::new(0, "")).is_err() && forward(&x, -0.1, Stream::new(0, "")).is_err());
        Ok(())
    }
}
