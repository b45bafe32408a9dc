//! What starts of adapters take from whole weights: the first columns of Q·R, and the largest singular vectors.
//!
//! Singular vectors are found by subspace iteration: some random vectors are multiplied by the weight and its transpose
//! in turns and made orthonormal each time, until they span the space of the largest ones. Products with the weight run
//! where it is; the tall thin matrices are made orthonormal on the CPU in f64, by Householder's reflections. No result
//! depends on the number of threads.
//!
//! # Source  Halko, Martinsson and Tropp 2011, arXiv:0909.4061, algorithm 4.4; the signs of Q·R are LAPACK's

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

use super::LoraPair;
use super::decompose::{self, Columns, Singular, basis};
use crate::error::Result;
use crate::kernels::matmul::matmul;
use crate::random::Stream;

/// How exactly the largest singular vectors are found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    /// So many rounds, with as many vectors as are wanted: as torch's `svd_lowrank` does.
    Rounds(usize),
    /// Until another [`BLOCK`] of rounds gives the same, with more vectors than are wanted.
    Converge,
}

/// Rounds between two looks.
const BLOCK: usize = 8;

/// Looks at most: weights whose singular values are all alike need the most, and profit the least.
const LOOKS: usize = 60;

/// The first `rank` columns of Q as B and rows of R as A, of `weight = Q·R`.
///
/// # Shapes  `weight: [out, in]` → A `[rank, in]`, B `[out, rank]`
pub(super) fn qr(weight: &Tensor, rank: usize) -> Result<LoraPair> {
    let b = tensor(&orthonormal(columns(&weight.narrow(1, 0, rank)?)?), weight)?;
    Ok(LoraPair { a: matmul(&b.t()?, weight)?, b })
}

/// `√S·Vᵀ` as A and `U·√S` as B, of the `rank` largest singular values.
///
/// # Shapes  `weight: [out, in]` → A `[rank, in]`, B `[out, rank]`
pub(super) fn singular(weight: &Tensor, rank: usize, effort: Effort, stream: Stream) -> Result<LoraPair> {
    let (rows, width) = weight.dims2()?;
    let least = rows.min(width);
    let vectors = match effort {
        Effort::Rounds(_) => rank,
        Effort::Converge => (2 * rank + 8).min(least),
    };
    let start: Vec<f32> = (0..(width * vectors) as u64).map(|index| stream.normal_at(index, 1.0) as f32).collect();
    let start = Tensor::from_vec(start, (width, vectors), &Device::Cpu)?;
    let mut space = spanned(&matmul(weight, &start.to_device(weight.device())?.to_dtype(weight.dtype())?)?)?;
    let round = |space: &Tensor| spanned(&matmul(weight, &spanned(&matmul(&weight.t()?, space)?)?)?);
    match effort {
        Effort::Rounds(rounds) => {
            for _ in 0..rounds {
                space = round(&space)?;
            }
        }
        Effort::Converge => {
            let mut before = f64::INFINITY;
            for _ in 0..LOOKS {
                for _ in 0..BLOCK {
                    space = round(&space)?;
                }
                // The sum of the squares of the singular values that are found grows to its limit.
                let found: f64 = ritz(weight, &space)?.0.iter().take(rank).sum();
                if (found - before).abs() <= 1e-9 * found {
                    break;
                }
                before = found;
            }
        }
    }
    let (squares, turn, inner) = ritz(weight, &space)?;
    let roots = squares.iter().take(rank).map(|square| square.max(0.0).sqrt().sqrt());
    let (mut left, mut right) = (Columns::new(), Columns::new());
    for (root, column) in roots.zip(&turn) {
        left.push(column.iter().map(|value| value * root).collect());
        // Rows of the inner product are S·Vᵀ once turned, so that a root of S has to go.
        right.push(column.iter().map(|value| if root > 0.0 { value / root } else { 0.0 }).collect());
    }
    let b = matmul(&space, &tensor(&left, weight)?)?;
    let a = matmul(&tensor(&right, weight)?.t()?, &inner)?;
    Ok(LoraPair { a, b })
}

/// The squares of the singular values within a space, the largest first, the turn of the space to its singular vectors
/// column by column, and the weight within the space, `[vectors, in]`.
fn ritz(weight: &Tensor, space: &Tensor) -> Result<(Vec<f64>, Columns, Tensor)> {
    let inner = matmul(&space.t()?, weight)?;
    // Of `innerᵀ = Q·R`, R alone has the singular values and the turn.
    let Singular { s, v, .. } = decompose::singular(basis(columns(&inner.t()?)?).r);
    Ok((s.iter().map(|value| value * value).collect(), v, inner))
}

/// An orthonormal basis of what the columns of a tall matrix span, where it is.
fn spanned(matrix: &Tensor) -> Result<Tensor> {
    tensor(&orthonormal(columns(matrix)?), matrix)
}

fn columns(matrix: &Tensor) -> Result<Columns> {
    Ok(matrix.t()?.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.contiguous()?.to_vec2()?)
}

/// Columns as a matrix, on the device and in the dtype of another.
fn tensor(columns: &Columns, like: &Tensor) -> Result<Tensor> {
    let rows = columns.first().map_or(0, Vec::len);
    let flat: Vec<f64> = columns.iter().flatten().copied().collect();
    let matrix = Tensor::from_vec(flat, (columns.len(), rows), &Device::Cpu)?.t()?.contiguous()?;
    Ok(matrix.to_dtype(like.dtype())?.to_device(like.device())?)
}

/// The columns of Q of a tall matrix's Q·R, by Householder's reflections.
fn orthonormal(mut columns: Columns) -> Columns {
    let (count, rows) = (columns.len(), columns.first().map_or(0, Vec::len));
    let mut reflections: Vec<(Vec<f64>, f64)> = Vec::with_capacity(count);
    for place in 0..count {
        let Some((first, others)) = columns.get_mut(place..).and_then(<[_]>::split_first_mut) else { break };
        let reflection = reflection(first, place);
        others.par_iter_mut().for_each(|column| reflect(column, &reflection));
        reflections.push(reflection);
    }
    // Q is the product of the reflections, the last one first, of the first columns of one.
    let unit = |place: usize| (0..rows).map(|row| f64::from(u8::from(row == place))).collect::<Vec<f64>>();
    (0..count)
        .into_par_iter()
        .map(|place| {
            let mut column = unit(place);
            reflections.iter().take(place + 1).rev().for_each(|reflection| reflect(&mut column, reflection));
            column
        })
        .collect()
}

/// The vector and the factor of the reflection that leaves of a column nothing below a place.
fn reflection(column: &[f64], place: usize) -> (Vec<f64>, f64) {
    let mut vector: Vec<f64> = column.iter().enumerate().map(|(row, v)| if row < place { 0.0 } else { *v }).collect();
    let below: f64 = column.iter().skip(place + 1).map(|value| value * value).sum();
    let Some(pivot) = vector.get_mut(place).filter(|_| below > 0.0) else { return (vector, 0.0) };
    let length = (*pivot * *pivot + below).sqrt();
    *pivot += length.copysign(*pivot);
    let square: f64 = vector.iter().map(|value| value * value).sum();
    (vector, 2.0 / square)
}

fn reflect(column: &mut [f64], (vector, factor): &(Vec<f64>, f64)) {
    let along: f64 = column.iter().zip(vector).map(|(left, right)| left * right).sum();
    let along = factor * along;
    column.iter_mut().zip(vector).for_each(|(value, part)| *value -= along * part);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(one: &Tensor, two: &Tensor) -> f64 {
        (one - two).unwrap().abs().unwrap().max_all().unwrap().to_dtype(DType::F64).unwrap().to_scalar().unwrap()
    }

    /// A matrix with these singular values.
    fn matrix(values: &[f64], (rows, columns): (usize, usize)) -> (Tensor, Tensor, Tensor) {
        let side = |seed, size: usize| {
            let stream = Stream::new(seed, "side");
            let drawn: Vec<f64> = (0..(size * values.len()) as u64).map(|index| stream.normal_at(index, 1.0)).collect();
            let drawn = Tensor::from_vec(drawn, (size, values.len()), &Device::Cpu).unwrap();
            spanned(&drawn).unwrap()
        };
        let (left, right) = (side(1, rows), side(2, columns));
        let middle = Tensor::new(values, &Device::Cpu).unwrap();
        let matrix = left.broadcast_mul(&middle).unwrap().matmul(&right.t().unwrap()).unwrap();
        (matrix, left, right)
    }

    #[test]
    fn the_largest_singular_vectors_of_a_known_matrix_are_found() {
        let values: Vec<f64> = (0..12).map(|i| 3.0 * 0.8f64.powi(i)).collect();
        for shape in [(20, 30), (30, 20), (12, 12)] {
            let (matrix, left, right) = matrix(&values, shape);
            let first = |side: &Tensor| side.narrow(1, 0, 4).unwrap();
            let middle = Tensor::new(&values[..4], &Device::Cpu).unwrap();
            let expected = first(&left).broadcast_mul(&middle).unwrap().matmul(&first(&right).t().unwrap()).unwrap();
            let found = singular(&matrix, 4, Effort::Converge, Stream::new(5, "start")).unwrap();
            assert!(difference(&found.b.matmul(&found.a).unwrap(), &expected) < 1e-6, "{shape:?}");
            // Both sides have the root of each value.
            let squares = |m: &Tensor| m.sqr().unwrap().sum(if m.dims()[0] == 4 { 1 } else { 0 }).unwrap();
            assert!(difference(&squares(&found.a), &middle) < 1e-6 && difference(&squares(&found.b), &middle) < 1e-6);
            let some = singular(&matrix, 4, Effort::Rounds(16), Stream::new(5, "start")).unwrap();
            assert!(difference(&some.b.matmul(&some.a).unwrap(), &expected) < 0.02, "{shape:?}");
        }
    }

    #[test]
    fn a_matrix_of_lower_rank_and_one_of_zeros_are_taken_apart_too() {
        let (matrix, ..) = matrix(&[2.0, 1.0], (9, 7));
        let found = singular(&matrix, 5, Effort::Converge, Stream::new(5, "start")).unwrap();
        assert!(difference(&found.b.matmul(&found.a).unwrap(), &matrix) < 1e-9);
        let zeros = matrix.zeros_like().unwrap();
        for pair in [singular(&zeros, 3, Effort::Rounds(2), Stream::new(5, "")).unwrap(), qr(&zeros, 3).unwrap()] {
            assert_eq!(difference(&pair.b.matmul(&pair.a).unwrap(), &zeros), 0.0);
        }
    }

    #[test]
    fn q_is_orthonormal_and_r_has_the_signs_of_lapack() {
        let (matrix, ..) = matrix(&[3.0, 2.0, 1.5, 1.0, 0.5], (8, 5));
        let LoraPair { a, b } = qr(&matrix, 5).unwrap();
        assert!(difference(&b.matmul(&a).unwrap(), &matrix) < 1e-12);
        let unit = Tensor::eye(5, DType::F64, &Device::Cpu).unwrap();
        assert!(difference(&b.t().unwrap().matmul(&b).unwrap(), &unit) < 1e-12);
        // The first column of R has the length of the matrix's, with the sign turned.
        let corner = |m: &Tensor| m.get(0).unwrap().get(0).unwrap().to_scalar::<f64>().unwrap();
        assert!(corner(&a) * corner(&matrix) < 0.0);
    }
}
