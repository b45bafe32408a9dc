//! Texts as runs of old pieces, counted: what new pieces are learned from.
//!
//! Words are counted, then tokenized once each, and cut wherever no new piece can reach over: many words become the same
//! run, `maja,` and `maja.` for example.

use std::collections::HashMap;

use super::super::bpe::{Part, Work};
use super::super::train::MOST_BYTES;
use super::super::{Engine, Tokenizer};
use super::rules::Rules;
use crate::error::Result;

/// Marks a symbol that stands for a character without a piece; the rest of it is the character.
const MISSING: u32 = 1 << 31;

/// The symbol of a character that has no piece.
fn symbol_of(character: char) -> u32 {
    MISSING | u32::from(character)
}

/// The character that a symbol stands for; `None` for a piece.
pub(super) fn missing_character(symbol: u32) -> Option<char> {
    if symbol & MISSING == 0 { None } else { char::from_u32(symbol & !MISSING) }
}

/// Runs of pieces, and how often each is there.
pub(super) struct Units {
    counts: HashMap<Vec<u32>, u64>,
}

impl Units {
    /// Counts the runs of texts.
    ///
    /// # Errors
    /// The words of a text cannot be found.
    pub fn count<T: AsRef<str>>(
        tokenizer: &Tokenizer,
        rules: &Rules,
        texts: impl IntoIterator<Item = T>,
    ) -> Result<Self> {
        let mut line = Line { rules, run: Vec::new(), counts: HashMap::new() };
        let mut work = Work::default();
        for (word, count) in words(tokenizer, texts)? {
            match &tokenizer.engine {
                Engine::Pieces { bpe, .. } => {
                    let mut rest = word.as_str();
                    while !rest.is_empty() {
                        let known = rest.find(|c| !bpe.characters.contains_key(&c)).unwrap_or(rest.len());
                        let (pieces, after) = rest.split_at(known);
                        let mut ids = Vec::new();
                        bpe.encode_word(pieces, &mut work, &mut ids);
                        ids.into_iter().for_each(|id| line.piece(id, count));
                        let mut characters = after.chars();
                        characters.next().into_iter().for_each(|character| line.missing(character, count));
                        rest = characters.as_str();
                    }
                }
                Engine::Bytes(byte_level) => {
                    let mut ids = Vec::new();
                    byte_level.encode_word(&word, &mut work, &mut ids);
                    ids.into_iter().for_each(|id| line.piece(id, count));
                }
                Engine::General { .. } => {}
            }
            line.end(count);
        }
        Ok(Self { counts: line.counts })
    }

    /// The runs with their counts, in no order.
    pub fn into_runs(self) -> impl Iterator<Item = (Vec<u32>, u64)> {
        self.counts.into_iter()
    }
}

/// A word on its way to runs.
struct Line<'r> {
    rules: &'r Rules,
    run: Vec<u32>,
    counts: HashMap<Vec<u32>, u64>,
}

impl Line<'_> {
    fn piece(&mut self, id: u32, count: u64) {
        if self.rules.may_part(id) {
            self.run.push(id);
        } else {
            self.end(count);
        }
    }

    fn missing(&mut self, character: char, count: u64) {
        let letter = self.rules.is_letter(character);
        if !letter {
            self.end(count);
        }
        if self.rules.may_be_character(character) {
            self.run.push(symbol_of(character));
        }
        if !letter {
            self.end(count);
        }
    }

    fn end(&mut self, count: u64) {
        let run = std::mem::take(&mut self.run);
        let useful = match run.as_slice() {
            [] => false,
            [one] => missing_character(*one).is_some(),
            _ => true,
        };
        if useful {
            *self.counts.entry(run).or_default() += count;
        }
    }
}

/// How often each word is there, as the tokenizer cuts texts into words.
fn words<T: AsRef<str>>(tokenizer: &Tokenizer, texts: impl IntoIterator<Item = T>) -> Result<HashMap<String, u64>> {
    let mut words: HashMap<String, u64> = HashMap::new();
    let mut add = |word: &str| match words.get_mut(word) {
        Some(count) => *count += 1,
        None => drop(words.insert(word.to_owned(), 1)),
    };
    let mut left = MOST_BYTES;
    for text in texts {
        let text = text.as_ref();
        match &tokenizer.engine {
            Engine::Pieces { bpe, spaces } => bpe.each_part(&spaces.write(text, true), &mut |part| {
                // Where the line end is no piece's character nothing reaches over it, and `a\nb` is two words here.
                let apart = !bpe.characters.contains_key(&'\n');
                match part {
                    Part::Word(word) if apart => word.split('\n').filter(|line| !line.is_empty()).for_each(&mut add),
                    Part::Word(word) => add(word),
                    Part::Literal(_) => {}
                }
            }),
            Engine::Bytes(byte_level) => byte_level.words.each(text, &mut add)?,
            Engine::General { .. } => {}
        }
        left = left.saturating_sub(text.len());
        if left == 0 {
            break;
        }
    }
    Ok(words)
}
