//! Scoring: how likely a model finds given tokens, for any number of documents in bounded memory.

use super::batch::Batch;
use super::llama::Llama;
use crate::error::{Error, Result};
use crate::kernels::attention::Segments;

/// Tokens of one forward pass where many documents are scored; longer documents go alone.
const SCORED_TOKENS: usize = 4096;

impl Llama {
    /// `ln p` of each target, in the order of `batch.targets`.
    ///
    /// Documents are taken a few at a time, so that memory does not grow with their number.
    ///
    /// # Units   nats
    /// # Errors  as [`Llama::logits`]; there is no target; a number is not finite
    pub fn log_likelihoods(&self, batch: &Batch) -> Result<Vec<f64>> {
        batch.check(&self.config)?;
        let mut scores = vec![f64::NAN; batch.targets.len()];
        for part in parts(batch)? {
            let (rows, targets): (Vec<u32>, Vec<u32>) = part.batch.targets.iter().copied().unzip();
            let x = self.residual_of(&part.batch.ids, &part.batch.segments, &rows, |_, _| Ok(()))?;
            let hidden = self.normed(&x)?;
            let likelihoods = self.head().log_likelihoods(&hidden, &self.ids(&targets)?)?;
            for (place, value) in part.places.into_iter().zip(likelihoods) {
                if let Some(score) = scores.get_mut(place) {
                    *score = value;
                }
            }
        }
        match scores.iter().position(|score| !score.is_finite()) {
            None => Ok(scores),
            Some(place) => Err(Error::new(format!("the log-likelihood of target {place}"))
                .got(scores.get(place).copied().unwrap_or(f64::NAN))
                .expected("a finite number")
                .hint("the weights are broken, or the dtype is too narrow for this model: try f32 or bf16")),
        }
    }
}

/// Some whole documents of a batch, and where their targets stand in it.
struct Part {
    batch: Batch,
    places: Vec<usize>,
}

/// Cuts a batch between documents into parts of about [`SCORED_TOKENS`]; parts without a target are left out.
fn parts(batch: &Batch) -> Result<Vec<Part>> {
    let mut ranges: Vec<Vec<usize>> = Vec::new();
    for document in batch.segments.iter() {
        match ranges.last_mut() {
            Some(bounds) if bounds.first().is_some_and(|start| document.end - start <= SCORED_TOKENS) => {
                bounds.push(document.end);
            }
            _ => ranges.push(vec![document.start, document.end]),
        }
    }
    let mut order: Vec<usize> = (0..batch.targets.len()).collect();
    order.sort_by_key(|place| batch.targets.get(*place).map(|(row, _)| *row));
    let mut order = order.into_iter().peekable();
    let mut parts = Vec::with_capacity(ranges.len());
    for bounds in ranges {
        let (start, end) = (bounds.first().copied().unwrap_or(0), bounds.last().copied().unwrap_or(0));
        let (mut places, mut targets) = (Vec::new(), Vec::new());
        while let Some((place, (row, id))) = order.peek().and_then(|p| Some((*p, *batch.targets.get(*p)?))) {
            if row as usize >= end {
                break;
            }
            places.push(place);
            targets.push((row - start as u32, id));
            order.next();
        }
        if targets.is_empty() {
            continue;
        }
        let segments = Segments::new(bounds.iter().map(|bound| (bound - start) as u32).collect())?;
        let ids = batch.ids.get(start..end).unwrap_or_default().to_vec();
        parts.push(Part { batch: Batch { ids, targets, weights: Vec::new(), segments }, places });
    }
    Ok(parts)
}
