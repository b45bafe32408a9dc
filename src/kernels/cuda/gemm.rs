//! Matrix products by cuBLAS that write where their result belongs, or add to what is there.

use candle_core::{DType, Tensor};

use super::launch::Engine;
use crate::error::Result;

/// One operand of a product as cuBLAS takes it: it reads columns, so that a matrix by rows is its transpose there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    /// Elements between the beginnings of two rows, or columns.
    pub leading: usize,
    /// Whether columns are adjacent, and not rows.
    pub transposed: bool,
}

impl Operand {
    /// The operand, if its rows or its columns are contiguous.
    fn of(matrix: &Tensor) -> Option<Self> {
        let (&[rows, columns], &[row, column]) = (matrix.dims(), matrix.stride()) else { return None };
        if (column == 1 || columns == 1) && (row >= columns || rows == 1) {
            return Some(Self { leading: row.max(columns), transposed: false });
        }
        let by_columns = (row == 1 || rows == 1) && (column >= rows || columns == 1);
        by_columns.then(|| Self { leading: column.max(rows), transposed: true })
    }
}

/// A product `target = a·b`, or `target += a·b`.
pub(super) struct Product<'a> {
    pub target: &'a Tensor,
    pub a: &'a Tensor,
    pub b: &'a Tensor,
    pub of_a: Operand,
    pub of_b: Operand,
    /// What the target is multiplied by first.
    pub beta: f32,
}

/// Writes `a·b` to the target or adds it, in one pass, if that can be done: says whether it was.
///
/// # Shapes  `a: [m, k]`, `b: [k, n]`, of one dtype; `target: [m, n]`, contiguous, of the same or f32
pub(in crate::kernels) fn product(target: &Tensor, a: &Tensor, b: &Tensor, add: bool) -> Result<bool> {
    let engine = Engine::on(target.device());
    engine.map_or(Ok(false), |engine| product_by(&engine, target, a, b, add))
}

fn product_by(engine: &Engine, target: &Tensor, a: &Tensor, b: &Tensor, add: bool) -> Result<bool> {
    let known = matches!(a.dtype(), DType::F32 | DType::BF16 | DType::F16);
    let fits = known && a.dtype() == b.dtype() && [a.dtype(), DType::F32].contains(&target.dtype());
    let (Some(of_a), Some(of_b), true) = (Operand::of(a), Operand::of(b), fits && target.is_contiguous()) else {
        return Ok(false);
    };
    // cuBLAS counts in i32, and has nothing to do for no elements: then the caller's plain way is right.
    let small = [a.dims(), b.dims(), &[of_a.leading, of_b.leading]].concat();
    if small.iter().any(|size| *size == 0 || i32::try_from(*size).is_err()) {
        return Ok(false);
    }
    let beta = if add { 1.0 } else { 0.0 };
    engine.multiply(&Product { target, a, b, of_a, of_b, beta })?;
    Ok(true)
}

/// The product as cuBLAS's definition says it, in f64.
#[cfg(test)]
pub(super) fn by_definition(product: &Product<'_>) -> Result<()> {
    let read = |tensor: &Tensor| -> Result<Vec<f64>> {
        let (storage, layout) = tensor.storage_and_layout();
        let whole = match &*storage {
            candle_core::Storage::Cpu(candle_core::CpuStorage::F32(values)) => {
                Tensor::new(values.as_slice(), tensor.device())?
            }
            candle_core::Storage::Cpu(candle_core::CpuStorage::BF16(values)) => {
                Tensor::new(values.as_slice(), tensor.device())?
            }
            _ => return Err(crate::error::Error::new("the dtype of an operand")),
        };
        let values: Vec<f64> = whole.to_dtype(DType::F64)?.to_vec1()?;
        Ok(values[layout.start_offset()..].to_vec())
    };
    let (a, b) = (read(product.a)?, read(product.b)?);
    let ((m, k), n) = (product.a.dims2()?, product.b.dim(1)?);
    // In columns: the element (i, j) is at i + j·leading, or of a transposed operand at j + i·leading.
    let at = |of: Operand, i: usize, j: usize| if of.transposed { j + i * of.leading } else { i + j * of.leading };
    let before: Vec<f64> = product.target.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let mut after = vec![0.0; m * n];
    for row in 0..m {
        for column in 0..n {
            // The first operand is b, of n by k, and the second a, of k by m.
            let sum: f64 =
                (0..k).map(|inner| b[at(product.of_b, column, inner)] * a[at(product.of_a, inner, row)]).sum();
            let place = column + row * n;
            after[place] = sum + if product.beta == 0.0 { 0.0 } else { f64::from(product.beta) * before[place] };
        }
    }
    let after = Tensor::new(after, product.target.device())?.reshape(product.target.dims())?;
    crate::kernels::flat::copy_in_place(product.target, &after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::oracle::{assert_close, bound_of, random};

    /// All ways in which a matrix can lie: by rows, by columns, as a part of a wider one.
    fn ways(name: &str, rows: usize, columns: usize, dtype: DType) -> Result<Vec<Tensor>> {
        Ok(vec![
            random(name, &[rows, columns], dtype)?,
            random(name, &[columns, rows], dtype)?.t()?,
            random(name, &[rows + 2, columns + 5], dtype)?.narrow(1, 3, columns)?.narrow(0, 1, rows)?,
            random(name, &[columns + 1, rows + 4], dtype)?.narrow(1, 2, rows)?.narrow(0, 1, columns)?.t()?,
        ])
    }

    #[test]
    fn every_way_to_lie_gives_the_product_written_or_added() -> Result<()> {
        let engine = Engine::Emulated;
        for (dtype, of_target) in [(DType::F32, DType::F32), (DType::BF16, DType::F32), (DType::BF16, DType::BF16)] {
            for (m, k, n) in [(3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1)] {
                for a in ways("a", m, k, dtype)? {
                    for b in ways("b", k, n, dtype)? {
                        let want = a.to_dtype(DType::F64)?.matmul(&b.to_dtype(DType::F64)?)?;
                        let buffer = random("buffer", &[2, m * n + 3], of_target)?;
                        let target = buffer.narrow(0, 1, 1)?.narrow(1, 3, m * n)?.reshape((m, n))?;
                        let before = target.to_dtype(DType::F64)?.copy()?;
                        assert!(product_by(&engine, &target, &a, &b, true)?);
                        assert_close(bound_of(of_target), &[("added", &target, &(before + &want)?)])?;
                        assert!(product_by(&engine, &target, &a, &b, false)?);
                        assert_close(bound_of(of_target), &[("written", &target, &want)])?;
                    }
                }
            }
        }
        Ok(())
    }

    #[test]
    fn what_does_not_fit_is_left_to_others() -> Result<()> {
        let (a, b) = (random("a", &[3, 4], DType::F32)?, random("b", &[4, 5], DType::F32)?);
        let target = random("t", &[3, 5], DType::F32)?;
        let engine = Engine::Emulated;
        let apart = random("a", &[3, 8], DType::F32)?.reshape((3, 4, 2))?.narrow(2, 0, 1)?.squeeze(2)?;
        assert!(!product_by(&engine, &target, &apart, &b, true)?, "elements that lie apart");
        assert!(!product_by(&engine, &target.to_dtype(DType::BF16)?, &a, &b, true)?, "a narrower target");
        assert!(!product_by(&engine, &target, &a.to_dtype(DType::BF16)?, &b, true)?, "two dtypes");
        assert!(!product_by(&engine, &target.t()?.contiguous()?.t()?, &a, &b, true)?, "a target by columns");
        let (a, b) = (a.narrow(1, 0, 0)?, b.narrow(0, 0, 0)?);
        assert!(!product_by(&engine, &target, &a, &b, true)?, "nothing to sum");
        Ok(())
    }
}
