//! Text in which special tokens are found, and the place of every token in it.
//!
//! Everywhere else text never becomes a special token; a chat template, however, writes them by name. What it writes is
//! split at them as the `tokenizers` crate splits it (the leftmost, of several there the longest, with the space that a
//! token takes away beside it), and what lies between is encoded as any text. Parts of the text can be named in which
//! nothing is found: what people said.
//!
//! A space that the tokenizer puts before a text stands before every such part, or only before one that begins the whole
//! text, as the tokenizer's files say: `Metaspace` with `prepend_scheme: first`, or transformers' class `LlamaTokenizer`
//! without `legacy: true`, mean the latter.
//!
//! Source: `AddedVocabulary` of the `tokenizers` crate, 0.23; `LlamaTokenizer` of transformers 5. There is one
//! difference: a special token that a file marks `normalized` is found as it is written. The crate looks for it with a
//! space in front, which is never what a template means.

use std::ops::Range;

use super::bpe::{Bpe, SPACE};
use super::pieces::Pieces;
use super::{Encoder, Engine, shortened};
use crate::error::{Error, Result};

/// A token and the bytes of the text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub id: u32,
    /// Its first byte. The bytes of a character that several tokens share are those of each.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// A special token and how it is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Special {
    pub content: String,
    pub id: u32,
    /// Not found inside of a word.
    pub single_word: bool,
    /// Takes the space before it away.
    pub lstrip: bool,
    /// Takes the space after it away.
    pub rstrip: bool,
}

impl Special {
    /// One that is found wherever it is written.
    pub fn new(content: &str, id: u32) -> Self {
        Self { content: content.to_owned(), id, single_word: false, lstrip: false, rstrip: false }
    }
}

/// All special tokens of a tokenizer.
#[derive(Debug, Default)]
pub(super) struct Specials {
    /// The longest first.
    tokens: Vec<Special>,
    /// Whether the space before a text stands only before one that begins the whole.
    pub first_only: bool,
}

impl Specials {
    pub fn new(mut tokens: Vec<Special>, first_only: bool) -> Self {
        tokens.retain(|token| !token.content.is_empty());
        tokens.sort_by(|a, b| b.content.len().cmp(&a.content.len()).then(a.content.cmp(&b.content)));
        Self { tokens, first_only }
    }

    /// The token of that name.
    pub fn named(&self, name: &str) -> Option<u32> {
        self.tokens.iter().find(|token| token.content == name).map(|token| token.id)
    }

    /// The special token that begins at a byte of a text.
    fn at<'s>(&'s self, text: &str, at: usize) -> Option<&'s Special> {
        let rest = text.as_bytes().get(at..)?;
        self.tokens.iter().find(|token| rest.starts_with(token.content.as_bytes()))
    }

    /// Whether an id is one of them.
    pub fn contains(&self, id: u32) -> bool {
        self.tokens.iter().any(|token| token.id == id)
    }

    /// Where the names of special tokens stand in a text, overlapping ones joined.
    pub fn written_in(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for at in self.candidates(text) {
            let Some(token) = self.at(text, at) else { continue };
            let end = at + token.content.len();
            match found.last_mut() {
                Some(last) if at < last.end => last.end = last.end.max(end),
                _ => found.push(at..end),
            }
        }
        found
    }

    /// The bytes at which a token may begin.
    fn candidates(&self, text: &str) -> impl Iterator<Item = usize> {
        let mut firsts = [false; 256];
        for token in &self.tokens {
            if let Some(first) = token.content.bytes().next().and_then(|byte| firsts.get_mut(usize::from(byte))) {
                *first = true;
            }
        }
        let begins = move |byte: u8| firsts.get(usize::from(byte)).copied().unwrap_or(false);
        text.bytes().enumerate().filter(move |(_, byte)| begins(*byte)).map(|(at, _)| at)
    }

    /// The special tokens of a text, in order; none that touches a part that is plain (in order, not overlapping).
    fn find(&self, text: &str, plain: &[Range<usize>]) -> Vec<Placed> {
        let mut found: Vec<Placed> = Vec::new();
        let mut next = 0;
        for at in self.candidates(text) {
            if at < next {
                continue;
            }
            let Some(token) = self.at(text, at) else { continue };
            let (mut start, mut end) = (at, at + token.content.len());
            if plain.iter().any(|part| start < part.end && part.start < end) {
                continue;
            }
            let (before, after) = (text.get(..start).unwrap_or_default(), text.get(end..).unwrap_or_default());
            next = end;
            let word = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
            if token.single_word && (word(before.chars().next_back()) || word(after.chars().next())) {
                continue;
            }
            if token.lstrip {
                start = before.trim_end().len().max(found.last().map_or(0, |last| last.end));
            }
            if token.rstrip {
                end += after.len() - after.trim_start().len();
            }
            next = end;
            found.push(Placed { id: token.id, start, end });
        }
        found
    }
}

impl Encoder<'_> {
    /// The tokens of a text in which special tokens are found, except in the parts named by `plain` (in order).
    ///
    /// # Errors
    /// The tokenizer cannot encode a part, or makes a special token of plain words.
    pub fn encode_marked(&mut self, text: &str, plain: &[Range<usize>]) -> Result<Vec<Placed>> {
        let mut tokens = Vec::with_capacity(text.len() / 3 + 4);
        let mut at = 0;
        for special in self.tokenizer.specials.find(text, plain) {
            self.section(text, at..special.start, &mut tokens)?;
            tokens.push(special);
            at = special.end;
        }
        self.section(text, at..text.len(), &mut tokens)?;
        Ok(tokens)
    }

    fn section(&mut self, text: &str, section: Range<usize>, tokens: &mut Vec<Placed>) -> Result<()> {
        let start = section.start;
        let part = text.get(section).unwrap_or_default();
        if !part.is_empty() {
            let placed = self.encode_placed(part, start == 0 || !self.tokenizer.specials.first_only)?;
            tokens.extend(placed.iter().map(|t| Placed { id: t.id, start: t.start + start, end: t.end + start }));
        }
        Ok(())
    }

    /// The tokens of [`Encoder::encode`], or where `start` is not set of [`Encoder::encode_continuation`], with their
    /// places.
    ///
    /// # Errors
    /// As there.
    pub fn encode_placed(&mut self, text: &str, start: bool) -> Result<Vec<Placed>> {
        match &self.tokenizer.engine {
            Engine::Pieces { bpe, spaces } => {
                let (written, places) = spaces.write_placed(text, start);
                let mut ids = Vec::with_capacity(text.len() / 3 + 4);
                bpe.encode(&written, &mut self.work, &mut ids);
                Ok(place(&ids, text, &written, &places, bpe, &self.tokenizer.pieces))
            }
            Engine::Bytes(byte_level) => {
                let mut ids = Vec::with_capacity(text.len() / 3 + 4);
                byte_level.encode(text, &mut self.work, &mut ids)?;
                Ok(place_bytes(&ids, text, &self.tokenizer.pieces))
            }
            Engine::General { first, later, .. } => {
                let engine = if start { first } else { later };
                let encoding = engine
                    .encode(text, false)
                    .map_err(|e| Error::new(format!("cannot tokenize {:?}: {e}", shortened(text))))?;
                self.refuse_special(encoding.get_ids(), text)?;
                let pairs = encoding.get_ids().iter().zip(encoding.get_offsets());
                Ok(pairs.map(|(id, (start, end))| Placed { id: *id, start: *start, end: *end }).collect())
            }
        }
    }
}

/// The places of ids whose bytes are the text's; one that has a part of a character has the place of all of it.
fn place_bytes(ids: &[u32], text: &str, pieces: &Pieces) -> Vec<Placed> {
    let mut at = 0;
    let place = |id: &u32| {
        let start = text.floor_char_boundary(at);
        at += pieces.get(*id).map_or(1, <[u8]>::len).max(1);
        Placed { id: *id, start, end: text.ceil_char_boundary(at.min(text.len())) }
    };
    ids.iter().map(place).collect()
}

/// The places of ids in a text, from the length of each in the text whose spaces are `▁`.
fn place(ids: &[u32], text: &str, written: &str, places: &[u32], bpe: &Bpe, pieces: &Pieces) -> Vec<Placed> {
    let mut at = 0;
    let place = |at: usize| places.get(at).map_or(text.len(), |place| *place as usize);
    let character = |at: usize| text.get(at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
    let mut placed = Vec::with_capacity(ids.len());
    for id in ids {
        let length = match pieces.get(*id) {
            Some(bytes) if !bytes.is_empty() => {
                // `▁` has three bytes, and is one space here.
                bytes.len() + (SPACE.len_utf8() - 1) * bytes.iter().filter(|byte| **byte == b' ').count()
            }
            _ => unknown_length(written.get(at..).unwrap_or_default(), bpe),
        };
        let start = place(at);
        at += length.max(1);
        let last = place(at - 1);
        placed.push(Placed { id: *id, start, end: last + character(last) });
    }
    placed
}

/// The bytes that the unknown piece stands for: one character, or a run of them.
fn unknown_length(rest: &str, bpe: &Bpe) -> usize {
    let unknown = |c: &char| bpe.fuse_unknown && *c != SPACE && !bpe.characters.contains_key(c);
    let more = rest.chars().skip(1).take_while(unknown);
    rest.chars().take(1).chain(more).map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specials() -> Specials {
        let token = |content, id| Special::new(content, id);
        let strips = Special { lstrip: true, rstrip: true, ..token("<|end|>", 7) };
        let word = Special { single_word: true, ..token("stop", 8) };
        Specials::new(vec![token("<s>", 1), token("<s><s>", 9), token("</s>", 2), strips, word], false)
    }

    fn found(text: &str, plain: &[Range<usize>]) -> Vec<(u32, usize, usize)> {
        specials().find(text, plain).iter().map(|token| (token.id, token.start, token.end)).collect()
    }

    #[test]
    fn the_leftmost_and_longest_is_found_with_the_space_it_takes() {
        assert_eq!(found("a<s>b</s>", &[]), [(1, 1, 4), (2, 5, 9)]);
        assert_eq!(found("<s><s><s>", &[]), [(9, 0, 6), (1, 6, 9)]);
        assert_eq!(found("é <|end|>\n x", &[]), [(7, 2, 12)]);
        assert_eq!(found("</s> <|end|>", &[]), [(2, 0, 4), (7, 4, 12)]);
        assert_eq!(found("stop nonstop stop.", &[]), [(8, 0, 4), (8, 13, 17)]);
    }

    #[test]
    fn nothing_is_found_in_plain_parts_or_across_their_edges() {
        let text = "<s>a</s>b</s>";
        assert_eq!(found(text, std::slice::from_ref(&(4..8))), [(1, 0, 3), (2, 9, 13)]);
        assert_eq!(found(text, std::slice::from_ref(&(7..8))), [(1, 0, 3), (2, 9, 13)]);
        assert_eq!(found(text, std::slice::from_ref(&(0..text.len()))), []);
    }

    #[test]
    fn names_in_words_are_joined_where_they_overlap() {
        assert_eq!(specials().written_in("x<s><s>y</s>"), [1..7, 8..12]);
        assert!(specials().written_in("nothing < here").is_empty());
    }
}
