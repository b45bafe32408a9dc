//! Text as SentencePiece sees it: characters replaced by the model's map, spaces squeezed and written as `▁`.
//!
//! The map is a trie in two parallel arrays in one (a Darts double array) from texts to places in a list of texts, each of
//! which ends with a zero byte.

use super::super::bpe::SPACE;
use super::super::sentencepiece;
use crate::error::{Error, Result};

#[derive(Debug, PartialEq)]
pub(super) struct Normaliser {
    /// The trie's units; empty where there is no map.
    units: Vec<u32>,
    /// The texts that replace others.
    replacements: Vec<u8>,
    /// Texts that stay as they are; the longest first.
    literals: Vec<String>,
    prefix: bool,
    squeeze: bool,
}

impl Normaliser {
    pub(super) fn new(normalizer: &sentencepiece::Normalizer, mut literals: Vec<String>) -> Result<Self> {
        if !normalizer.escape_spaces.unwrap_or(true) {
            let what = "the SentencePiece model leaves spaces as they are (escape_whitespaces is off)";
            return Err(Error::new(format!("{what}, which is not supported")));
        }
        literals.sort_by_key(|text| std::cmp::Reverse(text.len()));
        let map = normalizer.character_map.as_deref().unwrap_or_default();
        let (units, replacements) = if map.is_empty() { (Vec::new(), Vec::new()) } else { arrays(map)? };
        Ok(Self {
            units,
            replacements,
            literals,
            prefix: normalizer.add_dummy_prefix.unwrap_or(true),
            squeeze: normalizer.remove_extra_spaces.unwrap_or(true),
        })
    }

    /// The text with its characters replaced, and `▁` for spaces.
    pub(super) fn normalise(&self, text: &str) -> String {
        let mut rest = text;
        while self.squeeze && !rest.is_empty() {
            let (written, length) = self.first(rest);
            if written != " " {
                break;
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        let mut out = String::with_capacity(rest.len() + rest.len() / 4 + 4);
        if rest.is_empty() {
            return out;
        }
        if self.prefix {
            out.push(SPACE);
        }
        let mut after_space = self.squeeze;
        while !rest.is_empty() {
            let (written, length) = self.first(rest);
            let written = if after_space { written.trim_start_matches(' ') } else { written };
            out.extend(written.chars().map(|c| if c == ' ' { SPACE } else { c }));
            if !written.is_empty() {
                after_space = self.squeeze && written.ends_with(' ');
            }
            rest = rest.get(length..).unwrap_or_default();
        }
        if self.squeeze {
            out.truncate(out.trim_end_matches(SPACE).len());
        }
        out
    }

    /// The longest literal that a text begins with.
    pub(super) fn literal<'t>(&self, text: &'t str) -> Option<&'t str> {
        let length = self.literals.iter().find(|literal| text.starts_with(literal.as_str()))?.len();
        text.get(..length)
    }

    /// What the beginning of a text becomes, and how many bytes of it that is: a literal, the longest text of the map, or
    /// one character.
    fn first<'t>(&'t self, text: &'t str) -> (&'t str, usize) {
        if let Some(literal) = self.literal(text) {
            return (literal, literal.len());
        }
        if let Some((length, place)) = self.longest(text.as_bytes()) {
            let replacement = self.replacements.get(place..).unwrap_or_default();
            let end = replacement.iter().position(|byte| *byte == 0).unwrap_or(replacement.len());
            let written = replacement.get(..end).and_then(|bytes| std::str::from_utf8(bytes).ok());
            if let Some(written) = written.filter(|_| text.is_char_boundary(length)) {
                return (written, length);
            }
        }
        let length = text.chars().next().map_or(text.len(), char::len_utf8);
        (text.get(..length).unwrap_or(text), length)
    }

    /// The longest text of the map at the beginning: its length, and where its replacement is.
    fn longest(&self, text: &[u8]) -> Option<(usize, usize)> {
        let offset = |unit: u32| ((unit >> 10) << ((unit & (1 << 9)) >> 6)) as usize;
        let mut at = offset(*self.units.first()?);
        let mut found = None;
        for (byte, length) in text.iter().zip(1usize..) {
            at ^= usize::from(*byte);
            let Some(unit) = self.units.get(at).copied() else { break };
            if unit & (1 << 31 | 0xff) != u32::from(*byte) {
                break;
            }
            at ^= offset(unit);
            if unit >> 8 & 1 == 1 {
                let value = self.units.get(at).map(|unit| (unit & 0x7fff_ffff) as usize);
                found = value.map(|value| (length, value)).or(found);
            }
        }
        found
    }
}

/// The trie's length in bytes, the trie, the texts.
fn arrays(map: &[u8]) -> Result<(Vec<u32>, Vec<u8>)> {
    let damaged = || Error::new("the SentencePiece model's character map is damaged");
    let (length, rest) = map.split_at_checked(4).ok_or_else(damaged)?;
    let length = length.iter().rev().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    let (trie, replacements) = rest.split_at_checked(length).filter(|_| length % 4 == 0).ok_or_else(damaged)?;
    let unit = |bytes: &[u8]| bytes.iter().rev().fold(0u32, |sum, byte| sum << 8 | u32::from(*byte));
    Ok((trie.chunks_exact(4).map(unit).collect(), replacements.to_vec()))
}
