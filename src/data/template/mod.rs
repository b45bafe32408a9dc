//! A conversation as token ids, with the spans that are trained on.
//!
//! | template | how it becomes ids |
//! |---|---|
//! | `llammas-chat`, `alpaca`, `plain` | a list of pieces, each tokenized on its own |
//! | `llama-2-chat`, `llama-3`, `chatml`, `tulu`, `model`, a `.jinja` file | a Jinja template: rendered once, tokenized once |
//!
//! **Pieces.** Text that is given and answers, one after the other: the ids of a prompt are exactly the ids before the
//! answer in training, whatever the answer begins with, and what is trained on is known by construction.
//!
//! **Jinja.** The whole conversation is rendered as transformers' `apply_chat_template` renders it, and tokenized as
//! `tokenizer(text, add_special_tokens=False)` does it, the special tokens in the template's own text found as such. A
//! token is trained on exactly where `return_assistant_tokens_mask` of transformers says so: where it shares a character
//! with what a `{% generation %}` block writes. Templates without such blocks get the spans of the assistant's words, and
//! of the special token that ends the turn after them.
//!
//! Ids and spans are transformers' but for these rules, which all templates have:
//! - *Words stay words.* The name of a special token in somebody's words is encoded as the characters it is written
//!   with; transformers makes the special token of it. Where a template changes such words, that is an error.
//! - *BOS stands first, once.* It is put in front where the template does not write it. (`llama-2-chat` begins each of
//!   the user's turns with one, as its format says; none is ever a target.)
//! - *An answer ends.* Where the text does not end with a special token after the assistant's last turn, EOS is put
//!   there, and white space that the template writes after the turn is left out.
//! - *Only what is answered is read*: turns after the assistant's last are left out, and an answer without words is no
//!   target.
//!
//! A prompt of a Jinja template is its text with `add_generation_prompt`. Its ids are those before the answer in training
//! where the template writes the same text there and no token reaches over the edge: always after a special token, and
//! with SentencePiece's vocabularies also after a line feed or before a space; so for the templates above. A vocabulary
//! that joins line feeds to what follows, or a template that writes something else before an answer that it knows
//! (an empty thought, say), has other ids there; that is so in transformers, too.
//!
//! A special token of a template that the tokenizer does not have is tokenized as the text it is: `chatml` on Llama 2
//! works, with EOS after the answer, but its marks are several tokens each until they are added to the vocabulary.
//!
//! | module | concept |
//! |---|---|
//! | `pieces` | the formats written piece by piece |
//! | `portable` | a template as Jinja for other programs |
//! | [`jinja`] | chat templates in Jinja |
//! | `trained` | which turns are trained on |
//! | [`translation`] | a pair of sentences as an instruction |

pub mod jinja;
mod pieces;
mod portable;
#[cfg(test)]
mod tests;
mod trained;
pub mod translation;

use std::ops::Range;

use crate::data::tokenizer::Encoder;
use crate::data::{Conversation, Tokenizer};
use crate::error::{Error, Place, Result};
use crate::files;
use crate::recipe::{ChatTemplate, TrainOn};
use jinja::Jinja;
pub use jinja::{Expression, Fields, Phrase};
use pieces::Format;
pub use portable::portable;
use trained::{Choice, heard};

const LLAMA_2_CHAT: &str = include_str!("formats/llama-2-chat.jinja");
const LLAMA_3: &str = include_str!("formats/llama-3.jinja");
const CHATML: &str = include_str!("formats/chatml.jinja");
const TULU: &str = include_str!("formats/tulu.jinja");

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

/// A conversation as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The whole text; the end token of pieces is written `</s>`.
    pub text: String,
    /// The spans of it that are trained on, in bytes.
    pub trained: Vec<Range<usize>>,
}

/// A template that is ready for use: opened once, shared by all threads.
#[derive(Debug)]
pub struct Template {
    name: String,
    kind: Kind,
    train_on: TrainOn,
}

#[derive(Debug)]
enum Kind {
    Pieces(Format),
    Jinja(Box<Jinja>),
}

impl Template {
    /// Opens a template for a tokenizer; it trains on what the assistant says.
    ///
    /// # Errors
    /// The tokenizer came without a chat template (`model`); the file cannot be read; it is no Jinja.
    pub fn open(template: &ChatTemplate, tokenizer: &Tokenizer) -> Result<Self> {
        let (text, place) = match template {
            ChatTemplate::LlammasChat => return Ok(Self::of_pieces(template, Format::LlammasChat)),
            ChatTemplate::Alpaca => return Ok(Self::of_pieces(template, Format::Alpaca)),
            ChatTemplate::Plain => return Ok(Self::of_pieces(template, Format::Plain)),
            ChatTemplate::Llama2Chat => (LLAMA_2_CHAT.to_owned(), "llama-2-chat".to_owned()),
            ChatTemplate::Llama3 => (LLAMA_3.to_owned(), "llama-3".to_owned()),
            ChatTemplate::Chatml => (CHATML.to_owned(), "chatml".to_owned()),
            ChatTemplate::Tulu => (TULU.to_owned(), "tulu".to_owned()),
            ChatTemplate::Model => {
                let text = tokenizer.chat_template()?.ok_or_else(|| {
                    Error::new("the base's tokenizer came without a chat template")
                        .hint("choose a template by name, or give the path of a .jinja file")
                })?;
                (text, "the base's chat template".to_owned())
            }
            ChatTemplate::File(path) => {
                let text = String::from_utf8(files::read(path)?);
                let place = path.display().to_string();
                (text.map_err(|_| Error::new("the template is not UTF-8 text").at(&place))?, place)
            }
        };
        let mut jinja = Jinja::compile(&text, tokenizer.named_tokens()?).at(place)?;
        jinja.look(tokenizer);
        let name = match template {
            ChatTemplate::File(_) => format!("jinja-{}", files::sha256(&text).get(..12).unwrap_or_default()),
            named => named.name().into_owned(),
        };
        Ok(Self { name, kind: Kind::Jinja(Box::new(jinja)), train_on: TrainOn::Assistant })
    }

    fn of_pieces(template: &ChatTemplate, format: Format) -> Self {
        Self { name: template.name().into_owned(), kind: Kind::Pieces(format), train_on: TrainOn::Assistant }
    }

    /// The same, but it trains on something else.
    #[must_use]
    pub fn training(self, train_on: TrainOn) -> Self {
        Self { train_on, ..self }
    }

    /// A name that can be part of a file's: the recipe's, or one made from the content of a file.
    pub fn file_name(&self) -> String {
        match self.train_on {
            TrainOn::Assistant => self.name.clone(),
            TrainOn::Last => format!("{}.last", self.name),
            TrainOn::All => format!("{}.all", self.name),
        }
    }

    /// Everything that what it writes follows from, as a text; the tokenizer is not in it.
    pub fn fingerprint(&self) -> String {
        let written = match &self.kind {
            Kind::Pieces(format) => format!("{format:?}"),
            Kind::Jinja(jinja) => jinja.fingerprint(),
        };
        match self.train_on {
            TrainOn::Assistant => written,
            train_on => format!("{written} {train_on:?}"),
        }
    }

    /// The ids after which an answer is over: EOS, and the token with which the template ends a turn.
    pub fn ends(&self, tokenizer: &Tokenizer) -> Vec<u32> {
        let mut ends = vec![tokenizer.eos()];
        if let Kind::Jinja(jinja) = &self.kind {
            ends.extend(jinja.end.filter(|end| *end != tokenizer.eos()));
        }
        ends
    }

    /// What text looks like that is not the answer any more, but the next turn.
    pub fn next_turn(&self) -> Vec<&str> {
        match &self.kind {
            Kind::Pieces(Format::LlammasChat) => vec!["<|user|>", "<|assistant|>", "<|system|>"],
            Kind::Pieces(Format::Alpaca) => vec!["### "],
            Kind::Pieces(Format::Plain) => Vec::new(),
            Kind::Jinja(jinja) => jinja.next_turn.iter().map(String::as_str).collect(),
        }
    }

    /// A whole conversation, for training: BOS, then the turns up to the assistant's last.
    ///
    /// An empty answer is no target, and neither is its end token; a conversation without an answer has no targets at
    /// all, unless all tokens are trained on.
    ///
    /// # Errors
    /// The template cannot write the conversation, and names the message; it changes words that must be found again.
    pub fn encode(&self, conversation: &Conversation, encoder: &mut Encoder<'_>) -> Result<Encoded> {
        match &self.kind {
            Kind::Pieces(format) => {
                let choice = Choice::of(heard(&conversation.turns), self.train_on);
                pieces::encode(&pieces::answered(*format, conversation), &choice, encoder)
            }
            Kind::Jinja(jinja) => jinja.encode(conversation, self.train_on, encoder).at(&self.name),
        }
    }

    /// The ids after which the assistant's next answer begins.
    ///
    /// # Errors
    /// As for [`Template::encode`].
    pub fn encode_prompt(&self, conversation: &Conversation, encoder: &mut Encoder<'_>) -> Result<Vec<u32>> {
        match &self.kind {
            Kind::Pieces(format) => {
                let nothing = Choice { all: false, turns: Vec::new() };
                pieces::encode(&pieces::waiting(*format, conversation), &nothing, encoder).map(|encoded| encoded.ids)
            }
            Kind::Jinja(jinja) => jinja.encode_prompt(conversation, encoder).at(&self.name),
        }
    }

    /// The text that a template gives all turns, and with `prompt` what introduces the next answer: what is tokenized.
    ///
    /// # Errors
    /// As for [`Template::encode`].
    pub fn text(&self, conversation: &Conversation, prompt: bool, tokenizer: &Tokenizer) -> Result<String> {
        match &self.kind {
            Kind::Jinja(jinja) => jinja.text_of(&conversation.turns, prompt).at(&self.name),
            Kind::Pieces(format) if prompt => {
                Ok(pieces::render(&pieces::waiting(*format, conversation), &Choice { all: false, turns: Vec::new() })
                    .text)
            }
            Kind::Pieces(_) => self.render(conversation, tokenizer).map(|rendered| rendered.text),
        }
    }

    /// Writes a whole conversation as text, for people to look at.
    ///
    /// # Errors
    /// As for [`Template::encode`].
    pub fn render(&self, conversation: &Conversation, tokenizer: &Tokenizer) -> Result<Rendered> {
        match &self.kind {
            Kind::Pieces(format) => {
                let choice = Choice::of(heard(&conversation.turns), self.train_on);
                Ok(pieces::render(&pieces::answered(*format, conversation), &choice))
            }
            Kind::Jinja(jinja) => jinja.show(conversation, self.train_on, tokenizer).at(&self.name),
        }
    }
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
