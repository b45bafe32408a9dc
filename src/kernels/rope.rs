//! Rotary position embedding, with Hugging Face's layout: feature `i` of a head turns together with
//! feature `i + head_dim/2`.

use candle_core::{DType, Device, Tensor};

use super::cuda;
use super::slices::{compute_dtype, expect_shape, matrix, on_cpu_f32};
use crate::error::{Error, Result};

/// Cosines and sines of every position's angles.
#[derive(Debug, Clone)]
pub struct RotaryTable {
    cos: Tensor,
    sin: Tensor,
}

impl RotaryTable {
    /// Tabulates `positions` positions; angles are computed in f64.
    ///
    /// `attention_factor` multiplies both cosine and sine (1 for plain Llama). The table is kept in
    /// f64 for f64, else in f32.
    ///
    /// # Shapes  `inverse_frequencies: [head_dim / 2]`, in radians for each position
    /// # Source  Su et al. 2021, arXiv:2104.09864
    pub fn new(
        inverse_frequencies: &[f64],
        positions: usize,
        attention_factor: f64,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let angles = (0..positions).flat_map(|p| inverse_frequencies.iter().map(move |f| p as f64 * f));
        let (sin, cos): (Vec<f64>, Vec<f64>) =
            angles.map(|angle| (angle.sin() * attention_factor, angle.cos() * attention_factor)).unzip();
        let shape = (positions, inverse_frequencies.len());
        let kept = compute_dtype(dtype);
        let tensor = |values: Vec<f64>| -> Result<Tensor> {
            Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(kept)?.to_device(device)?)
        };
        Ok(Self { cos: tensor(cos)?, sin: tensor(sin)? })
    }

    /// Cosines and sines, each `[positions, half]`.
    pub(super) fn tables(&self) -> [&Tensor; 2] {
        [&self.cos, &self.sin]
    }

    /// Whether half a head of that type is whole packs of 16 bytes, and the table in f32.
    fn lies_in_packs(&self, dtype: DType) -> bool {
        (self.half_dimension() * dtype.size_in_bytes()).is_multiple_of(16) && self.cos.dtype() == DType::F32
    }

    /// How many positions the table holds.
    pub fn positions(&self) -> usize {
        self.cos.dims().first().copied().unwrap_or(0)
    }

    /// Half the dimension of a head.
    pub fn half_dimension(&self) -> usize {
        self.cos.dims().get(1).copied().unwrap_or(0)
    }
}

/// Turns each head of each token by the angles of the token's position.
///
/// # Shapes  `x: [tokens, heads·head_dim]`, `positions: [tokens]` u32 → `[tokens, heads·head_dim]`
/// # Errors  `x` does not split into that many heads of the table's dimension; a position is beyond the table
pub fn forward(x: &Tensor, heads: usize, positions: &Tensor, table: &RotaryTable) -> Result<Tensor> {
    turn(x, heads, positions, table, 1.0)
}

/// The gradient of [`forward`] by its input: the opposite turn.
///
/// # Shapes  as [`forward`]
pub fn backward(dy: &Tensor, heads: usize, positions: &Tensor, table: &RotaryTable) -> Result<Tensor> {
    turn(dy, heads, positions, table, -1.0)
}

fn turn(x: &Tensor, heads: usize, positions: &Tensor, table: &RotaryTable, direction: f64) -> Result<Tensor> {
    let (tokens, width) = matrix("rope input", x)?;
    let dimension = 2 * table.half_dimension();
    if width != heads * dimension {
        return Err(Error::new("rope input: features")
            .got(width)
            .expected(format!("{heads} heads of dimension {dimension}")));
    }
    expect_shape("rope positions", positions, &[tokens])?;
    if on_cpu_f32(&[x, &table.cos]) {
        return cpu::turn(x, positions, table, direction as f32);
    }
    if let Some(engine) = cuda::Engine::of(&[x]).filter(|_| table.lies_in_packs(x.dtype())) {
        return cuda::rope::turn(&engine, x, positions, table.tables(), direction);
    }
    reference::turn(x, heads, positions, table, direction)
}

pub(super) mod reference {
    use super::*;

    pub(in crate::kernels) fn turn(
        x: &Tensor,
        heads: usize,
        positions: &Tensor,
        table: &RotaryTable,
        direction: f64,
    ) -> Result<Tensor> {
        let (tokens, width) = matrix("rope input", x)?;
        let half = table.half_dimension();
        let x4 = x.to_dtype(table.cos.dtype())?.reshape((tokens, heads, 2, half))?;
        let (first, second) = (x4.narrow(2, 0, 1)?, x4.narrow(2, 1, 1)?);
        let cos = table.cos.index_select(positions, 0)?.reshape((tokens, 1, 1, half))?;
        let sin = (table.sin.index_select(positions, 0)?.reshape((tokens, 1, 1, half))? * direction)?;
        let turned_first = (first.broadcast_mul(&cos)? - second.broadcast_mul(&sin)?)?;
        let turned_second = (second.broadcast_mul(&cos)? + first.broadcast_mul(&sin)?)?;
        let turned = Tensor::cat(&[turned_first, turned_second], 2)?;
        Ok(turned.reshape((tokens, width))?.to_dtype(x.dtype())?)
    }
}

mod cpu {
    use super::*;
    use crate::kernels::simd::{self, Kernel, Vector};
    use crate::kernels::{parallel, slices};

    pub(super) fn turn(x: &Tensor, positions: &Tensor, table: &RotaryTable, direction: f32) -> Result<Tensor> {
        let (tokens, width) = matrix("rope input", x)?;
        let positions = slices::indices("rope positions", positions)?;
        if let Some(position) = positions.iter().find(|position| **position as usize >= table.positions()) {
            return Err(Error::new("a token's position")
                .got(position)
                .expected(format!("below {}, the length of the rotary table", table.positions())));
        }
        let mut y = vec![0f32; tokens * width];
        slices::read([x, &table.cos, &table.sin], |[x, cos, sin]| {
            let block = (parallel::CHUNK / width.max(1)).max(1);
            let half = table.half_dimension();
            parallel::chunks_mut(&mut y, block * width, |index, y| {
                let start = index * block;
                let positions = positions.get(start..start + y.len() / width).unwrap_or_default();
                let x = x.get(start * width..start * width + y.len()).unwrap_or_default();
                simd::dispatch(Turn { y, x, positions, cos, sin, half, direction });
            });
            Ok(())
        })?;
        slices::tensor(y, &[tokens, width])
    }

    struct Turn<'a> {
        y: &'a mut [f32],
        x: &'a [f32],
        positions: &'a [u32],
        cos: &'a [f32],
        sin: &'a [f32],
        half: usize,
        direction: f32,
    }

    impl Kernel for Turn<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let half = self.half;
            let width = self.x.len() / self.positions.len().max(1);
            let tokens = self.y.chunks_exact_mut(width).zip(self.x.chunks_exact(width));
            for ((y, x), &position) in tokens.zip(self.positions) {
                let row = position as usize * half..(position as usize + 1) * half;
                let (cos, sin) = (&self.cos[row.clone()], &self.sin[row]);
                for (y, x) in y.chunks_exact_mut(2 * half).zip(x.chunks_exact(2 * half)) {
                    let (y_first, y_second) = y.split_at_mut(half);
                    let (x_first, x_second) = x.split_at(half);
                    for i in 0..half {
                        let (c, s) = (cos[i], sin[i] * self.direction);
                        y_first[i] = x_first[i] * c - x_second[i] * s;
                        y_second[i] = x_second[i] * c + x_first[i] * s;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::oracle::{assert_close, gradients, random};

    fn table(half: usize, dtype: DType) -> Result<RotaryTable> {
        let frequencies: Vec<f64> = (0..half).map(|i| 10000f64.powf(-(i as f64) / half as f64)).collect();
        RotaryTable::new(&frequencies, 64, 1.25, dtype, &Device::Cpu)
    }

    fn positions(tokens: usize) -> Result<Tensor> {
        let positions: Vec<u32> = (0..tokens as u32).map(|i| (i * 7) % 64).collect();
        Ok(Tensor::from_vec(positions, tokens, &Device::Cpu)?)
    }

    #[test]
    fn backward_equals_autograd_in_f64() -> Result<()> {
        for (tokens, heads, half) in [(1, 1, 1), (9, 3, 4), (20, 2, 7)] {
            let (table, positions) = (table(half, DType::F64)?, positions(tokens)?);
            let shape = [tokens, heads * half * 2];
            let (x, dy) = (random("x", &shape, DType::F64)?, random("dy", &shape, DType::F64)?);
            let (y, [dx]) = gradients([&x], &dy, |[x]| reference::turn(x, heads, &positions, &table, 1.0))?;
            let got = (forward(&x, heads, &positions, &table)?, backward(&dy, heads, &positions, &table)?);
            assert_close(1e-12, &[("y", &got.0, &y), ("dx", &got.1, &dx)])?;
        }
        Ok(())
    }

    #[test]
    fn a_pair_of_features_turns_by_position_times_frequency() -> Result<()> {
        let table = RotaryTable::new(&[0.5], 4, 1.0, DType::F64, &Device::Cpu)?;
        let x = Tensor::new(&[[1f64, 0.0]], &Device::Cpu)?;
        let turned = forward(&x, 1, &Tensor::new(&[3u32], &Device::Cpu)?, &table)?.to_vec2::<f64>()?;
        assert!((turned[0][0] - 1.5f64.cos()).abs() < 1e-15 && (turned[0][1] - 1.5f64.sin()).abs() < 1e-15);
        Ok(())
    }

    #[test]
    fn the_fast_path_equals_the_reference() -> Result<()> {
        for (tokens, heads, half) in [(0, 2, 4), (1, 1, 1), (9, 3, 5), (300, 4, 32)] {
            let (table, positions) = (table(half, DType::F32)?, positions(tokens)?);
            let x = random("x", &[tokens, heads * half * 2], DType::F32)?;
            let there = (forward(&x, heads, &positions, &table)?, reference::turn(&x, heads, &positions, &table, 1.0)?);
            let back =
                (backward(&x, heads, &positions, &table)?, reference::turn(&x, heads, &positions, &table, -1.0)?);
            assert_close(3e-7, &[("forward", &there.0, &there.1), ("backward", &back.0, &back.1)])?;
        }
        Ok(())
    }

    #[test]
    fn a_position_beyond_the_table_is_named() -> Result<()> {
        let (table, x) = (table(2, DType::F32)?, random("x", &[1, 4], DType::F32)?);
        let text = forward(&x, 1, &Tensor::new(&[64u32], &Device::Cpu)?, &table).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(text, Err("a token's position is 64, must be below 64, the length of the rotary table".into()));
        Ok(())
    }
}
