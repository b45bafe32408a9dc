//! Documents whose tokens are scored: a prompt with its answer, or a stretch of a long text.

use crate::data::template::{Encoded, Template};
use crate::data::tokenizer::Encoder;
use crate::data::{Conversation, Role, Tokenizer};
use crate::error::{Error, Result};
use crate::model::{Batch, Segments};

/// Tokens in a window of a text, BOS included; fewer where the model's context is shorter.
pub(super) const LENGTH: usize = 1024;

/// Token ids and which of them are scored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) ids: Vec<u32>,
    /// The row that predicts, and what it is to predict.
    pub(super) rows: Vec<(u32, u32)>,
}

impl Document {
    /// A conversation of which the assistant's words are scored; the tokens that end a turn are not, since what a model
    /// does after an answer says nothing about the answer.
    pub(super) fn of_answer(encoded: &Encoded, ends: &[u32]) -> Self {
        let targets = encoded.ids.iter().zip(&encoded.trained).enumerate().skip(1);
        let rows = targets.filter(|(_, (id, trained))| **trained && !ends.contains(id));
        let rows = rows.map(|(at, (id, _))| (at as u32 - 1, *id)).collect();
        Self { ids: encoded.ids.clone(), rows }
    }

    /// Number of tokens scored.
    pub(super) fn targets(&self) -> usize {
        self.rows.len()
    }
}

/// Documents below each other, none of which sees another, and what is to be predicted in each.
///
/// # Errors
/// There are more tokens than are counted.
pub(super) fn batch(documents: &[Document]) -> Result<Batch> {
    let (mut ids, mut bounds, mut targets) = (Vec::new(), vec![0u32], Vec::new());
    for document in documents {
        let start = ids.len() as u32;
        targets.extend(document.rows.iter().map(|(row, id)| (start + row, *id)));
        ids.extend_from_slice(&document.ids);
        if ids.len() > i32::MAX as usize {
            return Err(Error::new("the rows").got("more tokens than are counted").hint("give a limit"));
        }
        bounds.push(ids.len() as u32);
    }
    Ok(Batch { ids, targets, weights: Vec::new(), segments: Segments::new(bounds)? })
}

/// Reads conversations as a model with a context of so many tokens can.
pub(super) struct Listener<'a> {
    template: &'a Template,
    tokenizer: &'a Tokenizer,
    encoder: Encoder<'a>,
    ends: Vec<u32>,
    context: usize,
}

impl<'a> Listener<'a> {
    pub(super) fn new(template: &'a Template, tokenizer: &'a Tokenizer, context: usize) -> Self {
        Self { template, tokenizer, encoder: tokenizer.encoder(), ends: template.ends(tokenizer), context }
    }

    /// What of a conversation is scored, and its text: all that the assistant says, as far as the context reaches. Nothing
    /// of an empty answer, or of one behind a question that fills the context: it counts for nothing.
    pub(super) fn heard(&mut self, talk: &Conversation) -> Result<(Document, String)> {
        let mut encoded = self.template.encode(talk, &mut self.encoder)?;
        let is_whole = encoded.ids.len() <= self.context;
        encoded.ids.truncate(self.context);
        encoded.trained.truncate(self.context);
        let document = Document::of_answer(&encoded, &self.ends);
        let text = match (document.rows.is_empty(), is_whole) {
            (true, _) => String::new(),
            (false, true) => said(talk),
            (false, false) => {
                let scored: Vec<u32> = document.rows.iter().map(|(_, id)| *id).collect();
                self.tokenizer.decode(&scored)
            }
        };
        Ok((document, text))
    }
}

/// All that the assistant says, a line for each turn.
pub(super) fn said(talk: &Conversation) -> String {
    let said = talk.turns.iter().filter(|turn| turn.role == Role::Assistant);
    said.map(|turn| turn.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// Cuts a text into windows of at most `length` tokens, each with BOS in front.
///
/// Every token is scored once. The first window scores all of its tokens; each later one begins half a
/// window earlier than what it scores, so that no token is predicted from less than half a window.
pub(super) fn windows(bos: u32, ids: &[u32], length: usize) -> Vec<Document> {
    let body = length.saturating_sub(1).max(1);
    let stride = body.div_ceil(2);
    let mut windows = Vec::new();
    let mut done = 0;
    while done < ids.len() {
        let end = if done == 0 { body } else { done + stride }.min(ids.len());
        let start = end.saturating_sub(body);
        let tokens = ids.get(start..end).unwrap_or_default();
        let rows = tokens.iter().enumerate().skip(done - start).map(|(row, id)| (row as u32, *id)).collect();
        windows.push(Document { ids: std::iter::once(bos).chain(tokens.iter().copied()).collect(), rows });
        done = end;
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Turn;
    use crate::recipe::ChatTemplate;

    #[test]
    fn each_token_is_scored_once_from_at_least_half_a_window() {
        for (count, length) in [(1, 8), (7, 8), (8, 8), (9, 8), (100, 8), (100, 7), (5, 2), (3, 1)] {
            let ids: Vec<u32> = (100..100 + count).collect();
            let windows = windows(1, &ids, length);
            let scored: Vec<u32> = windows.iter().flat_map(|w| w.rows.iter().map(|(_, id)| *id)).collect();
            assert_eq!(scored, ids, "{count} tokens in windows of {length}");
            for (at, window) in windows.iter().enumerate() {
                assert!(window.ids.len() <= length.max(2) && window.ids[0] == 1);
                for &(row, id) in &window.rows {
                    assert_eq!(window.ids[row as usize + 1], id);
                    assert!(at == 0 || row as usize >= (length.saturating_sub(1)) / 2);
                }
            }
        }
        assert!(windows(1, &[], 8).is_empty());
    }

    #[test]
    fn of_an_answer_only_the_words_are_scored() {
        let encoded = Encoded {
            ids: vec![1, 10, 11, 20, 21, 2, 13],
            trained: vec![false, false, false, true, true, true, false],
        };
        assert_eq!(Document::of_answer(&encoded, &[2]).rows, [(2, 20), (3, 21)]);
    }

    #[test]
    fn of_a_conversation_longer_than_the_context_what_fits_counts() {
        let tokenizer = Tokenizer::train(["Mari elab Tartus ja töötab koolis, kus ta loeb raamatuid."], 280).unwrap();
        let template = Template::open(&ChatTemplate::Plain, &tokenizer).unwrap();
        let mut talk = Conversation::default();
        for (role, text) in [(Role::User, "Kus Mari elab?"), (Role::Assistant, "Mari elab Tartus ja töötab koolis.")]
        {
            talk.turns.push(Turn::new(role, text));
        }
        let heard = |context: usize| Listener::new(&template, &tokenizer, context).heard(&talk).unwrap();
        let (whole, text) = heard(1000);
        assert_eq!(text, "Mari elab Tartus ja töötab koolis.");
        let (first, said) = heard(whole.ids.len() - 5);
        assert_eq!(first.ids, whole.ids[..whole.ids.len() - 5]);
        assert!(!said.is_empty() && text.starts_with(said.trim()) && said.len() < text.len(), "{said}");
        assert!(first.targets() < whole.targets() && first.rows == whole.rows[..first.targets()]);
        let (none, said) = heard(3);
        assert_eq!((none.targets(), said.as_str()), (0, ""));
    }
}
