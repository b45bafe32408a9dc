//! Byte-level encoding, as GPT-2 and Llama 3 have it: a text is cut into words by a pattern, and the bytes of each word
//! are merged.
//!
//! The `tokenizers` crate can do that too. The engine here gives the same ids, remembers words, and can say of which old
//! pieces a new one is made.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::bpe::{Bpe, Work};
use super::json::{self, kind};
use super::pieces::byte_characters;
use super::words::{GPT_2, Words};
use crate::error::Result;

/// A byte-level vocabulary.
#[derive(Debug)]
pub(super) struct ByteLevel {
    /// Merges of bytes.
    pub bpe: Bpe,
    /// What a text is cut into.
    pub words: Words,
    /// Words that are pieces before anything is merged.
    whole: HashMap<Box<str>, u32>,
}

impl ByteLevel {
    /// Reads the content of a `tokenizer.json`; `None` if it does anything that this engine does not.
    ///
    /// # Errors
    /// A merge has a part that is no piece; the pattern is none.
    pub fn read(file: &Value, ids: &HashMap<String, u32>, special: &HashSet<u32>) -> Result<Option<Self>> {
        let (Some(pattern), Some(model)) = (pattern(file), file.get("model")) else { return Ok(None) };
        let unset = |name: &str| matches!(model.get(name), None | Some(Value::Null | Value::Bool(false)));
        let empty = |name: &str| model.get(name).is_none_or(|text| text.is_null() || text == "");
        let plain = ["dropout", "byte_fallback"].into_iter().all(unset)
            && ["continuing_subword_prefix", "end_of_word_suffix"].into_iter().all(empty);
        let table = byte_characters();
        let mut bytes = vec![None; 256];
        for (character, byte) in &table {
            if let Some(place) = bytes.get_mut(usize::from(*byte)) {
                *place = ids.get(character.encode_utf8(&mut [0; 4])).filter(|id| !special.contains(id)).copied();
            }
        }
        let (true, Some(bytes)) = (plain, bytes.into_iter().collect()) else { return Ok(None) };
        let mut bpe = Bpe { bytes: Some(bytes), by_word: true, ..Bpe::default() };
        json::read_merges(model, ids, &mut |left, right, merge, _| {
            bpe.merges.insert(super::bpe::pair(left, right), merge);
        })?;
        let mut whole = HashMap::new();
        if model.get("ignore_merges") == Some(&Value::Bool(true)) {
            for (piece, id) in ids.iter().filter(|(_, id)| !special.contains(id)) {
                let spelled: Option<Vec<u8>> = piece.chars().map(|character| table.get(&character).copied()).collect();
                if let Some(word) = spelled.and_then(|bytes| String::from_utf8(bytes).ok()) {
                    whole.insert(word.into_boxed_str(), *id);
                }
            }
        }
        Ok(Some(Self { bpe, words: Words::new(pattern)?, whole }))
    }

    /// Appends the ids of a text.
    ///
    /// # Errors
    /// The pattern goes back and forth too often.
    pub fn encode(&self, text: &str, work: &mut Work, ids: &mut Vec<u32>) -> Result<()> {
        self.words.each(text, &mut |word| match self.whole.get(word) {
            Some(id) => ids.push(*id),
            None => self.bpe.remember_word(word, work, ids),
        })
    }

    /// Appends the ids of one word.
    pub fn encode_word(&self, word: &str, work: &mut Work, ids: &mut Vec<u32>) {
        match self.whole.get(word) {
            Some(id) => ids.push(*id),
            None => self.bpe.encode_word(word, work, ids),
        }
    }
}

/// The pattern of a file that cuts texts into words by one, and then writes bytes.
pub(super) fn pattern(file: &Value) -> Option<&str> {
    let is = |step: &Value, key: &str, value: bool| step.get(key).and_then(Value::as_bool) == Some(value);
    let normalizers = json::steps(file.get("normalizer"), "normalizers");
    let decoders = json::steps(file.get("decoder"), "decoders");
    let bytes_only = matches!(decoders.as_slice(), [step] if kind(step) == "ByteLevel");
    let steps = json::steps(file.get("pre_tokenizer"), "pretokenizers");
    let (split, last) = match steps.as_slice() {
        [last] => (None, last),
        [split, last] => (Some(split), last),
        _ => return None,
    };
    if !normalizers.is_empty() || !bytes_only || kind(last) != "ByteLevel" || !is(last, "add_prefix_space", false) {
        return None;
    }
    match split {
        None => is(last, "use_regex", true).then_some(GPT_2),
        Some(split) => {
            let isolated = kind(split) == "Split" && split.get("behavior") == Some(&"Isolated".into());
            let fits = isolated && is(split, "invert", false) && is(last, "use_regex", false);
            split.pointer("/pattern/Regex").and_then(Value::as_str).filter(|_| fits)
        }
    }
}
