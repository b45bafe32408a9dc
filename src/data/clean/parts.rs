//! The texts that a row is made of.

use crate::data::read::Row;

/// What is said in a row, piece by piece: the document, both sentences, or each turn and its input. Of a row that is
/// tokenized already nothing is known.
pub(super) fn parts(row: &Row) -> Vec<&str> {
    match row {
        Row::Document(text) => vec![text],
        Row::Pair(first, second) => vec![first, second],
        Row::Tokens { .. } => Vec::new(),
        Row::Conversation(talk) => {
            let both = talk.turns.iter().flat_map(|turn| [turn.text.as_str(), turn.input.as_str()]);
            both.filter(|text| !text.is_empty()).collect()
        }
    }
}
