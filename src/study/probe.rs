//! A few logits of a trained model, noted when it is written: what is read back later must give the same.

use crate::data::Tokenizer;
use crate::error::Result;
use crate::kernels::attention::Segments;
use crate::model::Llama;

/// What the model reads.
const TEXTS: [&str; 4] = [
    "Tere! Kuidas sul täna läheb?",
    "Translate the sentence into Estonian: the small house stands near the river.",
    "1, 2, 3 and then",
    "Ema keel on see, mida lapsed kõigepealt kuulevad.",
];
/// The most tokens of a text.
const LONGEST: usize = 32;
/// Logits that are noted of each text.
const NOTED: usize = 16;

/// Logits of the last token of each text, of tokens spread over the vocabulary.
///
/// # Errors
/// The model cannot read the texts.
pub fn of(model: &Llama, tokenizer: &Tokenizer) -> Result<Vec<f32>> {
    let mut noted = Vec::new();
    for text in TEXTS {
        let mut ids = vec![tokenizer.bos()];
        ids.extend(tokenizer.encode(text)?);
        ids.truncate(LONGEST.min(model.config.max_position_embeddings));
        let logits = model.logits(&ids, &Segments::one(ids.len()))?;
        let last = logits.get(ids.len() - 1)?.to_dtype(candle_core::DType::F32)?.to_vec1::<f32>()?;
        let stride = last.len().div_ceil(NOTED).max(1);
        noted.extend(last.into_iter().step_by(stride));
    }
    Ok(noted)
}

/// The largest difference between two notes, relative to the largest logit; infinite where they cannot be compared.
pub fn difference(one: &[f32], other: &[f32]) -> f32 {
    let largest = one.iter().chain(other).fold(1e-6f32, |largest, value| largest.max(value.abs()));
    let differs = one.iter().zip(other).map(|(a, b)| (a - b).abs());
    let worst = differs.fold(0f32, |worst, it| if it.is_nan() { f32::INFINITY } else { worst.max(it) });
    if one.len() == other.len() && largest.is_finite() { worst / largest } else { f32::INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_differ_by_their_worst_logit() {
        assert_eq!(difference(&[1.0, -4.0], &[1.0, -4.0]), 0.0);
        assert_eq!(difference(&[1.0, -4.0], &[2.0, -4.0]), 0.25);
        assert_eq!(difference(&[1.0], &[1.0, 2.0]), f32::INFINITY);
        assert_eq!(difference(&[f32::NAN], &[1.0]), f32::INFINITY);
    }
}
