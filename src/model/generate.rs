//! Generating texts: prompts go through the model packed, long ones in chunks; then all unfinished texts grow by one token at a time.
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
    stop: &'a dyn Fn() -> bool,
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
        let mut generation = Generation { models, decoder, prompts, settings, stop, on_token, cache, growing, texts };
        let mut waiting = 0;
        while waiting < prompts.len() || !generation.growing.is_empty() {
            if stop() {
                return Err(stopped());
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

fn stopped() -> Error {
    Error::interrupted("the generation was stopped")
}

impl Generation<'_> {
    /// Reads some of the prompts that wait, fills the cache with them and chooses their first tokens; returns the
    /// number of the next one that waits.
    fn read_prompts(&mut self, first: usize, free: usize) -> Result<usize> {
        let (prompts, limit) = (self.prompts, self.settings.prompt_tokens_at_once);
        let waiting = prompts.get(first..).unwrap_or_default();
        let Some((prompt, model)) =
            waiting.first().and_then(|prompt| self.models.get(prompt.model).map(|model| (prompt, *model)))
        else {
            return Err(Error::new("a prompt that waits").got(first).expected("one of a model that is there"));
        };
        let packed = waiting.iter().take(free).scan(0, |tokens, next| {
            *tokens += next.ids.len();
            (*tokens <= limit && next.model == prompt.model).then_some(next.ids)
        });
        let pack: Vec<&[u32]> = packed.collect();
        let x = if pack.is_empty() { self.read_chunks(model, prompt.ids)? } else { self.read_pack(model, &pack)? };
        let (count, first_row) = (pack.len().max(1), self.growing.len());
        for (number, prompt) in prompts.iter().enumerate().skip(first).take(count) {
            let cached = prompt.ids.len();
            // The last token of a text needs no place in the context: nothing is predicted from it.
            let left = self.settings.max_new_tokens.min(model.config.max_position_embeddings - cached + 1);
            self.growing.push(Growing { prompt: number, model: prompt.model, cached, last: 0, left });
        }
        self.choose(first_row, &x)?;
        Ok(first + count)
    }

    /// The residual stream of the last token of each of some prompts, which the rows from the first free one on take.
    fn read_pack(&self, model: &Llama, prompts: &[&[u32]]) -> Result<Tensor> {
        let ends = prompts.iter().scan(0, |end, ids| {
            *end += ids.len() as u32;
            Some(*end)
        });
        let segments = Segments::new(std::iter::once(0).chain(ends.clone()).collect())?;
        let lasts: Vec<u32> = ends.map(|end| end - 1).collect();
        let (caches, first_row) = (self.cache.layers(), self.growing.len());
        model.residual_of(&prompts.concat(), &segments, &lasts, |layer, [k, v]| {
            let Some(cache) = caches.get(layer) else { return Ok(()) };
            segments.iter().enumerate().try_for_each(|(row, tokens)| {
                let of_prompt = |t: &Tensor| t.narrow(0, tokens.start, tokens.len());
                cache.fill(first_row + row, 0, &of_prompt(&k)?, &of_prompt(&v)?)
            })
        })
    }

    /// As [`Generation::read_pack`] for one prompt that is too long for a pack: memory does not grow with it, but for
    /// its keys and values.
    fn read_chunks(&self, model: &Llama, prompt: &[u32]) -> Result<Tensor> {
        let (size, row) = (self.settings.prompt_tokens_at_once, self.growing.len());
        let mut last = None;
        for (ids, past) in prompt.chunks(size).zip((0..).step_by(size)) {
            if (self.stop)() {
                return Err(stopped());
            }
            last = Some(model.residual_on(ids, past, &self.cache, row)?);
        }
        last.ok_or_else(|| Error::new("a prompt").got("no tokens").expected("at least one"))
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
