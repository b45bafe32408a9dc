//! The texts that candidates write to answer a task, all of them in one batch; and the answers in those texts.
//!
//! Turns of conversations are asked in rounds: all first turns, then all second ones, each with the candidate's own answer
//! to the first.

use fancy_regex::Regex;

use crate::data::template::Template;
use crate::data::{Conversation, Tokenizer};
use crate::error::{Error, Result};
use crate::model::{Llama, Prompt, Sampling};
use crate::progress::Bar;
use crate::recipe::{Choose, ReadAnswer};

use super::example::Example;
use super::letters;
use super::prediction::Prediction;
use super::run::{prediction, too_long};
use super::task::{Item, Task};

/// One text to be written: the model, the item, and the prompt.
struct Asked {
    model: usize,
    item: usize,
    prompt: Vec<u32>,
}

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
        let begun = |item: &Item| prediction(0, &item.example);
        let of_model = || self.items.iter().map(begun).zip(0..).map(|(it, example)| Prediction { example, ..it });
        let mut predictions: Vec<Vec<Prediction>> = models.iter().map(|_| of_model().collect()).collect();
        let rounds = self.items.iter().map(|item| item.turn()).max().unwrap_or(0);
        for round in 0..=rounds {
            let mut asked = Vec::new();
            for (model, predictions) in predictions.iter_mut().enumerate() {
                for (number, item) in self.items.iter().enumerate().filter(|(_, item)| item.turn() == round) {
                    let question = self.with_earlier_turns(number, item, predictions);
                    let prompt = template.encode_prompt(&question, &mut encoder)?;
                    if let Some(prediction) = predictions.get_mut(number) {
                        prediction.prompt = tokenizer.decode(&prompt);
                    }
                    match prompt.len() < context {
                        true => asked.push(Asked { model, item: number, prompt }),
                        false if round == 0 => return Err(too_long(number, prompt.len() + 1, context)),
                        // What a candidate said itself has filled the context: it has no answer to this turn.
                        false => bar.advance(1, ""),
                    }
                }
            }
            let texts = self.written(models, &mut asked, (template, tokenizer), stop, bar)?;
            for (asked, text) in asked.iter().zip(texts) {
                let place = predictions.get_mut(asked.model).and_then(|of_model| of_model.get_mut(asked.item));
                if let (Some(place), Some(item)) = (place, self.items.get(asked.item)) {
                    let written = tokenizer.decode(&text);
                    (place.answer, place.read) =
                        self.answers.of(own_turn(&written, template), &item.example, self.choose);
                }
            }
        }
        Ok(predictions)
    }

    /// The question of an item; a later turn has those before it, and the answers to them, above it.
    fn with_earlier_turns(&self, number: usize, item: &Item, predictions: &[Prediction]) -> Conversation {
        let first = number.saturating_sub(item.turn());
        let earlier = self.items.get(first..number).unwrap_or_default().iter();
        let answers = predictions.get(first..number).unwrap_or_default();
        let mut conversation = Conversation::default();
        for (earlier, answer) in earlier.zip(answers) {
            conversation.turns.extend(earlier.question.clone().answered(&answer.answer).turns);
        }
        conversation.turns.extend(item.question.turns.clone());
        conversation
    }

    /// What is written after each prompt. The prompts are brought into the order in which they are read.
    fn written(
        &self,
        models: &[&Llama],
        asked: &mut [Asked],
        (template, tokenizer): (&Template, &Tokenizer),
        stop: &dyn Fn() -> bool,
        bar: &mut Bar,
    ) -> Result<Vec<Vec<u32>>> {
        let (Some(base), false) = (models.first(), asked.is_empty()) else { return Ok(Vec::new()) };
        // Prompts of like length are read together, and what is too much for the memory fails at once.
        asked.sort_by_key(|asked| (asked.model, std::cmp::Reverse(asked.prompt.len())));
        let prompts: Vec<Prompt<'_>> =
            asked.iter().map(|asked| Prompt { model: asked.model, ids: &asked.prompt }).collect();
        let mut sampling = Sampling { rows_at_once: self.batch, ..Sampling::greedy(base, self.max_new_tokens) };
        sampling.stop_ids.extend(template.ends(tokenizer));
        let mut begun = vec![false; prompts.len()];
        let mut tokens = 0u64;
        let texts = Llama::generate_side_by_side(models, &prompts, &sampling, stop, &mut |prompt, _| {
            tokens += 1;
            if let Some(begun) = begun.get_mut(prompt).filter(|begun| !**begun) {
                *begun = true;
                bar.advance(1, format!("{tokens} tokens"));
            }
        })?;
        // A text without a single token was never heard of.
        bar.advance(begun.iter().filter(|begun| !**begun).count() as u64, format!("{tokens} tokens"));
        Ok(texts)
    }
}

/// A text up to where the model goes on with the next turn by itself.
pub(super) fn own_turn<'t>(text: &'t str, template: &Template) -> &'t str {
    let marks = template.next_turn();
    let end = marks.into_iter().filter_map(|mark| text.find(mark)).min().unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

/// What of a written text is the answer.
#[derive(Debug, Clone)]
pub(super) enum Answers {
    /// The first line that is not blank; all of it where a right answer has several lines.
    Line,
    /// All of it.
    All,
    /// What a pattern finds.
    Pattern(Box<Regex>),
}

impl Answers {
    /// # Errors
    /// The pattern is no regular expression.
    pub(super) fn new(read: &ReadAnswer) -> Result<Self> {
        Ok(match read {
            ReadAnswer::Line => Self::Line,
            ReadAnswer::All => Self::All,
            ReadAnswer::Pattern(pattern) => Self::Pattern(Box::new(Regex::new(pattern).map_err(|error| {
                Error::new(format!("the pattern for the answer: {error}")).got(format!("{pattern:?}"))
            })?)),
        })
    }

    /// The answer to an example in what a model wrote, and what is read out of it where that is something else.
    pub(super) fn of(&self, written: &str, example: &Example, choose: Choose) -> (String, Option<String>) {
        let written = written.trim();
        let (answer, found) = match self {
            Self::All => (written, None),
            Self::Line if example.references().iter().any(|reference| reference.contains('\n')) => (written, None),
            // A base model that rambles on is not scored for rambling.
            Self::Line => (written.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default(), None),
            Self::Pattern(pattern) => {
                let found = pattern.captures(written).ok().flatten();
                let found = found.and_then(|found| found.get(1).or_else(|| found.get(0)).map(|found| found.as_str()));
                (written, Some(found.unwrap_or_default().trim()))
            }
        };
        let read = match example {
            Example::Choice { choices, .. } if choose == Choose::Letter => {
                Some(letters::chosen(found.unwrap_or(answer), choices).unwrap_or_default())
            }
            _ => found,
        };
        (answer.to_owned(), read.map(str::to_owned))
    }
}
