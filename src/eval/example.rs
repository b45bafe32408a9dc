//! One example of a task, whatever file it came from.

use super::maxmatch::Gold;

/// A question with its right answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Example {
    /// A sentence to translate.
    Translation {
        /// The sentence.
        source: String,
        /// Right translations, at least one.
        references: Vec<String>,
    },
    /// Texts of which one is the cause, the effect or the answer.
    Choice {
        /// What happened, or the passage.
        premise: String,
        /// What is asked.
        asks: Asks,
        /// The texts, at least two.
        choices: Vec<String>,
        /// The index of the right one.
        right: usize,
    },
    /// A question about a passage.
    Answer {
        /// The passage.
        context: String,
        /// The question.
        question: String,
        /// Right answers, at least one.
        references: Vec<String>,
    },
    /// A sentence to correct.
    Correction {
        /// The sentence as written.
        source: String,
        /// The sentence as it should be, in each way that is right.
        references: Vec<String>,
        /// Annotators' edits, where the file has them.
        gold: Option<Gold>,
    },
    /// A text to predict.
    Text(String),
    /// A turn of a conversation: it is asked with the turns before it and their answers.
    Turn {
        /// Its number in its conversation, from 0; the first of the next conversation is 0 again.
        number: usize,
        /// What the user says.
        question: String,
        /// A good answer, where there is one.
        references: Vec<String>,
    },
}

impl Example {
    /// Right answers; for a choice, the right text; none for a text to predict.
    pub fn references(&self) -> Vec<String> {
        match self {
            Self::Translation { references, .. }
            | Self::Answer { references, .. }
            | Self::Correction { references, .. }
            | Self::Turn { references, .. } => references.clone(),
            Self::Choice { choices, right, .. } => choices.get(*right).cloned().into_iter().collect(),
            Self::Text(_) => Vec::new(),
        }
    }

    /// The texts by which a row of training gives the example away: all of it but short answers to a question.
    pub fn telling(&self) -> Vec<&str> {
        match self {
            Self::Translation { source, references } | Self::Correction { source, references, .. } => {
                std::iter::once(source).chain(references).map(String::as_str).collect()
            }
            Self::Choice { premise, choices, .. } => {
                std::iter::once(premise).chain(choices).map(String::as_str).collect()
            }
            Self::Answer { context, question, .. } => vec![context, question],
            Self::Text(text) => vec![text],
            Self::Turn { question, .. } => vec![question],
        }
    }

    /// Annotators' edits of a sentence to correct, where the file has them.
    pub fn gold(&self) -> Option<&Gold> {
        match self {
            Self::Correction { gold, .. } => gold.as_ref(),
            _ => None,
        }
    }

    /// The sentence to translate or to correct; empty for the other kinds.
    pub fn source(&self) -> &str {
        match self {
            Self::Translation { source, .. } | Self::Correction { source, .. } => source,
            _ => "",
        }
    }
}

/// What a choice asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// Why the premise happened.
    Cause,
    /// What followed from the premise.
    Effect,
    /// A question about the premise; it may be empty.
    Question(String),
}
