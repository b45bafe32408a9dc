//! The formats that are written piece by piece.
//!
//! | template | text |
//! |---|---|
//! | `llammas-chat` | `<\|user\|>\n…\n<\|assistant\|>\n…</s>\n`, with `<\|system\|>\n…\n` before it where there is one |
//! | `alpaca` | the prompt of Stanford Alpaca; the answer follows `### Response:` at once |
//! | `plain` | the words alone, one turn a line |
//!
//! The words of every turn are trimmed. What stands between an answer's end token and the next turn belongs to the next
//! turn; after the last answer nothing is written.

use std::ops::Range;

use super::trained::{Choice, heard};
use super::{Encoded, Rendered};
use crate::data::tokenizer::{Encoder, Placed};
use crate::data::{Conversation, Role, Turn};
use crate::error::Result;

/// A format whose pieces are tokenized one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    LlammasChat,
    Alpaca,
    Plain,
}

/// A piece of a conversation in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    /// Headers and what others say, and where in it which turn's words are.
    Given(String, Vec<(usize, Range<usize>)>),
    /// What the assistant says in a turn; the end token follows it.
    Answer(String, usize),
}

const ALPACA_WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides \
further context. Write a response that appropriately completes the request.";
const ALPACA_WITHOUT_INPUT: &str = "Below is an instruction that describes a task. Write a response that appropriately \
completes the request.";

/// The pieces up to the last answer.
pub(super) fn answered(format: Format, conversation: &Conversation) -> Vec<Piece> {
    let turns = heard(&conversation.turns);
    let mut writer = Writer::new(format, turns);
    turns.iter().enumerate().for_each(|(index, turn)| writer.turn(index, turn));
    if turns.last().is_none_or(|turn| turn.role != Role::Assistant) {
        writer.flush();
    }
    writer.pieces
}

/// The pieces of all turns, and what introduces the answer that comes next.
pub(super) fn waiting(format: Format, conversation: &Conversation) -> Vec<Piece> {
    let mut writer = Writer::new(format, &conversation.turns);
    conversation.turns.iter().enumerate().for_each(|(index, turn)| writer.turn(index, turn));
    writer.introduce_answer();
    writer.flush();
    writer.pieces
}

/// The ids of pieces, BOS first, each piece tokenized on its own.
pub(super) fn encode(pieces: &[Piece], choice: &Choice, encoder: &mut Encoder<'_>) -> Result<Encoded> {
    let mut encoded = Encoded::default();
    encoded.push(&[encoder.tokenizer().bos()], false);
    for (index, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Answer(text, turn) => {
                let ids = if index == 0 { encoder.encode(text)? } else { encoder.encode_continuation(text)? };
                encoded.push(&ids, choice.has(*turn));
                encoded.push(&[encoder.tokenizer().eos()], choice.has(*turn));
            }
            Piece::Given(text, turns) => {
                let exceptions = turns.iter().filter(|(turn, _)| choice.has(*turn) != choice.all);
                let exceptions: Vec<&Range<usize>> = exceptions.map(|(_, words)| words).collect();
                if exceptions.is_empty() {
                    let ids = if index == 0 { encoder.encode(text)? } else { encoder.encode_continuation(text)? };
                    encoded.push(&ids, choice.all);
                    continue;
                }
                let touches = |token: &Placed| exceptions.iter().any(|w| token.start < w.end && w.start < token.end);
                for token in encoder.encode_placed(text, index == 0)? {
                    encoded.push(&[token.id], touches(&token) != choice.all);
                }
            }
        }
    }
    Ok(encoded)
}

/// Pieces as a person reads them; the end token is written `</s>`.
pub(super) fn render(pieces: &[Piece], choice: &Choice) -> Rendered {
    let mut rendered = Rendered { text: String::new(), trained: Vec::new() };
    for piece in pieces {
        let start = rendered.text.len();
        let trained = match piece {
            Piece::Given(text, _) => {
                rendered.text.push_str(text);
                choice.all
            }
            Piece::Answer(answer, turn) => {
                rendered.text.push_str(answer);
                rendered.text.push_str("</s>");
                choice.has(*turn)
            }
        };
        if trained {
            rendered.trained.push(start..rendered.text.len());
        }
    }
    rendered
}

struct Writer {
    format: Format,
    pieces: Vec<Piece>,
    /// Given text that is not a piece yet, and where in it which turn's words are.
    given: String,
    words: Vec<(usize, Range<usize>)>,
    /// Alpaca's first sentence, until it is written, and the turn that says it.
    preamble: Option<(String, Option<usize>)>,
}

impl Writer {
    fn new(format: Format, turns: &[Turn]) -> Self {
        let first = turns.iter().find(|turn| turn.role == Role::User);
        let with_input = first.is_some_and(|turn| !trimmed(&turn.input).is_empty());
        let preamble = if with_input { ALPACA_WITH_INPUT } else { ALPACA_WITHOUT_INPUT };
        let preamble = Some((preamble.to_owned(), None));
        Self { format, pieces: Vec::new(), given: String::new(), words: Vec::new(), preamble }
    }

    fn turn(&mut self, index: usize, turn: &Turn) {
        let (text, input) = (trimmed(&turn.text), trimmed(&turn.input));
        if turn.role == Role::Assistant {
            self.introduce_answer();
            self.flush();
            self.pieces.push(Piece::Answer(text.to_owned(), index));
            self.given.push_str(match self.format {
                Format::LlammasChat | Format::Plain => "\n",
                Format::Alpaca => "\n\n",
            });
            return;
        }
        match (self.format, turn.role) {
            (Format::Alpaca, Role::System) => self.preamble = Some((text.to_owned(), Some(index))),
            (Format::Alpaca, _) => {
                self.write_preamble();
                self.given.push_str("### Instruction:\n");
                self.write_words(index, text, "\n\n");
                if !input.is_empty() {
                    self.given.push_str("### Input:\n");
                    self.write_words(index, input, "\n\n");
                }
            }
            (Format::LlammasChat, Role::System) => {
                self.given.push_str("<|system|>\n");
                self.write_words(index, text, "\n");
            }
            (Format::LlammasChat, _) => {
                self.given.push_str("<|user|>\n");
                self.write_lines(index, text, input);
            }
            (Format::Plain, _) => self.write_lines(index, text, input),
        }
    }

    fn introduce_answer(&mut self) {
        match self.format {
            Format::LlammasChat => self.given.push_str("<|assistant|>\n"),
            Format::Alpaca => {
                self.write_preamble();
                self.given.push_str("### Response:");
            }
            Format::Plain => {}
        }
    }

    fn write_preamble(&mut self) {
        match self.preamble.take() {
            Some((preamble, Some(turn))) => self.write_words(turn, &preamble, "\n\n"),
            Some((preamble, None)) => {
                self.given.push_str(&preamble);
                self.given.push_str("\n\n");
            }
            None => {}
        }
    }

    /// The words, then what they are about, each on a line of its own.
    fn write_lines(&mut self, turn: usize, text: &str, input: &str) {
        self.write_words(turn, text, "\n");
        if !input.is_empty() {
            self.write_words(turn, input, "\n");
        }
    }

    /// A turn's words, and what the format writes after them.
    fn write_words(&mut self, turn: usize, words: &str, after: &str) {
        let start = self.given.len();
        self.given.push_str(words);
        self.words.push((turn, start..self.given.len()));
        self.given.push_str(after);
    }

    fn flush(&mut self) {
        let words = std::mem::take(&mut self.words);
        if !self.given.is_empty() {
            self.pieces.push(Piece::Given(std::mem::take(&mut self.given), words));
        }
    }
}

/// A text without white space around it, as Python's `strip` takes it away: four separators of ASCII are such, too.
fn trimmed(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}'))
}
