//! A base's values as the merged ones foretell them.

use std::ops::Range;

use candle_core::{DType, Tensor};

use crate::error::Result;
use crate::model::values::{Values, any_sum};

/// Elements that are compressed at a time, about.
const PART: usize = 1 << 18;

/// Columns that are summed at a time; they stay in the nearest cache.
const FEW: usize = 1024;

/// The rows of a part of a matrix with that many columns; the format rests on it.
pub(in crate::model) fn rows_of_part(columns: usize) -> usize {
    (PART / columns.max(1)).max(1)
}

/// Low-rank factors in f32.
pub(in crate::model) struct Factors {
    /// `[rank, in]`.
    pub a: Vec<f32>,
    /// `[out, rank]`.
    pub b: Vec<f32>,
    /// How many rows A has; at least 1.
    pub rank: usize,
}

impl Factors {
    /// Of tensors A `[rank, in]` and B `[out, rank]`.
    pub fn of(a: &Tensor, b: &Tensor) -> Result<Self> {
        let values =
            |tensor: &Tensor| -> Result<Vec<f32>> { Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?) };
        Ok(Self { rank: a.dim(0)?.max(1), a: values(a)?, b: values(b)? })
    }

    /// `−B·A` of some rows. One product after the other in a fixed order: the same bits on any machine, which no
    /// matrix library promises.
    fn taken(&self, rows: Range<usize>, columns: usize) -> Vec<f32> {
        let mut out = vec![0f32; rows.len() * columns];
        let b = self.b.get(rows.start * self.rank..rows.end * self.rank).unwrap_or_default();
        for (row, factors) in out.chunks_mut(columns).zip(b.chunks(self.rank)) {
            for (some, first) in row.chunks_mut(FEW).zip((0..).step_by(FEW)) {
                for (factor, a) in factors.iter().zip(self.a.chunks(columns)) {
                    let a = a.get(first..first + some.len()).unwrap_or_default();
                    some.iter_mut().zip(a).for_each(|(sum, a)| *sum -= factor * a);
                }
                // What is not a number may have different bits on different machines.
                some.iter_mut().filter(|sum| !sum.is_finite()).for_each(|sum| *sum = 0.0);
            }
        }
        out
    }
}

/// How a tensor of the base is foretold.
pub(in crate::model) struct Forecast {
    /// Rows and columns.
    pub shape: (usize, usize),
    /// The base's dtype; `None` for bytes that are no weights.
    pub base: Option<DType>,
    /// The merged dtype; `None` if the merged model has no such tensor, and zeros are foretold.
    pub merged: Option<DType>,
    /// What was added.
    pub factors: Option<Factors>,
}

impl Forecast {
    /// Bytes of an element of the base.
    pub fn size(&self) -> usize {
        self.base.map_or(1, |dtype| dtype.size_in_bytes())
    }

    /// Bytes of an element of the merged model.
    pub fn merged_size(&self) -> usize {
        self.merged.map_or(0, |dtype| dtype.size_in_bytes())
    }

    /// Some rows of the base, from the bytes of the merged ones.
    pub fn of(&self, rows: Range<usize>, merged: &[u8]) -> Vec<u8> {
        let columns = self.shape.1;
        match (self.base, self.merged) {
            (Some(base), Some(dtype)) => match &self.factors {
                None if base == dtype => merged.to_vec(),
                None => any_sum(Values { bytes: merged, dtype }, &[], base).0,
                Some(factors) => any_sum(Values { bytes: merged, dtype }, &factors.taken(rows, columns), base).0,
            },
            _ => vec![0; rows.len() * columns * self.size()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn a_merged_weight_less_its_update_is_mostly_what_it_was() {
        let stream = crate::random::Stream::new(1, "values");
        let (rows, columns, rank) = (24, 64, 4);
        let values = |from: u64, count: usize, scale: f32| -> Vec<f32> {
            (0..count as u64).map(|index| (stream.unit_at(from + index) as f32 - 0.5) * scale).collect()
        };
        let base: Vec<u8> = values(0, rows * columns, 0.1).iter().flat_map(|v| v.to_le_bytes()).collect();
        let a = Tensor::from_vec(values(10_000, rank * columns, 0.1), (rank, columns), &Device::Cpu).unwrap();
        let b = Tensor::from_vec(values(20_000, rank * rows, 0.1), (rows, rank), &Device::Cpu).unwrap();
        let update: Vec<f32> = b.matmul(&a).unwrap().flatten_all().unwrap().to_vec1().unwrap();
        for (dtype, least) in [(DType::F32, 0.8), (DType::BF16, 0.9), (DType::F16, 0.9)] {
            let (base, _) = any_sum(Values { bytes: &base, dtype: DType::F32 }, &[], dtype);
            let (merged, _) = any_sum(Values { bytes: &base, dtype }, &update, dtype);
            let factors = Some(Factors::of(&a, &b).unwrap());
            let forecast = Forecast { shape: (rows, columns), base: Some(dtype), merged: Some(dtype), factors };
            let size = dtype.size_in_bytes();
            let right = |foretold: &[u8]| {
                base.chunks(size).zip(foretold.chunks(size)).filter(|(one, two)| one == two).count() as f64
                    / (rows * columns) as f64
            };
            let share = right(&forecast.of(0..rows, &merged));
            println!("{dtype:?}: {share:.3} are foretold, {:.3} did not change", right(&merged));
            assert!(share > least, "{dtype:?} {share}");
            // Rows alone are what they are among others.
            let some = forecast.of(5..9, &merged[5 * columns * size..9 * columns * size]);
            assert_eq!(some, forecast.of(0..rows, &merged)[5 * columns * size..9 * columns * size]);
        }
    }
}
