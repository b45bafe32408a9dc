//! The formats in which a conversation is written.
//!
//! | template | text |
//! |---|---|
//! | `llammas-chat` | `<\|user\|>\n…\n<\|assistant\|>\n…</s>\n`, with `<\|system\|>\n…\n` before it where there is one |
//! | `alpaca` | the prompt of Stanford Alpaca; the answer follows `### Response:` at once |
//! | `plain` | the words alone, one turn a line |
//!
//! The words of every turn are trimmed. What stands between an answer's end token and the next turn belongs to the next
//! turn; after the last answer nothing is written.

use super::Piece;
use crate::data::{Conversation, Role, Turn};
use crate::recipe::ChatTemplate;

const ALPACA_WITH_INPUT: &str = "Below is an instruction that describes a task, paired with an input that provides \
further context. Write a response that appropriately completes the request.";
const ALPACA_WITHOUT_INPUT: &str = "Below is an instruction that describes a task. Write a response that appropriately \
completes the request.";

/// The pieces up to the last answer.
pub(super) fn answered(template: ChatTemplate, conversation: &Conversation) -> Vec<Piece> {
    let answers = |turn: &Turn| turn.role == Role::Assistant;
    let end = conversation.turns.iter().rposition(answers).map_or(conversation.turns.len(), |last| last + 1);
    let turns = conversation.turns.get(..end).unwrap_or_default();
    let mut writer = Writer::new(template, turns);
    turns.iter().for_each(|turn| writer.turn(turn));
    if turns.last().is_none_or(|turn| turn.role != Role::Assistant) {
        writer.flush();
    }
    writer.pieces
}

/// The pieces of all turns, and what introduces the answer that comes next.
pub(super) fn waiting(template: ChatTemplate, conversation: &Conversation) -> Vec<Piece> {
    let mut writer = Writer::new(template, &conversation.turns);
    conversation.turns.iter().for_each(|turn| writer.turn(turn));
    writer.introduce_answer();
    writer.flush();
    writer.pieces
}

struct Writer {
    template: ChatTemplate,
    pieces: Vec<Piece>,
    /// Given text that is not a piece yet.
    given: String,
    /// Alpaca's first sentence, until it is written.
    preamble: Option<String>,
}

impl Writer {
    fn new(template: ChatTemplate, turns: &[Turn]) -> Self {
        let first = turns.iter().find(|turn| turn.role == Role::User);
        let with_input = first.is_some_and(|turn| !turn.input.trim().is_empty());
        let preamble = if with_input { ALPACA_WITH_INPUT } else { ALPACA_WITHOUT_INPUT };
        Self { template, pieces: Vec::new(), given: String::new(), preamble: Some(preamble.to_owned()) }
    }

    fn turn(&mut self, turn: &Turn) {
        let (text, input) = (turn.text.trim(), turn.input.trim());
        if turn.role == Role::Assistant {
            self.introduce_answer();
            self.flush();
            self.pieces.push(Piece::Answer(text.to_owned()));
            self.given.push_str(match self.template {
                ChatTemplate::LlammasChat | ChatTemplate::Plain => "\n",
                ChatTemplate::Alpaca => "\n\n",
            });
            return;
        }
        match (self.template, turn.role) {
            (ChatTemplate::Alpaca, Role::System) => self.preamble = Some(text.to_owned()),
            (ChatTemplate::Alpaca, _) => {
                self.write_preamble();
                self.write(&["### Instruction:\n", text, "\n\n"]);
                if !input.is_empty() {
                    self.write(&["### Input:\n", input, "\n\n"]);
                }
            }
            (ChatTemplate::LlammasChat, Role::System) => self.write(&["<|system|>\n", text, "\n"]),
            (ChatTemplate::LlammasChat, _) => {
                self.given.push_str("<|user|>\n");
                self.write_lines(text, input);
            }
            (ChatTemplate::Plain, _) => self.write_lines(text, input),
        }
    }

    fn introduce_answer(&mut self) {
        match self.template {
            ChatTemplate::LlammasChat => self.given.push_str("<|assistant|>\n"),
            ChatTemplate::Alpaca => {
                self.write_preamble();
                self.given.push_str("### Response:");
            }
            ChatTemplate::Plain => {}
        }
    }

    fn write_preamble(&mut self) {
        if let Some(preamble) = self.preamble.take() {
            self.write(&[&preamble, "\n\n"]);
        }
    }

    /// The words, then what they are about, each on a line of its own.
    fn write_lines(&mut self, text: &str, input: &str) {
        self.write(&[text, "\n"]);
        if !input.is_empty() {
            self.write(&[input, "\n"]);
        }
    }

    fn write(&mut self, parts: &[&str]) {
        parts.iter().for_each(|part| self.given.push_str(part));
    }

    fn flush(&mut self) {
        if !self.given.is_empty() {
            self.pieces.push(Piece::Given(std::mem::take(&mut self.given)));
        }
    }
}
