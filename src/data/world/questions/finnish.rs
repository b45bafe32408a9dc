//! Questions in Finnish.

use super::super::finnish::{self, Case};
use super::super::objects::{ObjectCase, object_case};
use super::super::semantics::{Clause, Count, Mention, Modal, Sentence};
use super::super::words::{Parts, Role, Words};
use super::{Ask, Asked, all, counted, part};

/// Whether it is so: the verb first, with its ending, then the subject.
pub(super) fn whether(sentence: &Sentence) -> String {
    let Parts { subject, verb, rest, .. } = finnish::parts(sentence, Mention::default());
    let verb = verb.plain();
    let ending = if verb.contains(['a', 'o', 'u']) { "ko" } else { "kö" };
    all(Words::of(&format!("{verb}{ending}")).then(subject), rest, &[]).sentence('?')
}

/// The question word, then the sentence in its usual order.
pub(super) fn in_order(question: &str, parts: Parts, without: &[Role]) -> String {
    all(Words::of(question).then(parts.subject).then(parts.verb), parts.rest, without).sentence('?')
}

/// Asks in Finnish.
pub(super) fn ask(sentence: &Sentence, asked: Ask) -> Asked {
    let parts = finnish::parts(sentence, Mention::default());
    let rest = parts.rest.clone();
    let of = |role: Role| vec![part(&rest, role)];
    let (question, answers) = match asked {
        Ask::Who => {
            let answer = parts.subject.plain();
            let name = sentence.subject().map(|who| finnish::person(who, Case::Nominative, false).plain());
            let question = all(Words::of(who_word(sentence)).then(parts.verb), rest, &[]).sentence('?');
            (question, vec![answer, name.unwrap_or_default()])
        }
        Ask::What => (in_order(what_word(sentence), parts, &[Role::Object]), of(Role::Object)),
        Ask::HowMany => {
            let (many, number) = how_many(sentence);
            (in_order(&many, parts, &[Role::Object]), vec![number])
        }
        Ask::Where => (in_order(where_word(sentence), parts, &[Role::Place, Role::Means]), of(Role::Place)),
        Ask::Whom => (in_order("ketä", parts, &[Role::Object]), of(Role::Object)),
        Ask::ToWhom => (in_order("kenelle", parts, &[Role::Recipient]), of(Role::Recipient)),
        Ask::WithWhom => {
            let answer = part(&rest, Role::Companion);
            let bare = answer.trim_end_matches(" kanssa").to_owned();
            (in_order("kenen kanssa", parts, &[Role::Companion]), vec![answer, bare])
        }
        Ask::ByWhat => (in_order("millä", parts, &[Role::Means]), of(Role::Means)),
        Ask::Colour => {
            let plural = matches!(sentence.clause, Clause::Be(it, _) if it.count == Count::Plural);
            let word = if plural { "minkä värisiä" } else { "minkä värinen" };
            (in_order(word, parts, &[Role::Predicate]), of(Role::Predicate))
        }
        Ask::Age => {
            let answer = part(&rest, Role::Predicate);
            let bare = answer.trim_end_matches("vuotias").to_owned();
            (in_order("kuinka vanha", parts, &[Role::Predicate]), vec![answer, bare])
        }
        Ask::Job => {
            let owner = sentence.subject().map(|who| finnish::person(who, Case::Genitive, false).plain());
            (format!("Mikä on {} ammatti?", owner.unwrap_or_default()), of(Role::Predicate))
        }
        Ask::Pastime => (in_order("mistä harrastuksesta", parts, &[Role::Infinitive]), of(Role::Infinitive)),
    };
    let mut answers: Vec<String> = answers;
    answers.dedup();
    Asked { question, answers }
}

fn who_word(sentence: &Sentence) -> &'static str {
    match sentence.clause {
        Clause::Have(..) => "kenellä",
        Clause::Can(_, Modal::Must, _) | Clause::CanAct(_, Modal::Must, ..) => "kenen",
        _ => "kuka",
    }
}

fn what_word(sentence: &Sentence) -> &'static str {
    match sentence.clause {
        Clause::Have(_, things) if things.is_animal() => "mikä eläin",
        Clause::LikeThings(..) => "mistä",
        _ => "mitä",
    }
}

/// `missä`, `minne` or `mistä`.
fn where_word(sentence: &Sentence) -> &'static str {
    match sentence.clause {
        Clause::Go(..) | Clause::Travel(..) | Clause::Put(..) => "minne",
        Clause::Come(..) | Clause::Take(..) => "mistä",
        Clause::Act(_, action, ..) => ["missä", "minne", "mistä"][action.place_forms[2]],
        _ => "missä",
    }
}

/// `kuinka monta punaista palloa`, and the number.
fn how_many(sentence: &Sentence) -> (String, String) {
    let Some((things, number)) = counted(sentence) else { return Default::default() };
    let case = match sentence.clause {
        Clause::Act(_, action, ..) => object_case(&things, action.finnish, false),
        _ => ObjectCase::Nominative,
    };
    let partitive = usize::from(case == ObjectCase::Partitive);
    let adjective = things.adjective.map_or("", |adjective| adjective.fi.forms[2]);
    let many = Words::of(["kuinka monta", "kuinka montaa"][partitive]).and(adjective).and(things.noun.fi.singular[2]);
    (many.plain(), number.fi[partitive].to_owned())
}
