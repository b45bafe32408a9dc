//! A candidate answers a task: greedy texts, likelihoods of choices, or likelihoods of texts.

use std::collections::BTreeMap;

use crate::data::{Tokenizer, template};
use crate::error::{Error, Place, Result};
use crate::model::{Batch, Llama, Sampling, Segments};
use crate::progress::Bar;
use crate::recipe::{ChatTemplate, TaskKind};

use super::example::Example;
use super::metric::likeliest;
use super::prediction::{Likelihood, Prediction};
use super::result::TaskResult;
use super::task::{Item, Task};
use super::window;

impl Task {
    /// Asks a model all examples and scores its answers.
    ///
    /// Texts are decoded greedily, `batch` of them side by side; the results stand in the order of the
    /// examples. `bar` counts examples. `stop` is asked between steps.
    ///
    /// # Errors
    /// A prompt that does not fit the model; numbers that are not finite; `stop` said yes (an error of kind
    /// `Interrupted`).
    pub fn run(
        &self,
        model: &Llama,
        tokenizer: &Tokenizer,
        stop: &dyn Fn() -> bool,
        bar: &mut Bar,
    ) -> Result<TaskResult> {
        let asked = Asked { task: self, model, tokenizer, stop };
        let predictions = match self.kind {
            TaskKind::Choice => asked.choose(bar),
            TaskKind::Perplexity => asked.predict_texts(bar),
            TaskKind::Translation { .. } | TaskKind::Answer | TaskKind::Correction => asked.write_answers(bar),
        };
        self.result(predictions.at(self.name())?)
    }

    /// Checks that every prompt, with its longest choice, leaves room in a context of `context` tokens.
    pub(super) fn check(&self, tokenizer: &Tokenizer, context: usize) -> Result<()> {
        for (item, number) in self.items.iter().zip(0usize..) {
            let length = match &item.example {
                Example::Text(_) => 0,
                Example::Choice { choices, .. } => {
                    let lengths = choices.iter().map(|choice| Ok(self.answered(item, choice, tokenizer)?.ids.len()));
                    lengths.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or(0)
                }
                _ => self.prompt(item, tokenizer)?.len() + 1,
            };
            if length > context {
                return Err(too_long(number, length, context));
            }
        }
        Ok(())
    }

    fn prompt(&self, item: &Item, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
        template::encode_prompt(self.template, &item.question, tokenizer)
    }

    fn answered(&self, item: &Item, answer: &str, tokenizer: &Tokenizer) -> Result<template::Encoded> {
        template::encode(self.template, &item.question.clone().answered(answer), tokenizer)
    }
}

fn too_long(example: usize, tokens: usize, context: usize) -> Error {
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
    stop: &'a dyn Fn() -> bool,
}

impl Asked<'_> {
    fn write_answers(&self, bar: &mut Bar) -> Result<Vec<Prediction>> {
        let (task, tokenizer) = (self.task, self.tokenizer);
        let context = self.model.config.max_position_embeddings;
        let prompts = task.items.iter().map(|item| task.prompt(item, tokenizer)).collect::<Result<Vec<_>>>()?;
        if let Some((number, prompt)) = prompts.iter().enumerate().find(|(_, prompt)| prompt.len() >= context) {
            return Err(too_long(number, prompt.len() + 1, context));
        }
        // Prompts of like length are read together, and what is too much for the memory fails at once.
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&i| std::cmp::Reverse(prompts.get(i).map_or(0, Vec::len)));
        let sorted: Vec<Vec<u32>> = order.iter().filter_map(|&i| prompts.get(i).cloned()).collect();
        let mut sampling = Sampling::greedy(self.model, task.max_new_tokens);
        sampling.rows_at_once = task.batch;
        if !sampling.stop_ids.contains(&tokenizer.eos()) {
            sampling.stop_ids.push(tokenizer.eos());
        }
        let mut begun = vec![false; sorted.len()];
        let mut tokens = 0u64;
        let texts = self.model.generate(&sorted, &sampling, self.stop, &mut |prompt, _| {
            tokens += 1;
            if let Some(begun) = begun.get_mut(prompt).filter(|begun| !**begun) {
                *begun = true;
                bar.advance(1, format!("{tokens} tokens"));
            }
        })?;
        // A text without a single token was never heard of.
        bar.advance(begun.iter().filter(|begun| !**begun).count() as u64, format!("{tokens} tokens"));
        let mut answers = vec![String::new(); texts.len()];
        for (text, &at) in texts.iter().zip(&order) {
            if let Some(answer) = answers.get_mut(at) {
                *answer = tokenizer.decode(text);
            }
        }
        let rows = task.items.iter().zip(prompts).zip(answers).enumerate();
        Ok(rows
            .map(|(number, ((item, prompt), answer))| Prediction {
                answer: answer_in(&answer, task.template, &item.example),
                prompt: tokenizer.decode(&prompt),
                ..prediction(number, &item.example)
            })
            .collect())
    }

    fn choose(&self, bar: &mut Bar) -> Result<Vec<Prediction>> {
        let mut predictions = Vec::with_capacity(self.task.items.len());
        for (chunk, start) in self.task.items.chunks(self.task.batch).zip((0..).step_by(self.task.batch)) {
            let mut documents = Vec::new();
            for (item, number) in chunk.iter().zip(start..) {
                for choice in choices(&item.example) {
                    let encoded = self.task.answered(item, choice, self.tokenizer)?;
                    if encoded.ids.len() > self.model.config.max_position_embeddings {
                        return Err(too_long(number, encoded.ids.len(), self.model.config.max_position_embeddings));
                    }
                    documents.push(window::Document::of_answer(&encoded, self.tokenizer.eos()));
                }
            }
            let mut scored = self.scored(&documents)?.into_iter().zip(&documents);
            for (item, number) in chunk.iter().zip(start..) {
                let likelihoods: Vec<Likelihood> = choices(&item.example)
                    .iter()
                    .zip(&mut scored)
                    .map(|(choice, (nats, document))| Likelihood::new(choice, document.targets(), nats))
                    .collect();
                let chosen = likeliest(&likelihoods, Likelihood::per_token).map(|chosen| chosen.text.clone());
                predictions.push(Prediction {
                    prompt: self.tokenizer.decode(&self.task.prompt(item, self.tokenizer)?),
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
        let length = window::LENGTH.min(self.model.config.max_position_embeddings);
        let mut predictions = Vec::with_capacity(self.task.items.len());
        for (item, number) in self.task.items.iter().zip(0usize..) {
            let Example::Text(text) = &item.example else { continue };
            let ids = self.tokenizer.encode(text)?;
            let windows = window::windows(self.tokenizer.bos(), &ids, length);
            let mut nats = 0.0;
            for chunk in windows.chunks(self.task.batch) {
                nats = self.scored(chunk)?.into_iter().fold(nats, |sum, nats| sum + nats);
            }
            let likelihoods = vec![Likelihood::new(text, ids.len(), nats)];
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
        let (mut ids, mut bounds, mut targets) = (Vec::new(), vec![0u32], Vec::new());
        for document in documents {
            let start = ids.len() as u32;
            targets.extend(document.rows.iter().map(|(row, id)| (start + row, *id)));
            ids.extend_from_slice(&document.ids);
            bounds.push(ids.len() as u32);
        }
        let batch = Batch { ids, targets, segments: Segments::new(bounds)? };
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
fn prediction(number: usize, example: &Example) -> Prediction {
    Prediction {
        example: number,
        prompt: String::new(),
        source: example.source().to_owned(),
        answer: String::new(),
        references: example.references(),
        likelihoods: Vec::new(),
        scores: BTreeMap::new(),
    }
}

/// The answer in what a model wrote.
///
/// A model that goes on with the next turn by itself is cut there. Where all references are single lines,
/// the answer is the first line that is not blank: a base model that rambles on is not scored for rambling.
fn answer_in(text: &str, template: ChatTemplate, example: &Example) -> String {
    let marks: &[&str] = match template {
        ChatTemplate::LlammasChat => &["<|user|>", "<|assistant|>", "<|system|>"],
        ChatTemplate::Alpaca => &["### "],
        ChatTemplate::Plain => &[],
    };
    let end = marks.iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    let own = text.get(..end).unwrap_or(text).trim();
    if example.references().iter().any(|reference| reference.contains('\n')) {
        return own.to_owned();
    }
    own.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
