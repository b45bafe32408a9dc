//! A matrix in NF4 as a model holds it: on its device, its scales in 8 bits.

use candle_core::{DType, Device, Tensor, TensorId};

use super::dynamic_map::DynamicMap;
use super::nf4::{self, BLOCK, Scales};
use crate::error::{Error, Result};
use crate::kernels::matmul::{add_matmul, linear, matmul};
use crate::kernels::slices::{self, matrix};
use crate::kernels::{cuda, quantized::blockwise};

/// A matrix in NF4.
///
/// # Shapes  `[out, in]`; blocks of 64 run over the rows, from one into the next
/// # Units  4.127 bits an element
/// # Source  Dettmers et al. 2023, arXiv:2305.14314; codes and scales are those of bitsandbytes with double quantisation
#[derive(Debug, Clone)]
pub struct Nf4 {
    /// Two codes in a byte, `[⌈n / 2⌉]` u8.
    codes: Tensor,
    /// The largest magnitude of each block less their mean, `[⌈n / 64⌉]` u8.
    scale_codes: Tensor,
    /// The largest magnitude of each 256 of those, f32.
    scale_magnitudes: Tensor,
    /// What the codes of scales stand for, `[256]` f32.
    map: Tensor,
    /// The mean of the scales.
    offset: f32,
    shape: [usize; 2],
    dtype: DType,
}

impl Nf4 {
    /// The nearest matrix in NF4, on the device of the weight; products with it are of the weight's dtype.
    ///
    /// # Shapes  `weight: [out, in]`, contiguous
    /// # Errors  the weight is no matrix; a value is not finite
    pub fn quantize(weight: &Tensor) -> Result<Self> {
        let (rows, columns) = matrix("a weight in NF4", weight)?;
        let weight = weight.contiguous()?;
        let (codes, magnitudes) = match cuda::Engine::on(weight.device()) {
            Some(engine) => cuda::nf4::quantize(&engine, &weight)?,
            None => quantize_on_cpu(&weight)?,
        };
        // A weight of 45 million elements has 0.7 million scales: a moment's work for the CPU, once.
        let map = DynamicMap::signed();
        let Scales { codes: scale_codes, magnitudes: scale_magnitudes, offset } =
            Scales::of(&magnitudes.to_vec1::<f32>()?, &map)?;
        if !offset.is_finite() {
            return Err(Error::new("a weight that is to be kept in 4 bits").got("a value that is not finite"));
        }
        let device = weight.device();
        Ok(Self {
            codes,
            scale_codes: Tensor::from_vec(scale_codes, magnitudes.elem_count(), device)?,
            scale_magnitudes: Tensor::new(scale_magnitudes, device)?,
            map: Tensor::new(map.values().as_slice(), device)?,
            offset,
            shape: [rows, columns],
            dtype: weight.dtype(),
        })
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
    /// Few rows are multiplied without ever writing the matrix, where there is a kernel for it.
    ///
    /// # Shapes  `x: [rows, in]` → `[rows, out]`
    pub fn linear(&self, x: &Tensor) -> Result<Tensor> {
        let (rows, columns) = matrix("the input of a weight in NF4", x)?;
        match cuda::Engine::of(&[x]) {
            Some(engine) if cuda::nf4::fits_linear(rows, columns) && columns == self.shape[1] => {
                self.linear_by(&engine, x)
            }
            _ => linear(x, &self.dequantize()?),
        }
    }

    /// The gradient of [`Nf4::linear`] by its input, `dy·W`, added to another gradient of that input if there is one.
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

    /// Bytes of a matrix of so many elements.
    ///
    /// # Units  bytes, the map of 256 values included
    pub fn bytes_of(elements: u64) -> u64 {
        let blocks = elements.div_ceil(BLOCK as u64);
        elements.div_ceil(2) + blocks + 4 * blocks.div_ceil(blockwise::BLOCK as u64) + 1024
    }

    /// The codes as they lie in memory.
    #[cfg(test)]
    pub(crate) fn codes(&self) -> Result<Vec<u8>> {
        Ok(self.codes.flatten_all()?.to_vec1()?)
    }

    pub(in crate::kernels) fn dequantize_by(&self, engine: &cuda::Engine) -> Result<Tensor> {
        let y = engine.empty(&self.shape, self.dtype)?;
        cuda::nf4::dequantize(
            engine,
            &y,
            [&self.codes, &self.scale_codes, &self.scale_magnitudes, &self.map],
            self.offset,
        )?;
        Ok(y)
    }

    pub(in crate::kernels) fn linear_by(&self, engine: &cuda::Engine, x: &Tensor) -> Result<Tensor> {
        let y = engine.empty(&[x.dim(0)?, self.shape[0]], x.dtype())?;
        let weight = [&self.codes, &self.scale_codes, &self.scale_magnitudes, &self.map];
        cuda::nf4::linear(engine, &y, x, weight, self.offset)?;
        Ok(y)
    }

    fn dequantize_on_cpu(&self) -> Result<Tensor> {
        let scales = Scales {
            codes: self.scale_codes.to_vec1()?,
            magnitudes: self.scale_magnitudes.to_vec1()?,
            offset: self.offset,
        };
        let magnitudes = scales.dequantize(&DynamicMap::signed())?;
        let elements = self.shape.iter().product();
        let mut values = vec![0f32; elements];
        slices::read_bytes(&self.codes, |codes| nf4::dequantize(&mut values, codes, &magnitudes))??;
        Ok(Tensor::from_vec(values, self.shape.as_slice(), &Device::Cpu)?.to_dtype(self.dtype)?)
    }
}

/// The codes, and the largest magnitudes in f32.
fn quantize_on_cpu(weight: &Tensor) -> Result<(Tensor, Tensor)> {
    let values = weight.to_dtype(DType::F32)?.flatten_all()?;
    let elements = values.elem_count();
    let (mut codes, mut magnitudes) = (vec![0; elements.div_ceil(2)], vec![0.0; elements.div_ceil(BLOCK)]);
    slices::read([&values], |[values]| nf4::quantize(values, &mut codes, &mut magnitudes))?;
    Ok((Tensor::new(codes, &Device::Cpu)?, Tensor::new(magnitudes, &Device::Cpu)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::cuda::emulator;
    use crate::kernels::oracle::{assert_close, bound_of, error, random};
    use crate::kernels::quantized::golden::{Golden, assert_codes_are_close, floats, numbers};

    #[test]
    fn products_are_those_of_the_matrix_that_is_kept() -> Result<()> {
        for dtype in [DType::F32, DType::F64, DType::BF16] {
            let weight = random("w", &[70, 130], dtype)?;
            let kept = Nf4::quantize(&weight)?;
            let plain = kept.dequantize()?;
            assert_eq!((plain.dims(), plain.dtype(), kept.shape()), (&[70, 130][..], dtype, [70, 130]));
            // The distance of two neighbouring levels is 0.3 at most; that of scales in 8 bits is small beside it.
            let (off, largest) = (error(&plain, &weight)?, 0.16);
            assert!(off > 0.01 && off < largest, "{off}");
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
        for shape in [[70, 130], [64, 64], [1, 3]] {
            let kept = Nf4::quantize(&random("w", &shape, DType::F32)?)?;
            let parts = [&kept.codes, &kept.scale_codes, &kept.scale_magnitudes, &kept.map];
            let bytes: usize = parts.iter().map(|part| part.elem_count() * part.dtype().size_in_bytes()).sum();
            assert_eq!(bytes as u64, Nf4::bytes_of((shape[0] * shape[1]) as u64));
        }
        // 4.127 bits an element.
        assert_eq!(Nf4::bytes_of(4096 * 4096) * 8 * 1000 / (4096 * 4096), 4127);
        Ok(())
    }

    #[test]
    fn codes_and_scales_are_those_of_bitsandbytes() -> Result<()> {
        let golden = Golden::read();
        let [rows, columns] = golden.nf4.shape;
        let weight = Tensor::from_vec(numbers(rows * columns, golden.seed), (rows, columns), &Device::Cpu)?;
        let kept = Nf4::quantize(&weight)?;
        assert_eq!(crate::files::sha256(kept.codes.to_vec1::<u8>()?), golden.nf4.codes_sha256);
        assert_codes_are_close(&kept.scale_codes.to_vec1()?, &golden.nf4.scale_codes, 1, 0.02);
        assert_eq!(kept.scale_magnitudes.to_vec1::<f32>()?, floats(&golden.nf4.scale_magnitudes));
        assert_eq!(kept.offset, f32::from_bits(golden.nf4.offset));
        Ok(())
    }

    #[test]
    fn what_is_not_finite_is_refused() -> Result<()> {
        let weight = (random("w", &[4, 64], DType::F32)? / 0.0)?;
        assert!(Nf4::quantize(&weight).is_err());
        Ok(())
    }

    #[test]
    fn the_kernels_give_the_codes_and_values_of_the_cpu() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, shape) in
            [(DType::F32, [9, 64]), (DType::BF16, [67, 130]), (DType::F16, [5, 1000]), (DType::BF16, [130, 128])]
        {
            let weight = random("w", &shape, dtype)?;
            let kept = Nf4::quantize(&weight)?;
            let (codes, magnitudes) = cuda::nf4::quantize(&engine, &weight)?;
            let (want_codes, want_magnitudes) = quantize_on_cpu(&weight)?;
            assert_eq!(codes.to_vec1::<u8>()?, want_codes.to_vec1::<u8>()?);
            assert_eq!(magnitudes.to_vec1::<f32>()?, want_magnitudes.to_vec1::<f32>()?);
            assert_eq!(error(&kept.dequantize_by(&engine)?, &kept.dequantize()?)?, 0.0, "{dtype:?} {shape:?}");
        }
        Ok(())
    }

    #[test]
    fn the_kernel_multiplies_few_rows_without_the_matrix() -> Result<()> {
        let Some(engine) = emulator::engine() else { return Ok(()) };
        for (dtype, rows, shape) in [(DType::F32, 1, [9, 64]), (DType::BF16, 3, [33, 1088]), (DType::F16, 8, [5, 320])]
        {
            let kept = Nf4::quantize(&random("w", &shape, dtype)?)?;
            let x = random("x", &[rows, shape[1]], dtype)?;
            let want = linear(&x.to_dtype(DType::F64)?, &kept.dequantize_on_cpu_in(DType::F64)?)?;
            assert_close(bound_of(dtype), &[("y", &kept.linear_by(&engine, &x)?, &want)])?;
        }
        Ok(())
    }

    impl Nf4 {
        fn dequantize_on_cpu_in(&self, dtype: DType) -> Result<Tensor> {
            Self { dtype, ..self.clone() }.dequantize_on_cpu()
        }
    }
}
