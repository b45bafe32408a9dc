//! Short documents: sentences that belong together, and how they read one after the other.

use super::Language;
use super::causes::Rule;
use super::english;
use super::estonian;
use super::finnish;
use super::questions::{self, Ask};
use super::semantics::{Mention, Sentence, Who};
use super::split::is_held_out;
use super::words::Words;

/// Lines in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Document {
    pub(super) lines: Vec<Line>,
}

/// One sentence of a document.
#[derive(Debug, Clone)]
pub(super) enum Line {
    /// A statement.
    Say(Sentence),
    /// An effect `because` of its cause.
    Because(Rule),
    /// A cause, `so` its effect.
    So(Rule),
    /// A question; its answer follows as another line.
    Ask(Sentence, Ask),
    /// The question why; its answer follows as another line.
    Why(Rule),
    /// A question whether something is so, and the truth.
    Whether(Sentence, Sentence),
}

impl Document {
    /// Statements, one after the other.
    pub(super) fn of(sentences: &[Sentence]) -> Self {
        Self { lines: sentences.iter().map(|&sentence| Line::Say(sentence)).collect() }
    }

    /// Whether nothing of it is held out: no sentence, and no two side by side that are a held-out cause and effect.
    pub(super) fn is_free(&self) -> bool {
        let joined = |lines: &[Line]| match lines {
            [Line::Say(one), Line::Say(other)] => is_held_out(&[*one, *other]),
            _ => false,
        };
        !self.lines.iter().any(Line::is_held_out) && !self.lines.windows(2).any(joined)
    }

    /// Whether it begins with a held-out sentence, and so is found in no training text.
    pub(super) fn is_new(&self) -> bool {
        self.lines.first().is_some_and(Line::is_held_out)
    }

    /// Whether every sentence of it is clear in a language.
    pub(super) fn is_clear(&self, language: Language) -> bool {
        self.lines.iter().all(|line| match line {
            Line::Say(sentence) | Line::Ask(sentence, _) => sentence.is_clear(language),
            Line::Because(rule) | Line::So(rule) | Line::Why(rule) => {
                rule.cause.is_clear(language) && rule.effect.is_clear(language)
            }
            Line::Whether(asked, truth) => asked.is_clear(language) && truth.is_clear(language),
        })
    }

    /// The statements.
    pub(super) fn sentences(&self) -> impl Iterator<Item = &Sentence> {
        self.lines.iter().filter_map(|line| if let Line::Say(sentence) = line { Some(sentence) } else { None })
    }

    /// The causes with their effects.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.lines.iter().filter_map(|line| match line {
            Line::Because(rule) | Line::So(rule) => Some(rule),
            _ => None,
        })
    }

    /// Each line in a language. Somebody who was the subject of the line before is a pronoun.
    pub(super) fn render(&self, language: Language) -> Vec<String> {
        let mut last = None;
        self.lines.iter().map(|line| line.render(language, &mut last)).collect()
    }

    /// All lines as one paragraph.
    pub(super) fn text(&self, language: Language) -> String {
        self.render(language).join(" ")
    }
}

impl Line {
    fn is_held_out(&self) -> bool {
        match self {
            Self::Say(sentence) | Self::Ask(sentence, _) => sentence.is_held_out(),
            Self::Because(rule) | Self::So(rule) | Self::Why(rule) => {
                rule.is_held_out() || rule.cause.is_held_out() || rule.effect.is_held_out()
            }
            Self::Whether(asked, truth) => asked.is_held_out() || truth.is_held_out(),
        }
    }

    /// The line as text; `last` is the subject so far.
    fn render(&self, language: Language, last: &mut Option<Who>) -> String {
        match self {
            Self::Say(sentence) => statement(sentence, mention(sentence, last), language, false).sentence('.'),
            Self::Because(rule) => {
                let effect = statement(&rule.effect, mention(&rule.effect, last), language, false);
                let cause = because(rule, language);
                *last = rule.cause.subject();
                let comma = if language == Language::English { "" } else { "," };
                effect.mark(comma).then(cause).sentence('.')
            }
            Self::So(rule) => {
                let cause = statement(&rule.cause, mention(&rule.cause, last), language, false);
                let effect = statement(&rule.effect, mention(&rule.effect, last), language, true);
                let word = match language {
                    Language::English => "so",
                    Language::Estonian => "seepärast",
                    Language::Finnish => "joten",
                };
                cause.mark(",").and(word).then(effect).sentence('.')
            }
            Self::Ask(sentence, ask) => {
                *last = None;
                questions::ask(sentence, *ask, language).question
            }
            Self::Why(rule) => {
                *last = None;
                questions::why(&rule.effect, language)
            }
            Self::Whether(asked, truth) => {
                let word = match (language, asked == truth) {
                    (Language::English, true) => "Yes",
                    (Language::English, false) => "No",
                    (Language::Estonian, true) => "Jah",
                    (Language::Estonian, false) | (Language::Finnish, false) => "Ei",
                    (Language::Finnish, true) => "Kyllä",
                };
                let answer = statement(truth, Mention::default(), language, false).plain();
                *last = truth.subject();
                format!("{} {word}, {answer}.", questions::whether(asked, language))
            }
        }
    }
}

/// Whether the subject was the last one too; from now on it is the last one.
fn mention(sentence: &Sentence, last: &mut Option<Who>) -> Mention {
    let subject = sentence.subject();
    let again = subject.is_some() && subject == *last;
    *last = subject;
    Mention { subject: again, other: None }
}

/// The cause behind its effect, with its conjunction.
pub(super) fn because(rule: &Rule, language: Language) -> Words {
    let mentioned = rule.effect.subject();
    let mention = Mention { subject: mentioned.is_some() && mentioned == rule.cause.subject(), other: mentioned };
    let word = match language {
        Language::English => "because",
        Language::Estonian => "sest",
        Language::Finnish => "koska",
    };
    Words::of(word).then(statement(&rule.cause, mention, language, false))
}

fn statement(sentence: &Sentence, mention: Mention, language: Language, led: bool) -> Words {
    match language {
        Language::English => english::statement(sentence, mention),
        Language::Estonian => estonian::statement(sentence, mention, led),
        Language::Finnish => finnish::statement(sentence, mention),
    }
}
