//! Byte-pair encoding of a text whose spaces are already `▁`.
//!
//! The two symbols whose merge has the lowest rank are joined first, the leftmost of several; that is SentencePiece's
//! order when all merges that make one piece share the rank of its score, and that of Hugging Face's tokenizers when
//! ranks count the merges of a `tokenizer.json`. The engine is our own because a merge list cannot say that two merges
//! have the same rank, and because words can be remembered only where no piece reaches into the next word.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// SentencePiece's visible space, U+2581.
pub(super) const SPACE: char = '▁';
/// No symbol.
const NONE: u32 = u32::MAX;
/// Longer words are seldom seen twice.
const LONGEST_REMEMBERED: usize = 64;
/// Words that one [`Work`] remembers: a few megabytes.
const MOST_REMEMBERED: usize = 100_000;

/// What a pair of ids becomes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Merge {
    /// Lower is done earlier.
    pub rank: u32,
    /// The id of the merged piece.
    pub piece: u32,
}

/// Merges by the pair of ids they join.
pub(super) type Merges = HashMap<u64, Merge, BuildHasherDefault<PairHasher>>;

/// The key of a pair in [`Merges`].
#[inline]
pub(super) fn pair(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

/// The vocabulary and merges of a byte-pair encoding.
#[derive(Debug, Default)]
pub(super) struct Bpe {
    /// Pieces of one character.
    pub characters: HashMap<char, u32>,
    /// All merges.
    pub merges: Merges,
    /// The ids of the 256 bytes, for characters that are no piece.
    pub bytes: Option<Vec<u32>>,
    /// The id for characters that are no piece, where bytes are missing.
    pub unknown: Option<u32>,
    /// Whether a run of unknown characters is one id.
    pub fuse_unknown: bool,
    /// Pieces that are found in the text before anything is merged: by their first character, longest first.
    pub literals: HashMap<char, Vec<(String, u32)>>,
    /// Whether no piece has a space after another character, so that each word can be encoded on its own.
    pub by_word: bool,
}

/// What a text is cut into before anything is merged.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'t> {
    /// A piece that was found as it stands.
    Literal(u32),
    /// A word with the spaces before it; the whole text where pieces reach into the next word.
    Word(&'t str),
}

#[derive(Debug, Clone, Copy)]
struct Symbol {
    id: u32,
    previous: u32,
    next: u32,
    alive: bool,
}

/// Reusable memory, and the words seen lately.
#[derive(Debug, Default)]
pub(super) struct Work {
    symbols: Vec<Symbol>,
    queue: BinaryHeap<Reverse<(u32, u32, u32)>>,
    known: HashMap<Box<str>, Box<[u32]>>,
}

impl Bpe {
    /// Appends the ids of a text whose spaces are `▁`.
    pub fn encode(&self, text: &str, work: &mut Work, ids: &mut Vec<u32>) {
        self.each_part(text, &mut |part| match part {
            Part::Literal(id) => ids.push(id),
            Part::Word(word) if self.by_word => self.remember_word(word, work, ids),
            Part::Word(text) => self.encode_word(text, work, ids),
        });
    }

    /// Cuts a text whose spaces are `▁` at its literals and, where words stand on their own, into words.
    pub fn each_part<'t>(&self, text: &'t str, found: &mut dyn FnMut(Part<'t>)) {
        let mut rest = text;
        while let Some((before, id, after)) = self.first_literal(rest) {
            self.each_word(before, found);
            found(Part::Literal(id));
            rest = after;
        }
        self.each_word(rest, found);
    }

    fn first_literal<'t>(&self, text: &'t str) -> Option<(&'t str, u32, &'t str)> {
        if self.literals.is_empty() {
            return None;
        }
        text.char_indices().find_map(|(at, first)| {
            let (before, here) = text.split_at(at);
            let mut literals = self.literals.get(&first)?.iter();
            literals.find_map(|(literal, id)| Some((before, *id, here.strip_prefix(literal.as_str())?)))
        })
    }

    fn each_word<'t>(&self, text: &'t str, found: &mut dyn FnMut(Part<'t>)) {
        if !self.by_word {
            return found(Part::Word(text));
        }
        let mut start = 0;
        let mut previous = SPACE;
        for (at, character) in text.char_indices() {
            if character == SPACE && previous != SPACE {
                found(Part::Word(text.get(start..at).unwrap_or_default()));
                start = at;
            }
            previous = character;
        }
        found(Part::Word(text.get(start..).unwrap_or_default()));
    }

    /// Appends the ids of a word, which is remembered.
    pub fn remember_word(&self, word: &str, work: &mut Work, ids: &mut Vec<u32>) {
        if let Some(known) = work.known.get(word) {
            ids.extend_from_slice(known);
            return;
        }
        let before = ids.len();
        self.encode_word(word, work, ids);
        if word.len() <= LONGEST_REMEMBERED && work.known.len() < MOST_REMEMBERED {
            work.known.insert(word.into(), ids.get(before..).unwrap_or_default().into());
        }
    }

    /// Appends the ids of a word.
    pub fn encode_word(&self, word: &str, work: &mut Work, ids: &mut Vec<u32>) {
        let Work { symbols, queue, .. } = work;
        symbols.clear();
        queue.clear();
        self.split(word, symbols);
        let count = symbols.len() as u32;
        for (index, symbol) in symbols.iter_mut().enumerate() {
            let index = index as u32;
            symbol.previous = index.checked_sub(1).unwrap_or(NONE);
            symbol.next = if index + 1 < count { index + 1 } else { NONE };
        }
        for index in 0..count {
            self.offer(symbols, queue, index);
        }
        while let Some(Reverse((_, at, piece))) = queue.pop() {
            self.merge(symbols, queue, at, piece);
        }
        ids.extend(symbols.iter().filter(|symbol| symbol.alive).map(|symbol| symbol.id));
    }

    /// One symbol for each character, its bytes, or the unknown piece.
    fn split(&self, word: &str, symbols: &mut Vec<Symbol>) {
        let mut push = |id| symbols.push(Symbol { id, previous: NONE, next: NONE, alive: true });
        let mut after_unknown = false;
        for character in word.chars() {
            if let Some(id) = self.characters.get(&character) {
                push(*id);
                after_unknown = false;
            } else if let Some(bytes) = &self.bytes {
                let mut buffer = [0; 4];
                let encoded = character.encode_utf8(&mut buffer).bytes();
                encoded.filter_map(|byte| bytes.get(usize::from(byte))).for_each(|id| push(*id));
            } else if let Some(id) = self.unknown {
                if !(after_unknown && self.fuse_unknown) {
                    push(id);
                }
                after_unknown = true;
            }
        }
    }

    /// Puts the merge of a symbol with the next one in the queue, if there is one.
    fn offer(&self, symbols: &[Symbol], queue: &mut BinaryHeap<Reverse<(u32, u32, u32)>>, at: u32) {
        if let Some(merge) = self.merge_at(symbols, at) {
            queue.push(Reverse((merge.rank, at, merge.piece)));
        }
    }

    fn merge_at(&self, symbols: &[Symbol], at: u32) -> Option<Merge> {
        let left = symbols.get(at as usize)?;
        let right = symbols.get(left.next as usize)?;
        self.merges.get(&pair(left.id, right.id)).copied()
    }

    fn merge(&self, symbols: &mut [Symbol], queue: &mut BinaryHeap<Reverse<(u32, u32, u32)>>, at: u32, piece: u32) {
        // An entry is stale if one of its symbols was merged meanwhile; the pair then makes another piece or none.
        let fresh = symbols.get(at as usize).is_some_and(|symbol| symbol.alive)
            && self.merge_at(symbols, at).is_some_and(|merge| merge.piece == piece);
        if !fresh {
            return;
        }
        let Some(next) = symbols.get(at as usize).map(|symbol| symbol.next) else { return };
        let Some(right) = symbols.get_mut(next as usize) else { return };
        right.alive = false;
        let after = right.next;
        if let Some(following) = symbols.get_mut(after as usize) {
            following.previous = at;
        }
        let Some(left) = symbols.get_mut(at as usize) else { return };
        left.id = piece;
        left.next = after;
        let previous = left.previous;
        if previous != NONE {
            self.offer(symbols, queue, previous);
        }
        self.offer(symbols, queue, at);
    }
}

/// Multiplies the key; the keys are pairs of small numbers, and nobody chooses them to collide.
#[derive(Debug, Default)]
pub(super) struct PairHasher(u64);

impl Hasher for PairHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        let mixed = (self.0 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ (mixed >> 29);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toy() -> Bpe {
        // a=0 b=1 ▁=2 aa=3 ab=4 aab=5
        let merges = [((0, 0), 0, 3), ((0, 1), 1, 4), ((0, 4), 2, 5), ((3, 1), 2, 5)];
        Bpe {
            characters: HashMap::from([('a', 0), ('b', 1), (SPACE, 2)]),
            merges: merges.into_iter().map(|((l, r), rank, piece)| (pair(l, r), Merge { rank, piece })).collect(),
            unknown: Some(9),
            fuse_unknown: true,
            by_word: true,
            ..Bpe::default()
        }
    }

    fn ids(bpe: &Bpe, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        bpe.encode(text, &mut Work::default(), &mut ids);
        ids
    }

    #[test]
    fn the_lowest_rank_merges_first_and_the_leftmost_of_equals() {
        assert_eq!(ids(&toy(), "aab"), [5]);
        assert_eq!(ids(&toy(), "aaab"), [3, 4]);
        assert_eq!(ids(&toy(), "aaa"), [3, 0]);
        assert_eq!(ids(&toy(), "ab▁ab▁▁b"), [4, 2, 4, 2, 2, 1]);
        assert_eq!(ids(&toy(), ""), Vec::<u32>::new());
    }

    #[test]
    fn unknown_characters_fuse_or_fall_back_to_bytes() {
        assert_eq!(ids(&toy(), "aöüb"), [0, 9, 1]);
        let bytes = Bpe { bytes: Some((100..356).collect()), ..toy() };
        assert_eq!(ids(&bytes, "ö"), [100 + 0xc3, 100 + 0xb6]);
    }

    #[test]
    fn literals_are_found_before_merges() {
        let literals = HashMap::from([('a', vec![("aba".into(), 50), ("a".into(), 51)])]);
        assert_eq!(ids(&Bpe { literals, ..toy() }, "babab"), [1, 50, 1]);
    }

    #[test]
    fn a_million_equal_characters_take_no_quadratic_time() {
        let text = "a".repeat(1_000_000);
        let started = std::time::Instant::now();
        assert_eq!(ids(&toy(), &text).len(), 500_000);
        // A fraction of a second on an idle machine; quadratic work would take hours.
        assert!(started.elapsed().as_secs() < 120);
    }
}
