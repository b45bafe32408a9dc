//! The files of a tokenizer with new pieces.
//!
//! Nothing that stands in them is changed: `tokenizer.json` gets more pieces and merges at the end, `tokenizer.model` more
//! pieces with scores that go on downward. What a reader of either does with them is the same.

use serde_json::{Value, json};

use super::super::json::{Added, model_ids, names_by_id};
use super::super::{Tokenizer, sentencepiece};
use super::{Made, NewPiece};
use crate::error::{Error, Result};

/// The tokenizer with new pieces after the old ones.
///
/// # Errors
/// A name of a new piece is taken.
pub(super) fn with_pieces(old: &Tokenizer, pieces: &[NewPiece]) -> Result<Tokenizer> {
    let content = old.companions.get("tokenizer.json").unwrap_or_default();
    let mut file: Value =
        serde_json::from_slice(content).map_err(|e| Error::new(format!("cannot read the tokenizer: {e}")))?;
    let added = Added::of(&file)?;
    let ids = model_ids(file.get("model").unwrap_or(&Value::Null))?;
    let mut names = names_by_id(&ids, &added);
    let old_names = names.clone();
    names.resize(old.size, None);
    let mut merges = Vec::new();
    for piece in pieces {
        let name = match piece.made {
            Made::Character(character) => character.to_string(),
            Made::Of(left, right) => {
                let known = |id: u32| names.get(id as usize).and_then(Option::as_deref).unwrap_or_default();
                let (left, right) = (known(left), known(right));
                merges.push((left.to_owned(), right.to_owned()));
                format!("{left}{right}")
            }
        };
        names.push(Some(name));
    }
    let new: Vec<&str> = names.iter().skip(old.size).filter_map(|name| name.as_deref()).collect();
    write_json(&mut file, &added, old.size, &new, &merges)?;
    let bytes = serde_json::to_vec(&file).map_err(|e| Error::new(format!("cannot write the tokenizer: {e}")))?;
    let mut companions = old.companions.clone();
    let model = companions.get("tokenizer.model").and_then(|model| sentencepiece::extended(model, &old_names, &new));
    match model {
        Some(model) => companions.add("tokenizer.model", model),
        // Another format, or other pieces than those of the tokenizer.json: it would contradict it.
        None => companions.remove("tokenizer.model"),
    }
    Tokenizer::read_json(&bytes, companions, (Some(old.ends.bos.0.clone()), Some(old.ends.eos.0.clone())))
}

fn write_json(
    file: &mut Value,
    added: &[Added],
    first: usize,
    new: &[&str],
    merges: &[(String, String)],
) -> Result<()> {
    let missing = |key: &str| Error::new(format!("the tokenizer's model has no `{key}`"));
    let model = file.get_mut("model").ok_or_else(|| missing("type"))?;
    let vocabulary = model.get_mut("vocab").and_then(Value::as_object_mut).ok_or_else(|| missing("vocab"))?;
    // A reader numbers added pieces that are not in the vocabulary by its size, which now changes.
    for token in added {
        vocabulary.entry(token.content.clone()).or_insert_with(|| json!(token.id));
    }
    for (index, name) in new.iter().enumerate() {
        if vocabulary.insert((*name).to_owned(), json!(first + index)).is_some() {
            return Err(Error::new(format!("the new piece {name:?} is one that the tokenizer has")));
        }
    }
    let list = model.get_mut("merges").and_then(Value::as_array_mut).ok_or_else(|| missing("merges"))?;
    let as_lists = list.first().is_some_and(Value::is_array);
    list.extend(merges.iter().map(|(left, right)| match as_lists {
        true => json!([left, right]),
        false => json!(format!("{left} {right}")),
    }));
    Ok(())
}
