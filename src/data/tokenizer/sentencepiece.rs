//! Reads a SentencePiece `tokenizer.model` of type BPE, so that ids equal SentencePiece's own.
//!
//! The file is a protocol buffer; the messages below hold the fields that decide ids. What SentencePiece can do and
//! this reader cannot (unigram models, normalization by a character map, spaces after words, pieces marked unused) is
//! refused by name rather than approximated.
//!
//! # Source  `sentencepiece_model.proto`, `bpe_model.cc` and `normalizer.cc` of github.com/google/sentencepiece

use std::collections::HashMap;

use prost::Message;

use super::bpe::{Bpe, Merge, pair};
use super::json::reaches_next_word;
use super::marked::Special;
use super::pieces::{LONGEST, Pieces, Spelling, byte_piece};
use super::spaces::{Prefix, Spaces};
use super::write::Parts;
use super::{Engine, Vocabulary};
use crate::error::{Error, Result};

#[derive(Clone, PartialEq, Message)]
pub(super) struct Model {
    #[prost(message, repeated, tag = "1")]
    pub(super) pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    pub(super) trainer: Option<Trainer>,
    #[prost(message, optional, tag = "3")]
    pub(super) normalizer: Option<Normalizer>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Piece {
    #[prost(string, optional, tag = "1")]
    pub(super) text: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(super) score: Option<f32>,
    #[prost(int32, optional, tag = "3")]
    pub(super) kind: Option<i32>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Trainer {
    #[prost(int32, optional, tag = "3")]
    pub(super) model_type: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(super) vocabulary: Option<i32>,
    #[prost(bool, optional, tag = "24")]
    pub(super) space_as_suffix: Option<bool>,
    #[prost(bool, optional, tag = "35")]
    pub(super) byte_fallback: Option<bool>,
    #[prost(string, optional, tag = "46")]
    pub(super) bos_piece: Option<String>,
    #[prost(string, optional, tag = "47")]
    pub(super) eos_piece: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Normalizer {
    #[prost(string, optional, tag = "1")]
    pub(super) name: Option<String>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(super) character_map: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3")]
    pub(super) add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    pub(super) remove_extra_spaces: Option<bool>,
    #[prost(bool, optional, tag = "5")]
    pub(super) escape_spaces: Option<bool>,
}

pub(super) const NORMAL: i32 = 1;
pub(super) const UNKNOWN: i32 = 2;
pub(super) const CONTROL: i32 = 3;
pub(super) const USER_DEFINED: i32 = 4;
pub(super) const UNUSED: i32 = 5;
pub(super) const BYTE: i32 = 6;

/// What a model file gives: the vocabulary, and the parts of an equal `tokenizer.json`.
pub(super) struct Read {
    pub vocabulary: Vocabulary,
    pub parts: Parts,
    pub bos: Option<String>,
    pub eos: Option<String>,
}

/// Reads the content of a `tokenizer.model`.
pub(super) fn read(bytes: &[u8]) -> Result<Read> {
    let model = decode(bytes)?;
    let pieces = checked(model.pieces)?;
    let trainer = model.trainer.unwrap_or_default();
    let spaces = spaces(&trainer, &model.normalizer.unwrap_or_default())?;
    let ids: HashMap<&str, u32> = pieces.iter().enumerate().map(|(id, piece)| (piece.text(), id as u32)).collect();
    let (bpe, merges) = bpe(&pieces, &ids, trainer.byte_fallback())?;
    let controls = |piece: &&Checked| piece.kind == CONTROL || piece.kind == UNKNOWN;
    let special: HashMap<String, u32> =
        pieces.iter().filter(controls).map(|piece| (piece.text.clone(), piece.id)).collect();
    let marks = special.iter().map(|(name, id)| Special::new(name, *id)).collect();
    let visible = |id: u32| pieces.get(id as usize).filter(|piece| !controls(piece)).map(Checked::text);
    let spelled = Pieces::new(pieces.len(), Spelling::Spaces, spaces.prefix == Prefix::Always, visible);
    let parts = Parts {
        unknown: pieces.iter().find(|piece| piece.kind == UNKNOWN).map(|piece| piece.text.clone()),
        special: pieces.iter().filter(controls).map(|piece| piece.text.clone()).collect(),
        literals: pieces.iter().filter(|piece| piece.kind == USER_DEFINED).map(|piece| piece.text.clone()).collect(),
        merges,
        byte_fallback: bpe.bytes.is_some(),
        spaces,
        pieces: pieces.iter().map(|piece| piece.text.clone()).collect(),
    };
    let engine = Engine::Pieces { bpe, spaces };
    let vocabulary =
        Vocabulary { engine, pieces: spelled, size: parts.pieces.len(), special, marks, first_only: false };
    Ok(Read { vocabulary, parts, bos: trainer.bos_piece, eos: trainer.eos_piece })
}

/// The messages of a model file.
pub(super) fn decode(bytes: &[u8]) -> Result<Model> {
    Model::decode(bytes).map_err(|e| {
        Error::new(format!("cannot read the SentencePiece model: {e}"))
            .hint("is the file cut off, or a Git LFS pointer? fetch it again")
    })
}

/// The model with new pieces after its own, whose names by id are `old`; `None` if they are not, or if no score is lower
/// than all of its own.
///
/// Two messages one after the other are one in which lists are joined and single values are those of the second: nothing
/// of the model's is written anew, whatever else it holds.
pub(super) fn extended(model: &[u8], old: &[Option<String>], new: &[&str]) -> Option<Vec<u8>> {
    let read = Model::decode(model).ok()?;
    let same = read.pieces.len() == old.len() && read.pieces.iter().zip(old).all(|(piece, name)| piece.text == *name);
    if !same {
        return None;
    }
    let mut score = read.pieces.iter().map(|piece| piece.score.unwrap_or(0.0)).fold(0.0, f32::min);
    let mut pieces = Vec::with_capacity(new.len());
    for name in new {
        // Runs of spaces have -10⁹ in Llama's model, where the next number is 64 away.
        score = (score - 1.0).min(score.next_down());
        pieces.push(Piece { text: Some((*name).to_owned()), score: Some(score), kind: None });
    }
    if !score.is_finite() {
        return None;
    }
    let vocabulary = i32::try_from(old.len() + new.len()).ok();
    let more = Model { pieces, trainer: Some(Trainer { vocabulary, ..Trainer::default() }), normalizer: None };
    Some([model, more.encode_to_vec().as_slice()].concat())
}

fn spaces(trainer: &Trainer, normalizer: &Normalizer) -> Result<Spaces> {
    let refuse = |what: &str| Err(Error::new(format!("the SentencePiece model {what}, which is not supported")));
    match trainer.model_type.unwrap_or(1) {
        2 => {}
        1 => return refuse("is of type unigram, not BPE"),
        other => return refuse(&format!("is of type {other}, not BPE")),
    }
    if trainer.space_as_suffix() {
        return refuse("puts spaces after words (treat_whitespace_as_suffix)");
    }
    if normalizer.character_map.as_ref().is_some_and(|map| !map.is_empty()) {
        return refuse(&format!("normalizes text by the character map {:?}", normalizer.name()));
    }
    if !normalizer.escape_spaces.unwrap_or(true) {
        return refuse("leaves spaces as they are (escape_whitespaces is off)");
    }
    let prefix = if normalizer.add_dummy_prefix.unwrap_or(true) { Prefix::Always } else { Prefix::Never };
    Ok(Spaces { prefix, squeeze: normalizer.remove_extra_spaces.unwrap_or(true) })
}

struct Checked {
    id: u32,
    text: String,
    score: f32,
    kind: i32,
}

impl Checked {
    fn text(&self) -> &str {
        &self.text
    }

    fn only_character(&self) -> Option<char> {
        let mut characters = self.text.chars();
        characters.next().filter(|_| characters.next().is_none())
    }
}

fn checked(pieces: Vec<Piece>) -> Result<Vec<Checked>> {
    if pieces.is_empty() {
        return Err(Error::new("the SentencePiece model has no pieces").hint("is this a tokenizer.model?"));
    }
    let mut seen = std::collections::HashSet::with_capacity(pieces.len());
    let mut checked = Vec::with_capacity(pieces.len());
    for (id, piece) in pieces.into_iter().enumerate() {
        let (kind, score) = (piece.kind.unwrap_or(NORMAL), piece.score.unwrap_or(0.0));
        let text = piece.text.unwrap_or_default();
        let place = || format!("piece {id} of the SentencePiece model, {text:?},");
        if text.is_empty() || !seen.insert(text.clone()) {
            return Err(Error::new(format!("{} is empty or there twice", place())));
        }
        if text.len() > LONGEST {
            return Err(Error::new(format!("the length of piece {id} of the SentencePiece model"))
                .got(text.len())
                .expected(format!("at most {LONGEST} bytes"))
                .hint("SentencePiece never trains such a model; is the file damaged?"));
        }
        if score.is_nan() {
            return Err(Error::new(format!("{} has no score", place())));
        }
        if kind == UNUSED || !(NORMAL..=BYTE).contains(&kind) {
            return Err(Error::new(format!("{} is of the unsupported kind {kind}", place())));
        }
        checked.push(Checked { id: id as u32, text, score, kind });
    }
    Ok(checked)
}

/// The engine, and the merges in an order that a `tokenizer.json` can hold.
fn bpe(pieces: &[Checked], ids: &HashMap<&str, u32>, byte_fallback: bool) -> Result<(Bpe, Vec<(String, String)>)> {
    let mergeable = |piece: &&Checked| piece.kind == NORMAL;
    let normal = |text: &str| ids.get(text).and_then(|id| pieces.get(*id as usize)).filter(mergeable);
    let mut bpe = Bpe { fuse_unknown: true, by_word: true, ..Bpe::default() };
    bpe.characters = pieces.iter().filter(mergeable).filter_map(|p| Some((p.only_character()?, p.id))).collect();
    let mut ranked: Vec<&Checked> = pieces.iter().filter(mergeable).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut listed: Vec<(u32, usize, usize, &str, &str)> = Vec::new();
    let mut rank = 0;
    let mut last_score = f32::INFINITY;
    for piece in ranked {
        if piece.score < last_score {
            (rank, last_score) = (rank + 1, piece.score);
        }
        if let Some(stranger) = piece.text.chars().find(|character| !bpe.characters.contains_key(character)) {
            return Err(Error::new(format!(
                "piece {:?} has the character {stranger:?}, which is no piece",
                piece.text
            ))
            .hint("SentencePiece never trains such a model; is the file damaged?"));
        }
        bpe.by_word &= !reaches_next_word(&piece.text);
        for (at, _) in piece.text.char_indices().skip(1) {
            let (left, right) = piece.text.split_at(at);
            if let (Some(first), Some(second)) = (normal(left), normal(right)) {
                bpe.merges.insert(pair(first.id, second.id), Merge { rank, piece: piece.id });
                listed.push((rank, left.chars().count(), right.chars().count(), first.text(), second.text()));
            }
        }
    }
    // Of merges that share a rank, the longer left part first: among runs of spaces, which all have one score, that is
    // what taking the leftmost merge comes to.
    listed.sort_by_key(|(rank, left, right, ..)| (*rank, std::cmp::Reverse((*left, *right))));
    bpe.unknown = pieces.iter().find(|piece| piece.kind == UNKNOWN).map(|piece| piece.id);
    if byte_fallback {
        bpe.bytes = Some(byte_ids(pieces)?);
    }
    for piece in pieces.iter().filter(|piece| piece.kind == USER_DEFINED) {
        let first = piece.text.chars().next().unwrap_or_default();
        bpe.literals.entry(first).or_default().push((piece.text.clone(), piece.id));
    }
    for same_first in bpe.literals.values_mut() {
        same_first.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
    }
    let listed = listed.into_iter().map(|(.., left, right)| (left.to_owned(), right.to_owned())).collect();
    Ok((bpe, listed))
}

fn byte_ids(pieces: &[Checked]) -> Result<Vec<u32>> {
    let known: HashMap<u8, u32> = pieces
        .iter()
        .filter(|piece| piece.kind == BYTE)
        .filter_map(|piece| Some((byte_piece(&piece.text)?, piece.id)))
        .collect();
    (0..=255u8)
        .map(|byte| {
            let id = known.get(&byte).copied();
            id.ok_or_else(|| Error::new(format!("the SentencePiece model has no piece for the byte <0x{byte:02X}>")))
        })
        .collect()
}
