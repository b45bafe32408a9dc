//! Ids to text: every piece as the bytes it stands for.

use std::collections::HashMap;

use super::bpe::SPACE;

/// Shown for bytes that are no UTF-8 and for ids outside the vocabulary.
const REPLACEMENT: &str = "\u{fffd}";

/// Bytes of the longest piece that is read; those of known models have about a hundred. Every way to cut a piece in two is
/// tried, so a file of one long piece would take hours.
pub(super) const LONGEST: usize = 512;

/// How the pieces of a vocabulary spell bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// `▁` is a space, `<0x0A>` is a byte: SentencePiece.
    Spaces,
    /// Each character is a byte: GPT-2 and Llama 3.
    Bytes,
}

/// The bytes of each piece.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Whether a text begins with a space that was not in it.
    pub strip_first_space: bool,
}

impl Pieces {
    /// Spells every id of `0..count`; special ids and holes stand for nothing.
    pub fn new<'v>(
        count: usize,
        spelling: Spelling,
        strip_first_space: bool,
        piece: impl Fn(u32) -> Option<&'v str>,
    ) -> Self {
        let table = byte_characters();
        let mut pieces = Self { strip_first_space, ..Self::default() };
        for id in 0..count as u32 {
            if let Some(text) = piece(id) {
                pieces.spell(text, spelling, &table);
            }
            pieces.ends.push(pieces.bytes.len());
        }
        pieces
    }

    fn spell(&mut self, text: &str, spelling: Spelling, table: &HashMap<char, u8>) {
        let mut buffer = [0; 4];
        if spelling == Spelling::Spaces
            && let Some(byte) = byte_piece(text)
        {
            return self.bytes.push(byte);
        }
        for character in text.chars() {
            match (spelling, character) {
                (Spelling::Spaces, SPACE) => self.bytes.push(b' '),
                (Spelling::Bytes, known) if table.contains_key(&known) => self.bytes.extend(table.get(&known)),
                (_, other) => self.bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes()),
            }
        }
    }

    /// The bytes of an id; `None` outside the vocabulary.
    pub fn get(&self, id: u32) -> Option<&[u8]> {
        let id = id as usize;
        let start = if id == 0 { 0 } else { *self.ends.get(id - 1)? };
        self.bytes.get(start..*self.ends.get(id)?)
    }
}

/// The byte of a piece like `<0x0A>`.
pub(super) fn byte_piece(text: &str) -> Option<u8> {
    let digits = text.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

/// The characters by which byte-level vocabularies write bytes: printable ones are themselves, the others follow
/// U+0100 in order.
pub(super) fn byte_characters() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff);
    let mut others = 0x100..;
    (0..=255u8)
        .filter_map(|byte| {
            let code = if printable(byte) { u32::from(byte) } else { others.next()? };
            Some((char::from_u32(code)?, byte))
        })
        .collect()
}

/// Text of ids that arrive one by one, as a chat shows it.
///
/// The texts that [`TextStream::push`] and [`TextStream::finish`] give are, one after the other, what
/// [`Tokenizer::decode`](super::Tokenizer::decode) gives for all ids at once.
#[derive(Debug)]
pub struct TextStream<'t> {
    pieces: &'t Pieces,
    held: Vec<u8>,
    strip: bool,
}

impl<'t> TextStream<'t> {
    pub(super) fn new(pieces: &'t Pieces, at_start: bool) -> Self {
        Self { pieces, held: Vec::new(), strip: at_start && pieces.strip_first_space }
    }

    /// The text that this id completes: empty while its bytes are not yet valid UTF-8, or for a special id.
    pub fn push(&mut self, id: u32) -> String {
        let bytes = self.pieces.get(id).unwrap_or(REPLACEMENT.as_bytes());
        if bytes.is_empty() {
            return String::new();
        }
        let stripped = if self.strip { bytes.strip_prefix(b" ").unwrap_or(bytes) } else { bytes };
        self.strip = false;
        self.held.extend_from_slice(stripped);
        self.release()
    }

    /// Takes what is valid so far; bytes that cannot become valid are replaced, those that still can are kept.
    fn release(&mut self) -> String {
        let mut text = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match std::str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    self.held.clear();
                    return text;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(std::str::from_utf8(valid).unwrap_or_default());
                    let Some(wrong) = error.error_len() else {
                        self.held = after.to_vec();
                        return text;
                    };
                    text.push_str(REPLACEMENT);
                    rest = after.get(wrong..).unwrap_or_default();
                }
            }
        }
    }

    /// What was held back: U+FFFD if bytes never became a character, else nothing.
    pub fn finish(self) -> String {
        if self.held.is_empty() { String::new() } else { REPLACEMENT.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Pieces {
        let names = ["<s>", "▁Tere", "<0xC3>", "<0xB5>", "▁", "x"];
        Pieces::new(6, Spelling::Spaces, true, |id| if id == 0 { None } else { names.get(id as usize).copied() })
    }

    #[test]
    fn bytes_are_held_back_until_they_are_a_character() {
        let pieces = pieces();
        let mut stream = TextStream::new(&pieces, true);
        let texts: Vec<String> = [0, 1, 2, 3, 4, 2, 5, 2].into_iter().map(|id| stream.push(id)).collect();
        assert_eq!(texts, ["", "Tere", "", "õ", " ", "", "\u{fffd}x", ""]);
        assert_eq!(stream.finish(), "\u{fffd}");
    }

    #[test]
    fn an_id_outside_the_vocabulary_is_shown() {
        assert_eq!(TextStream::new(&pieces(), true).push(99), "\u{fffd}");
    }

    #[test]
    fn byte_level_pieces_spell_all_bytes() {
        assert_eq!(byte_characters().len(), 256);
        let pieces = Pieces::new(1, Spelling::Bytes, false, |_| Some("ĠTäĊ"));
        // Ġ is the space, Ċ the line feed, T is itself, ä the byte E4.
        assert_eq!(pieces.get(0), Some([b' ', b'T', 0xe4, b'\n'].as_slice()));
    }
}
