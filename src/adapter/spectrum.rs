//! What an adapter does to each module, measured without ever forming the update: norms, effective ranks, and how much
//! of two adapters is the same.
//!
//! The update `s·B·A` is `[out, in]`; all that is asked of it follows from the small matrices `A·Aᵀ` and `Bᵀ·B`, of which
//! both sides are the rank: its squared norm is the trace of their product, its squared singular values are that
//! product's eigenvalues, and the product of two updates, entry by entry, is the trace of `(A₂·A₁ᵀ)·(B₁ᵀ·B₂)`.

use candle_core::{DType, Tensor};

use super::{Adapter, LoraPair};
use crate::error::{Error, Result};

/// Rotations that an eigenvalue problem may take, in sweeps over all pairs; it needs six to ten.
const SWEEPS: usize = 60;

/// Square matrices of f64, row after row.
type Matrix = Vec<Vec<f64>>;

/// What an adapter does to one module.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The module's path.
    pub path: String,
    /// Rank of the factors.
    pub rank: usize,
    /// The update's Frobenius norm, with its scale.
    pub norm: f64,
    /// The exponential of the entropy of its singular values: from 1 to the rank; 0 for no update at all.
    pub effective_rank: f64,
}

impl Adapter {
    /// What it does to each module, in the order of their paths.
    ///
    /// # Errors
    /// A key of the config's patterns is no regular expression.
    ///
    /// # Source
    /// Effective rank: Roy and Vetterli 2007, "The effective rank".
    pub fn effects(&self) -> Result<Vec<Effect>> {
        let each = self.modules.iter().map(|(path, pair)| {
            let scale = self.config.scale_of(path)?;
            let values = singular_values(pair)?;
            let norm = values.iter().map(|value| value * value).sum::<f64>().sqrt() * scale.abs();
            let effective_rank = effective_rank(&values);
            Ok(Effect { path: path.clone(), rank: pair.a.dim(0)?, norm, effective_rank })
        });
        each.collect()
    }

    /// The cosine between the updates of two adapters of one module, all entries of each taken as one vector: 1 where
    /// they do the same, 0 where nothing of one is in the other. `None` if either has no update there.
    ///
    /// # Errors
    /// The shapes of the updates differ.
    pub fn cosine(&self, other: &Self, path: &str) -> Result<Option<f64>> {
        let (Some(one), Some(two)) = (self.modules.get(path), other.modules.get(path)) else { return Ok(None) };
        let product = inner(one, two)?;
        let norms = inner(one, one)?.max(0.0).sqrt() * inner(two, two)?.max(0.0).sqrt();
        let sign = (self.config.scale_of(path)? * other.config.scale_of(path)?).signum();
        Ok((norms > 0.0).then(|| (sign * product / norms).clamp(-1.0, 1.0)))
    }
}

/// The sum over all entries of the product of two updates, without their scales.
fn inner(one: &LoraPair, two: &LoraPair) -> Result<f64> {
    let shape = |pair: &LoraPair| -> Result<_> { Ok((pair.b.dim(0)?, pair.a.dim(1)?)) };
    if shape(one)? != shape(two)? {
        return Err(Error::new("the shape of the update")
            .got(format!("{:?}", shape(two)?))
            .expected(format!("{:?}, as the other adapter's", shape(one)?))
            .hint("the adapters are for different bases"));
    }
    let inputs = wide(&two.a)?.matmul(&wide(&one.a)?.t()?)?;
    let outputs = wide(&one.b)?.t()?.matmul(&wide(&two.b)?)?;
    Ok((inputs.t()? * outputs)?.sum_all()?.to_scalar()?)
}

fn wide(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.to_dtype(DType::F64)?.to_device(&candle_core::Device::Cpu)?)
}

/// The singular values of `B·A`, the largest first; as many as the rank.
fn singular_values(pair: &LoraPair) -> Result<Vec<f64>> {
    let (a, b) = (wide(&pair.a)?, wide(&pair.b)?);
    let (inputs, outputs) = (a.matmul(&a.t()?)?.to_vec2::<f64>()?, b.t()?.matmul(&b)?);
    // With A·Aᵀ = V·D·Vᵀ, the eigenvalues of A·Aᵀ·Bᵀ·B are those of √D·Vᵀ·(Bᵀ·B)·V·√D, which is symmetric.
    let (values, vectors) = eigen(inputs);
    let rank = values.len();
    let flat: Vec<f64> =
        vectors.iter().flat_map(|row| row.iter().zip(&values).map(|(v, d)| v * d.max(0.0).sqrt())).collect();
    let scaled = Tensor::from_vec(flat, (rank, rank), &candle_core::Device::Cpu)?;
    let symmetric = scaled.t()?.matmul(&outputs)?.matmul(&scaled)?;
    let mut values: Vec<f64> = eigen(symmetric.to_vec2()?).0.into_iter().map(|value| value.max(0.0).sqrt()).collect();
    values.sort_by(|left, right| right.total_cmp(left));
    Ok(values)
}

/// The exponential of the entropy of values taken as shares of their sum.
fn effective_rank(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let shares = values.iter().map(|value| value / sum).filter(|share| *share > 0.0);
    shares.map(|share| -share * share.ln()).sum::<f64>().exp()
}

/// Eigenvalues of a symmetric matrix, and its eigenvectors as columns, by Jacobi's rotations.
pub(super) fn eigen(mut matrix: Matrix) -> (Vec<f64>, Matrix) {
    let size = matrix.len();
    let mut vectors: Matrix =
        (0..size).map(|row| (0..size).map(|column| f64::from(u8::from(row == column))).collect()).collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..size {
            for q in p + 1..size {
                turned |= rotate(&mut matrix, &mut vectors, (p, q));
            }
        }
        if !turned {
            break;
        }
    }
    ((0..size).map(|index| at(&matrix, index, index)).collect(), vectors)
}

/// An entry; zero outside.
fn at(matrix: &Matrix, row: usize, column: usize) -> f64 {
    matrix.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0)
}

/// Turns two axes so that the entry between them is zero; whether there was anything to turn.
fn rotate(matrix: &mut Matrix, vectors: &mut Matrix, (p, q): (usize, usize)) -> bool {
    let (between, first, second) = (at(matrix, p, q), at(matrix, p, p), at(matrix, q, q));
    if between.abs() <= f64::EPSILON * (first * second).abs().sqrt() || between.abs() < f64::MIN_POSITIVE {
        return false;
    }
    let theta = (second - first) / (2.0 * between);
    let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
    let cosine = 1.0 / tangent.hypot(1.0);
    let sine = tangent * cosine;
    let turn = |row: &mut Vec<f64>| {
        let (x, y) = (row.get(p).copied().unwrap_or(0.0), row.get(q).copied().unwrap_or(0.0));
        for (place, value) in [(p, cosine * x - sine * y), (q, sine * x + cosine * y)] {
            if let Some(entry) = row.get_mut(place) {
                *entry = value;
            }
        }
    };
    matrix.iter_mut().for_each(turn);
    for column in 0..matrix.len() {
        let (x, y) = (at(matrix, p, column), at(matrix, q, column));
        for (row, value) in [(p, cosine * x - sine * y), (q, sine * x + cosine * y)] {
            if let Some(entry) = matrix.get_mut(row).and_then(|row| row.get_mut(column)) {
                *entry = value;
            }
        }
    }
    vectors.iter_mut().for_each(turn);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn eigenvalues_are_those_of_a_matrix_that_is_known() {
        let (mut values, _) = eigen(vec![vec![2.0, 1.0, 0.0], vec![1.0, 2.0, 0.0], vec![0.0, 0.0, 5.0]]);
        values.sort_by(f64::total_cmp);
        for (value, expected) in values.iter().zip([1.0, 3.0, 5.0]) {
            assert!((value - expected).abs() < 1e-12, "{value}");
        }
    }

    #[test]
    fn norm_and_rank_are_those_of_the_whole_update() {
        let factor = |rows, columns| Tensor::randn(0f32, 1f32, (rows, columns), &Device::Cpu).unwrap();
        let pair = LoraPair { a: factor(6, 20), b: factor(15, 6) };
        let whole = wide(&pair.b).unwrap().matmul(&wide(&pair.a).unwrap()).unwrap();
        let square = whole.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let values = singular_values(&pair).unwrap();
        assert!((values.iter().map(|v| v * v).sum::<f64>() / square - 1.0).abs() < 1e-9);
        assert!((inner(&pair, &pair).unwrap() / square - 1.0).abs() < 1e-9);
        assert!((effective_rank(&[2.0, 2.0, 2.0]) - 3.0).abs() < 1e-12);
        assert!((effective_rank(&[5.0, 0.0]) - 1.0).abs() < 1e-12);
    }
}
