//! A conversation as token ids, with the spans that are trained on.
//!
//! A conversation becomes a list of pieces: text that is given, and answers. Each piece is tokenized on its own and the
//! ids are put one after the other, so the ids of a prompt are exactly the ids before the answer in training, whatever
//! the answer begins with, and what is trained on is known by construction instead of being searched for afterwards.
//!
//! | module | concept |
//! |---|---|
//! | `chat` | the formats |
//! | [`translation`] | a pair of sentences as an instruction |

mod chat;
#[cfg(test)]
mod tests;
pub mod translation;

use std::ops::Range;

use crate::data::tokenizer::Encoder;
use crate::data::{Conversation, Tokenizer};
use crate::error::Result;
use crate::recipe::ChatTemplate;

/// A conversation or document as ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encoded {
    /// Token ids, BOS first.
    pub ids: Vec<u32>,
    /// Which of them are targets; as long as `ids`, `false` at BOS.
    pub trained: Vec<bool>,
}

impl Encoded {
    /// Number of targets.
    pub fn targets(&self) -> usize {
        self.trained.iter().filter(|trained| **trained).count()
    }

    fn push(&mut self, ids: &[u32], trained: bool) {
        self.ids.extend_from_slice(ids);
        self.trained.resize(self.ids.len(), trained);
    }
}

/// A piece of a conversation in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    /// Headers and what others say.
    Given(String),
    /// What the assistant says; the end token follows it.
    Answer(String),
}

/// A whole conversation, for training: BOS once, then the turns up to the assistant's last.
///
/// Targets are what the assistant says and the end token after it. An empty answer is no target, and neither is its end
/// token; a conversation without an answer has no targets at all.
pub fn encode(template: ChatTemplate, conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Encoded> {
    encode_with(template, conversation, &mut tokenizer.encoder())
}

/// As [`encode`], with an encoder that remembers words.
pub fn encode_with(template: ChatTemplate, conversation: &Conversation, encoder: &mut Encoder<'_>) -> Result<Encoded> {
    encode_pieces(&chat::answered(template, conversation), encoder)
}

/// The ids after which the assistant's next answer begins; exactly what [`encode`] gives the same turns before the
/// answer.
pub fn encode_prompt(template: ChatTemplate, conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Vec<u32>> {
    let pieces = chat::waiting(template, conversation);
    encode_pieces(&pieces, &mut tokenizer.encoder()).map(|encoded| encoded.ids)
}

/// A text of its own: BOS, text, EOS; all but BOS are targets. An empty text has no targets.
pub fn encode_document(text: &str, encoder: &mut Encoder<'_>) -> Result<Encoded> {
    let mut encoded = Encoded::default();
    encoded.push(&[encoder.tokenizer().bos()], false);
    let ids = encoder.encode(text)?;
    let trained = !text.trim().is_empty();
    encoded.push(&ids, trained);
    encoded.push(&[encoder.tokenizer().eos()], trained);
    Ok(encoded)
}

fn encode_pieces(pieces: &[Piece], encoder: &mut Encoder<'_>) -> Result<Encoded> {
    let mut encoded = Encoded::default();
    encoded.push(&[encoder.tokenizer().bos()], false);
    for (index, piece) in pieces.iter().enumerate() {
        let (Piece::Given(text) | Piece::Answer(text)) = piece;
        let ids = if index == 0 { encoder.encode(text)? } else { encoder.encode_continuation(text)? };
        let trained = matches!(piece, Piece::Answer(answer) if !answer.is_empty());
        encoded.push(&ids, trained);
        if matches!(piece, Piece::Answer(_)) {
            encoded.push(&[encoder.tokenizer().eos()], trained);
        }
    }
    Ok(encoded)
}

/// A conversation as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text; the end token is written `</s>`.
    pub text: String,
    /// The spans of it that are trained on, in bytes.
    pub trained: Vec<Range<usize>>,
}

/// Writes a whole conversation as text, for people to look at.
pub fn render(template: ChatTemplate, conversation: &Conversation) -> Rendered {
    let mut rendered = Rendered { text: String::new(), trained: Vec::new() };
    for piece in chat::answered(template, conversation) {
        let start = rendered.text.len();
        match piece {
            Piece::Given(text) => rendered.text.push_str(&text),
            Piece::Answer(answer) => {
                rendered.text.push_str(&answer);
                rendered.text.push_str("</s>");
                if !answer.is_empty() {
                    rendered.trained.push(start..rendered.text.len());
                }
            }
        }
    }
    rendered
}
