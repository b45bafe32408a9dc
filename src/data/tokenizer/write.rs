//! Writes a tokenizer as transformers reads it.

use serde_json::{Map, Value, json};

use super::spaces::{Prefix, Spaces};
use crate::error::{Error, Result};

/// What a `tokenizer.json` of Llama's kind says.
pub(super) struct Parts {
    /// Pieces in the order of their ids.
    pub pieces: Vec<String>,
    /// Merges, the first done first.
    pub merges: Vec<(String, String)>,
    /// Pieces never found in a text, the unknown one included.
    pub special: Vec<String>,
    /// The unknown piece.
    pub unknown: Option<String>,
    /// Pieces found in a text before anything is merged.
    pub literals: Vec<String>,
    /// Whether unseen characters are written as bytes.
    pub byte_fallback: bool,
    /// How spaces are written.
    pub spaces: Spaces,
}

/// The content of the `tokenizer.json`.
///
/// One thing cannot be said in the format: with literals *and* a space before every text, SentencePiece puts that space
/// before a literal at the very start as well; a reader of the file will not.
pub(super) fn tokenizer_json(parts: &Parts, bos: &str) -> Result<Vec<u8>> {
    let ids: Map<String, Value> =
        parts.pieces.iter().enumerate().map(|(id, piece)| (piece.clone(), json!(id))).collect();
    let literal_of_normalized_text = parts.spaces.prefix == Prefix::Never;
    let added = |content: &String, special: bool| {
        json!({
            "id": ids.get(content), "content": content, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": !special && literal_of_normalized_text, "special": special,
        })
    };
    let mut added_tokens: Vec<Value> = parts.special.iter().map(|piece| added(piece, true)).collect();
    added_tokens.extend(parts.literals.iter().map(|piece| added(piece, false)));
    added_tokens.sort_by_key(|token| token.get("id").and_then(Value::as_u64));
    let start = json!({ "SpecialToken": { "id": bos, "type_id": 0 } });
    let second_start = json!({ "SpecialToken": { "id": bos, "type_id": 1 } });
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens,
        "normalizer": normalizer(parts.spaces),
        "pre_tokenizer": null,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [start.clone(), { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [start, { "Sequence": { "id": "A", "type_id": 0 } },
                     second_start, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { bos: { "id": bos, "ids": [ids.get(bos)], "tokens": [bos] } },
        },
        "decoder": decoder(parts.spaces),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": parts.unknown,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": true,
            "byte_fallback": parts.byte_fallback,
            "ignore_merges": false,
            "vocab": ids,
            "merges": parts.merges.iter().map(|(left, right)| format!("{left} {right}")).collect::<Vec<_>>(),
        },
    });
    serde_json::to_vec(&file).map_err(|e| Error::new(format!("cannot write the tokenizer: {e}")))
}

fn normalizer(spaces: Spaces) -> Value {
    let mut steps = Vec::new();
    let replace = |pattern: Value, content: &str| json!({ "type": "Replace", "pattern": pattern, "content": content });
    if spaces.squeeze {
        steps.push(replace(json!({ "Regex": r"\A +" }), ""));
        steps.push(replace(json!({ "Regex": " {2,}" }), " "));
    }
    if spaces.prefix != Prefix::Never {
        steps.push(json!({ "type": "Prepend", "prepend": "▁" }));
    }
    steps.push(replace(json!({ "String": " " }), "▁"));
    if spaces.squeeze {
        // At the end only, and written ▁ as well: so does SentencePiece.
        steps.push(replace(json!({ "Regex": r"▁+\z" }), ""));
    }
    json!({ "type": "Sequence", "normalizers": steps })
}

fn decoder(spaces: Spaces) -> Value {
    let mut steps = vec![
        json!({ "type": "Replace", "pattern": { "String": "▁" }, "content": " " }),
        json!({ "type": "ByteFallback" }),
        json!({ "type": "Fuse" }),
    ];
    if spaces.prefix != Prefix::Never {
        steps.push(json!({ "type": "Strip", "content": " ", "start": 1, "stop": 0 }));
    }
    json!({ "type": "Sequence", "decoders": steps })
}

/// The content of `tokenizer_config.json` for a tokenizer that came without one.
pub(super) fn tokenizer_config(bos: &str, eos: &str, unknown: Option<&str>) -> Value {
    json!({
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": bos,
        "eos_token": eos,
        "unk_token": unknown,
        "clean_up_tokenization_spaces": false,
    })
}

/// The content of `special_tokens_map.json` for a tokenizer that came without one.
pub(super) fn special_tokens_map(bos: &str, eos: &str, unknown: Option<&str>) -> Value {
    let mut map = json!({ "bos_token": bos, "eos_token": eos });
    if let (Some(name), Some(object)) = (unknown, map.as_object_mut()) {
        object.insert("unk_token".into(), name.into());
    }
    map
}
