//! Generating texts: prompts go through the model packed, then all unfinished texts grow by one token at a time.
//!
//! A row of the key-value cache belongs to one text at a time. When a text is finished, the last row moves to its
//! place, and the next prompt that waits takes the row that became free.

use candle_core::Tensor;

use super::batch::check_ids;
use super::cache::Cache;
use super::decode::{Decoder, Row};
use super::llama::Llama;
use super::sampling::Sampling;
use crate::error::{Error, Result};
use crate::kernels::attention::Segments;
use crate::kernels::rows;

/// Prompts are read in packs of about this many tokens; a longer prompt goes alone.
const PROMPT_TOKENS: usize = 4096;

/// A text to go on with, and the one of several models that does.
#[derive(Debug, Clone, Copy)]
pub struct Prompt<'a> {
    /// The model's place in the list.
    pub model: usize,
    /// The text so far.
    pub ids: &'a [u32],
}

/// A text that is being generated.
struct Growing {
    /// Which prompt it belongs to.
    prompt: usize,
    /// Which model writes it.
    model: usize,
    /// How many of its tokens are in the cache.
    cached: usize,
    /// The token chosen last, which is not in the cache yet.
    last: u32,
    /// How many tokens may come yet.
    left: usize,
}

/// All texts of one call.
struct Generation<'a> {
    models: &'a [&'a Llama],
    decoder: Decoder<'a>,
    prompts: &'a [Prompt<'a>],
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
        let prompts: Vec<Prompt<'_>> = prompts.iter().map(|ids| Prompt { model: 0, ids }).collect();
        Self::generate_side_by_side(&[self], &prompts, settings, stop, on_token)
    }

    /// As [`Llama::generate`], with several models that share one base and differ in their adapters: texts of all of
    /// them grow in one batch, and the base's weights are multiplied once for all.
    ///
    /// # Errors
    /// As [`Llama::generate`]; a prompt names no model of the list; the models do not share their base's weights.
    pub fn generate_side_by_side(
        models: &[&Self],
        prompts: &[Prompt<'_>],
        settings: &Sampling,
        stop: &dyn Fn() -> bool,
        on_token: &mut dyn FnMut(usize, u32),
    ) -> Result<Vec<Vec<u32>>> {
        settings.check()?;
        for (number, prompt) in prompts.iter().enumerate() {
            let model = models.get(prompt.model).ok_or_else(|| {
                Error::new("a prompt's model").got(prompt.model).expected(format!("below {}", models.len()))
            });
            model
                .and_then(|model| check_ids(prompt.ids, &Segments::one(prompt.ids.len()), &model.config))
                .map_err(|error| error.at(format!("prompt {number}")))?;
        }
        let texts = vec![Vec::new(); prompts.len()];
        let (Some(base), false) = (models.first(), prompts.is_empty() || settings.max_new_tokens == 0) else {
            return Ok(texts);
        };
        let rows = settings.rows_at_once.min(prompts.len());
        let longest = prompts.iter().map(|prompt| prompt.ids.len()).max().unwrap_or(0);
        let (layers, width) = (base.config.layers, base.config.key_value_width());
        let cache = Cache::new(layers, rows, longest + 1, width, base.dtype(), base.device())?;
        let decoder = Decoder::new(models, rows)?;
        let growing = Vec::new();
        let mut generation = Generation { models, decoder, prompts, settings, on_token, cache, growing, texts };
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
        let number = self.prompts.get(first).map_or(0, |prompt| prompt.model);
        let Some(model) = self.models.get(number) else {
            return Err(Error::new("a prompt's model").got(number).expected(format!("below {}", self.models.len())));
        };
        for prompt in self.prompts.iter().skip(first).take(free).take_while(|prompt| prompt.model == number) {
            if !ids.is_empty() && ids.len() + prompt.ids.len() > PROMPT_TOKENS {
                break;
            }
            ids.extend_from_slice(prompt.ids);
            bounds.push(ids.len() as u32);
        }
        let (count, first_row) = (bounds.len() - 1, self.growing.len());
        let lasts: Vec<u32> = bounds.iter().skip(1).map(|end| end - 1).collect();
        let segments = Segments::new(bounds)?;
        let caches = self.cache.layers();
        let x = model.residual_of(&ids, &segments, &lasts, |layer, [k, v]| {
            let Some(cache) = caches.get(layer) else { return Ok(()) };
            segments.iter().enumerate().try_for_each(|(row, tokens)| {
                let of_prompt = |t: &Tensor| t.narrow(0, tokens.start, tokens.len());
                cache.fill(first_row + row, &of_prompt(&k)?, &of_prompt(&v)?)
            })
        })?;
        for (row, tokens) in segments.iter().enumerate() {
            let room = model.config.max_position_embeddings - tokens.len();
            // The last token of a text needs no place in the context: nothing is predicted from it.
            let left = self.settings.max_new_tokens.min(room + 1);
            self.growing.push(Growing { prompt: first + row, model: number, cached: tokens.len(), last: 0, left });
        }
        self.choose(first_row, &x)?;
        Ok(first + count)
    }

    /// Adds one token to every unfinished text.
    fn grow(&mut self) -> Result<()> {
        self.cache.reserve(self.growing.iter().map(|text| text.cached + 1).max().unwrap_or(0))?;
        let rows = self.growing.iter().map(|text| Row { model: text.model, token: text.last, place: text.cached });
        let x = self.decoder.step(&rows.collect::<Vec<_>>(), &self.cache)?;
        for text in &mut self.growing {
            text.cached += 1;
        }
        self.choose(0, &x)
    }

    /// Chooses the next token of the texts from `first_row` on, and lets go of those that end with it.
    fn choose(&mut self, first_row: usize, x: &Tensor) -> Result<()> {
        let (settings, texts) = (self.settings, &self.texts);
        let growing: Vec<&Growing> = self.growing.iter().skip(first_row).collect();
        let models: Vec<usize> = growing.iter().map(|text| text.model).collect();
        let chosen = rows::map(&self.decoder.logits(x, &models)?, |row, logits| match growing.get(row) {
            Some(text) => settings.choose(logits, text.prompt, texts.get(text.prompt).map_or(0, Vec::len)),
            None => Err(Error::new("a row of logits").got(row).expected("a text that grows")),
        })?;
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
