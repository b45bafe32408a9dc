//! A vocabulary as a list, for programs that have a tokenizer of their own: every piece with its score and its kind.
//!
//! SentencePiece's algorithm joins the two neighbours whose *joined piece* has the highest score; a `tokenizer.json`
//! says instead which *pairs* are joined, and in what order. Where the scores did not come with the tokenizer, a piece
//! gets the rank of the first merge that makes it, negated: pieces then win in the order of their merges. A tokenizer
//! that was trained as pairs can differ in one point: SentencePiece also joins a pair that no merge lists, if what it
//! makes is a piece.

use std::collections::HashMap;

use serde_json::Value;

use super::json::{self, Added, kind, model_ids, names_by_id};
use super::pieces::byte_piece;
use super::sentencepiece::{self, BYTE, CONTROL, UNKNOWN, USER_DEFINED};
use super::spaces::Prefix;
use super::{Engine, Tokenizer, words};
use crate::error::{Error, Place, Result};

/// What a piece is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// Ordinary text.
    Normal,
    /// Stands for what no piece is for.
    Unknown,
    /// Never written in a text: `<s>`.
    Control,
    /// Found in a text as it is, before anything is merged.
    Literal,
    /// An id without a piece.
    Unused,
    /// One byte: `<0x0A>`.
    Byte,
}

/// A piece of a vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedPiece {
    /// How it is written: `▁` for a space, or bytes as characters, as the method has it.
    pub text: String,
    /// The higher, the earlier it is joined; 0 where the method has merges instead.
    pub score: f32,
    /// What it is for.
    pub kind: PieceKind,
}

/// How text becomes pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// SentencePiece's byte-pair encoding, with bytes for what has no piece.
    Scores {
        /// Whether a space is put before a text.
        space_before: bool,
        /// Whether repeated spaces are left out.
        squeeze: bool,
    },
    /// Bytes of words, joined by merges.
    Merges {
        /// Which pattern cuts a text into words.
        words: WordPattern,
        /// `left right`, the first done first.
        merges: Vec<String>,
    },
}

/// The patterns that have a name elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WordPattern {
    /// Llama 3's.
    Llama3,
    /// GPT-2's.
    Gpt2,
}

/// A vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Listing {
    /// How text becomes pieces.
    pub method: Method,
    /// Every id from 0.
    pub pieces: Vec<ListedPiece>,
}

impl Tokenizer {
    /// The vocabulary as a list.
    ///
    /// # Errors
    /// It is neither SentencePiece's byte-pair encoding nor bytes of words cut by a known pattern; it has no pieces for
    /// bytes.
    pub fn listing(&self) -> Result<Listing> {
        let bytes = self.companions.get("tokenizer.json").unwrap_or_default();
        let file: Value = serde_json::from_slice(bytes)
            .map_err(|e| Error::new(format!("cannot read JSON: {e}")))
            .at("tokenizer.json")?;
        let model = file.get("model").unwrap_or(&Value::Null);
        let (ids, added) = (model_ids(model)?, Added::of(&file)?);
        let names = names_by_id(&ids, &added);
        let spaces = match &self.engine {
            Engine::Pieces { spaces, .. } => Some(*spaces),
            Engine::Bytes(_) | Engine::General { .. } => json::sentencepiece_spaces(&file),
        };
        let method = match spaces {
            Some(spaces) => Method::Scores { space_before: spaces.prefix != Prefix::Never, squeeze: spaces.squeeze },
            None => Method::Merges { words: word_pattern(&file)?, merges: merges(model) },
        };
        let scores = match &method {
            Method::Scores { .. } => self.own_scores(&names).unwrap_or_else(|| scores_of_merges(model, &names)),
            Method::Merges { .. } => vec![0.0; names.len()],
        };
        let by_scores = matches!(method, Method::Scores { .. });
        let added: HashMap<u32, bool> = added.iter().map(|token| (token.id, token.special)).collect();
        let kind_of = |id: u32, text: &str| match added.get(&id) {
            _ if self.unknown == Some(id) => PieceKind::Unknown,
            _ if by_scores && byte_piece(text).is_some() => PieceKind::Byte,
            Some(true) => PieceKind::Control,
            Some(false) => PieceKind::Literal,
            None => PieceKind::Normal,
        };
        let pieces: Vec<ListedPiece> = names
            .into_iter()
            .zip(scores)
            .enumerate()
            .map(|(id, (text, score))| match text {
                Some(text) => ListedPiece { kind: kind_of(id as u32, &text), score, text },
                None => ListedPiece { text: format!("[PAD{id}]"), score: 0.0, kind: PieceKind::Unused },
            })
            .collect();
        if by_scores && pieces.iter().filter(|piece| piece.kind == PieceKind::Byte).count() != 256 {
            return Err(Error::new("the tokenizer has no pieces for the 256 bytes")
                .hint("only vocabularies that write unseen characters as bytes can be listed"));
        }
        Ok(Listing { method, pieces })
    }

    /// The scores of a SentencePiece model that came with the tokenizer, if its pieces are those of the list.
    fn own_scores(&self, names: &[Option<String>]) -> Option<Vec<f32>> {
        let model = sentencepiece::decode(self.companions.get("tokenizer.model")?).ok()?;
        let same = model.pieces.len() <= names.len()
            && model.pieces.iter().zip(names).all(|(piece, name)| {
                let is_text = !matches!(piece.kind, Some(UNKNOWN | CONTROL | USER_DEFINED | BYTE));
                piece.text == *name || !is_text
            });
        let mut scores: Vec<f32> = model.pieces.iter().map(|piece| piece.score.unwrap_or(0.0)).collect();
        // Pieces after the model's own are found before anything is merged, so that their scores say nothing.
        scores.resize(names.len(), 0.0);
        same.then_some(scores)
    }
}

/// The pattern that cuts a text into words, by its name.
fn word_pattern(file: &Value) -> Result<WordPattern> {
    match super::byte_level::pattern(file) {
        Some(words::LLAMA_3) => Ok(WordPattern::Llama3),
        Some(words::GPT_2) => Ok(WordPattern::Gpt2),
        other => {
            let steps = json::steps(file.get("pre_tokenizer"), "pretokenizers");
            let steps: Vec<&str> = steps.into_iter().map(kind).collect();
            Err(Error::new("how the tokenizer cuts texts into words")
                .got(other.map_or_else(|| format!("{steps:?}"), |pattern| format!("{pattern:?}")))
                .expected("Llama 2's, Llama 3's or GPT-2's way")
                .hint("a reader that knows the method only by its name would cut texts elsewhere"))
        }
    }
}

/// Merges as `left right`.
fn merges(model: &Value) -> Vec<String> {
    let listed = model.get("merges").and_then(Value::as_array).into_iter().flatten();
    listed.filter_map(json::parts).map(|(left, right)| format!("{left} {right}")).collect()
}

/// For each piece the rank of the first merge that makes it, negated; single characters come after all merges.
fn scores_of_merges(model: &Value, names: &[Option<String>]) -> Vec<f32> {
    let mut rank_of: HashMap<String, usize> = HashMap::new();
    let listed: Vec<&Value> = model.get("merges").and_then(Value::as_array).into_iter().flatten().collect();
    for (rank, merge) in listed.iter().enumerate() {
        if let Some((left, right)) = json::parts(merge) {
            rank_of.entry(format!("{left}{right}")).or_insert(rank);
        }
    }
    let last = listed.len();
    let rank = |name: &Option<String>| name.as_ref().and_then(|name| rank_of.get(name)).copied();
    names.iter().map(|name| -(rank(name).unwrap_or(last) as f32)).collect()
}
