//! Reads a `tokenizer.json`.
//!
//! Three kinds are known. Where the file says what SentencePiece's BPE does (spaces as `▁`, no words split off: Llama 1
//! and 2, TinyLlama, Mistral), the engine of [`bpe`](super::bpe) works from its vocabulary and merges; where it merges
//! the bytes of words that a pattern finds (Llama 3), that of [`byte_level`](super::byte_level). Everything else with a
//! BPE model is given to the `tokenizers` crate. In all, a special token is never found in a text: the words `</s>` in a
//! row are three or four ordinary pieces.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use super::bpe::{Bpe, Merge, SPACE, pair};
use super::byte_level::ByteLevel;
use super::marked::Special;
use super::pieces::{Pieces, Spelling};
use super::spaces::{Prefix, Spaces};
use super::{Engine, Vocabulary};
use crate::error::{Error, Result};

/// A piece beside the model's.
#[derive(Deserialize)]
pub(super) struct Added {
    pub id: u32,
    pub content: String,
    #[serde(default)]
    pub special: bool,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
}

/// Reads the content of a `tokenizer.json`.
pub(super) fn read(bytes: &[u8]) -> Result<Vocabulary> {
    let mut file: Value = serde_json::from_slice(bytes).map_err(|e| {
        Error::new(format!("cannot read the tokenizer: {e}")).hint("is the file cut off? fetch it again")
    })?;
    let model = file.get("model").ok_or_else(|| Error::new("the tokenizer has no `model`"))?;
    let kind = model.get("type").and_then(Value::as_str).unwrap_or("BPE").to_owned();
    if kind != "BPE" {
        return Err(Error::new("the tokenizer's model").got(kind).expected("BPE").hint("Llama's tokenizers are BPE"));
    }
    let added = Added::of(&file)?;
    let special: HashMap<String, u32> =
        added.iter().filter(|token| token.special).map(|token| (token.content.clone(), token.id)).collect();
    let ids = model_ids(model)?;
    remove_special_merges(&mut file, &special);
    let names = names_by_id(&ids, &added);
    let spelling = spelling(&file);
    let special_ids: HashSet<u32> = special.values().copied().collect();
    let visible = |id: u32| if special_ids.contains(&id) { None } else { names.get(id as usize)?.as_deref() };
    let pieces = Pieces::new(names.len(), spelling, strips_first_space(&file), visible);
    let marks = added.iter().filter(|token| token.special).map(Added::mark).collect();
    let first_only = prefixes_first_only(&file);
    let ordinary = added.iter().all(|token| token.special);
    let byte_level = if ordinary { ByteLevel::read(&file, &ids, &special_ids)? } else { None };
    let engine = match (sentencepiece_spaces(&file), byte_level) {
        (Some(spaces), _) if ordinary => Engine::Pieces { bpe: bpe(&file, &ids, &special_ids)?, spaces },
        (_, Some(byte_level)) => Engine::Bytes(Box::new(byte_level)),
        _ => general(file, special_ids)?,
    };
    Ok(Vocabulary { engine, pieces, size: names.len(), special, marks, first_only })
}

impl Added {
    fn mark(&self) -> Special {
        let Self { id, content, single_word, lstrip, rstrip, .. } = self;
        Special { single_word: *single_word, lstrip: *lstrip, rstrip: *rstrip, ..Special::new(content, *id) }
    }

    /// Those of a `tokenizer.json`.
    pub fn of(file: &Value) -> Result<Vec<Self>> {
        match file.get("added_tokens") {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(list) => Vec::deserialize(list)
                .map_err(|e| Error::new(format!("cannot read the tokenizer's `added_tokens`: {e}"))),
        }
    }
}

/// The ids of the model's pieces.
pub(super) fn model_ids(model: &Value) -> Result<HashMap<String, u32>> {
    let vocabulary = model.get("vocab").and_then(Value::as_object);
    let vocabulary = vocabulary.ok_or_else(|| Error::new("the tokenizer's model has no `vocab`"))?;
    let mut ids = HashMap::with_capacity(vocabulary.len());
    let mut taken = HashSet::with_capacity(vocabulary.len());
    for (piece, id) in vocabulary {
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).filter(|id| *id < MOST_PIECES);
        let id = id.ok_or_else(|| Error::new(format!("the id of piece {piece:?} is no number below {MOST_PIECES}")))?;
        if !taken.insert(id) {
            return Err(Error::new(format!("two pieces of the tokenizer have the id {id}")));
        }
        ids.insert(piece.clone(), id);
    }
    Ok(ids)
}

/// More pieces than any vocabulary has; ids beyond would only waste memory.
const MOST_PIECES: u32 = 1 << 24;

/// The text of every id; `None` where there is none.
pub(super) fn names_by_id(ids: &HashMap<String, u32>, added: &[Added]) -> Vec<Option<String>> {
    let all = || {
        let added = added.iter().filter(|token| token.id < MOST_PIECES).map(|token| (&token.content, token.id));
        ids.iter().map(|(piece, id)| (piece, *id)).chain(added)
    };
    let size = all().map(|(_, id)| id as usize + 1).max().unwrap_or(0);
    let mut names = vec![None; size];
    for (piece, id) in all() {
        if let Some(name) = names.get_mut(id as usize) {
            *name = Some(piece.clone());
        }
    }
    names
}

/// Without the merges that make them, special tokens cannot come out of ordinary text.
fn remove_special_merges(file: &mut Value, special: &HashMap<String, u32>) {
    if let Some(Value::Array(merges)) = file.get_mut("model").and_then(|model| model.get_mut("merges")) {
        merges
            .retain(|merge| parts(merge).is_none_or(|(left, right)| !special.contains_key(&format!("{left}{right}"))));
    }
}

/// The two parts of a merge, written `"a b"` or `["a", "b"]`.
pub(super) fn parts(merge: &Value) -> Option<(&str, &str)> {
    match merge {
        Value::String(text) => text.split_once(' '),
        Value::Array(list) => match list.as_slice() {
            [Value::String(left), Value::String(right)] => Some((left, right)),
            _ => None,
        },
        _ => None,
    }
}

fn bpe(file: &Value, ids: &HashMap<String, u32>, special: &HashSet<u32>) -> Result<Bpe> {
    let model = file.get("model").unwrap_or(&Value::Null);
    let set = |name: &str| model.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut bpe = Bpe { fuse_unknown: set("fuse_unk"), by_word: true, ..Bpe::default() };
    for (piece, id) in ids.iter().filter(|(_, id)| !special.contains(id)) {
        let mut characters = piece.chars();
        if let (Some(only), None) = (characters.next(), characters.next()) {
            bpe.characters.insert(only, *id);
        }
    }
    read_merges(model, ids, &mut |left, right, merge, piece| {
        bpe.by_word &= !reaches_next_word(piece);
        bpe.merges.insert(pair(left, right), merge);
    })?;
    if set("byte_fallback") {
        bpe.bytes = (0..=255u8).map(|byte| ids.get(&format!("<0x{byte:02X}>")).copied()).collect();
    }
    bpe.unknown = model.get("unk_token").and_then(Value::as_str).and_then(|name| ids.get(name)).copied();
    if bpe.bytes.is_none() && bpe.unknown.is_none() {
        return Err(Error::new("the tokenizer has neither byte pieces nor an unknown piece for unseen characters"));
    }
    Ok(bpe)
}

/// Reads the merges of a model: the ids of both parts, what they become, and the text of that.
///
/// # Errors
/// A part or a result is no piece.
pub(super) fn read_merges(
    model: &Value,
    ids: &HashMap<String, u32>,
    each: &mut dyn FnMut(u32, u32, Merge, &str),
) -> Result<()> {
    for (rank, merge) in model.get("merges").and_then(Value::as_array).into_iter().flatten().enumerate() {
        let known = parts(merge).and_then(|(left, right)| {
            let piece = format!("{left}{right}");
            Some((*ids.get(left)?, *ids.get(right)?, *ids.get(&piece)?, piece))
        });
        let (left, right, id, piece) = known.ok_or_else(|| {
            Error::new(format!("merge {rank} of the tokenizer, {merge}, has a part or a result that is no piece"))
        })?;
        each(left, right, Merge { rank: rank as u32, piece: id }, &piece);
    }
    Ok(())
}

/// Whether a piece has a space after another character.
pub(super) fn reaches_next_word(piece: &str) -> bool {
    piece.chars().zip(piece.chars().skip(1)).any(|(first, second)| first != SPACE && second == SPACE)
}

/// How the file writes spaces, if it says just what SentencePiece does.
pub(super) fn sentencepiece_spaces(file: &Value) -> Option<Spaces> {
    let model = file.get("model")?;
    let unset = |name: &str| matches!(model.get(name), None | Some(Value::Null | Value::Bool(false)));
    let plain = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"].into_iter().all(unset);
    if !plain {
        return None;
    }
    let mut prefix = Prefix::Never;
    let mut replaced = false;
    for step in steps(file.get("normalizer"), "normalizers") {
        match kind(step) {
            "Prepend" if text(step, "prepend") == "▁" && prefix == Prefix::Never => prefix = Prefix::Always,
            "Replace" if text(step, "content") == "▁" && step.pointer("/pattern/String") == Some(&" ".into()) => {
                replaced = true;
            }
            _ => return None,
        }
    }
    match steps(file.get("pre_tokenizer"), "pretokenizers").as_slice() {
        [] => {}
        [step] if kind(step) == "Metaspace" && text(step, "replacement") == "▁" && prefix == Prefix::Never => {
            if step.get("split") != Some(&Value::Bool(false)) {
                return None;
            }
            replaced = true;
            prefix = if text(step, "prepend_scheme") == "never" { Prefix::Never } else { Prefix::UnlessSpace };
        }
        _ => return None,
    }
    replaced.then_some(Spaces { prefix, squeeze: false })
}

/// Whether a space is put only before a text that begins the whole, and not after a special token.
fn prefixes_first_only(file: &Value) -> bool {
    let splitters = steps(file.get("pre_tokenizer"), "pretokenizers");
    splitters.into_iter().any(|step| kind(step) == "Metaspace" && text(step, "prepend_scheme") == "first")
}

/// A step of the file's pipeline, or the steps of a `Sequence`.
pub(super) fn steps<'v>(step: Option<&'v Value>, list: &str) -> Vec<&'v Value> {
    match step {
        None | Some(Value::Null) => Vec::new(),
        Some(sequence) if kind(sequence) == "Sequence" => {
            let inner = sequence.get(list).and_then(Value::as_array).into_iter().flatten();
            inner.flat_map(|step| steps(Some(step), list)).collect()
        }
        Some(single) => vec![single],
    }
}

/// What a step is.
pub(super) fn kind(step: &Value) -> &str {
    text(step, "type")
}

fn text<'v>(step: &'v Value, key: &str) -> &'v str {
    step.get(key).and_then(Value::as_str).unwrap_or_default()
}

fn spelling(file: &Value) -> Spelling {
    let decoders = steps(file.get("decoder"), "decoders");
    let splitters = steps(file.get("pre_tokenizer"), "pretokenizers");
    let byte_level = decoders.into_iter().chain(splitters).any(|step| kind(step) == "ByteLevel");
    if byte_level { Spelling::Bytes } else { Spelling::Spaces }
}

fn strips_first_space(file: &Value) -> bool {
    steps(file.get("decoder"), "decoders").into_iter().any(|step| match kind(step) {
        "Strip" => text(step, "content") == " " && step.get("start").and_then(Value::as_u64) > Some(0),
        "Metaspace" => text(step, "prepend_scheme") != "never",
        _ => false,
    })
}

fn general(mut file: Value, special: HashSet<u32>) -> Result<Engine> {
    for key in ["truncation", "padding"] {
        if let Some(value) = file.get_mut(key) {
            *value = Value::Null;
        }
    }
    let mut later = file.clone();
    for key in ["normalizer", "pre_tokenizer"] {
        if let Some(value) = later.get_mut(key) {
            remove_prefix(value);
        }
    }
    Ok(Engine::General { first: Box::new(build(file)?), later: Box::new(build(later)?), special })
}

fn build(file: Value) -> Result<tokenizers::Tokenizer> {
    let text = serde_json::to_vec(&file).map_err(|e| Error::new(format!("cannot write the tokenizer: {e}")))?;
    let mut built =
        tokenizers::Tokenizer::from_bytes(text).map_err(|e| Error::new(format!("cannot build the tokenizer: {e}")))?;
    built.set_encode_special_tokens(true);
    Ok(built)
}

/// Takes out whatever puts a space before a text.
fn remove_prefix(step: &mut Value) {
    match kind(step) {
        "Prepend" => *step = serde_json::json!({ "type": "Sequence", "normalizers": [] }),
        "Metaspace" => set(step, "prepend_scheme", "never".into()),
        "ByteLevel" => set(step, "add_prefix_space", false.into()),
        "Sequence" => {
            for list in ["normalizers", "pretokenizers"] {
                if let Some(Value::Array(inner)) = step.get_mut(list) {
                    inner.iter_mut().for_each(remove_prefix);
                }
            }
        }
        _ => {}
    }
}

fn set(step: &mut Value, key: &str, value: Value) {
    if let Some(object) = step.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
