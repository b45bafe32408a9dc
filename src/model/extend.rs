//! A model with more token ids: new rows in the embedding and in the head.
//!
//! A new piece stands where several old ones stood, and begins as their mean: near all of them, and no larger. Random
//! rows, or rows of zeros, would make the first steps undo what the model knows. The tensors are read and written one by
//! one, so the model may be larger than memory.
//!
//! # Source  Csaki et al. 2023, arXiv:2311.05741: the mean of the parts

use std::path::Path;

use candle_core::{DType, Device, Tensor};

use super::config::Config;
use super::load::{self, EMBEDDING, HEAD};
use super::save::{SHARD_BYTES, write_model};
use super::weights::Weights;
use crate::error::{Error, Result};

/// New token ids.
#[derive(Debug, Clone, Copy)]
pub struct NewRows<'a> {
    /// The id of the first.
    pub first: usize,
    /// The old ids whose rows the row of each new one is the mean of.
    pub spelled: &'a [Vec<u32>],
}

/// Writes a model folder with new rows, in the dtype that its weights have.
///
/// The rows that a model has beyond its tokenizer's ids, where it was padded, become the first new ones; there is no
/// padding after. Tied heads stay tied.
///
/// # Errors
/// The model cannot be read, or has fewer rows than its tokenizer has ids; the disk is full.
pub fn extend_vocabulary(from: &Path, into: &Path, new: NewRows<'_>) -> Result<Config> {
    let (config, weights) = (Config::read(from)?, Weights::open(from)?);
    load::check(&config, &weights)?;
    if new.first > config.vocabulary {
        return Err(Error::new("the tokenizer's vocabulary")
            .got(new.first)
            .expected(format!("at most the model's {}", config.vocabulary)));
    }
    let dtype = stored_dtype(&config, &weights);
    let vocabulary = config.vocabulary.max(new.first + new.spelled.len());
    let grown = Config { vocabulary, ..config };
    write_model(into, &grown, dtype, SHARD_BYTES, &mut |name, _| {
        let tensor = weights.read(name, dtype, &Device::Cpu)?;
        if name == EMBEDDING || name == HEAD { with_rows(&tensor, new) } else { Ok(tensor) }
    })?;
    Ok(grown)
}

/// The dtype of all weights; f32 where they have several.
fn stored_dtype(config: &Config, weights: &Weights) -> DType {
    let shapes = config.tensor_shapes();
    let mut dtypes = shapes.iter().filter_map(|(name, _)| weights.file(name)?.dtype(name));
    match dtypes.next() {
        Some(first) if dtypes.all(|dtype| dtype == first) => first,
        _ => DType::F32,
    }
}

/// # Shapes  `[rows, features]` → `[max(rows, first + new), features]`
fn with_rows(matrix: &Tensor, new: NewRows<'_>) -> Result<Tensor> {
    let (rows, features) = matrix.dims2()?;
    let old = matrix.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?;
    let mut means = Vec::with_capacity(new.spelled.len() * features);
    for ids in new.spelled {
        let mut sum = vec![0f64; features];
        for id in ids.iter().map(|id| *id as usize) {
            let row = old.get(id * features..(id + 1) * features).filter(|_| id < new.first);
            let row = row.ok_or_else(|| Error::new(format!("the old id {id} has no row")))?;
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
        means.extend(sum.into_iter().map(|sum| (sum / ids.len().max(1) as f64) as f32));
    }
    let means = Tensor::from_vec(means, (new.spelled.len(), features), &Device::Cpu)?.to_dtype(matrix.dtype())?;
    let mut parts = vec![matrix.narrow(0, 0, new.first.min(rows))?, means];
    let written = new.first + new.spelled.len();
    if written < rows {
        parts.push(matrix.narrow(0, written, rows - written)?);
    }
    Ok(Tensor::cat(&parts, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Llama, Segments};
    use crate::recipe::NewModel;

    fn model(tied: bool, vocabulary: usize) -> Llama {
        let shape = NewModel {
            hidden_size: 16,
            intermediate_size: 32,
            layers: 2,
            heads: 2,
            key_value_heads: 1,
            max_position_embeddings: 64,
            tie_word_embeddings: tied,
            rope_theta: 1e4,
            initializer_range: 0.3,
        };
        let config = Config::new(&shape, vocabulary, Some(1), vec![2]).unwrap();
        Llama::random(config, 5, DType::F32, &Device::Cpu).unwrap()
    }

    fn extended(tied: bool, vocabulary: usize, dtype: DType, first: usize) -> (Llama, Llama) {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        model(tied, vocabulary).save(&old, dtype).unwrap();
        let spelled = [vec![3, 5], vec![7], vec![3, 3, 4]];
        extend_vocabulary(&old, &new, NewRows { first, spelled: &spelled }).unwrap();
        let load = |path| Llama::load(path, dtype, &Device::Cpu).unwrap();
        (load(&old), load(&new))
    }

    fn rows(model: &Llama, name: &str) -> Vec<Vec<f32>> {
        let tensors = model.named_tensors().unwrap();
        let (_, tensor) = tensors.into_iter().find(|(known, _)| known == name).unwrap();
        tensor.to_dtype(DType::F32).unwrap().to_vec2().unwrap()
    }

    #[test]
    fn new_rows_are_means_and_old_ones_stay() {
        for tied in [true, false] {
            let (old, new) = extended(tied, 10, DType::F32, 10);
            assert_eq!((new.config.vocabulary, new.config.tie_word_embeddings), (13, tied));
            for name in [EMBEDDING, HEAD].iter().take(if tied { 1 } else { 2 }) {
                let (before, after) = (rows(&old, name), rows(&new, name));
                assert_eq!(after[..10], before[..]);
                assert_eq!(after[11], before[7]);
                let mean: Vec<f32> = (0..16).map(|i| (2.0 * before[3][i] + before[4][i]) / 3.0).collect();
                assert!(after[12].iter().zip(&mean).all(|(a, b)| (a - b).abs() < 1e-6));
            }
        }
    }

    #[test]
    fn logits_of_old_ids_do_not_change() {
        let (old, new) = extended(false, 10, DType::F32, 10);
        let ids = [1, 4, 9, 3];
        let logits = |model: &Llama| model.logits(&ids, &Segments::one(4)).unwrap();
        let (before, after) = (logits(&old), logits(&new).narrow(1, 0, 10).unwrap());
        assert_eq!(before.to_vec2::<f32>().unwrap(), after.to_vec2::<f32>().unwrap());
    }

    #[test]
    fn padding_is_used_up_first_and_the_dtype_stays() {
        let (old, new) = extended(false, 14, DType::BF16, 10);
        assert_eq!((new.config.vocabulary, new.config.dtype), (14, Some(DType::BF16)));
        let (before, after) = (rows(&old, HEAD), rows(&new, HEAD));
        assert_eq!(after[11], before[7]);
        assert_eq!(after[13], before[13], "padding that is left");
        assert_ne!(after[12], before[12]);
    }

    #[test]
    fn a_tokenizer_larger_than_the_model_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        model(true, 10).save(&old, DType::F32).unwrap();
        let error = extend_vocabulary(&old, &new, NewRows { first: 11, spelled: &[] }).unwrap_err().to_string();
        assert!(error.contains("is 11, must be at most the model's 10"), "{error}");
        let wrong = NewRows { first: 10, spelled: &[vec![10]] };
        assert!(extend_vocabulary(&old, &new, wrong).unwrap_err().to_string().contains("old id 10"));
    }
}
