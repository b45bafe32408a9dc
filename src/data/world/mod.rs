//! The built-in world: English, Estonian and Finnish text about the same few people, written by us.
//!
//! A small world (twelve people, ten towns, their animals, their things, what they do and why) is
//! described by typed sentences. Each sentence has exactly one wording in each language, made
//! from tables that hold every inflected form in full, so that all languages are right and say the
//! same. From these sentences come documents, instructions, translation pairs and tests.
//!
//! # What the seed decides
//! Where each person lives, what they do for a living, their pet and what they like ([`rows`] of one
//! seed agree with each other in all languages), and which rows are drawn.
//!
//! # What is held out
//! A sentence is identified by its wording in English and Estonian with names in place of pronouns; a hash of
//! that, which no seed changes, sends one sentence in ten (and one cause with its effect in ten) to the
//! tests. No generator writes a held-out sentence, or a held-out cause and effect joined or side by side,
//! so training and tests do not overlap, whatever their seeds and languages. Only facts (`Mari lives in Tartu`) and the
//! weather are in both: there are too few of them.
//!
//! | tests | what no training row contains |
//! |---|---|
//! | [`translation_tests`], [`correction_tests`] | the right sentence (or the cause joined with the effect) |
//! | [`answer_tests`] | the sentence that the question is about, so also the passage |
//! | [`choice_tests`] | the premise together with the right choice; each alone may occur |
//! | [`text_tests`] | the first sentence, so also the document |
//!
//! # Example
//! ```
//! use emakeel::data::world::{WorldRow, rows};
//! for row in rows("translation-pairs", 3, 42)? {
//!     if let WorldRow::Pair { english, other } = row {
//!         assert!(english.ends_with('.') && other.ends_with('.'));
//!     }
//! }
//! # Ok::<(), emakeel::error::Error>(())
//! ```

mod causes;
mod corrections;
mod dice;
mod documents;
mod draw;
mod english;
mod estonian;
mod facts;
mod finnish;
mod generators;
mod held_out;
mod instructions;
mod lexicon;
mod objects;
mod questions;
mod semantics;
mod split;
mod stories;
#[cfg(test)]
mod tests;
mod things;
mod wordings;
mod words;

pub use generators::{GENERATORS, WorldRow, rows};
pub use held_out::{answer_tests, choice_tests, correction_tests, text_tests, translation_tests};

use crate::error::{Error, Result};

/// A language of the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// English, which the base model knows.
    English,
    /// Estonian, which it learns.
    Estonian,
    /// Finnish, which it learns instead.
    Finnish,
}

impl Language {
    /// The language of that English name.
    ///
    /// # Errors  any other name, with those that exist
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "English" => Ok(Self::English),
            "Estonian" => Ok(Self::Estonian),
            "Finnish" => Ok(Self::Finnish),
            _ => Err(Error::new("language of the built-in world").got(name).expected("English, Estonian or Finnish")),
        }
    }
}

/// A held-out sentence in English and in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranslationTest {
    /// In English.
    pub english: String,
    /// In the other language.
    pub other: String,
}

/// What a [`ChoiceTest`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Why the premise happened.
    Cause,
    /// What followed from the premise.
    Effect,
}

/// A premise and two sentences, one of which is its likelier cause or effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChoiceTest {
    /// What happened.
    pub premise: String,
    /// What is asked.
    pub question: Question,
    /// The two sentences.
    pub choices: [String; 2],
    /// The index of the right one.
    pub answer: usize,
}

/// A passage and a question that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerTest {
    /// The passage.
    pub passage: String,
    /// The question.
    pub question: String,
    /// Every right answer, the best first.
    pub answers: Vec<String>,
}

/// A sentence with a mistake (now and then with none), and the right sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrectionTest {
    /// As given.
    pub wrong: String,
    /// As it should be.
    pub right: String,
}

/// The instruction and input of a choice, worded as in training. The output is the right sentence.
pub fn choice_instruction(language: Language, test: &ChoiceTest) -> (String, String) {
    (first_wording(test.question.into(), language), wordings::premise_and_choices(&test.premise, &test.choices))
}

/// The instruction and input of a question, worded as in training. The output is the answer.
pub fn answer_instruction(language: Language, test: &AnswerTest) -> (String, String) {
    let input = wordings::passage_and_question(language, &test.passage, &test.question);
    (first_wording(wordings::Task::Answer, language), input)
}

/// The instruction and input of a correction, worded as in training. The output is the right sentence.
pub fn correction_instruction(language: Language, test: &CorrectionTest) -> (String, String) {
    (first_wording(wordings::Task::Correct, language), test.wrong.clone())
}

fn first_wording(task: wordings::Task, language: Language) -> String {
    wordings::wordings(task, language).first().copied().unwrap_or_default().to_owned()
}
