//! Animals and things as parts of a sentence.

use super::lexicon::*;
use super::semantics::Who;

/// One or several animals or things of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Things {
    /// How many.
    pub(super) count: Count,
    /// What they look like.
    pub(super) adjective: Option<&'static Adjective>,
    /// What they are.
    pub(super) noun: &'static Noun,
    /// Whether the listener knows which.
    pub(super) known: bool,
    /// Whose they are; then the listener knows which.
    pub(super) owner: Option<Owner>,
}

/// Whose [`Things`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// Somebody's by name: `Mari's`.
    Named(&'static Person),
    /// `my`
    I,
    /// `your`
    You,
    /// `our`
    We,
    /// The subject's: `Mari finds her ball`; Estonian `oma`.
    Subject,
}

/// How many [`Things`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// A single one.
    One,
    /// Two to ten.
    Number(usize),
    /// Several.
    Plural,
    /// An amount of what is not counted.
    Mass,
}

impl Things {
    /// `a ball`
    pub(super) fn one(noun: &'static Noun) -> Self {
        Self { count: Count::One, adjective: None, noun, known: false, owner: None }
    }

    /// `balls`, or `bread`
    pub(super) fn several(noun: &'static Noun) -> Self {
        let count = if noun.plural.is_some() { Count::Plural } else { Count::Mass };
        Self { count, ..Self::one(noun) }
    }

    /// The same, known to the listener: `the ball`. Things that were counted become `the balls`.
    pub(super) fn known(mut self) -> Self {
        if matches!(self.count, Count::Number(_)) {
            self.count = Count::Plural;
        }
        self.known = true;
        self
    }

    /// The same without the adjective.
    pub(super) fn plain(mut self) -> Self {
        self.adjective = None;
        self
    }

    /// The same with an adjective.
    pub(super) fn that_is(mut self, adjective: &'static Adjective) -> Self {
        self.adjective = Some(adjective);
        self
    }

    /// The same as a part of a sentence about somebody: what belongs to them is *theirs*, not theirs by name.
    pub(super) fn seen_by(mut self, who: Who) -> Self {
        match (self.owner, who) {
            (Some(Owner::Named(owner)), Who::Named(person)) if owner == person => self.owner = Some(Owner::Subject),
            (Some(Owner::Named(owner)), Who::Couple(one, other)) if owner == one || owner == other => {
                self.owner = None;
                self.known = true;
            }
            _ => {}
        }
        self
    }

    /// Whether these are animals.
    pub(super) fn is_animal(&self) -> bool {
        ANIMALS.contains(&self.noun)
    }
}
