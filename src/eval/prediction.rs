//! What a candidate answered, kept so that every score can be looked into and computed again.
//!
//! One line of JSON for each example. The numbers in `scores` are there for readers; the scores of a
//! task are always computed from the answers and likelihoods themselves.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::maxmatch::Gold;
use crate::error::{Error, Result};
use crate::files;

/// One example, its answer and its scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The number of the example in its task, from 0.
    pub example: usize,
    /// The text that the model was given, chat template included; empty for perplexity.
    pub prompt: String,
    /// What the task is about, where a score needs it: the sentence to be corrected or translated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// The answer; for a choice, the text chosen; empty for perplexity.
    pub answer: String,
    /// What was read out of the answer, where that is not the answer itself: the text of the choice that it makes, or nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read: Option<String>,
    /// Right answers, at least one; none for perplexity, and for turns of a conversation that have none.
    pub references: Vec<String>,
    /// How likely given texts are: of each choice, or of the text itself for perplexity.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likelihoods: Vec<Likelihood>,
    /// For corrections with annotators' edits: the sentence's tokens and the edits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gold: Option<Gold>,
    /// The scores of this example alone, by metric.
    pub scores: BTreeMap<String, f64>,
}

impl Prediction {
    /// The answer that is scored.
    pub fn said(&self) -> &str {
        self.read.as_deref().unwrap_or(&self.answer)
    }
}

/// How likely a model finds a text; see [`Likelihood::new`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Likelihood {
    /// The text.
    pub text: String,
    /// Its tokens that were predicted.
    pub tokens: u64,
    /// Its length in UTF-8 bytes.
    pub bytes: u64,
    /// Sum over its tokens, natural logarithm.
    pub log_likelihood: f64,
    /// The same for the text as the answer to a prompt that asks nothing, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconditional: Option<f64>,
}

impl Likelihood {
    /// Rounds the log-likelihood to nine decimals, so that its decimal text is read back as the same number
    /// (a JSON reader is exact up to 15 digits only) and a score computed again is the same to the bit.
    pub fn new(text: impl Into<String>, tokens: usize, log_likelihood: f64) -> Self {
        let text = text.into();
        let bytes = text.len() as u64;
        let log_likelihood = rounded(log_likelihood, 1e9);
        Self { text, tokens: tokens as u64, bytes, log_likelihood, unconditional: None }
    }

    /// The same with its log-likelihood as the answer to a prompt that asks nothing.
    pub fn with_unconditional(self, log_likelihood: f64) -> Self {
        Self { unconditional: Some(rounded(log_likelihood, 1e9)), ..self }
    }

    /// Mean log-likelihood of a token, natural logarithm.
    pub fn per_token(&self) -> f64 {
        self.log_likelihood / self.tokens.max(1) as f64
    }

    /// Mean log-likelihood of a UTF-8 byte, natural logarithm.
    pub fn per_byte(&self) -> f64 {
        self.log_likelihood / self.bytes.max(1) as f64
    }

    /// How much more likely the question makes the text than a prompt that asks nothing, natural logarithm; NaN where
    /// that is not known.
    ///
    /// # Source
    /// Holtzman et al. 2021, arXiv:2104.08315 (PMI); Brown et al. 2020, arXiv:2005.14165 §2.4 (the neutral prompt)
    pub fn gain(&self) -> f64 {
        self.unconditional.map_or(f64::NAN, |unconditional| self.log_likelihood - unconditional)
    }
}

/// Rounds to a whole number of parts, for numbers that are to survive a round trip through decimal text.
pub(crate) fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

/// Writes predictions, one line of JSON each; the file appears whole.
pub fn write(path: &Path, predictions: &[Prediction]) -> Result<()> {
    let mut text = String::new();
    for prediction in predictions {
        let line = serde_json::to_string(prediction)
            .map_err(|e| Error::new(format!("cannot write a prediction: {e}")).at(path.display().to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    files::write(path, text)
}

/// Reads predictions that [`write()`] wrote.
///
/// # Errors
/// Names the line that is not a prediction.
pub fn read(path: &Path) -> Result<Vec<Prediction>> {
    let text = files::read_text(path)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|e| {
                Error::new(format!("not a prediction: {e}"))
                    .at(format!("{}:{}", path.display(), index + 1))
                    .hint("remove the file; the task is then answered again")
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_come_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("choice.jsonl");
        let kept: Vec<Prediction> = (0..50)
            .map(|example| Prediction {
                example,
                prompt: "Küsimus:\n\"?\"".into(),
                source: String::new(),
                answer: "jah".into(),
                read: None,
                references: vec!["jah".into()],
                likelihoods: vec![
                    Likelihood::new("jah", 3, -(example as f64 + 0.1).sqrt() * 1e4 / 3.0)
                        .with_unconditional(-(example as f64 + 0.7).sqrt() / 3.0),
                ],
                gold: None,
                scores: BTreeMap::from([("accuracy".to_owned(), rounded(100.0 / 3.0, 1e6))]),
            })
            .collect();
        write(&path, &kept).unwrap();
        assert_eq!(read(&path).unwrap(), kept);
        files::write(&path, "{\"example\": 0}\n").unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("choice.jsonl:1  not a prediction: missing field `prompt`"), "{error}");
    }
}
