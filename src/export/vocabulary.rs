//! What the head of a model's GGUF file says of its tokenizer.

use super::gguf::{Head, Value};
use crate::data::Tokenizer;
use crate::data::tokenizer::{ListedPiece, Listing, Method, PieceKind, WordPattern};
use crate::error::Result;
use crate::model::Config;
use crate::progress::Progress;

/// Keys and values of a tokenizer, for a model with `config.vocabulary` rows; rows without a piece get a name that no
/// text has.
///
/// # Errors
/// llama.cpp has no name for how the tokenizer works; it has more pieces than the model rows.
pub(super) fn of_tokenizer(
    tokenizer: &Tokenizer,
    config: &Config,
    template: Option<&str>,
    progress: Progress,
) -> Result<Head> {
    tokenizer.check_vocabulary(config.vocabulary)?;
    let Listing { method, mut pieces } = tokenizer.listing()?;
    if matches!(method, Method::Scores { squeeze: true, .. }) {
        progress.say("note: this tokenizer leaves out repeated spaces, and llama.cpp keeps them for such a vocabulary");
    }
    for id in pieces.len()..config.vocabulary {
        pieces.push(ListedPiece { text: format!("[PAD{id}]"), score: 0.0, kind: PieceKind::Unused });
    }
    let (model, words) = match &method {
        Method::Scores { .. } => ("llama", "default"),
        Method::Merges { words: WordPattern::Llama3, .. } => ("gpt2", "llama-bpe"),
        Method::Merges { words: WordPattern::Gpt2, .. } => ("gpt2", "gpt-2"),
    };
    let mut head: Head = Vec::new();
    let mut put = |key: &str, value: Value| head.push((format!("tokenizer.{key}"), value));
    put("ggml.model", Value::Text(model.into()));
    put("ggml.pre", Value::Text(words.into()));
    put("ggml.tokens", Value::Texts(pieces.iter().map(|piece| piece.text.clone()).collect()));
    if let Method::Scores { .. } = method {
        put("ggml.scores", Value::Numbers(pieces.iter().map(|piece| piece.score).collect()));
    }
    put("ggml.token_type", Value::Kinds(pieces.iter().map(|piece| number_of(piece.kind)).collect()));
    match method {
        Method::Scores { space_before, .. } => put("ggml.add_space_prefix", Value::Flag(space_before)),
        Method::Merges { merges, .. } => put("ggml.merges", Value::Texts(merges)),
    }
    put("ggml.bos_token_id", Value::Count(tokenizer.bos()));
    put("ggml.eos_token_id", Value::Count(tokenizer.eos()));
    if let Some(id) = tokenizer.unknown() {
        put("ggml.unknown_token_id", Value::Count(id));
    }
    if let Some(id) = config.stop_ids().into_iter().find(|id| *id != tokenizer.eos()) {
        put("ggml.eot_token_id", Value::Count(id));
    }
    put("ggml.add_bos_token", Value::Flag(true));
    put("ggml.add_eos_token", Value::Flag(false));
    if let Some(template) = template {
        put("chat_template", Value::Text(template.to_owned()));
    }
    Ok(head)
}

/// The number of a kind of piece in the file.
fn number_of(kind: PieceKind) -> i32 {
    match kind {
        PieceKind::Normal => 1,
        PieceKind::Unknown => 2,
        PieceKind::Control => 3,
        PieceKind::Literal => 4,
        PieceKind::Unused => 5,
        PieceKind::Byte => 6,
    }
}
