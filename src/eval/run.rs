//! Candidates answer a task: greedy texts, likelihoods of choices, or likelihoods of texts.
//!
//! Candidates that differ in their adapters write their texts in one batch, in which the base's weights are multiplied
//! once for all; likelihoods are asked of one after the other.

use std::collections::BTreeMap;

use crate::data::template::{Encoded, Template};
use crate::data::tokenizer::Encoder;
use crate::data::{Conversation, Tokenizer};
use crate::error::{Error, Place, Result};
use crate::model::Llama;
use crate::progress::Bar;
use crate::recipe::{Choose, TaskKind};

use super::example::Example;
use super::metric::likeliest;
use super::prediction::{Likelihood, Prediction};
use super::result::TaskResult;
use super::task::Task;
use super::{window, wording};

impl Task {
    /// Asks some models, which share one base, all examples and scores the answers of each.
    ///
    /// Texts are decoded greedily, `batch` of them side by side; the predictions stand in the order of the
    /// examples. `bar` counts each model's examples. `stop` is asked between steps.
    ///
    /// # Errors
    /// A prompt that does not fit the model; numbers that are not finite; models that have weights of their own where
    /// texts are written; `stop` said yes (an error of kind `Interrupted`).
    pub fn run(
        &self,
        models: &[&Llama],
        tokenizer: &Tokenizer,
        stop: &dyn Fn() -> bool,
        bar: &mut Bar,
    ) -> Result<Vec<TaskResult>> {
        let template = &Template::open(&self.template, tokenizer).at(self.name())?;
        let asked = |model| Asked { task: self, model, tokenizer, template, stop };
        let predictions = match self.kind {
            TaskKind::Choice if self.choose == Choose::Likelihood => {
                models.iter().map(|model| asked(model).choose(bar)).collect()
            }
            TaskKind::Perplexity => models.iter().map(|model| asked(model).predict_texts(bar)).collect(),
            _ => self.write_answers(models, (template, tokenizer), stop, bar),
        };
        predictions.at(self.name())?.into_iter().map(|predictions| self.result(predictions)).collect()
    }

    /// Checks that every prompt, with its longest choice, leaves room in a context of `context` tokens.
    pub(super) fn check(&self, tokenizer: &Tokenizer, context: usize) -> Result<()> {
        let (template, encoder) = (Template::open(&self.template, tokenizer)?, &mut tokenizer.encoder());
        for (item, number) in self.items.iter().zip(0usize..) {
            let length = match &item.example {
                Example::Text(_) => 0,
                Example::Choice { choices, .. } if self.choose == Choose::Likelihood => {
                    let lengths = choices
                        .iter()
                        .map(|choice| Ok(answered(&template, &item.question, choice, encoder)?.ids.len()));
                    lengths.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(0)
                }
                _ => template.encode_prompt(&item.question, encoder)?.len() + 1,
            };
            if length > context {
                return Err(too_long(number, length, context));
            }
        }
        Ok(())
    }
}

fn answered(template: &Template, question: &Conversation, answer: &str, encoder: &mut Encoder<'_>) -> Result<Encoded> {
    template.encode(&question.clone().answered(answer), encoder)
}

pub(super) fn too_long(example: usize, tokens: usize, context: usize) -> Error {
    Error::new(format!("the prompt of example {example}"))
        .got(format!("{tokens} tokens"))
        .expected(format!("at most max_position_embeddings, {context}"))
        .hint("leave the task out, or shorten its examples; a prompt is never cut silently")
}

/// A task put to a model.
struct Asked<'a> {
    task: &'a Task,
    model: &'a Llama,
    tokenizer: &'a Tokenizer,
    template: &'a Template,
    stop: &'a dyn Fn() -> bool,
}

impl Asked<'_> {
    fn choose(&self, bar: &mut Bar) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::with_capacity(self.task.items.len());
        let (ends, encoder) = (self.template.ends(self.tokenizer), &mut self.tokenizer.encoder());
        let neutral = wording::neutral(&self.task.language);
        for (chunk, start) in self.task.items.chunks(self.task.batch).zip((0..).step_by(self.task.batch)) {
            let mut documents = Vec::new();
            for (item, number) in chunk.iter().zip(start..) {
                for choice in choices(&item.example) {
                    // The question is longer than the prompt that asks nothing, so that both fit if it does.
                    for question in [&item.question, &neutral] {
                        let encoded = answered(self.template, question, choice, encoder)?;
                        if encoded.ids.len() > self.model.config.max_position_embeddings {
                            return Err(too_long(number, encoded.ids.len(), self.model.config.max_position_embeddings));
                        }
                        documents.push(window::Document::of_answer(&encoded, &ends));
                    }
                }
            }
            let mut scored = self.scored(&documents)?.into_iter().zip(&documents);
            for (item, number) in chunk.iter().zip(start..) {
                let likelihoods: Vec<Likelihood> = choices(&item.example)
                    .iter()
                    .filter_map(|choice| {
                        let ((nats, document), (alone, _)) = (scored.next()?, scored.next()?);
                        Some(Likelihood::new(choice, document.targets(), nats).with_unconditional(alone))
                    })
                    .collect();
                let chosen = likeliest(&likelihoods, Likelihood::per_token).map(|chosen| chosen.text.clone());
                predictions.push(Prediction {
                    prompt: self.tokenizer.decode(&self.template.encode_prompt(&item.question, encoder)?),
                    answer: chosen.unwrap_or_default(),
                    likelihoods,
                    ..prediction(number, &item.example)
                });
            }
            bar.advance(chunk.len() as u64, "");
        }
        Ok(predictions)
    }

    fn predict_texts(&self, bar: &mut Bar) -> Result<Vec<Prediction>> {
        let context = self.model.config.max_position_embeddings;
        let length = window::LENGTH.min(context);
        let mut listener = window::Listener::new(self.template, self.tokenizer, context);
        let mut predictions = Vec::with_capacity(self.task.items.len());
        for (item, number) in self.task.items.iter().zip(0usize..) {
            let Example::Text(text) = &item.example else { continue };
            let (documents, text) = if item.question.turns.is_empty() {
                let ids = self.tokenizer.encode(text)?;
                (window::windows(self.tokenizer.bos(), &ids, length), text.clone())
            } else {
                let (document, text) = listener.heard(&item.question)?;
                (vec![document], text)
            };
            let mut nats = 0.0;
            for chunk in documents.chunks(self.task.batch) {
                nats = self.scored(chunk)?.into_iter().fold(nats, |sum, nats| sum + nats);
            }
            let tokens = documents.iter().map(window::Document::targets).sum();
            let likelihoods = vec![Likelihood::new(&text, tokens, nats)];
            predictions.push(Prediction { likelihoods, ..prediction(number, &item.example) });
            bar.advance(1, "");
        }
        Ok(predictions)
    }

    /// The log-likelihood of each document's targets, in nats.
    fn scored(&self, documents: &[window::Document]) -> Result<Vec<f64>> {
        if (self.stop)() {
            return Err(Error::interrupted("the task was stopped"));
        }
        if documents.iter().all(|document| document.rows.is_empty()) {
            return Ok(vec![0.0; documents.len()]);
        }
        let batch = window::batch(documents)?;
        let mut nats = self.model.log_likelihoods(&batch)?.into_iter();
        let sum_of = |document: &window::Document| nats.by_ref().take(document.targets()).fold(0.0, |sum, n| sum + n);
        Ok(documents.iter().map(sum_of).collect())
    }
}

fn choices(example: &Example) -> &[String] {
    match example {
        Example::Choice { choices, .. } => choices,
        _ => &[],
    }
}

/// What is known of a prediction before the model is asked.
pub(super) fn prediction(number: usize, example: &Example) -> Prediction {
    Prediction {
        example: number,
        prompt: String::new(),
        source: example.source().to_owned(),
        answer: String::new(),
        read: None,
        references: example.references(),
        likelihoods: Vec::new(),
        gold: example.gold().cloned(),
        scores: BTreeMap::new(),
    }
}

#[cfg(test)]
mod tests;
