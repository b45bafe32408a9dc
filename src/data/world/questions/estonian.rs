//! Questions in Estonian.

use super::super::estonian::{self, Case};
use super::super::lexicon::LIKE;
use super::super::objects::{ObjectCase, object_case};
use super::super::semantics::{Clause, Mention, Sentence, Tense};
use super::super::words::{Parts, Role, Words};
use super::{Ask, Asked, all, counted, part};

/// The question word, the subject, the other parts, and the verb last.
pub(super) fn in_order(question: &str, parts: Parts, without: &[Role]) -> String {
    all(Words::of(question).then(parts.subject), parts.rest, without).then(parts.verb).sentence('?')
}

/// Asks in Estonian.
pub(super) fn ask(sentence: &Sentence, asked: Ask) -> Asked {
    let parts = estonian::parts(sentence, Mention::default());
    let rest = parts.rest.clone();
    let exists = matches!(sentence.clause, Clause::Exist(..));
    let (question, answers) = match asked {
        Ask::Who => {
            let word = match sentence.clause {
                Clause::Have(..) => "kellel",
                Clause::LikeThings(..) | Clause::LikeDoing(..) => "kellele",
                _ => "kes",
            };
            let answer = parts.subject.plain();
            let name = sentence.subject().map(|who| estonian::person(who, Case::Nominative, false).plain());
            (all(Words::of(word).then(parts.verb), rest, &[]).sentence('?'), vec![answer, name.unwrap_or_default()])
        }
        Ask::What | Ask::HowMany if exists => {
            let (word, answer) = match asked {
                Ask::What => ("mis".to_owned(), part(&rest, Role::Object)),
                _ => how_many(sentence),
            };
            (Words::of(&word).then(parts.verb).then(parts.subject).sentence('?'), vec![answer])
        }
        Ask::What => estonian_what(sentence, parts),
        Ask::HowMany => {
            let (many, number) = how_many(sentence);
            (in_order(&many, parts, &[Role::Object]), vec![number])
        }
        Ask::Where => {
            (in_order(where_word(sentence), parts, &[Role::Place, Role::Means]), vec![part(&rest, Role::Place)])
        }
        Ask::Whom => (in_order("keda", parts, &[Role::Object]), vec![part(&rest, Role::Object)]),
        Ask::ToWhom => (in_order("kellele", parts, &[Role::Recipient]), vec![part(&rest, Role::Recipient)]),
        Ask::WithWhom => (in_order("kellega", parts, &[Role::Companion]), vec![part(&rest, Role::Companion)]),
        Ask::ByWhat => (in_order("millega", parts, &[Role::Means]), vec![part(&rest, Role::Means)]),
        Ask::Colour => (in_order("mis värvi", parts, &[Role::Predicate]), vec![part(&rest, Role::Predicate)]),
        Ask::Age => (in_order("kui vana", parts, &[Role::Predicate]), vec![part(&rest, Role::Predicate)]),
        Ask::Job => {
            let owner = sentence.subject().map(|who| estonian::person(who, Case::Genitive, false).plain());
            (format!("Mis on {} amet?", owner.unwrap_or_default()), vec![part(&rest, Role::Predicate)])
        }
        Ask::Pastime => {
            let first = Words::of("mida").then(parts.subject).then(parts.verb);
            (first.and("teha").sentence('?'), vec![part(&rest, Role::Infinitive)])
        }
    };
    let mut answers: Vec<String> = answers;
    answers.dedup();
    Asked { question, answers }
}

fn estonian_what(sentence: &Sentence, parts: Parts) -> (String, Vec<String>) {
    let answer = vec![part(&parts.rest, Role::Object)];
    let question = match sentence.clause {
        Clause::Have(_, things) if things.is_animal() => in_order("mis loom", parts, &[Role::Object]),
        Clause::Have(..) => in_order("mis", parts, &[Role::Object]),
        Clause::LikeThings(..) => {
            let verb = if sentence.tense == Tense::Past { LIKE.past[2] } else { LIKE.present[2] };
            Words::of("mis").then(parts.subject).and(verb).sentence('?')
        }
        _ => in_order("mida", parts, &[Role::Object]),
    };
    (question, answer)
}

/// `kus`, `kuhu` or `kust`.
fn where_word(sentence: &Sentence) -> &'static str {
    match sentence.clause {
        Clause::Go(..) | Clause::Travel(..) | Clause::Put(..) => "kuhu",
        Clause::Come(..) | Clause::Take(..) => "kust",
        Clause::Act(_, action, ..) => ["kus", "kuhu", "kust"][action.place_forms[1]],
        _ => "kus",
    }
}

/// `mitu punast palli`, and the number.
fn how_many(sentence: &Sentence) -> (String, String) {
    let Some((things, number)) = counted(sentence) else { return Default::default() };
    let case = match sentence.clause {
        Clause::Act(_, action, ..) => object_case(&things, action.government, false),
        Clause::Show(..) => ObjectCase::Partitive,
        _ => ObjectCase::Nominative,
    };
    let partitive = usize::from(case == ObjectCase::Partitive);
    let adjective = things.adjective.map_or("", |adjective| adjective.et[2]);
    let many = Words::of(["mitu", "mitut"][partitive]).and(adjective).and(things.noun.et[2]);
    (many.plain(), number.et[partitive].to_owned())
}
