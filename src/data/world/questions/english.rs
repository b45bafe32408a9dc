//! Questions in English.

use super::super::english;
use super::super::semantics::{Clause, Mention, Sentence};
use super::super::words::{Parts, Role, Words};
use super::{Ask, Asked, all, counted, part};

/// Asks in English.
pub(super) fn ask(sentence: &Sentence, asked: Ask) -> Asked {
    let parts = english::parts(sentence, Mention::default());
    let [auxiliary, main] = parts.asking.clone();
    let rest = parts.rest.clone();
    let wh = |question: &str, without: &[Role], end: &str| {
        let first = Words::of(question).and(&auxiliary).then(parts.subject.clone()).and(&main);
        all(first, rest.clone(), without).and(end).sentence('?')
    };
    let (question, answer) = match asked {
        Ask::Who => {
            let question = all(Words::of("who").then(parts.verb.clone()), rest.clone(), &[]).sentence('?');
            (question, parts.subject.plain())
        }
        Ask::What => english_what(sentence, &parts, &wh),
        Ask::Where => {
            let end = if matches!(sentence.clause, Clause::Come(..) | Clause::Take(..)) { "from" } else { "" };
            (wh("where", &[Role::Place, Role::Means], end), part(&rest, Role::Place))
        }
        Ask::HowMany => {
            let (many, number) = how_many(sentence);
            let exists = matches!(sentence.clause, Clause::Exist(..));
            let subject = if exists { Words::of("there") } else { parts.subject.clone() };
            let first = Words::of(&many).and(&auxiliary).then(subject).and(&main);
            (all(first, rest.clone(), &[Role::Object]).sentence('?'), number)
        }
        Ask::Whom => (wh("who", &[Role::Object], ""), part(&rest, Role::Object)),
        Ask::ToWhom => (wh("who", &[Role::Recipient], "to"), part(&rest, Role::Recipient)),
        Ask::WithWhom => (wh("who", &[Role::Companion], "with"), part(&rest, Role::Companion)),
        Ask::ByWhat => (wh("how", &[Role::Means], ""), part(&rest, Role::Means)),
        Ask::Colour => (wh("what colour", &[Role::Predicate], ""), part(&rest, Role::Predicate)),
        Ask::Age => (wh("how old", &[Role::Predicate], ""), part(&rest, Role::Predicate)),
        Ask::Job => (format!("What is {}'s job?", parts.subject.plain()), part(&rest, Role::Predicate)),
        Ask::Pastime => (wh("what", &[Role::Infinitive], "to do"), part(&rest, Role::Infinitive)),
    };
    Asked { question, answers: with_shorter(answer) }
}

fn english_what(sentence: &Sentence, parts: &Parts, wh: &dyn Fn(&str, &[Role], &str) -> String) -> (String, String) {
    let answer = part(&parts.rest, Role::Object);
    let question = match sentence.clause {
        Clause::Exist(..) => {
            let verb = if parts.asking[0] == "are" { "is" } else { &parts.asking[0] };
            format!("What {verb} {}?", part(&parts.rest, Role::Place))
        }
        Clause::Have(_, things) if things.is_animal() => wh("what animal", &[Role::Object], ""),
        _ => wh("what", &[Role::Object], ""),
    };
    (question, answer)
}

/// An English answer, also without what may be left out at its start.
fn with_shorter(answer: String) -> Vec<String> {
    let openings = [
        "a ",
        "an ",
        "the ",
        "to the ",
        "to ",
        "from the ",
        "from ",
        "in the ",
        "in ",
        "on the ",
        "on ",
        "at the ",
        "at ",
        "with the ",
        "with ",
        "by ",
    ];
    let mut answers = vec![answer.clone()];
    answers.extend(openings.iter().filter_map(|opening| answer.strip_prefix(opening)).map(str::to_owned));
    answers
}

/// `how many red balls`, and the number.
fn how_many(sentence: &Sentence) -> (String, String) {
    let Some((things, number)) = counted(sentence) else { return Default::default() };
    let adjective = things.adjective.map_or("", |adjective| adjective.en);
    (Words::of("how many").and(adjective).and(&english::noun(&things)).plain(), number.en.to_owned())
}
