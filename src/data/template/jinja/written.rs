//! A conversation as text, and where in it each turn's words are.
//!
//! Words that must be found again, because the template has no `{% generation %}` around them or because they hold the
//! name of a special token, get marks before they are rendered. The text without the marks must be the text of the
//! words without marks; where it is not, because the template trims the words, the marks go around the trimmed words;
//! where that does not help either, the template changes the words, and that is an error.

use std::ops::Range;

use super::marks::{Marks, Read};
use super::{Jinja, Message, python, torn};
use crate::data::{Role, Tokenizer, Turn};
use crate::error::{Error, Result};

/// A conversation as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub text: String,
    /// Where no special token is found, in order.
    pub plain: Vec<Range<usize>>,
    /// What the template's generation blocks wrote, in order.
    pub generation: Vec<Range<usize>>,
    /// Where the words are that were asked for, one place a turn.
    pub words: Vec<(usize, Range<usize>)>,
}

/// How often the same conversation is rendered with marks: around the words, then around the trimmed words.
const TRIES: [bool; 2] = [false, true];

impl Jinja {
    /// The text of turns, and where in it the words of those turns are for which `wanted` says so.
    pub(super) fn write(
        &self,
        turns: &[Turn],
        wanted: &[bool],
        prompt: bool,
        tokenizer: &Tokenizer,
    ) -> Result<Written> {
        let messages: Vec<Message> = turns.iter().map(Message::of).collect();
        let texts = messages.iter().map(|message| message.content.as_str());
        let marks = Marks::free(texts.clone().chain([self.text.as_str()]))?;
        let bare = self.render(&messages, prompt, &marks)?;
        let special: Vec<Vec<Range<usize>>> = texts.map(|text| tokenizer.special_names_in(text)).collect();
        if !wanted.contains(&true) && special.iter().all(Vec::is_empty) {
            return marks.read(&bare).map(Written::from).ok_or_else(torn);
        }
        let bare = marks.read(&bare).ok_or_else(torn)?;
        let count = wanted.iter().filter(|wanted| **wanted).count();
        for trimmed in TRIES {
            let marked = marked(&messages, wanted, &special, trimmed, &marks);
            let read = self.render(&marked, prompt, &marks).ok().and_then(|text| marks.read(&text));
            let Some(read) = read.filter(|read| read.text == bare.text && read.words.len() == count) else { continue };
            if read.words.iter().map(|(turn, _)| turn).is_sorted_by(|a, b| a < b) {
                return Ok(Written::from(read));
            }
        }
        Err(self.lost(&messages, wanted, &special, &bare.text))
    }

    /// Says which words the template changes.
    fn lost(&self, messages: &[Message], wanted: &[bool], special: &[Vec<Range<usize>>], text: &str) -> Error {
        let marked = |index: usize| {
            wanted.get(index).copied().unwrap_or(false) || special.get(index).is_some_and(|names| !names.is_empty())
        };
        let changed = |message: &Message| !text.contains(python::stripped(&message.content));
        let numbered = || messages.iter().enumerate().filter(|(index, _)| marked(*index));
        let found = numbered().find(|(_, message)| changed(message)).or_else(|| numbered().next());
        let (index, role) = found.map_or((0, ""), |(index, message)| (index, message.role));
        let error =
            Error::new(format!("the template does not write the words of message {} ({role}) as they are", index + 1));
        match special.get(index).and_then(|names| names.first()) {
            Some(name) => {
                let name = messages.get(index).and_then(|m| m.content.get(name.clone())).unwrap_or_default().to_owned();
                error.hint(format!("they hold the name of a special token, {name}, which must stay words; take it out"))
            }
            None => error.hint(
                "so it cannot be seen what to train on: put {% generation %} … {% endgeneration %} around what the \
                 assistant says in the template, or choose train_on: all",
            ),
        }
    }
}

/// The messages with marks around the words that are wanted, and around the names of special tokens.
fn marked(
    messages: &[Message],
    wanted: &[bool],
    special: &[Vec<Range<usize>>],
    trimmed: bool,
    marks: &Marks,
) -> Vec<Message> {
    let mark = |(index, message): (usize, &Message)| {
        let words = message.content.as_str();
        let names = special.get(index).map(Vec::as_slice).unwrap_or_default();
        let range = wanted.get(index).copied().unwrap_or(false).then(|| {
            let start = words.len() - words.trim_start_matches(python::is_space).len();
            let inner = start..start + python::stripped(words).len();
            (index, if trimmed { inner } else { 0..words.len() })
        });
        match (&range, names) {
            (None, []) => message.clone(),
            _ => Message { role: message.role, content: marks.around(words, range, names) },
        }
    };
    messages.iter().enumerate().map(mark).collect()
}

impl From<Read> for Written {
    fn from(read: Read) -> Self {
        let Read { text, generation, words, plain } = read;
        Self { text, plain, generation, words }
    }
}

impl Written {
    /// What the generation blocks wrote for each turn of the assistant, where there is one block for each.
    pub fn blocks_of_turns(&self, turns: &[Turn]) -> Option<Vec<(usize, Range<usize>)>> {
        let answers = turns.iter().enumerate().filter(|(_, turn)| turn.role == Role::Assistant).map(|(index, _)| index);
        let answers: Vec<usize> = answers.collect();
        (answers.len() == self.generation.len())
            .then(|| answers.into_iter().zip(self.generation.iter().cloned()).collect())
    }
}
