//! Which sentences are held out for the tests.
//!
//! A sentence is known by its wording in English and in Estonian, with names and not pronouns. A hash of it, the
//! same for every seed and language, holds one in ten out. Facts of the world and the weather are never held out:
//! they are too few, and a model could not answer for facts that it never read.

use super::semantics::{Clause, Mention, Sentence, Things};
use super::{Language, english, estonian, finnish};
use crate::random::Stream;

/// One in this many is held out.
const HELD_OUT_OF: u64 = 10;

impl Sentence {
    /// Whether this sentence is kept for the tests.
    pub(super) fn is_held_out(&self) -> bool {
        !self.is_shared() && is_held_out(&[*self])
    }

    /// Whether this sentence may stand in training and in tests alike.
    pub(super) fn is_shared(&self) -> bool {
        self.is_fact() || matches!(self.clause, Clause::Weather(_))
    }

    /// Whether no other sentence reads the same in a language: some Finnish ones are present and past, and only one of the
    /// two may be held out.
    pub(super) fn is_clear(&self, language: Language) -> bool {
        language != Language::Finnish || finnish::is_unambiguous(self)
    }

    /// Whether it reads in a language as another one does that is kept for the tests: Finnish tells no `the` from `a`, and
    /// some training rows sell and seek what is known.
    pub(super) fn reads_as_held_out(&self, language: Language) -> bool {
        let Clause::Act(who, action, things, place) = self.clause else { return false };
        let clause = Clause::Act(who, action, Things { known: false, ..things }, place);
        let twin = Self { clause, ..*self };
        language == Language::Finnish && things.known && twin.finnish() == self.finnish() && twin.is_held_out()
    }

    /// In English, by name.
    pub(super) fn english(&self) -> String {
        english::statement(self, Mention::default()).sentence('.')
    }

    /// In Estonian, by name.
    pub(super) fn estonian(&self) -> String {
        estonian::statement(self, Mention::default(), false).sentence('.')
    }

    /// In Finnish, by name.
    pub(super) fn finnish(&self) -> String {
        finnish::statement(self, Mention::default()).sentence('.')
    }

    /// In a language, by name.
    pub(super) fn wording(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Estonian => self.estonian(),
            Language::Finnish => self.finnish(),
        }
    }
}

/// Whether these sentences together, in this order, are kept for the tests.
pub(super) fn is_held_out(sentences: &[Sentence]) -> bool {
    let content: Vec<String> = sentences.iter().flat_map(|it| [it.english(), it.estonian()]).collect();
    Stream::new(0, &content.join("\n")).below_at(0, HELD_OUT_OF) == 0
}

/// Which side of the split something is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What the generators write: nothing held out in it.
    Training,
    /// What the tests ask: something held out in it.
    Tests,
}

impl Side {
    /// Whether something that is (or is not) held out belongs here.
    pub(super) fn takes(self, held_out: bool) -> bool {
        held_out == (self == Self::Tests)
    }
}
