//! Questions about a sentence, with their answers, in each language.

#[path = "questions/english.rs"]
mod in_english;
#[path = "questions/estonian.rs"]
mod in_estonian;
#[path = "questions/finnish.rs"]
mod in_finnish;

use super::Language;
use super::english;
use super::estonian;
use super::finnish;
use super::lexicon::*;
use super::semantics::{Clause, Count, Mention, Sentence, Tense, Things, Who};
use super::words::{Parts, Role, Words};

/// What is asked about a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ask {
    /// Who did it, has it, likes it.
    Who,
    /// What was done to, had, given or liked.
    What,
    /// Where, where to, where from.
    Where,
    /// How many of the things.
    HowMany,
    /// Who was helped.
    Whom,
    /// Who got it.
    ToWhom,
    /// With whom.
    WithWhom,
    /// By what vehicle.
    ByWhat,
    /// Of what colour.
    Colour,
    /// Of what age.
    Age,
    /// What somebody does for a living.
    Job,
    /// What somebody likes to do.
    Pastime,
}

/// A question in one language and its right answers, the best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    /// The question.
    pub(super) question: String,
    /// The answers.
    pub(super) answers: Vec<String>,
}

/// What can be asked about a sentence: nothing about a denial.
pub(super) fn askable(sentence: &Sentence) -> Vec<Ask> {
    use Clause::*;
    if sentence.negative {
        return Vec::new();
    }
    let named = matches!(sentence.subject(), Some(Who::Named(_)));
    let mut all =
        if named && !matches!(sentence.clause, Older(..) | Age(..) | Become(..)) { vec![Ask::Who] } else { Vec::new() };
    let counted = |things: &Things| matches!(things.count, Count::Number(_));
    match &sentence.clause {
        Live(..) | Go(..) | Come(..) | Travel(..) | Do(_, _, Some(_)) | At(..) | Put(..) | Take(..) => {
            all.push(Ask::Where)
        }
        Act(.., place) if place.is_some() => all.push(Ask::Where),
        Help(..) => all.push(Ask::Whom),
        With(..) => all.push(Ask::WithWhom),
        Give(..) | Show(..) => all.push(Ask::ToWhom),
        Be(_, adjective) if adjective.colour => all.push(Ask::Colour),
        Age(..) => all.push(Ask::Age),
        Job(Who::Named(_), _) if sentence.tense == Tense::Present => all.push(Ask::Job),
        LikeDoing(..) => all.push(Ask::Pastime),
        _ => {}
    }
    match &sentence.clause {
        Travel(..) => all.push(Ask::ByWhat),
        LikeThings(..) => all.push(Ask::What),
        Act(_, _, things, _) | Have(_, things) | Exist(things, ..) | Give(_, things, _) | Show(_, things, _) => {
            all.push(if counted(things) { Ask::HowMany } else { Ask::What });
        }
        _ => {}
    }
    all
}

/// Asks.
pub(super) fn ask(sentence: &Sentence, ask: Ask, language: Language) -> Asked {
    let sentence = Sentence { time: None, ..*sentence };
    match language {
        Language::English => in_english::ask(&sentence, ask),
        Language::Estonian => in_estonian::ask(&sentence, ask),
        Language::Finnish => in_finnish::ask(&sentence, ask),
    }
}

/// The question whether it is so.
pub(super) fn whether(sentence: &Sentence, language: Language) -> String {
    let sentence = Sentence { time: None, negative: false, ..*sentence };
    match language {
        Language::English => {
            let Parts { subject, asking: [auxiliary, main], rest, .. } = english::parts(&sentence, Mention::default());
            all(Words::of(&auxiliary).then(subject).and(&main), rest, &[]).sentence('?')
        }
        Language::Estonian => {
            Words::of("kas").then(estonian::statement(&sentence, Mention::default(), false)).sentence('?')
        }
        Language::Finnish => in_finnish::whether(&sentence),
    }
}

/// The question why it is so.
pub(super) fn why(effect: &Sentence, language: Language) -> String {
    match language {
        Language::English => {
            let Parts { subject, asking: [auxiliary, main], rest, .. } = english::parts(effect, Mention::default());
            let negation = if effect.negative { "not" } else { "" };
            all(Words::of("why").and(&auxiliary).then(subject).and(negation).and(&main), rest, &[]).sentence('?')
        }
        Language::Estonian => in_estonian::in_order("miks", estonian::parts(effect, Mention::default()), &[]),
        Language::Finnish => in_finnish::in_order("miksi", finnish::parts(effect, Mention::default()), &[]),
    }
}

/// The first words and the other parts, without those of some roles.
fn all(first: Words, rest: Vec<(Role, Words)>, without: &[Role]) -> Words {
    rest.into_iter().filter(|(role, _)| !without.contains(role)).fold(first, |words, (_, part)| words.then(part))
}

fn part(rest: &[(Role, Words)], role: Role) -> String {
    rest.iter().find(|(other, _)| *other == role).map_or_else(String::new, |(_, words)| words.plain())
}

/// The things that a sentence counts, and their number.
fn counted(sentence: &Sentence) -> Option<(Things, &'static Number)> {
    use Clause::*;
    let things = match sentence.clause {
        Act(_, _, things, _) | Give(_, things, _) | Show(_, things, _) | Have(_, things) | Exist(things, ..) => things,
        _ => return None,
    };
    let Count::Number(count) = things.count else { return None };
    Some((things, &NUMBERS[count - 1]))
}
