//! A new vocabulary from texts: byte-pair encoding as Llama has it.
//!
//! `<unk>`, `<s>` and `</s>` are 0, 1 and 2, the 256 bytes follow, then the characters of the texts, then what merges
//! make of them. Words begin with their space; digits stand alone; no piece reaches over a line feed, so a template's
//! lines always begin and end with whole pieces.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::{AddedToken, Trainer};

use super::Tokenizer;
use super::bpe::SPACE;
use super::spaces::{Prefix, Spaces};
use super::write::{Parts, tokenizer_json};
use crate::error::{Error, Result};

/// Pieces that every vocabulary has.
const SPECIAL: [&str; 3] = ["<unk>", "<s>", "</s>"];
/// The share of all characters that get pieces; rarer ones are written as bytes.
const COVERAGE: f64 = 0.9999;
/// Texts are read up to this size; more of them would change a vocabulary of some ten thousand pieces little.
pub(crate) const MOST_BYTES: usize = 256 << 20;
/// No piece is longer.
pub(super) const LONGEST_PIECE: usize = 16;

impl Tokenizer {
    /// Trains a Llama-like byte-fallback BPE with `vocabulary` pieces in all; the same texts give the same tokenizer.
    ///
    /// At most 256 MiB of the texts are read.
    ///
    /// # Errors
    /// The vocabulary is too small for the bytes and characters, or the texts are too small for the vocabulary.
    pub fn train<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, vocabulary: usize) -> Result<Self> {
        let (words, characters) = count(texts);
        if words.is_empty() {
            return Err(Error::new("there is no text to train a tokenizer on"));
        }
        let alphabet = alphabet(&characters);
        let least = SPECIAL.len() + 256 + alphabet.len() + 1;
        if vocabulary < least {
            return Err(Error::new("the tokenizer's vocabulary")
                .got(vocabulary)
                .expected(format!("at least {least}"))
                .hint(format!("3 special pieces, 256 bytes, and the {} characters of the texts", alphabet.len())));
        }
        let model = trained(&words, &alphabet, vocabulary)?;
        let parts = parts(&model)?;
        if parts.pieces.len() < vocabulary {
            return Err(Error::new("the texts are too small for the tokenizer's vocabulary: its pieces")
                .got(parts.pieces.len())
                .expected(vocabulary)
                .hint(format!("ask for a vocabulary of {} or give more text", parts.pieces.len())));
        }
        Self::from_bytes(&tokenizer_json(&parts, SPECIAL[1])?)
    }
}

/// How often each word and each character is there.
fn count<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> (HashMap<String, u64>, HashMap<char, u64>) {
    let spaces = Spaces { prefix: Prefix::Always, squeeze: false };
    let mut words = HashMap::new();
    let mut characters = HashMap::new();
    let mut left = MOST_BYTES;
    for text in texts {
        let text = text.as_ref();
        for word in split(&spaces.write(text, true)) {
            word.chars().for_each(|character| *characters.entry(character).or_default() += 1);
            match words.get_mut(word) {
                Some(count) => *count += 1,
                None => drop(words.insert(word.to_owned(), 1)),
            }
        }
        left = left.saturating_sub(text.len());
        if left == 0 {
            break;
        }
    }
    (words, characters)
}

/// Words with the space before them; runs of spaces, digits and control characters on their own.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = if alone(first) {
            first.len_utf8()
        } else {
            let letters = rest.trim_start_matches(SPACE);
            let spaces = rest.len() - letters.len();
            let word = letters.find(|c| c == SPACE || alone(c)).unwrap_or(letters.len());
            match (spaces / SPACE.len_utf8(), word) {
                (0 | 1, word) => spaces + word,
                (_, 0) => spaces,
                // The last space of several belongs to the word after it.
                _ => spaces - SPACE.len_utf8(),
            }
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

fn alone(character: char) -> bool {
    character.is_numeric() || character.is_control()
}

/// The commonest characters, in order; control characters are always written as bytes.
fn alphabet(characters: &HashMap<char, u64>) -> Vec<char> {
    let mut common: Vec<(char, u64)> =
        characters.iter().filter(|(c, _)| !c.is_control()).map(|(c, count)| (*c, *count)).collect();
    common.sort_unstable_by_key(|(character, count)| (std::cmp::Reverse(*count), *character));
    let total: u64 = common.iter().map(|(_, count)| count).sum();
    let mut covered = 0;
    let mut alphabet = vec![SPACE];
    for (character, count) in common {
        if covered as f64 >= total as f64 * COVERAGE {
            break;
        }
        covered += count;
        if character != SPACE {
            alphabet.push(character);
        }
    }
    alphabet.sort_unstable();
    alphabet
}

fn trained(words: &HashMap<String, u64>, alphabet: &[char], vocabulary: usize) -> Result<BPE> {
    let bytes = (0..=255u8).map(|byte| format!("<0x{byte:02X}>"));
    let special = SPECIAL.into_iter().map(str::to_owned).chain(bytes).map(|name| AddedToken::from(name, true));
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(vocabulary)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.collect())
        .initial_alphabet(alphabet.iter().copied().collect())
        .limit_alphabet(alphabet.len())
        .max_token_length(Some(LONGEST_PIECE))
        .build();
    let failed = |e| Error::new(format!("cannot train the tokenizer: {e}"));
    // A word with a rare character is two words: its halves must not look like neighbours.
    let known = |character: char| alphabet.binary_search(&character).is_ok();
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for (word, count) in words {
        for part in word.split(|c| !known(c)).filter(|part| !part.is_empty()) {
            *counts.entry(part).or_default() += count;
        }
    }
    let repeated = |part: &str| Ok(vec![part.to_owned(); counts.get(part).copied().unwrap_or(1) as usize]);
    trainer.feed(counts.keys(), repeated).map_err(failed)?;
    let mut model = BPE::default();
    trainer.train(&mut model).map_err(failed)?;
    Ok(model)
}

fn parts(model: &BPE) -> Result<Parts> {
    let mut pieces: Vec<(u32, String)> = model.get_vocab().into_iter().map(|(piece, id)| (id, piece)).collect();
    pieces.sort_unstable();
    let value = serde_json::to_value(model).map_err(|e| Error::new(format!("cannot read the trained model: {e}")))?;
    let merges = value.get("merges").cloned().unwrap_or_default();
    let merges = serde_json::from_value(merges).map_err(|e| Error::new(format!("cannot read the merges: {e}")))?;
    Ok(Parts {
        pieces: pieces.into_iter().map(|(_, piece)| piece).collect(),
        merges,
        special: SPECIAL.map(str::to_owned).to_vec(),
        unknown: Some(SPECIAL[0].to_owned()),
        literals: Vec::new(),
        byte_fallback: true,
        spaces: Spaces { prefix: Prefix::Always, squeeze: false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_one_space_and_digits_stand_alone() {
        let words: Vec<&str> = split("▁Tere,▁▁▁1984▁aastal\n▁▁▁x").collect();
        assert_eq!(words, ["▁Tere,", "▁▁▁", "1", "9", "8", "4", "▁aastal", "\n", "▁▁", "▁x"]);
        assert_eq!(words.concat(), "▁Tere,▁▁▁1984▁aastal\n▁▁▁x");
    }
}
