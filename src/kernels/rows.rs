//! The rows of a matrix as slices, for what is done with logits on the CPU.

use candle_core::{DType, Device, Tensor};

use super::parallel;
use super::simd::{self, Kernel, Vector};
use super::slices::{self, matrix};
use crate::error::Result;

/// What `f` makes of the number and the elements of each row, in order; rows are taken in parallel.
///
/// # Shapes  `rows: [n, columns]`, of any dtype on any device
pub fn map<R: Send>(rows: &Tensor, f: impl Fn(usize, &[f32]) -> R + Send + Sync) -> Result<Vec<R>> {
    let (count, columns) = matrix("the rows of a matrix", rows)?;
    let rows = rows.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
    slices::read([&rows], |[values]| {
        Ok(parallel::map(count, |row| f(row, values.get(row * columns..(row + 1) * columns).unwrap_or_default())))
    })
}

/// The first place of the largest number; none if a number is NaN or plus infinity, or if there are none.
pub fn first_largest(row: &[f32]) -> Option<usize> {
    let (mut largest, mut sum) = (f32::NEG_INFINITY, 0.0);
    simd::dispatch(Extent { row, largest: &mut largest, sum: &mut sum });
    // A sum without NaN has no NaN in it; one with it may be of huge numbers of both signs.
    if largest == f32::INFINITY || (sum.is_nan() && row.iter().any(|value| value.is_nan())) {
        return None;
    }
    row.iter().position(|value| *value == largest)
}

struct Extent<'a> {
    row: &'a [f32],
    largest: &'a mut f32,
    sum: &'a mut f32,
}

impl Kernel for Extent<'_> {
    #[inline(always)]
    fn run<V: Vector, const ROWS: usize>(self) {
        *self.largest = simd::largest::<V>(self.row);
        *self.sum = simd::sum::<V>(self.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_the_largest_is_found_and_what_is_no_number_is_not() {
        let mut row: Vec<f32> = (0..1000).map(|i| ((i * 37) % 500) as f32).collect();
        assert_eq!(first_largest(&row), row.iter().position(|value| *value == 499.0));
        row[3] = f32::NEG_INFINITY;
        assert_eq!(first_largest(&row), row.iter().position(|value| *value == 499.0));
        for broken in [f32::NAN, f32::INFINITY] {
            row[777] = broken;
            assert_eq!(first_largest(&row), None);
        }
        assert_eq!(first_largest(&[f32::MAX, -f32::MAX, f32::NEG_INFINITY, f32::MAX]), Some(0));
        assert_eq!(first_largest(&[]), None);
        assert_eq!(first_largest(&[f32::NEG_INFINITY; 3]), Some(0));
    }

    #[test]
    fn rows_come_in_order_in_any_dtype() -> Result<()> {
        let matrix = Tensor::new(&[[1f64, 2.0], [3.0, 4.0], [5.0, 6.0]], &Device::Cpu)?;
        let got = map(&matrix, |row, values| (row, values.to_vec()))?;
        assert_eq!(got, vec![(0, vec![1.0, 2.0]), (1, vec![3.0, 4.0]), (2, vec![5.0, 6.0])]);
        Ok(())
    }
}
