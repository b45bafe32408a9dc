//! Thin decompositions of small matrices in f64: an orthonormal basis of columns, and singular values with their vectors.
//!
//! Both work on columns that lie each in one piece of memory, and neither squares the matrix, so that small singular
//! values keep their digits. The order of operations is fixed: the same matrix gives the same bits on any machine's threads.

use candle_core::{DType, Device, Tensor};

use crate::error::Result;

/// Sweeps of rotations over all pairs of columns; six to twelve are needed.
const SWEEPS: usize = 60;

/// How far from a right angle two columns may stand, as a cosine.
const RIGHT: f64 = 1e-15;

/// A matrix by its columns.
pub(super) type Columns = Vec<Vec<f64>>;

/// `Q·R` with orthonormal columns in `Q`, or zero ones where a column depends on those before it.
pub(super) struct Basis {
    /// The columns of `Q`.
    pub q: Columns,
    /// The columns of `R`, which is upper triangular.
    pub r: Columns,
}

/// `U·diag(S)·Vᵀ`, the largest singular value first.
pub(super) struct Singular {
    /// The columns of `U`; zero where the singular value is.
    pub u: Columns,
    /// The singular values.
    pub s: Vec<f64>,
    /// The columns of `V`.
    pub v: Columns,
}

/// An orthonormal basis of columns, by modified Gram–Schmidt done twice.
///
/// # Source
/// Giraud, Langou and Rozložník 2005: twice is enough for a basis that is orthonormal to working precision.
pub(super) fn basis(columns: Columns) -> Basis {
    let count = columns.len();
    let (mut q, mut r): (Columns, Columns) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for mut column in columns {
        let before = dot(&column, &column).sqrt();
        let mut row = vec![0.0; count];
        for _ in 0..2 {
            for (done, entry) in q.iter().zip(row.iter_mut()) {
                let part = dot(done, &column);
                *entry += part;
                column.iter_mut().zip(done).for_each(|(value, unit)| *value -= part * unit);
            }
        }
        let norm = dot(&column, &column).sqrt();
        let depends = norm <= before * f64::EPSILON * 16.0;
        let scale = if depends { 0.0 } else { norm.recip() };
        column.iter_mut().for_each(|value| *value *= scale);
        if let (Some(entry), false) = (row.get_mut(q.len()), depends) {
            *entry = norm;
        }
        q.push(column);
        r.push(row);
    }
    Basis { q, r }
}

/// Singular values and vectors by one-sided Jacobi rotations: columns are turned in pairs until all are at right angles.
///
/// # Source
/// Hestenes 1958; Demmel and Veselić 1992 for its accuracy.
pub(super) fn singular(mut columns: Columns) -> Singular {
    let count = columns.len();
    let mut v: Columns =
        (0..count).map(|column| (0..count).map(|row| f64::from(u8::from(row == column))).collect()).collect();
    for _ in 0..SWEEPS {
        let mut turned = false;
        for p in 0..count {
            for q in p + 1..count {
                let Some((one, two)) = pair(&mut columns, p, q) else { continue };
                let (alpha, beta, gamma) = (dot(one, one), dot(two, two), dot(one, two));
                if gamma.abs() <= RIGHT * (alpha * beta).sqrt() || gamma.abs() < f64::MIN_POSITIVE {
                    continue;
                }
                turned = true;
                let zeta = (beta - alpha) / (2.0 * gamma);
                let tangent = 1f64.copysign(zeta) / (zeta.abs() + zeta.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                let sine = cosine * tangent;
                turn(one, two, cosine, sine);
                if let Some((one, two)) = pair(&mut v, p, q) {
                    turn(one, two, cosine, sine);
                }
            }
        }
        if !turned {
            break;
        }
    }
    let mut parts: Vec<(f64, Vec<f64>, Vec<f64>)> =
        columns.into_iter().zip(v).map(|(column, v)| (dot(&column, &column).sqrt(), column, v)).collect();
    parts.sort_by(|left, right| right.0.total_cmp(&left.0));
    let mut singular = Singular { u: Vec::new(), s: Vec::new(), v: Vec::new() };
    for (value, mut column, v) in parts {
        let scale = if value > 0.0 { value.recip() } else { 0.0 };
        column.iter_mut().for_each(|entry| *entry *= scale);
        singular.u.push(column);
        singular.s.push(value);
        singular.v.push(v);
    }
    singular
}

/// The product of two triangular factors, `R₁·R₂ᵀ`, by its columns.
pub(super) fn core(one: &Columns, two: &Columns) -> Columns {
    let size = one.len();
    let column = |row: usize| {
        let mut sum = vec![0.0; size];
        for (left, right) in one.iter().zip(two) {
            let factor = right.get(row).copied().unwrap_or(0.0);
            sum.iter_mut().zip(left).for_each(|(sum, value)| *sum += factor * value);
        }
        sum
    };
    (0..size).map(column).collect()
}

/// The columns of a matrix.
pub(super) fn columns(matrix: &Tensor) -> Result<Columns> {
    Ok(matrix.to_device(&Device::Cpu)?.to_dtype(DType::F64)?.t()?.to_vec2()?)
}

/// A matrix `[rows, columns]` of its columns; `rows` says how long they are, should there be none.
pub(super) fn matrix(columns: &[Vec<f64>], rows: usize) -> Result<Tensor> {
    let flat = columns.concat();
    Ok(Tensor::from_vec(flat, (columns.len(), rows), &Device::Cpu)?.t()?)
}

/// The scalar product.
pub(super) fn dot(one: &[f64], two: &[f64]) -> f64 {
    // Eight sums that do not wait for each other.
    let (ones, twos) = (one.as_chunks::<8>(), two.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (one, two) in ones.0.iter().zip(twos.0) {
        sums.iter_mut().zip(one.iter().zip(two)).for_each(|(sum, (one, two))| *sum += one * two);
    }
    sums.iter().sum::<f64>() + ones.1.iter().zip(twos.1).map(|(one, two)| one * two).sum::<f64>()
}

fn pair(columns: &mut [Vec<f64>], p: usize, q: usize) -> Option<(&mut [f64], &mut [f64])> {
    let (left, right) = columns.split_at_mut_checked(q)?;
    Some((left.get_mut(p)?, right.first_mut()?))
}

fn turn(one: &mut [f64], two: &mut [f64], cosine: f64, sine: f64) {
    for (x, y) in one.iter_mut().zip(two) {
        (*x, *y) = (cosine * *x - sine * *y, sine * *x + cosine * *y);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(rows: usize, count: usize) -> Columns {
        let stream = crate::random::Stream::new(1, "columns");
        (0..count).map(|c| (0..rows).map(|r| stream.unit_at((c * rows + r) as u64) - 0.5).collect()).collect()
    }

    #[test]
    fn the_singular_values_of_a_matrix_that_is_known() {
        let found = singular(vec![vec![0.0, 3.0, 0.0], vec![4.0, 0.0, 0.0], vec![0.0, 0.0, 0.0]]);
        assert_eq!(found.s, [4.0, 3.0, 0.0]);
        assert_eq!(found.u[2], [0.0; 3]);
    }

    #[test]
    fn the_parts_multiply_to_the_matrix_and_stand_at_right_angles() {
        let columns = random(23, 9);
        let found = singular(columns.clone());
        for (i, column) in columns.iter().enumerate() {
            for (row, value) in column.iter().enumerate() {
                let sum: f64 = (0..9).map(|k| found.u[k][row] * found.s[k] * found.v[k][i]).sum();
                assert!((sum - value).abs() < 1e-13);
            }
            for j in 0..9 {
                let one = f64::from(u8::from(i == j));
                assert!((dot(&found.u[i], &found.u[j]) - one).abs() < 1e-13);
                assert!((dot(&found.v[i], &found.v[j]) - one).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn a_basis_multiplies_back_and_a_column_that_depends_on_others_adds_none() {
        let mut columns = random(20, 5);
        columns[3] = columns[0].iter().zip(&columns[2]).map(|(one, two)| 2.0 * one - two).collect();
        let Basis { q, r } = basis(columns.clone());
        assert!(q[3].iter().all(|value| *value == 0.0));
        for (column, r) in columns.iter().zip(&r) {
            for row in 0..20 {
                let sum: f64 = q.iter().zip(r).map(|(q, r)| q[row] * r).sum();
                assert!((sum - column[row]).abs() < 1e-13);
            }
        }
    }
}
