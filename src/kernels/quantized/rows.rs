//! A matrix in int8 as a model holds it: on its device, a scale for each row.

use candle_core::{DType, Device, Tensor, TensorId};

use super::int8;
use crate::error::{Error, Result};
use crate::kernels::cuda;
use crate::kernels::matmul::{add_matmul, linear, matmul};
use crate::kernels::slices::{self, matrix};

/// A matrix in int8.
///
/// Products are of the matrix that the codes stand for: the inputs are not rounded to 8 bits, as LLM.int8 does.
///
/// # Shapes  `[out, in]`
/// # Units  8 bits an element, and 32 for each row
/// # Source  Dettmers et al. 2022, arXiv:2208.07339; codes and scales are those of bitsandbytes' `Linear8bitLt`
#[derive(Debug, Clone)]
pub struct Int8 {
    /// The codes, `[out, in]`, as bytes of two's complement.
    codes: Tensor,
    /// The largest magnitude of each row, `[out]` f32.
    scales: Tensor,
    shape: [usize; 2],
    dtype: DType,
}

impl Int8 {
    /// The nearest matrix in int8, on the device of the weight; products with it are of the weight's dtype.
    ///
    /// # Shapes  `weight: [out, in]`
    /// # Errors  the weight is no matrix; a value is not finite in f16, which it is rounded to first
    pub fn quantize(weight: &Tensor) -> Result<Self> {
        let (rows, columns) = matrix("a weight in int8", weight)?;
        let narrow = weight.contiguous()?.to_dtype(DType::F16)?;
        let (codes, scales) = match cuda::Engine::on(weight.device()) {
            Some(engine) => cuda::int8::quantize(&engine, &narrow)?,
            None => quantize_on_cpu(&narrow)?,
        };
        if scales.to_vec1::<f32>()?.iter().any(|scale| !scale.is_finite()) {
            return Err(Error::new("a weight that is to be kept in 8 bits")
                .got("a value that is not finite in f16")
                .expected("magnitudes of at most 65504"));
        }
        Ok(Self { codes, scales, shape: [rows, columns], dtype: weight.dtype() })
    }

    /// The matrix in its dtype: what products with it are made from.
    ///
    /// # Shapes  → `[out, in]`
    pub fn dequantize(&self) -> Result<Tensor> {
        match cuda::Engine::on(self.device()) {
            Some(engine) => self.dequantize_by(&engine),
            None => self.dequantize_on_cpu(),
        }
    }

    /// `x·Wᵀ`.
    ///
    /// # Shapes  `x: [rows, in]` → `[rows, out]`
    pub fn linear(&self, x: &Tensor) -> Result<Tensor> {
        linear(x, &self.dequantize()?)
    }

    /// The gradient of [`Int8::linear`] by its input, `dy·W`, added to another gradient of that input if there is one.
    ///
    /// # Shapes  `dy: [rows, out]`, `others: [rows, in]` → `[rows, in]`
    pub fn input_gradient(&self, dy: &Tensor, others: Option<Tensor>) -> Result<Tensor> {
        let weight = self.dequantize()?;
        match others {
            Some(others) => add_matmul(others, dy, &weight),
            None => matmul(dy, &weight),
        }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// The dtype of products with it.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Where it is.
    pub fn device(&self) -> &Device {
        self.codes.device()
    }

    /// What tells it from any other matrix; clones share it.
    pub fn id(&self) -> TensorId {
        self.codes.id()
    }

    /// Bytes of a matrix of that shape.
    ///
    /// # Units  bytes
    pub fn bytes_of([rows, columns]: [usize; 2]) -> u64 {
        rows as u64 * (columns as u64 + 4)
    }

    /// The codes as they lie in memory.
    #[cfg(test)]
    pub(crate) fn codes(&self) -> Result<Vec<u8>> {
        Ok(self.codes.flatten_all()?.to_vec1()?)
    }

    pub(in crate::kernels) fn dequantize_by(&self, engine: &cuda::Engine) -> Result<Tensor> {
        let y = engine.empty(&self.shape, self.dtype)?;
        cuda::int8::dequantize(engine, &y, [&self.codes, &self.scales])?;
        Ok(y)
    }

    fn dequantize_on_cpu(&self) -> Result<Tensor> {
        let [rows, columns] = self.shape;
        let (mut values, scales) = (vec![0f32; rows * columns], self.scales.to_vec1::<f32>()?);
        if !values.is_empty() {
            let codes = self.codes.flatten_all()?;
            slices::read_bytes(&codes, |codes| int8::dequantize(&mut values, columns, codes, &scales))??;
        }
        Ok(Tensor::from_vec(values, self.shape.as_slice(), &Device::Cpu)?.to_dtype(self.dtype)?)
    }
}

/// The codes, and the largest magnitudes in f32.
fn quantize_on_cpu(weight: &Tensor) -> Result<(Tensor, Tensor)> {
    let (rows, columns) = weight.dims2()?;
    let (mut codes, mut scales) = (vec![0; rows * columns], vec![0.0; rows]);
    if !codes.is_empty() {
        slices::read([&weight.to_dtype(DType::F32)?], |[values]| {
            int8::quantize(values, columns, &mut codes, &mut scales)
        })?;
    }
    Ok((Tensor::from_vec(codes, (rows, columns), &Device::Cpu)?, Tensor::new(scales, &Device::Cpu)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, error, random};
    use crate::kernels::quantized::golden::{Golden, numbers};

    #[test]
    fn products_are_those_of_the_matrix_that_is_kept() -> Result<()> {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            let weight = random("w", &[70, 130], dtype)?;
            let kept = Int8::quantize(&weight)?;
            let plain = kept.dequantize()?;
            assert_eq!((plain.dims(), plain.dtype(), kept.shape()), (&[70, 130][..], dtype, [70, 130]));
            // Half a step of 1/127, and the rounding to f16 and to bf16.
            let off = error(&plain, &weight)?;
            assert!(off > 1e-3 && off < 0.5 / 127.0 + 0.0045, "{off}");
            let (x, dy) = (random("x", &[3, 130], dtype)?, random("dy", &[3, 70], dtype)?);
            assert_eq!(error(&kept.linear(&x)?, &linear(&x, &plain)?)?, 0.0);
            let gradient = matmul(&dy, &plain)?;
            assert_eq!(error(&kept.input_gradient(&dy, None)?, &gradient)?, 0.0);
            assert_close(bound_of(dtype), &[("sum", &kept.input_gradient(&dy, Some(x.copy()?))?, &(x + gradient)?)])?;
        }
        Ok(())
    }

    #[test]
    fn bytes_are_those_of_the_parts() -> Result<()> {
        for shape in [[70, 130], [1, 3]] {
            let kept = Int8::quantize(&random("w", &shape, DType::F32)?)?;
            let bytes: usize =
                [&kept.codes, &kept.scales].iter().map(|part| part.elem_count() * part.dtype().size_in_bytes()).sum();
            assert_eq!(bytes as u64, Int8::bytes_of(shape));
        }
        Ok(())
    }

    #[test]
    fn codes_and_scales_are_those_of_bitsandbytes() -> Result<()> {
        let mut elements = 0;
        for case in Golden::read().int8 {
            let [rows, columns] = case.shape;
            let mut values = numbers(rows * columns, case.seed);
            // Rows of very different sizes, and one of zeros.
            for (row, values) in values.chunks_mut(columns).enumerate() {
                let size = if row % 100 == 3 { 0.0 } else { 2f32.powi(row as i32 % 13 - 8) };
                values.iter_mut().for_each(|value| *value *= size);
            }
            let weight = Tensor::from_vec(values, (rows, columns), &Device::Cpu)?;
            let weight = if case.dtype == "bf16" { weight.to_dtype(DType::BF16)? } else { weight };
            let kept = Int8::quantize(&weight)?;
            let digest = |bytes: Vec<u8>| crate::files::sha256(bytes);
            assert_eq!(digest(kept.codes.flatten_all()?.to_vec1::<u8>()?), case.codes_sha256, "{}", case.dtype);
            let bytes = |values: &Tensor| -> Result<Vec<u8>> {
                Ok(values.flatten_all()?.to_vec1::<f32>()?.iter().flat_map(|x| x.to_le_bytes()).collect())
            };
            assert_eq!(digest(bytes(&kept.scales)?), case.scales_sha256, "{}", case.dtype);
            let back = Int8 { dtype: DType::F32, ..kept }.dequantize()?;
            assert_eq!(digest(bytes(&back)?), case.back_sha256, "{}", case.dtype);
            elements += rows * columns;
        }
        assert!(elements >= 1_000_000, "{elements}");
        Ok(())
    }

    #[test]
    fn what_is_not_finite_in_f16_is_refused() -> Result<()> {
        let weight = random("w", &[4, 64], DType::F32)?;
        for factor in [f64::INFINITY, 1e6] {
            let text = Int8::quantize(&(&weight * factor)?).map(|_| ()).unwrap_err().to_string();
            assert!(text.contains("not finite in f16"), "{text}");
        }
        Ok(())
    }

    #[test]
    fn the_kernels_give_the_codes_and_values_of_the_cpu() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, shape) in
            [(DType::F32, [9, 64]), (DType::BF16, [67, 130]), (DType::F16, [5, 4104]), (DType::F32, [3, 2051])]
        {
            let weight = random("w", &shape, dtype)?;
            let kept = Int8::quantize(&weight)?;
            let narrow = weight.to_dtype(DType::F16)?;
            let (codes, scales) = cuda::int8::quantize(&engine, &narrow)?;
            let (want_codes, want_scales) = quantize_on_cpu(&narrow)?;
            assert_eq!(codes.to_vec2::<u8>()?, want_codes.to_vec2::<u8>()?);
            assert_eq!(scales.to_vec1::<f32>()?, want_scales.to_vec1::<f32>()?);
            assert_eq!(error(&kept.dequantize_by(&engine)?, &kept.dequantize()?)?, 0.0, "{dtype:?} {shape:?}");
        }
        // A row of zeros has nothing to divide by.
        let (codes, scales) = cuda::int8::quantize(&engine, &Tensor::zeros((2, 40), DType::F16, &Device::Cpu)?)?;
        assert!(codes.flatten_all()?.to_vec1::<u8>()?.iter().all(|code| *code == 0));
        assert_eq!(scales.to_vec1::<f32>()?, [0.0, 0.0]);
        Ok(())
    }
}
