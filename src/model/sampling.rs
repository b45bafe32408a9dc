//! How the next token is chosen from logits: the most likely one, or one drawn by chance.
//!
//! The draw for a token depends on the seed, the row and the place in the row only, so that the texts of a run do
//! not depend on which rows happen to be generated together.

use super::llama::Llama;
use crate::error::{Error, Result};
use crate::kernels::rows;
use crate::random::Stream;

/// How texts are generated.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// At most this many tokens after each prompt.
    pub max_new_tokens: usize,
    /// What logits are divided by; 0 takes the most likely token always.
    pub temperature: f64,
    /// Draw from this many of the most likely tokens only; 0 draws from all.
    pub top_k: usize,
    /// Draw from the most likely tokens that together have this probability only; 1 draws from all.
    pub top_p: f64,
    /// Every draw follows from it.
    pub seed: u64,
    /// Ids that end a text; they are not part of it.
    pub stop_ids: Vec<u32>,
    /// How many texts are generated side by side; more is faster and takes more memory for their keys and values.
    pub rows_at_once: usize,
    /// How many prompt tokens one forward pass reads: short prompts are packed up to it, longer ones read in chunks.
    pub prompt_tokens_at_once: usize,
}

impl Sampling {
    /// The most likely token always, until one of the model's own stop ids.
    pub fn greedy(model: &Llama, max_new_tokens: usize) -> Self {
        Self {
            max_new_tokens,
            temperature: 0.0,
            top_k: 0,
            top_p: 1.0,
            seed: 0,
            stop_ids: model.config.stop_ids(),
            rows_at_once: 32,
            prompt_tokens_at_once: 2048,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(self.temperature >= 0.0 && self.temperature.is_finite()) {
            return Err(Error::new("temperature").got(self.temperature).expected("0 or a number above it"));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(Error::new("top_p").got(self.top_p).expected("above 0 and at most 1"));
        }
        if self.rows_at_once == 0 {
            return Err(Error::new("rows_at_once").got(0).expected("at least 1"));
        }
        if self.prompt_tokens_at_once == 0 {
            return Err(Error::new("prompt_tokens_at_once").got(0).expected("at least 1"));
        }
        Ok(())
    }

    /// Chooses a token for the place `position` of text `row`.
    ///
    /// # Errors  a logit is NaN or plus infinity
    pub fn choose(&self, logits: &[f32], row: usize, position: usize) -> Result<u32> {
        let Some(most_likely) = rows::first_largest(logits) else {
            let id = logits.iter().position(|logit| logit.is_nan() || *logit == f32::INFINITY).unwrap_or_default();
            return Err(Error::new(format!("the logit of token {id} at place {position} of text {row}"))
                .got(logits.get(id).copied().unwrap_or(f32::NAN))
                .expected("a finite number")
                .hint("the weights are broken, or the dtype is too narrow for this model: try f32 or bf16"));
        };
        if self.temperature == 0.0 || self.top_k == 1 {
            return Ok(most_likely as u32);
        }
        let chance = Stream::new(self.seed, "sampling").child(row as u64).unit_at(position as u64);
        Ok(self.draw(logits, chance))
    }

    /// The token at which the sum of probabilities, over those that may be drawn, passes `chance`.
    fn draw(&self, logits: &[f32], chance: f64) -> u32 {
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |logit: f32| (f64::from(logit - largest) / self.temperature).exp();
        let all: Vec<f64> = logits.iter().map(|logit| weight(*logit)).collect();
        let Some(kept) = self.kept(logits, &all) else {
            return pick(all.iter().copied().enumerate(), chance) as u32;
        };
        let weights = kept.iter().map(|id| (*id as usize, all.get(*id as usize).copied().unwrap_or(0.0)));
        pick(weights, chance) as u32
    }

    /// The ids that top-k and then top-p leave, most likely first; none if that is all of them.
    fn kept(&self, logits: &[f32], weights: &[f64]) -> Option<Vec<u32>> {
        let limit = if self.top_k == 0 { logits.len() } else { self.top_k.min(logits.len()) };
        if limit == logits.len() && self.top_p >= 1.0 {
            return None;
        }
        let weight = |id: &u32| weights.get(*id as usize).copied().unwrap_or(0.0);
        let logit = |id: &u32| logits.get(*id as usize).copied().unwrap_or(f32::NEG_INFINITY);
        let descending = |a: &u32, b: &u32| logit(b).total_cmp(&logit(a)).then(a.cmp(b));
        let mut order: Vec<u32> = (0..logits.len() as u32).collect();
        if limit < order.len() {
            order.select_nth_unstable_by(limit - 1, descending);
            order.truncate(limit);
        }
        // In a fixed order, so that the sum is the same each time.
        order.sort_unstable();
        let bound = self.top_p * order.iter().map(weight).sum::<f64>();
        // Few tokens hold most of the probability: sort a growing part instead of the whole vocabulary.
        let mut sorted = FIRST_SORTED.min(limit);
        loop {
            if sorted < order.len() {
                order.select_nth_unstable_by(sorted, descending);
            }
            let part = order.get_mut(..sorted).unwrap_or_default();
            part.sort_unstable_by(descending);
            let mut sum = 0.0;
            // The token that passes the bound is still kept.
            let kept = part.iter().take_while(|id| {
                let before = sum;
                sum += weight(id);
                self.top_p >= 1.0 || before < bound
            });
            let kept = kept.count();
            if kept < sorted || sorted == limit {
                order.truncate(kept);
                return Some(order);
            }
            sorted = (sorted * 8).min(limit);
        }
    }
}

/// How many of the most likely tokens are sorted at first.
const FIRST_SORTED: usize = 64;

/// The item at which the running sum of weights passes `chance` of their sum.
fn pick(weights: impl Iterator<Item = (usize, f64)> + Clone, chance: f64) -> usize {
    let target = chance * weights.clone().map(|(_, weight)| weight).sum::<f64>();
    let (mut sum, mut last) = (0.0, 0);
    for (item, weight) in weights {
        sum += weight;
        if weight > 0.0 {
            last = item;
        }
        if sum > target {
            return item;
        }
    }
    // Rounding may leave the sum of all just at the target.
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(temperature: f64, top_k: usize, top_p: f64) -> Sampling {
        Sampling {
            max_new_tokens: 1,
            temperature,
            top_k,
            top_p,
            seed: 7,
            stop_ids: vec![],
            rows_at_once: 1,
            prompt_tokens_at_once: 1,
        }
    }

    /// How often each of four tokens with probabilities 0.5, 0.25, 0.125, 0.125 is drawn, of 40 000 draws.
    fn shares(sampling: &Sampling) -> Vec<f64> {
        let logits: Vec<f32> = [0.125f32, 0.5, 0.25, 0.125].iter().map(|p| p.ln()).collect();
        let mut counts = vec![0.0; 4];
        for position in 0..40_000 {
            counts[sampling.choose(&logits, 3, position).unwrap() as usize] += 1.0 / 40_000.0;
        }
        counts
    }

    fn assert_shares(sampling: Sampling, expected: [f64; 4]) {
        for (got, expected) in shares(&sampling).into_iter().zip(expected) {
            // Five standard errors of a share of one half.
            assert!((got - expected).abs() < 0.0125, "{got} {expected}");
        }
    }

    #[test]
    fn tokens_are_drawn_as_often_as_their_probability_says() {
        assert_shares(sampling(1.0, 0, 1.0), [0.125, 0.5, 0.25, 0.125]);
        // At temperature 1/2 probabilities are squared: 4, 64, 16, 4 of 88 (in 1/256).
        assert_shares(sampling(0.5, 0, 1.0), [4. / 88., 64. / 88., 16. / 88., 4. / 88.]);
    }

    #[test]
    fn top_k_and_top_p_leave_only_the_most_likely() {
        assert_shares(sampling(1.0, 2, 1.0), [0.0, 2. / 3., 1. / 3., 0.0]);
        assert_shares(sampling(1.0, 0, 0.6), [0.0, 2. / 3., 1. / 3., 0.0]);
        assert_shares(sampling(1.0, 0, 0.01), [0.0, 1.0, 0.0, 0.0]);
        // Of two equal tokens the one with the smaller id is the more likely one.
        assert_shares(sampling(1.0, 3, 1.0), [1. / 7., 4. / 7., 2. / 7., 0.0]);
        assert_shares(sampling(0.0, 0, 1.0), [0.0, 1.0, 0.0, 0.0]);
    }

    #[test]
    fn the_kept_tokens_of_a_large_vocabulary_are_those_of_a_full_sort() {
        let stream = Stream::new(1, "logits");
        let logits: Vec<f32> = (0..5000).map(|i| (6.0 * stream.unit_at(i)) as f32).collect();
        let mut order: Vec<u32> = (0..5000).collect();
        order.sort_by(|a, b| logits[*b as usize].total_cmp(&logits[*a as usize]));
        let weights: Vec<f64> = logits.iter().map(|l| f64::from(*l).exp()).collect();
        for (top_k, top_p) in [(0, 0.01), (0, 0.3), (0, 0.9), (0, 0.99999), (100, 1.0), (100, 0.5), (4999, 0.7)] {
            let limit = if top_k == 0 { 5000 } else { top_k };
            let total: f64 = order[..limit].iter().map(|id| weights[*id as usize]).sum();
            let mut sum = 0.0;
            let expected: Vec<u32> = order[..limit]
                .iter()
                .copied()
                .take_while(|id| {
                    let before = sum;
                    sum += weights[*id as usize];
                    top_p >= 1.0 || before < top_p * total
                })
                .collect();
            assert_eq!(sampling(1.0, top_k, top_p).kept(&logits, &weights), Some(expected), "{top_k} {top_p}");
        }
        assert_eq!(sampling(1.0, 0, 1.0).kept(&logits, &weights), None);
    }

    #[test]
    fn nan_logits_are_an_error_that_names_the_place() {
        let text = sampling(0.0, 0, 1.0).choose(&[0.0, f32::NAN], 2, 9).unwrap_err().to_string();
        assert!(text.starts_with("the logit of token 1 at place 9 of text 2 is NaN"), "{text}");
        assert!(sampling(-1.0, 0, 1.0).check().is_err());
        assert!(sampling(1.0, 0, 0.0).check().is_err());
    }
}
