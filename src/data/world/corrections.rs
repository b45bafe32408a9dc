//! Sentences with a mistake.

use super::dice::Dice;
use super::draw::Draw;
use super::lexicon;
use super::semantics::{Mention, Sentence};
use super::split::Side;
use super::{CorrectionTest, Language, english, estonian, finnish};
use std::collections::HashSet;

/// Beginnings of words that are right with a letter less, spelled otherwise (`väikse`, `traveled`, `omenista`) or as another
/// word: `Ulkona on kylä` (a village).
const VARIABLE: [&str; 10] =
    ["väike", "travelled", "omeno", "kylm", "pallo", "kello", "laiva", "kiss", "tuoli", "peruna"];

/// Makes mistakes in the sentences of one language.
#[derive(Debug)]
pub(super) struct Mistakes {
    language: Language,
    /// Every form of every word, so that a slip of the pen makes no other word.
    forms: HashSet<&'static str>,
}

impl Mistakes {
    /// Mistakes in a language.
    pub(super) fn new(language: Language) -> Self {
        Self { language, forms: lexicon::forms(language).into_iter().collect() }
    }

    /// A sentence to correct: mostly with one mistake of grammar, sometimes with a missing letter, sometimes right.
    pub(super) fn draw(&self, draw: Draw<'_>, dice: &mut Dice) -> CorrectionTest {
        let clear = |it: &Sentence| draw.side == Side::Training || it.is_clear(self.language);
        let sentence = dice.until(|dice| draw.sentence(dice), clear);
        let (right, mistakes) = self.of(&sentence);
        let wrong = match dice.weighted(&[12, 18, 70]) {
            0 => right.clone(),
            1 => self.slip(&right, dice).unwrap_or_else(|| right.clone()),
            _ if mistakes.is_empty() => self.slip(&right, dice).unwrap_or_else(|| right.clone()),
            _ => mistakes[dice.below(mistakes.len())].clone(),
        };
        CorrectionTest { wrong, right }
    }

    /// A sentence as it should be, and as it should not.
    pub(super) fn of(&self, sentence: &Sentence) -> (String, Vec<String>) {
        let words = match self.language {
            Language::English => english::statement(sentence, Mention::default()),
            Language::Estonian => estonian::statement(sentence, Mention::default(), false),
            Language::Finnish => finnish::statement(sentence, Mention::default()),
        };
        (words.sentence('.'), words.mistakes('.'))
    }

    /// The sentence with a letter missing inside one of its longer words; none if there is no such word.
    fn slip(&self, right: &str, dice: &mut Dice) -> Option<String> {
        let mut words: Vec<String> = right.trim_end_matches('.').split(' ').map(str::to_owned).collect();
        let long = |word: &String| {
            let apt = word.chars().count() >= 4 && word.chars().all(char::is_lowercase);
            apt && !VARIABLE.iter().any(|start| word.starts_with(start))
        };
        let places: Vec<usize> = (0..words.len()).filter(|&index| long(&words[index])).collect();
        if places.is_empty() {
            return None;
        }
        let place = dice.pick(&places);
        let letters: Vec<char> = words[place].chars().collect();
        let missing = 1 + dice.below(letters.len() - 2);
        let slipped: String =
            letters.iter().enumerate().filter(|(index, _)| *index != missing).map(|(_, letter)| letter).collect();
        if self.forms.contains(slipped.as_str()) {
            return None;
        }
        words[place] = slipped;
        Some(format!("{}.", words.join(" ")))
    }
}
