//! What one forward pass reads: tokens of one or more documents, and which of them are predicted.

use super::config::Config;
use crate::error::{Error, Result};
use crate::kernels::attention::Segments;
use crate::random::Stream;

/// The tokens of one micro-step: documents one after the other, without padding.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Token ids of all documents.
    pub ids: Vec<u32>,
    /// What is trained on, or scored: the row whose hidden state predicts, and the id it shall predict.
    pub targets: Vec<(u32, u32)>,
    /// How much each target counts in training; empty where all count alike.
    pub weights: Vec<f32>,
    /// Document bounds.
    pub segments: Segments,
}

/// How a micro-step is computed.
#[derive(Debug, Clone, Copy)]
pub struct Pass {
    /// Gradients are those of the loss sum times this: `1 / target tokens of the whole step`, or the sum of their weights.
    pub loss_scale: f64,
    /// Of so many of the layers that the backward pass goes through, the lowest, only the input is kept; they are
    /// computed again.
    pub recompute: usize,
    /// Where dropout masks come from; none means that nothing is dropped.
    pub dropout: Option<Stream>,
    /// NEFTune's alpha: noise on the embeddings, drawn from the stream of the masks; 0 is none.
    pub noise: f64,
}

impl Batch {
    /// One document; every token after the first is a target.
    pub fn document(ids: Vec<u32>) -> Self {
        let targets = ids.iter().skip(1).enumerate().map(|(row, id)| (row as u32, *id)).collect();
        let segments = Segments::one(ids.len());
        Self { ids, targets, weights: Vec::new(), segments }
    }

    /// What the loss of the targets is divided by, so that it is their mean: how many there are, or their weights' sum.
    pub fn weight(&self) -> f64 {
        match self.weights.is_empty() {
            true => self.targets.len() as f64,
            false => self.weights.iter().map(|weight| f64::from(*weight)).sum(),
        }
    }

    /// Refuses what would index outside of the model, or train on nothing.
    pub(super) fn check(&self, config: &Config) -> Result<()> {
        check_ids(&self.ids, &self.segments, config)?;
        if self.targets.is_empty() {
            return Err(Error::new(format!("none of the {} tokens of the batch is a target", self.ids.len()))
                .hint("every row of it is masked or cut; look at the template and at sequence_length"));
        }
        let wrong =
            self.targets.iter().find(|(row, id)| *row as usize >= self.ids.len() || *id as usize >= config.vocabulary);
        match wrong {
            None => Ok(()),
            Some((row, id)) => Err(Error::new("a target").got(format!("id {id} at row {row}")).expected(format!(
                "an id below {} at a row below {}",
                config.vocabulary,
                self.ids.len()
            ))),
        }
    }
}

/// Refuses ids and documents that do not fit the model.
pub(super) fn check_ids(ids: &[u32], segments: &Segments, config: &Config) -> Result<()> {
    if ids.is_empty() {
        return Err(Error::new("the batch has no tokens"));
    }
    if ids.len() != segments.tokens() {
        return Err(Error::new("number of tokens")
            .got(ids.len())
            .expected(format!("{}, the end of the last document", segments.tokens())));
    }
    if let Some((place, id)) = ids.iter().enumerate().find(|(_, id)| **id as usize >= config.vocabulary) {
        return Err(Error::new(format!("the token id at place {place}"))
            .got(id)
            .expected(format!("below the model's vocabulary of {}", config.vocabulary))
            .hint("the tokenizer belongs to another model"));
    }
    if segments.longest() > config.max_position_embeddings {
        return Err(Error::new("the longest document")
            .got(format!("{} tokens", segments.longest()))
            .expected(format!("at most max_position_embeddings, {}", config.max_position_embeddings))
            .hint("lower sequence_length, or raise max_position_embeddings in config.json with a rope scaling"));
    }
    Ok(())
}
