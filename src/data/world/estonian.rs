//! The world in Estonian.

mod phrases;

pub(super) use phrases::{Case, person};

use phrases::{by, located, things, varied_as};

use super::lexicon::*;
use super::objects::{ObjectCase, amount_case, object_case};
use super::semantics::{Clause, Count, Mention, Modal, Sentence, Tense, Things, Weather, Who};
use super::words::{Parts, Role, Words};

/// The whole sentence in its usual order: the verb comes second, so that a time (or `seepärast`, if
/// `led` by it) at the front moves the subject behind it, unless the verb is negated.
pub(super) fn statement(sentence: &Sentence, mention: Mention, led: bool) -> Words {
    let Parts { subject, verb, rest, .. } = parts(sentence, mention);
    let time = Words::default().and(sentence.time.map_or("", |time| time.et));
    let moved = (led || sentence.time.is_some()) && !sentence.negative;
    let front = if moved { time.then(verb).then(subject) } else { time.then(subject).then(verb) };
    rest.into_iter().fold(front, |words, (role, part)| {
        // Behind a moved subject, a noun in the nominative may read as its property: `Eile mängis Mari koer`.
        let doubtful = moved && matches!(role, Role::Object | Role::Companion | Role::Means);
        words.then(if doubtful { part.without_mistakes() } else { part })
    })
}

/// The sentence in its parts.
pub(super) fn parts(sentence: &Sentence, mention: Mention) -> Parts {
    use Clause::*;
    let pronoun = mention.subject;
    let who = sentence.subject().unwrap_or(Who::I);
    let (subject, verb) = match sentence.clause {
        Exist(_, place, adjective) => (located(place, adjective), inflect(&BE, &[THIRD], sentence)),
        Weather(weather) => (Words::of("väljas"), falls(sentence, weather)),
        Have(..) => (varied_as(who, Case::Adessive, &[Case::Allative], pronoun), inflect(&HAVE, &[THIRD], sentence)),
        LikeThings(_, things) => {
            let mut indices = [THIRD_PLURAL, THIRD];
            if things.count == Count::Mass {
                indices.reverse();
            }
            let wrong = [Case::Adessive, Case::Nominative];
            (varied_as(who, Case::Allative, &wrong, pronoun), inflect(&LIKE, &indices, sentence))
        }
        LikeDoing(..) => {
            let wrong = [Case::Adessive, Case::Nominative];
            (varied_as(who, Case::Allative, &wrong, pronoun), inflect(&LIKE, &[THIRD, THIRD_PLURAL], sentence))
        }
        ref clause => (person(who, Case::Nominative, pronoun), inflect(clause.verb(), &indices_of(who), sentence)),
    };
    Parts { subject, verb, asking: Default::default(), rest: rest(sentence, mention.other) }
}

/// What stands behind the verb.
fn rest(sentence: &Sentence, mentioned: Option<Who>) -> Vec<(Role, Words)> {
    use Clause::*;
    let varied = |who: Who, case: Case, wrong: &[Case]| varied_as(who, case, wrong, mentioned == Some(who));
    let place = |words: Words| (Role::Place, words);
    let object = |it: &Things, government: Government| {
        (Role::Object, things(it, object_case(it, government, sentence.negative)))
    };
    let present = if sentence.negative { ObjectCase::Partitive } else { ObjectCase::Nominative };
    match sentence.clause {
        Live(_, at) => vec![place(Words::or(at.et[0], &[at.et[1], at.et[2]]))],
        Job(who, job) => vec![predicate(job.et[0], job.et[1], matches!(who, Who::Couple(..) | Who::We))],
        Become(_, job) => vec![(Role::Predicate, Words::of("saada").then(Words::or(job.et[2], &[job.et[0]])))],
        Have(_, it) => vec![(Role::Object, things(&it, amount_case(&it, present)))],
        LikeThings(_, it) => vec![(Role::Object, things(&it, ObjectCase::Nominative))],
        LikeDoing(_, verb) => vec![(Role::Infinitive, infinitive(verb, 1))],
        Age(_, age) => vec![(Role::Predicate, Words::of(AGES[age].1).and("aastat vana"))],
        Older(_, than, older) => {
            let word = if older { "vanem" } else { "noorem" };
            vec![(Role::Predicate, Words::of(word).and("kui").and(than.et[0]))]
        }
        Feel(who, state) => vec![predicate(state.et[0], state.et[1], index_of(who) >= FIRST_PLURAL)],
        Do(_, verb, at) => at.map(|at| place(where_done(verb, at))).into_iter().collect(),
        Act(_, action, it, at) => {
            let at = at.map(|at| place(Words::of(at.et[action.place_forms[1]])));
            at.into_iter().chain([object(&it, action.government)]).collect()
        }
        Help(_, whom) => vec![(Role::Object, varied(whom, Case::Partitive, &[Case::Nominative, Case::Allative]))],
        Go(_, to) => vec![place(Words::or(to.et[1], &[to.et[0]]))],
        Come(_, from) => vec![place(Words::of(from.et[2]))],
        Travel(_, vehicle, to) => vec![(Role::Means, by(vehicle)), place(Words::of(to.et[1]))],
        Outing(_, outing) => vec![(Role::Infinitive, infinitive(OUTINGS[outing].0, 0))],
        Give(_, it, whom) => {
            transfer(&it, object(&it, Government::Total), varied(whom, Case::Allative, &[Case::Adessive]))
        }
        Show(_, it, whom) => {
            transfer(&it, object(&it, Government::Partitive), varied(whom, Case::Allative, &[Case::Adessive]))
        }
        With(_, _, whom) => {
            vec![(Role::Companion, varied(whom, Case::Comitative, &[Case::Nominative]))]
        }
        Put(_, it, at) => vec![object(&it, Government::Total), place(Words::or(at.et[1], &[at.et[0]]))],
        Take(_, it, at) => vec![object(&it, Government::Total), place(Words::or(at.et[2], &[at.et[0]]))],
        Can(_, modal, verb) => vec![(Role::Infinitive, infinitive(verb, infinitive_after(modal)))],
        CanAct(_, modal, action, it) => {
            vec![object(&it, action.government), (Role::Infinitive, infinitive(action.verb, infinitive_after(modal)))]
        }
        Exist(it, ..) => vec![(Role::Object, things(&it, amount_case(&it, present)))],
        At(_, at, adjective) => vec![place(located(at, adjective))],
        Be(it, adjective) => vec![predicate(adjective.et[0], adjective.et[3], it.count == Count::Plural)],
        Weather(weather) => vec![(Role::Predicate, Words::of(sky(weather)))],
    }
}

/// What one is, or several are; the other number is the mistake.
fn predicate(one: &str, several: &str, plural: bool) -> (Role, Words) {
    let (right, wrong) = if plural { (several, one) } else { (one, several) };
    (Role::Predicate, Words::or(right, &[wrong]))
}

/// A recipient stands before what is new, and behind what is known.
fn transfer(it: &Things, object: (Role, Words), whom: Words) -> Vec<(Role, Words)> {
    let recipient = (Role::Recipient, whom);
    if it.known || it.owner.is_some() { vec![object, recipient] } else { vec![recipient, object] }
}

/// Running, dancing or sitting down *into* a place is right too, so that another case is no mistake there.
fn where_done(verb: &Verb, at: &Place) -> Words {
    if [&RUN, &DANCE, &SIT].contains(&verb) { Words::of(at.et[0]) } else { Words::or(at.et[0], &[at.et[1]]) }
}

fn sky(weather: Weather) -> &'static str {
    match weather {
        Weather::Rain => "vihma",
        Weather::Snow => "lund",
        Weather::Cold => "külm",
        Weather::Warm => "soe",
    }
}

fn falls(sentence: &Sentence, weather: Weather) -> Words {
    if matches!(weather, Weather::Cold | Weather::Warm) {
        return inflect(&BE, &[THIRD], sentence);
    }
    let past = usize::from(sentence.tense == Tense::Past);
    if sentence.negative {
        Words::of("ei").then(Words::or(FALLS[2 + past], &[FALLS[past]]))
    } else {
        Words::of(FALLS[past])
    }
}

/// Index of the third person singular in a [`Verb`].
const THIRD: usize = 2;
/// Index of the first person plural.
const FIRST_PLURAL: usize = 3;
/// Index of the third person plural.
const THIRD_PLURAL: usize = 4;

/// The index of a verb form by its subject.
fn index_of(who: Who) -> usize {
    match who {
        Who::I => 0,
        Who::You => 1,
        Who::Named(_) => THIRD,
        Who::We => FIRST_PLURAL,
        Who::Couple(..) => THIRD_PLURAL,
        Who::Thing(things) if things.count == Count::Plural => THIRD_PLURAL,
        Who::Thing(_) => THIRD,
    }
}

/// The index of the right verb form, then those of the forms that learners confuse it with.
fn indices_of(who: Who) -> Vec<usize> {
    let index = index_of(who);
    let others = if matches!(who, Who::Thing(_)) {
        vec![THIRD, THIRD_PLURAL]
    } else {
        vec![0, 1, THIRD, FIRST_PLURAL, THIRD_PLURAL]
    };
    std::iter::once(index).chain(others).collect()
}

/// The finite verb in the first of some persons; the others are its mistakes.
fn inflect(verb: &Verb, indices: &[usize], sentence: &Sentence) -> Words {
    let (forms, negative) = match sentence.tense {
        Tense::Present => (verb.present, verb.negative[0]),
        Tense::Past => (verb.past, verb.negative[1]),
    };
    if sentence.negative {
        Words::of("ei").then(Words::or(negative, &[forms[THIRD]]))
    } else {
        let forms: Vec<&str> = indices.iter().map(|&index| forms[index]).collect();
        Words::or(forms[0], &forms)
    }
}

/// The ma-infinitive (0) or the da-infinitive (1); the other is its mistake.
fn infinitive(verb: &Verb, which: usize) -> Words {
    Words::or(verb.infinitives[which], &[verb.infinitives[1 - which]])
}

fn infinitive_after(modal: Modal) -> usize {
    usize::from(modal != Modal::Must)
}
