//! More pieces for a vocabulary, learned from other texts; what was there stays as it was.
//!
//! The old tokenizer is run on the words of the texts, and byte-pair training goes on from there: the commonest pair of
//! neighbouring pieces becomes a new piece, again and again. New merges come after all old ones. Since the old ones are
//! done first, a text in which no new pair occurs keeps its ids, and any text gets the ids that it had, some of them
//! joined. Inside a span that nothing is merged across, merging depends on that span alone; so a new piece always comes
//! from the same two, and the old pieces that spell it are those that stood in its place.
//!
//! | module | concept |
//! |---|---|
//! | `rules` | what may be a new piece |
//! | `units` | the texts as runs of old pieces, counted |
//! | `learn` | the commonest pairs, one after the other |
//! | `files` | `tokenizer.json` and `tokenizer.model` with the new pieces |
//!
//! # Source  Sennrich et al. 2016, arXiv:1508.07909 §3.2, begun from pieces instead of characters

mod files;
mod learn;
mod rules;
#[cfg(test)]
mod tests;
mod units;

use learn::Learner;
use rules::Rules;
use units::Units;

use super::{Engine, Tokenizer};
use crate::error::{Error, Result};

/// A tokenizer with new pieces.
#[derive(Debug)]
pub struct Extended {
    /// The tokenizer. Ids below `first` are those of the old one.
    pub tokenizer: Tokenizer,
    /// The id of the first new piece: as many as the old tokenizer had.
    pub first: u32,
    /// The old ids that spell each new piece, the first new piece first.
    pub spelled: Vec<Vec<u32>>,
}

/// A piece that was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NewPiece {
    /// How it comes about.
    made: Made,
    /// The old ids in its place.
    spelled: Vec<u32>,
}

/// How a new piece comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Made {
    /// Two pieces are joined.
    Of(u32, u32),
    /// A character that was written as bytes gets a piece of its own.
    Character(char),
}

impl Tokenizer {
    /// Learns `tokens` new pieces from texts; the same texts give the same tokenizer.
    ///
    /// At most 256 MiB of the texts are read. New pieces are of letters, with the space before a word or the mark that a
    /// byte-level pattern leaves with it, and at most 16 characters long; characters that the vocabulary does not have
    /// may become pieces too.
    ///
    /// # Errors
    /// The tokenizer is of a kind whose words are not known here, or the texts are too small.
    pub fn extend<T: AsRef<str>>(&self, texts: impl IntoIterator<Item = T>, tokens: usize) -> Result<Extended> {
        if let Some(why) = self.not_extensible() {
            return Err(Error::new(format!("the tokenizer cannot be extended: {why}"))
                .hint("Llama's own tokenizers can be, and those trained here"));
        }
        let rules = Rules::new(self)?;
        let units = Units::count(self, &rules, texts)?;
        let pieces = Learner::new(self, &rules, units).learn(tokens);
        if pieces.is_empty() && tokens > 0 {
            return Err(Error::new("there is no text to extend the tokenizer with")
                .hint("new pieces are of words that come at least twice"));
        }
        if pieces.len() < tokens {
            return Err(Error::new("the texts are too small for the new pieces of the tokenizer: they give")
                .got(pieces.len())
                .expected(tokens)
                .hint(format!("ask for {} or give more text", pieces.len())));
        }
        let tokenizer = files::with_pieces(self, &pieces)?;
        let first = self.size as u32;
        Ok(Extended { tokenizer, first, spelled: pieces.into_iter().map(|piece| piece.spelled).collect() })
    }

    fn not_extensible(&self) -> Option<&'static str> {
        match &self.engine {
            Engine::Pieces { bpe, .. } if !bpe.by_word => Some("its pieces reach from one word into the next"),
            Engine::General { .. } => Some("it prepares its text in a way that is not known here"),
            _ => None,
        }
    }
}
