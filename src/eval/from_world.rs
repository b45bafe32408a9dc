//! Examples from the built-in world's held-out part, worded as in its training rows.

use crate::data::{Conversation, world};
use crate::error::{Error, Result};
use crate::recipe::TaskKind;

use super::example::{Asks, Example};
use super::language::Language;
use super::task::Item;
use super::wording;

/// Asks the world for `count` examples; `from` is the language of a sentence to translate.
///
/// # Errors
/// A language that the world does not speak.
pub(super) fn items(
    kind: &TaskKind,
    from: &Language,
    language: &Language,
    count: usize,
    seed: u64,
) -> Result<Vec<Item>> {
    let tongue = world::Language::from_name(language.name())?;
    let items = match kind {
        TaskKind::Translation { .. } => {
            let (other, backward) = pair(world::Language::from_name(from.name())?, tongue)?;
            let tests = world::translation_tests(other, count, seed).into_iter();
            tests
                .map(|test| {
                    let (source, target) =
                        if backward { (test.other, test.english) } else { (test.english, test.other) };
                    let example = Example::Translation { source, references: vec![target] };
                    Item { question: wording::question(&example, from, language), example }
                })
                .collect()
        }
        TaskKind::Choice => world::choice_tests(tongue, count, seed).into_iter().map(|t| choice(tongue, t)).collect(),
        TaskKind::Answer => world::answer_tests(tongue, count, seed).into_iter().map(|t| answer(tongue, t)).collect(),
        TaskKind::Correction => {
            world::correction_tests(tongue, count, seed).into_iter().map(|t| correction(tongue, t)).collect()
        }
        TaskKind::Perplexity => {
            let texts = world::text_tests(tongue, count, seed).into_iter();
            texts.map(|text| Item { example: Example::Text(text), question: Conversation::default() }).collect()
        }
        TaskKind::Conversation => {
            return Err(Error::new("the world has no conversations").hint("give a file with the user's turns"));
        }
    };
    Ok(items)
}

/// The language beside English, and whether it is the one given.
fn pair(from: world::Language, to: world::Language) -> Result<(world::Language, bool)> {
    match (from, to) {
        _ if from == to => Err(Error::new("the languages of a translation are the same")),
        (world::Language::English, other) => Ok((other, false)),
        (other, world::Language::English) => Ok((other, true)),
        _ => Err(Error::new(format!("the world does not translate from {from:?} to {to:?}"))
            .hint("it does from English, and into English")),
    }
}

fn choice(language: world::Language, test: world::ChoiceTest) -> Item {
    let (instruction, input) = world::choice_instruction(language, &test);
    let asks = match test.question {
        world::Question::Cause => Asks::Cause,
        world::Question::Effect => Asks::Effect,
    };
    Item {
        question: Conversation::question(instruction, input),
        example: Example::Choice { premise: test.premise, asks, choices: test.choices.into(), right: test.answer },
    }
}

fn answer(language: world::Language, test: world::AnswerTest) -> Item {
    let (instruction, input) = world::answer_instruction(language, &test);
    Item {
        question: Conversation::question(instruction, input),
        example: Example::Answer { context: test.passage, question: test.question, references: test.answers },
    }
}

fn correction(language: world::Language, test: world::CorrectionTest) -> Item {
    let (instruction, input) = world::correction_instruction(language, &test);
    Item {
        question: Conversation::question(instruction, input),
        example: Example::Correction { source: test.wrong, references: vec![test.right], gold: None },
    }
}
