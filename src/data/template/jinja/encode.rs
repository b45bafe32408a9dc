//! The text of a conversation as ids, and which of them are trained on.

use std::ops::Range;

use super::Jinja;
use super::written::Written;
use crate::data::template::trained::{Choice, heard};
use crate::data::template::{Encoded, Rendered};
use crate::data::tokenizer::{Encoder, Placed};
use crate::data::{Conversation, Role, Tokenizer, Turn};
use crate::error::{Error, Result};
use crate::recipe::TrainOn;

/// A conversation's text with its tokens.
struct Tokenized {
    text: String,
    tokens: Vec<Placed>,
    trained: Vec<bool>,
}

impl Jinja {
    /// Looks at a small conversation for the token that ends a turn, and for what the next turn begins with.
    pub(in crate::data::template) fn look(&mut self, tokenizer: &Tokenizer) {
        let turns = [(Role::User, "aa"), (Role::Assistant, "bb"), (Role::User, "cc")];
        let turns = turns.map(|(role, text)| Turn::new(role, text));
        let mut encoder = tokenizer.encoder();
        let mut tokens_of = |turns: &[Turn]| {
            let written = self.write(turns, &vec![false; turns.len()], false, tokenizer).ok()?;
            let tokens = encoder.encode_marked(&written.text, &[]).ok()?;
            Some((written.text, tokens))
        };
        let [user, answer, _] = &turns;
        let ended = tokens_of(&[user.clone(), answer.clone()]);
        let end = ended.as_ref().and_then(|(text, tokens)| last_special(text, tokens, tokenizer));
        let next = tokens_of(&turns).and_then(|(text, tokens)| {
            let (start, end) = (text.rfind("bb")? + 2, text.rfind("cc")?);
            let special = |at: usize| tokens.iter().any(|t| t.start <= at && at < t.end && tokenizer.is_special(t.id));
            let between = text.get(start..end)?.char_indices().map(|(at, c)| if special(start + at) { ' ' } else { c });
            between.collect::<String>().split_whitespace().next().map(str::to_owned)
        });
        self.end = end;
        self.next_turn = next;
    }

    /// A whole conversation, for training.
    pub(in crate::data::template) fn encode(
        &self,
        conversation: &Conversation,
        train_on: TrainOn,
        encoder: &mut Encoder<'_>,
    ) -> Result<Encoded> {
        let Tokenized { tokens, trained, .. } = self.tokenized(conversation, train_on, encoder)?;
        Ok(with_bos(tokens.iter().map(|token| token.id).collect(), trained, encoder.tokenizer()))
    }

    /// The ids after which the assistant's next answer begins.
    pub(in crate::data::template) fn encode_prompt(
        &self,
        conversation: &Conversation,
        encoder: &mut Encoder<'_>,
    ) -> Result<Vec<u32>> {
        let turns = &conversation.turns;
        let written = self.write(turns, &vec![false; turns.len()], true, encoder.tokenizer())?;
        let tokens = encoder.encode_marked(&written.text, &written.plain)?;
        let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        let trained = vec![false; ids.len()];
        Ok(with_bos(ids, trained, encoder.tokenizer()).ids)
    }

    /// A whole conversation as text, for people to look at.
    pub(in crate::data::template) fn show(
        &self,
        conversation: &Conversation,
        train_on: TrainOn,
        tokenizer: &Tokenizer,
    ) -> Result<Rendered> {
        let shown = self.tokenized(conversation, train_on, &mut tokenizer.encoder())?;
        let mut trained: Vec<Range<usize>> = Vec::new();
        for (token, _) in shown.tokens.iter().zip(&shown.trained).filter(|(_, trained)| **trained) {
            match trained.last_mut().filter(|last| last.end >= token.start) {
                Some(last) => last.end = last.end.max(token.end),
                None => trained.push(token.start..token.end),
            }
        }
        Ok(Rendered { text: shown.text, trained })
    }

    fn tokenized(
        &self,
        conversation: &Conversation,
        train_on: TrainOn,
        encoder: &mut Encoder<'_>,
    ) -> Result<Tokenized> {
        let tokenizer = encoder.tokenizer();
        let turns = heard(&conversation.turns);
        let choice = Choice::of(turns, train_on);
        let wanted: Vec<bool> =
            turns.iter().enumerate().map(|(at, turn)| self.needs_marks(at, turn, &choice)).collect();
        let mut written = self.write(turns, &wanted, false, tokenizer)?;
        let mut tokens = encoder.encode_marked(&written.text, &written.plain)?;
        let last = turns.len().wrapping_sub(1);
        let open = turns.get(last).is_some_and(|turn| turn.role == Role::Assistant)
            && last_special(&written.text, &tokens, tokenizer).is_none();
        if open && written.text.ends_with(char::is_whitespace) {
            // What the template writes after the last answer would stand between it and its end.
            written.text.truncate(written.text.trim_end().len());
            tokens = encoder.encode_marked(&written.text, &written.plain)?;
        }
        let mut trained = self.marks_of(&tokens, turns, &choice, &written, tokenizer)?;
        if open {
            let end = written.text.len();
            tokens.push(Placed { id: tokenizer.eos(), start: end, end });
            trained.push(choice.has(last));
        }
        Ok(Tokenized { text: written.text, tokens, trained })
    }

    /// Whether a turn's words must be found in the text: generation blocks show those of the assistant.
    fn needs_marks(&self, index: usize, turn: &Turn, choice: &Choice) -> bool {
        let shown = self.has_generation && turn.role == Role::Assistant;
        choice.has(index) != choice.all && !shown
    }

    fn marks_of(
        &self,
        tokens: &[Placed],
        turns: &[Turn],
        choice: &Choice,
        written: &Written,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<bool>> {
        let mut spans: Vec<Range<usize>> = Vec::new();
        for (_, words) in &written.words {
            spans.push(words.start..self.end_after(words.end, tokens, &written.text));
        }
        let exceptional = |(index, turn): (usize, &Turn)| {
            turn.role == Role::Assistant && choice.has(index) != choice.all && self.has_generation
        };
        let of_answers = turns.iter().enumerate().filter(|(index, turn)| exceptional((*index, turn))).count();
        let answers = turns.iter().filter(|turn| turn.role == Role::Assistant).count();
        if let Some(blocks) = written.blocks_of_turns(turns) {
            let chosen = blocks.into_iter().filter(|(turn, _)| choice.has(*turn) != choice.all);
            spans.extend(chosen.map(|(_, span)| span));
        } else if of_answers == answers && !choice.all {
            spans.extend(written.generation.iter().cloned());
        } else if of_answers > 0 {
            return Err(Error::new("the generation blocks of the template")
                .got(format!("{} for {answers} turns of the assistant", written.generation.len()))
                .expected("one for each where only some of the turns are trained on")
                .hint("train_on: assistant takes whatever they write"));
        }
        spans.sort_by_key(|span| (span.start, span.end));
        let (bos, eos) = (tokenizer.bos(), tokenizer.eos());
        let inside = touched(tokens, &spans);
        let marks = tokens.iter().zip(inside).enumerate().map(|(at, (token, inside))| match choice.all {
            true => !inside && (token.id != bos || bos == eos && at > 0),
            false => inside,
        });
        Ok(marks.collect())
    }

    /// The end of words, or of the token that ends the turn where it follows them.
    fn end_after(&self, end: usize, tokens: &[Placed], text: &str) -> usize {
        let after = tokens.get(tokens.partition_point(|token| token.start < end)..).unwrap_or_default();
        let following = after.iter().find(|token| Some(token.id) == self.end);
        let between = |token: &&Placed| text.get(end..token.start).is_some_and(|text| text.trim().is_empty());
        following.filter(between).map_or(end, |token| token.end)
    }
}

/// Which tokens share a character with a span, as transformers decides it; the spans are in order.
fn touched(tokens: &[Placed], spans: &[Range<usize>]) -> Vec<bool> {
    let mut spans = spans.iter().peekable();
    let touches = |token: &Placed| {
        while spans.next_if(|span| token.start >= span.end).is_some() {}
        spans.peek().is_some_and(|span| token.end > span.start)
    };
    tokens.iter().map(touches).collect()
}

/// The special token with which a text ends, white space aside.
fn last_special(text: &str, tokens: &[Placed], tokenizer: &Tokenizer) -> Option<u32> {
    let end = text.trim_end().len();
    let last = tokens.iter().rev().find(|token| token.start < end)?;
    (tokenizer.is_special(last.id) && last.end >= end).then_some(last.id)
}

/// With BOS in front, unless the template wrote it.
fn with_bos(mut ids: Vec<u32>, mut trained: Vec<bool>, tokenizer: &Tokenizer) -> Encoded {
    if ids.first() != Some(&tokenizer.bos()) {
        ids.insert(0, tokenizer.bos());
        trained.insert(0, false);
    }
    if let Some(first) = trained.first_mut() {
        *first = false;
    }
    Encoded { ids, trained }
}
