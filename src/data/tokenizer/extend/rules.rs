//! What may be a new piece.
//!
//! As SentencePiece trains by default and Llama has it: no piece goes over the end of a word, a space stands in front
//! only, digits stay apart, and there are no runs of marks. No piece has a control character.

use std::collections::HashSet;

use fancy_regex::Regex;

use super::super::bpe::{SPACE, Work};
use super::super::pieces::Spelling;
use super::super::train::LONGEST_PIECE;
use super::super::{Engine, Tokenizer};
use crate::error::{Error, Result};

/// What may be in a new piece.
pub(super) struct Rules {
    spelling: Spelling,
    /// Letters, and the marks and joiners that words have in some scripts.
    letters: Regex,
    /// Texts of pieces that exist, or that must not.
    taken: HashSet<Vec<u8>>,
    /// Old ids that a new piece may be made of.
    parts: Vec<bool>,
}

impl Rules {
    /// The rules for a tokenizer.
    ///
    /// # Errors
    /// The pattern of letters cannot be read.
    pub fn new(tokenizer: &Tokenizer) -> Result<Self> {
        let letters = Regex::new(r"^[\p{L}\p{M}\u{200C}\u{200D}]*$")
            .map_err(|e| Error::new(format!("cannot read the pattern of letters: {e}")))?;
        let spelling = match tokenizer.engine {
            Engine::Pieces { .. } => Spelling::Spaces,
            _ => Spelling::Bytes,
        };
        let mut rules = Self { spelling, letters, taken: HashSet::new(), parts: Vec::new() };
        let bytes = |id: u32| match &tokenizer.engine {
            Engine::Pieces { bpe, .. } => bpe.bytes.as_ref().is_some_and(|bytes| bytes.contains(&id)),
            _ => false,
        };
        for id in 0..tokenizer.size as u32 {
            let text = tokenizer.pieces.get(id).unwrap_or_default();
            let ordinary = !text.is_empty() && !bytes(id);
            rules.parts.push(ordinary && rules.part(text));
            if ordinary {
                rules.taken.insert(text.to_vec());
            }
        }
        rules.forbid_what_would_revive_pieces(tokenizer);
        Ok(rules)
    }

    /// Pieces that no text ever gives could come back in a SentencePiece model, which joins any two pieces whose texts
    /// together are a third: if their beginning or end became a piece.
    fn forbid_what_would_revive_pieces(&mut self, tokenizer: &Tokenizer) {
        let Engine::Pieces { bpe, .. } = &tokenizer.engine else { return };
        let mut work = Work::default();
        for id in 0..tokenizer.size as u32 {
            let Some(text) = tokenizer.pieces.get(id).filter(|_| self.may_part(id)) else { continue };
            let Ok(text) = std::str::from_utf8(text) else { continue };
            let mut ids = Vec::new();
            bpe.encode_word(&text.replace(' ', SPACE.encode_utf8(&mut [0; 4])), &mut work, &mut ids);
            if ids != [id] {
                for (at, _) in text.char_indices().skip(1) {
                    let (head, tail) = text.split_at(at);
                    self.taken.extend([head, tail].map(|part| part.as_bytes().to_vec()));
                }
            }
        }
    }

    /// Whether an old piece may be a part of a new one.
    pub fn may_part(&self, id: u32) -> bool {
        self.parts.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether a text may be a new piece.
    pub fn may_be(&self, text: &[u8]) -> bool {
        let characters = String::from_utf8_lossy(text);
        let letter = characters.chars().any(char::is_alphabetic);
        // Bytes on their way to a character are no letters yet.
        let of_a_word = |c: char| c == char::REPLACEMENT_CHARACTER || c == ' ' || c.is_alphabetic();
        let unfinished = self.spelling == Spelling::Bytes
            && characters.contains(char::REPLACEMENT_CHARACTER)
            && characters.chars().all(of_a_word);
        (letter || unfinished)
            && characters.chars().count() <= LONGEST_PIECE
            && self.part(text)
            && !self.taken.contains(text)
    }

    /// Whether a character that the vocabulary does not have may get a piece.
    pub fn may_be_character(&self, character: char) -> bool {
        let private = matches!(u32::from(character), 0xe000..=0xf8ff | 0xf0000..);
        !character.is_control() && !character.is_whitespace() && character != char::REPLACEMENT_CHARACTER && !private
    }

    /// Whether a character is one that a word may have.
    pub fn is_letter(&self, character: char) -> bool {
        self.letters.is_match(character.encode_utf8(&mut [0; 4])).unwrap_or(false)
    }

    fn part(&self, text: &[u8]) -> bool {
        match (self.spelling, std::str::from_utf8(text)) {
            (Spelling::Spaces, Ok(text)) => {
                self.letters.is_match(text.strip_prefix(' ').unwrap_or(text)).unwrap_or(false)
            }
            (Spelling::Spaces, Err(_)) => false,
            (Spelling::Bytes, _) => bytes_may_part(text),
        }
    }
}

/// Whether bytes are characters of words, with the end of one before them and the start of one after them at most.
fn bytes_may_part(bytes: &[u8]) -> bool {
    let mut first = true;
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for character in chunk.valid().chars() {
            let inside = !first && character.is_whitespace();
            if inside || character.is_control() || character.is_numeric() || character == char::REPLACEMENT_CHARACTER {
                return false;
            }
            first = false;
        }
        let cut = chunk.invalid();
        let tail = first && cut.iter().all(|byte| matches!(byte, 0x80..=0xbf));
        let head = chunks.peek().is_none() && cut.first().is_some_and(|byte| *byte >= 0xc2);
        if !(cut.is_empty() || tail || head) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_words_may_be_joined_and_no_others() {
        for good in [" maja", "õ", "-maja", "(", " ", "e\u{301}", "\u{10d0}"] {
            assert!(bytes_may_part(good.as_bytes()), "{good:?}");
        }
        assert!(bytes_may_part(b"\xe1\x83") && bytes_may_part(b"\x83\x90a\xe1") && bytes_may_part(b" a\xc3"));
        for bad in ["a b", "1", "a1", "\n", "a\n", "Ⅷ", "\u{85}", "\u{fffd}"] {
            assert!(!bytes_may_part(bad.as_bytes()), "{bad:?}");
        }
        assert!(!bytes_may_part(b"a\xc3a") && !bytes_may_part(b"a\x80"));
    }
}
