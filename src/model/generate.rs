//! Generating texts: prompts go through the model packed, then all unfinished texts grow by one token at a time.
//!
//! A row of the key-value cache belongs to one text at a time. When a text is finished, the last row moves to its
//! place, and the next prompt that waits takes the row that became free.

use candle_core::{DType, Tensor};
use rayon::prelude::*;

use super::batch::check_ids;
use super::cache::Cache;
use super::context::LayerMasks;
use super::llama::Llama;
use super::sampling::Sampling;
use crate::error::{Error, Result};
use crate::kernels::attention::Segments;
use crate::kernels::embedding;

/// Prompts are read in packs of about this many tokens; a longer prompt goes alone.
const PROMPT_TOKENS: usize = 4096;

/// A text that is being generated.
struct Growing {
    /// Which prompt it belongs to.
    prompt: usize,
    /// How many of its tokens are in the cache.
    cached: usize,
    /// The token chosen last, which is not in the cache yet.
    last: u32,
    /// How many tokens may come yet.
    left: usize,
}

/// All texts of one call.
struct Generation<'a> {
    model: &'a Llama,
    prompts: &'a [Vec<u32>],
    settings: &'a Sampling,
    on_token: &'a mut dyn FnMut(usize, u32),
    cache: Cache,
    growing: Vec<Growing>,
    texts: Vec<Vec<u32>>,
}

impl Llama {
    /// Goes on writing after each prompt; returns the new tokens of each, without the stop id.
    ///
    /// A text ends at a stop id, after `max_new_tokens`, or where the model's context is full. `on_token` hears of each
    /// token as it comes, with the number of its prompt. `stop` is asked before each step.
    ///
    /// # Errors
    /// A prompt is empty, longer than the model's context, or has an id outside of the vocabulary; a logit is not a
    /// number; `stop` said yes (an error of kind `Interrupted`).
    pub fn generate(
        &self,
        prompts: &[Vec<u32>],
        settings: &Sampling,
        stop: &dyn Fn() -> bool,
        on_token: &mut dyn FnMut(usize, u32),
    ) -> Result<Vec<Vec<u32>>> {
        settings.check()?;
        for (number, prompt) in prompts.iter().enumerate() {
            check_ids(prompt, &Segments::one(prompt.len()), &self.config)
                .map_err(|error| error.at(format!("prompt {number}")))?;
        }
        let texts = vec![Vec::new(); prompts.len()];
        if prompts.is_empty() || settings.max_new_tokens == 0 {
            return Ok(texts);
        }
        let rows = settings.rows_at_once.min(prompts.len());
        let longest = prompts.iter().map(Vec::len).max().unwrap_or(0);
        let (layers, width) = (self.config.layers, self.config.key_value_width());
        let cache = Cache::new(layers, rows, longest + 1, width, self.dtype(), self.device())?;
        let mut generation = Generation { model: self, prompts, settings, on_token, cache, growing: Vec::new(), texts };
        let mut waiting = 0;
        while waiting < prompts.len() || !generation.growing.is_empty() {
            if stop() {
                return Err(Error::interrupted("the generation was stopped"));
            }
            let free = rows - generation.growing.len();
            if free > 0 && waiting < prompts.len() {
                waiting = generation.read_prompts(waiting, free)?;
            } else {
                generation.grow()?;
            }
        }
        Ok(generation.texts)
    }
}

impl Generation<'_> {
    /// Reads some of the prompts that wait, fills the cache with them and chooses their first tokens; returns the
    /// number of the next one that waits.
    fn read_prompts(&mut self, first: usize, free: usize) -> Result<usize> {
        let (mut ids, mut bounds) = (Vec::new(), vec![0u32]);
        for prompt in self.prompts.iter().skip(first).take(free) {
            if !ids.is_empty() && ids.len() + prompt.len() > PROMPT_TOKENS {
                break;
            }
            ids.extend_from_slice(prompt);
            bounds.push(ids.len() as u32);
        }
        let (count, first_row) = (bounds.len() - 1, self.growing.len());
        let lasts: Vec<u32> = bounds.iter().skip(1).map(|end| end - 1).collect();
        let segments = Segments::new(bounds)?;
        let context = self.model.context(&segments, None)?;
        let mut x = embedding::forward(self.model.embedding.value(), &self.model.ids(&ids)?)?;
        for (layer, cache) in self.model.layers.iter().zip(self.cache.layers()) {
            let (y, saved) = layer.forward(&x, &context, LayerMasks::new(None, 0))?;
            for (row, tokens) in segments.iter().enumerate() {
                let of_prompt = |t: &Tensor| t.narrow(0, tokens.start, tokens.len());
                cache.fill(first_row + row, &of_prompt(&saved.attention.k)?, &of_prompt(&saved.attention.v)?)?;
            }
            x = y;
        }
        for (row, tokens) in segments.iter().enumerate() {
            let room = self.model.config.max_position_embeddings - tokens.len();
            // The last token of a text needs no place in the context: nothing is predicted from it.
            let left = self.settings.max_new_tokens.min(room + 1);
            self.growing.push(Growing { prompt: first + row, cached: tokens.len(), last: 0, left });
        }
        let logits = self.logits(&x.index_select(&self.model.ids(&lasts)?, 0)?)?;
        self.choose(first_row, &logits)?;
        Ok(first + count)
    }

    /// Adds one token to every unfinished text.
    fn grow(&mut self) -> Result<()> {
        let places: Vec<usize> = self.growing.iter().map(|text| text.cached).collect();
        let ids: Vec<u32> = self.growing.iter().map(|text| text.last).collect();
        self.cache.reserve(places.iter().max().map_or(0, |place| place + 1))?;
        let segments = Segments::one(places.len());
        let mut context = self.model.context(&segments, None)?;
        let positions: Vec<u32> = places.iter().map(|place| *place as u32).collect();
        context.positions = self.model.ids(&positions)?;
        let mut x = embedding::forward(self.model.embedding.value(), &self.model.ids(&ids)?)?;
        for (layer, cache) in self.model.layers.iter().zip(self.cache.layers()) {
            x = layer.decode(&x, &context, &places, cache)?;
        }
        for text in &mut self.growing {
            text.cached += 1;
        }
        let logits = self.logits(&x)?;
        self.choose(0, &logits)
    }

    fn logits(&self, x: &Tensor) -> Result<Vec<Vec<f32>>> {
        let logits = self.model.head().logits(&self.model.normed(x)?)?;
        Ok(logits.to_dtype(DType::F32)?.to_vec2::<f32>()?)
    }

    /// Chooses the next token of the texts from `first_row` on, and lets go of those that end with it.
    fn choose(&mut self, first_row: usize, logits: &[Vec<f32>]) -> Result<()> {
        let (settings, texts) = (self.settings, &self.texts);
        let growing: Vec<&Growing> = self.growing.iter().skip(first_row).collect();
        let chosen: Vec<Result<u32>> = growing
            .par_iter()
            .zip(logits)
            .map(|(text, logits)| settings.choose(logits, text.prompt, texts.get(text.prompt).map_or(0, Vec::len)))
            .collect();
        let mut finished = Vec::new();
        for (row, id) in (first_row..).zip(chosen) {
            let id = id?;
            let Some(text) = self.growing.get_mut(row) else { continue };
            let Some(tokens) = self.texts.get_mut(text.prompt) else { continue };
            if self.settings.stop_ids.contains(&id) {
                finished.push(row);
                continue;
            }
            tokens.push(id);
            (self.on_token)(text.prompt, id);
            text.last = id;
            text.left -= 1;
            if text.left == 0 {
                finished.push(row);
            }
        }
        for row in finished.into_iter().rev() {
            let last = self.growing.len() - 1;
            let cached = self.growing.last().map_or(0, |text| text.cached);
            self.cache.move_row(last, row, cached)?;
            self.growing.swap_remove(row);
        }
        Ok(())
    }
}
