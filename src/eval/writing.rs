//! The texts that candidates write to answer a task, all of them in one batch.

use crate::data::Tokenizer;
use crate::data::template::Template;
use crate::error::Result;
use crate::model::{Llama, Prompt, Sampling};
use crate::progress::Bar;

use super::example::Example;
use super::prediction::Prediction;
use super::run::{prediction, too_long};
use super::task::Task;

impl Task {
    /// What each model writes: the prompts of all of them in one batch, model after model.
    pub(super) fn write_answers(
        &self,
        models: &[&Llama],
        (template, tokenizer): (&Template, &Tokenizer),
        stop: &dyn Fn() -> bool,
        bar: &mut Bar,
    ) -> Result<Vec<Vec<Prediction>>> {
        let Some(base) = models.first() else { return Ok(Vec::new()) };
        let context = base.config.max_position_embeddings;
        let mut encoder = tokenizer.encoder();
        let prompts = self
            .items
            .iter()
            .map(|item| template.encode_prompt(&item.question, &mut encoder))
            .collect::<Result<Vec<_>>>()?;
        if let Some((number, prompt)) = prompts.iter().enumerate().find(|(_, prompt)| prompt.len() >= context) {
            return Err(too_long(number, prompt.len() + 1, context));
        }
        // Prompts of like length are read together, and what is too much for the memory fails at once.
        let mut order: Vec<(usize, &Vec<u32>)> = prompts.iter().enumerate().collect();
        order.sort_by_key(|(_, prompt)| std::cmp::Reverse(prompt.len()));
        let of_model = |model| order.iter().map(move |(_, ids)| Prompt { model, ids });
        let all: Vec<Prompt<'_>> = (0..models.len()).flat_map(of_model).collect();
        let mut sampling = Sampling { rows_at_once: self.batch, ..Sampling::greedy(base, self.max_new_tokens) };
        sampling.stop_ids.extend(template.ends(tokenizer));
        let mut begun = vec![false; all.len()];
        let mut tokens = 0u64;
        let texts = Llama::generate_side_by_side(models, &all, &sampling, stop, &mut |prompt, _| {
            tokens += 1;
            if let Some(begun) = begun.get_mut(prompt).filter(|begun| !**begun) {
                *begun = true;
                bar.advance(1, format!("{tokens} tokens"));
            }
        })?;
        // A text without a single token was never heard of.
        bar.advance(begun.iter().filter(|begun| !**begun).count() as u64, format!("{tokens} tokens"));
        let mut predictions = Vec::with_capacity(models.len());
        for texts in texts.chunks(order.len().max(1)) {
            let mut of_model: Vec<(usize, &Vec<u32>)> = order.iter().map(|(at, _)| *at).zip(texts).collect();
            of_model.sort_by_key(|(at, _)| *at);
            let rows = self.items.iter().zip(&prompts).zip(of_model);
            let written = rows.map(|((item, prompt), (number, text))| Prediction {
                answer: answer_in(&tokenizer.decode(text), template, &item.example),
                prompt: tokenizer.decode(prompt),
                ..prediction(number, &item.example)
            });
            predictions.push(written.collect());
        }
        Ok(predictions)
    }
}

/// The answer in what a model wrote.
///
/// A model that goes on with the next turn by itself is cut there. Where all references are single lines,
/// the answer is the first line that is not blank: a base model that rambles on is not scored for rambling.
pub(super) fn answer_in(text: &str, template: &Template, example: &Example) -> String {
    let marks = template.next_turn();
    let end = marks.into_iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let own = text.get(..end).unwrap_or(text).trim();
    if example.references().iter().any(|reference| reference.contains('\n')) {
        return own.to_owned();
    }
    own.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}
