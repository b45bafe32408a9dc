//! The tests: what no generator writes.

use super::corrections::Mistakes;
use super::dice::Dice;
use super::documents;
use super::draw::Draw;
use super::facts::World;
use super::split::Side;
use super::stories::{self, Kind};
use super::{AnswerTest, ChoiceTest, CorrectionTest, Language, TranslationTest, causes, instructions};
use crate::random::Stream;
use std::collections::HashSet;
use std::hash::Hash;

/// How often a test is drawn before it is taken that there are no more that are new.
const TRIES: u64 = 200;

/// Draws tests until there are `n` that differ in their keys; fewer if the world has no more.
fn distinct<T, K: Hash + Eq>(
    n: usize,
    seed: u64,
    name: &str,
    draw_one: impl Fn(Draw<'_>, &mut Dice) -> T,
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let world = World::new(seed);
    let draw = Draw { world: &world, side: Side::Tests, hero: None };
    let stream = Stream::new(seed, name);
    let mut seen = HashSet::new();
    let mut tests = Vec::with_capacity(n);
    for index in 0..(n as u64).saturating_mul(TRIES) {
        if tests.len() == n {
            break;
        }
        let test = draw_one(draw, &mut Dice::new(stream.child(index)));
        if seen.insert(key(&test)) {
            tests.push(test);
        }
    }
    tests
}

/// `n` held-out sentences in English and in another language, no two alike. One in five joins a held-out cause and effect.
pub fn translation_tests(other: Language, n: usize, seed: u64) -> Vec<TranslationTest> {
    let sentence = |draw: Draw<'_>, dice: &mut Dice| {
        if dice.percent(20) {
            let rule = dice.until(|dice| causes::rule(draw, dice), causes::Rule::is_held_out);
            stories::reason(rule, dice)
        } else {
            documents::Document::of(&[draw.sentence(dice)])
        }
    };
    let draw_one = |draw: Draw<'_>, dice: &mut Dice| {
        let document = dice.until(|dice| sentence(draw, dice), |document| document.is_clear(other));
        TranslationTest { english: document.text(Language::English), other: document.text(other) }
    };
    distinct(n, seed, "translation tests", draw_one, |test| test.english.clone())
}

/// `n` held-out choices of a cause or an effect, no two alike.
pub fn choice_tests(language: Language, n: usize, seed: u64) -> Vec<ChoiceTest> {
    let draw_one = |draw: Draw<'_>, dice: &mut Dice| instructions::choice_test(draw, language, dice);
    distinct(n, seed, "choice tests", draw_one, |test| {
        let mut choices = test.choices.clone();
        choices.sort();
        (test.premise.clone(), test.question == super::Question::Cause, choices)
    })
}

/// `n` held-out passages with a question, no two alike.
pub fn answer_tests(language: Language, n: usize, seed: u64) -> Vec<AnswerTest> {
    let draw_one = |draw: Draw<'_>, dice: &mut Dice| instructions::answer_test(draw, language, dice);
    distinct(n, seed, "answer tests", draw_one, |test| (test.passage.clone(), test.question.clone()))
}

/// `n` held-out sentences to correct, no two alike.
pub fn correction_tests(language: Language, n: usize, seed: u64) -> Vec<CorrectionTest> {
    let mistakes = Mistakes::new(language);
    let draw_one = |draw: Draw<'_>, dice: &mut Dice| mistakes.draw(draw, dice);
    distinct(n, seed, "correction tests", draw_one, |test| test.right.clone())
}

/// `n` held-out documents, no two alike: each begins with a held-out sentence.
pub fn text_tests(language: Language, n: usize, seed: u64) -> Vec<String> {
    let draw_one = |draw: Draw<'_>, dice: &mut Dice| {
        let document = |dice: &mut Dice| stories::document(draw, Kind::Any, dice);
        dice.until(document, |document| document.is_clear(language)).text(language)
    };
    distinct(n, seed, "text tests", draw_one, String::clone)
}
