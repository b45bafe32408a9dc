//! Token embedding: a row of the weight for each token, and the sum back into those rows.

use candle_core::{DType, Tensor};

use super::cuda;
use super::slices::{self, compute_dtype, matrix, on_cpu_f32};
use crate::error::{Error, Result};

/// The weight's row of each token id.
///
/// # Shapes  `weight: [vocabulary, features]`, `ids: [tokens]` u32 → `[tokens, features]`
pub fn forward(weight: &Tensor, ids: &Tensor) -> Result<Tensor> {
    matrix("embedding weight", weight)?;
    if on_cpu_f32(&[weight]) {
        return cpu::forward(weight, ids);
    }
    Ok(weight.index_select(ids, 0)?)
}

/// The gradient of [`forward`] by its weight; rows of absent ids are zero.
///
/// The ids are the host's, so that a device is not waited for.
///
/// # Shapes  `dy: [tokens, features]`, `ids: [tokens]` → `[vocabulary, features]`
pub fn backward(dy: &Tensor, ids: &[u32], vocabulary: usize) -> Result<Tensor> {
    let (tokens, _) = matrix("embedding output gradient", dy)?;
    if ids.len() != tokens {
        return Err(Error::new("embedding ids").got(ids.len()).expected(format!("{tokens}, one for each row")));
    }
    check(ids, vocabulary)?;
    if on_cpu_f32(&[dy]) {
        return cpu::backward(dy, ids, vocabulary);
    }
    if let Some(engine) = cuda::Engine::of(&[dy]) {
        let gradient = Tensor::zeros((vocabulary, dy.dim(1)?), dy.dtype(), dy.device())?;
        cuda::embedding::backward(&engine, &gradient, dy, ids, false)?;
        return Ok(gradient);
    }
    reference_backward(dy, ids, vocabulary)
}

fn check(ids: &[u32], vocabulary: usize) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= vocabulary) {
        None => Ok(()),
        Some(id) => Err(Error::new("token id").got(id).expected(format!("below the vocabulary of {vocabulary}"))),
    }
}

fn reference_backward(dy: &Tensor, ids: &[u32], vocabulary: usize) -> Result<Tensor> {
    let ids = Tensor::from_slice(ids, ids.len(), dy.device())?;
    let (_, features) = matrix("embedding output gradient", dy)?;
    let wide: DType = compute_dtype(dy.dtype());
    let zeros = Tensor::zeros((vocabulary, features), wide, dy.device())?;
    Ok(zeros.index_add(&ids, &dy.to_dtype(wide)?, 0)?.to_dtype(dy.dtype())?)
}

mod cpu {
    use super::*;
    use crate::kernels::parallel;

    pub(super) fn forward(weight: &Tensor, ids: &Tensor) -> Result<Tensor> {
        let (vocabulary, features) = matrix("embedding weight", weight)?;
        let ids = slices::indices("embedding ids", ids)?;
        check(&ids, vocabulary)?;
        let mut y = vec![0f32; ids.len() * features];
        slices::read([weight], |[weight]| {
            let block = (parallel::CHUNK / features.max(1)).max(1);
            parallel::chunks_mut(&mut y, block * features, |index, y| {
                for (y, &id) in y.chunks_exact_mut(features).zip(ids.iter().skip(index * block)) {
                    y.copy_from_slice(row(weight, id as usize, features));
                }
            });
            Ok(())
        })?;
        slices::tensor(y, &[ids.len(), features])
    }

    pub(super) fn backward(dy: &Tensor, ids: &[u32], vocabulary: usize) -> Result<Tensor> {
        let (_, features) = matrix("embedding output gradient", dy)?;
        // A stable sort brings the tokens of one id together, still in their order.
        let mut order: Vec<u32> = (0..ids.len() as u32).collect();
        order.sort_by_key(|&token| ids.get(token as usize));
        let mut gradient = vec![0f32; vocabulary * features];
        let mut tasks = Vec::new();
        let (mut rest, mut next_row) = (gradient.as_mut_slice(), 0);
        for tokens in order.chunk_by(|&a, &b| ids.get(a as usize) == ids.get(b as usize)) {
            let id = tokens.first().and_then(|&token| ids.get(token as usize)).map_or(0, |&id| id as usize);
            let (_, from_row) = std::mem::take(&mut rest).split_at_mut((id - next_row) * features);
            let (row, after) = from_row.split_at_mut(features);
            (rest, next_row) = (after, id + 1);
            tasks.push((row, tokens));
        }
        slices::read([dy], |[dy]| {
            parallel::chunks_mut(&mut tasks, (parallel::CHUNK / features.max(1)).max(1), |_, tasks| {
                for (sum, tokens) in tasks {
                    for &token in tokens.iter() {
                        let dy = row(dy, token as usize, features);
                        sum.iter_mut().zip(dy).for_each(|(sum, value)| *sum += value);
                    }
                }
            });
            Ok(())
        })?;
        slices::tensor(gradient, &[vocabulary, features])
    }

    fn row(matrix: &[f32], index: usize, features: usize) -> &[f32] {
        matrix.get(index * features..(index + 1) * features).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::kernels::oracle::{assert_close, gradients, random};

    fn ids(values: &[u32]) -> Result<Tensor> {
        Ok(Tensor::new(values, &Device::Cpu)?)
    }

    #[test]
    fn repeated_and_absent_ids_sum_as_autograd_says() -> Result<()> {
        for dtype in [DType::F64, DType::F32] {
            for tokens in [&[][..], &[6], &[0, 6, 3, 3, 0, 3]] {
                let (ids, numbers) = (ids(tokens)?, tokens);
                let (weight, dy) = (random("w", &[7, 5], dtype)?, random("dy", &[tokens.len(), 5], dtype)?);
                let (y, d_weight) = if tokens.is_empty() {
                    (dy.clone(), weight.zeros_like()?)
                } else {
                    let (y, [d]) = gradients([&weight], &dy, |[weight]| Ok(weight.index_select(&ids, 0)?))?;
                    (y, d)
                };
                let got = (forward(&weight, &ids)?, backward(&dy, numbers, 7)?);
                assert_close(2e-7, &[("y", &got.0, &y), ("d_weight", &got.1, &d_weight)])?;
            }
        }
        Ok(())
    }

    #[test]
    fn an_id_outside_the_vocabulary_is_named() -> Result<()> {
        let weight = random("w", &[7, 5], DType::F32)?;
        assert!(backward(&weight, &[0, 1, 2, 3, 4, 5, 7], 7).is_err());
        assert!(backward(&weight, &[0, 1], 7).is_err(), "an id for each row");
        let text = forward(&weight, &ids(&[2, 7])?).map(|_| ()).map_err(|e| e.to_string());
        assert_eq!(text, Err("token id is 7, must be below the vocabulary of 7".into()));
        Ok(())
    }
}
