//! The world in Finnish.
//!
//! Pronouns are said, and the subject stands before the verb, behind a time. The case of an object is told as in
//! Estonian (see [`objects`](super::objects)), but what one *must* do is in the nominative where it would be in
//! the genitive: `Anna haluaa ostaa auton`, `Annan täytyy ostaa auto`.

mod phrases;

pub(super) use phrases::{Case, person};

use phrases::{located, things, varied_as, with};

use super::lexicon::*;
use super::objects::{ObjectCase, amount_case, object_case};
use super::semantics::{Clause, Count, Mention, Modal, Sentence, Tense, Things, Weather, Who};
use super::words::{Parts, Role, Words};

/// The whole sentence in its usual order.
pub(super) fn statement(sentence: &Sentence, mention: Mention) -> Words {
    let Parts { subject, verb, rest, .. } = parts(sentence, mention);
    let time = Words::default().and(sentence.time.map_or("", |time| time.fi));
    rest.into_iter().fold(time.then(subject).then(verb), |words, (_, part)| words.then(part))
}

/// Whether it can only mean one tense: `minä leikin` is `I play` and `I played`.
pub(super) fn is_unambiguous(sentence: &Sentence) -> bool {
    let other = if sentence.tense == Tense::Past { Tense::Present } else { Tense::Past };
    sentence.time.is_some_and(|time| time.past)
        || sentence.finnish() != Sentence { tense: other, ..*sentence }.finnish()
}

/// The sentence in its parts.
pub(super) fn parts(sentence: &Sentence, mention: Mention) -> Parts {
    use Clause::*;
    let pronoun = mention.subject;
    let who = sentence.subject().unwrap_or(Who::I);
    let one = |verb: &Verb| inflect(verb, THIRD, &[THIRD_PLURAL], sentence);
    let (subject, verb) = match sentence.clause {
        Exist(_, place, adjective) => (located(place, adjective), one(&BE)),
        Weather(weather) => (Words::of("ulkona"), outside(sentence, weather)),
        Have(..) => {
            let wrong: &[Case] = if matches!(who, Who::I | Who::You | Who::We) { &[Case::Nominative] } else { &[] };
            (varied_as(who, Case::Adessive, wrong, pronoun), one(&HAVE))
        }
        Can(_, Modal::Must, _) | CanAct(_, Modal::Must, ..) => {
            (varied_as(who, Case::Genitive, &[Case::Nominative], pronoun), one(&MUST))
        }
        ref clause => {
            let others = if matches!(who, Who::Thing(_)) { &[THIRD, THIRD_PLURAL][..] } else { &[0, 1, 2, 3, 4] };
            (person(who, Case::Nominative, pronoun), inflect(clause.verb(), index_of(who), others, sentence))
        }
    };
    Parts { subject, verb, asking: Default::default(), rest: rest(sentence, mention.other) }
}

/// What stands behind the verb; of what is given and to whom, what is new stands last.
fn rest(sentence: &Sentence, mentioned: Option<Who>) -> Vec<(Role, Words)> {
    use Clause::*;
    let subject = sentence.subject();
    let varied = |who: Who, case: Case, wrong: &[Case]| varied_as(who, case, wrong, mentioned == Some(who));
    let place = |words: Words| (Role::Place, words);
    let object = |it: &Things, case: ObjectCase| (Role::Object, things(it, case, subject));
    let affected = |it: &Things, government| object(it, object_case(it, government, sentence.negative));
    let present = if sentence.negative { ObjectCase::Partitive } else { ObjectCase::Nominative };
    match sentence.clause {
        Live(_, at) => vec![place(Words::or(at.fi[0], &[at.fi[1], at.fi[2]]))],
        Job(who, job) => vec![(Role::Predicate, agreeing(several(who), job.fi[0], job.fi[1]))],
        Become(who, job) => {
            let job = Words::or(job.fi[2 + usize::from(several(who))], &[job.fi[0]]);
            vec![(Role::Predicate, Words::of("tulla").then(job))]
        }
        Have(_, it) => vec![object(&it, amount_case(&it, present))],
        LikeThings(_, it) => vec![(Role::Object, Words::default().and(it.noun.fi.liked.unwrap_or_default()))],
        LikeDoing(_, verb) => vec![(Role::Infinitive, Words::default().and(verb.fi.liked.unwrap_or_default()))],
        Age(_, age) => vec![(Role::Predicate, Words::of(AGES[age].2))],
        Older(_, than, older) => vec![(Role::Predicate, compared(than, older))],
        Feel(who, state) => vec![(Role::Predicate, agreeing(several(who), state.fi[0], state.fi[1]))],
        Do(_, verb, at) => at.map(|at| place(where_done(verb, at))).into_iter().collect(),
        Act(_, action, it, at) => {
            let at = at.map(|at| place(Words::of(at.fi[action.place_forms[2]])));
            at.into_iter().chain([affected(&it, action.finnish)]).collect()
        }
        Help(_, whom) => vec![(Role::Object, varied(whom, Case::Partitive, &[Case::Nominative, Case::Allative]))],
        Go(_, to) => vec![place(Words::or(to.fi[1], &[to.fi[0]]))],
        Come(_, from) => vec![place(Words::of(from.fi[2]))],
        Travel(_, vehicle, to) => {
            let by = Words::or(vehicle.fi.by.unwrap_or_default(), &[vehicle.fi.singular[0]]);
            vec![(Role::Means, by), place(Words::of(to.fi[1]))]
        }
        Outing(_, outing) => vec![(Role::Infinitive, infinitive(OUTINGS[outing].0, 1))],
        Give(_, it, whom) | Show(_, it, whom) => {
            let recipient = (Role::Recipient, varied(whom, Case::Allative, &[Case::Adessive]));
            let object = affected(&it, Government::Total);
            if it.known || it.owner.is_some() { vec![object, recipient] } else { vec![recipient, object] }
        }
        With(_, _, whom) => vec![(Role::Companion, with(whom, mentioned == Some(whom), subject))],
        Put(_, it, at) => vec![affected(&it, Government::Total), place(Words::or(at.fi[1], &[at.fi[0]]))],
        Take(_, it, at) => vec![affected(&it, Government::Total), place(Words::or(at.fi[2], &[at.fi[0]]))],
        Can(_, _, verb) => vec![(Role::Infinitive, infinitive(verb, 0))],
        CanAct(_, modal, action, it) => {
            let case = wished(modal, object_case(&it, action.finnish, sentence.negative));
            vec![(Role::Infinitive, infinitive(action.verb, 0)), object(&it, case)]
        }
        // `Kaapissa on maito` is right too, of milk that one knows.
        Exist(it, ..) if it.count == Count::Mass && !sentence.negative => {
            vec![(Role::Object, things(&it, ObjectCase::Partitive, None).without_mistakes())]
        }
        Exist(it, ..) => vec![object(&it, amount_case(&it, present))],
        At(_, at, adjective) => vec![place(located(at, adjective))],
        Be(it, adjective) => {
            let plural = it.count == Count::Plural;
            vec![(Role::Predicate, agreeing(plural, adjective.fi.forms[0], adjective.fi.forms[4]))]
        }
        Weather(weather) => vec![(Role::Predicate, Words::of(sky(weather)))],
    }
}

/// Older or younger than somebody.
fn compared(than: &Person, older: bool) -> Words {
    let word = if older { "vanhempi" } else { "nuorempi" };
    Words::of(word).then(Words::or("kuin", &["kun"])).and(than.fi[0])
}

/// The case of what one wants to or must do something to; see the module's beginning.
fn wished(modal: Modal, case: ObjectCase) -> ObjectCase {
    let total = modal == Modal::Must && case == ObjectCase::Genitive;
    if total { ObjectCase::Nominative } else { case }
}

/// Whether these are more people than one.
fn several(who: Who) -> bool {
    matches!(who, Who::Couple(..) | Who::We)
}

/// What one is (nominative), or several are (partitive plural).
fn agreeing(several: bool, one: &str, more: &str) -> Words {
    if several { Words::or(more, &[one]) } else { Words::or(one, &[more]) }
}

/// Running, dancing, swimming, sitting down or falling asleep *into* a place is right too.
fn where_done(verb: &Verb, at: &Place) -> Words {
    let anywhere = [&RUN, &DANCE, &SWIM, &SIT, &SLEEP].contains(&verb);
    if anywhere { Words::of(at.fi[0]) } else { Words::or(at.fi[0], &[at.fi[1]]) }
}

fn sky(weather: Weather) -> &'static str {
    match weather {
        Weather::Rain => "vettä",
        Weather::Snow => "lunta",
        Weather::Cold => "kylmä",
        Weather::Warm => "lämmin",
    }
}

/// It rains or snows (water or snow *falls*), or it is cold or warm.
fn outside(sentence: &Sentence, weather: Weather) -> Words {
    if matches!(weather, Weather::Cold | Weather::Warm) {
        return inflect(&BE, THIRD, &[], sentence);
    }
    let past = usize::from(sentence.tense == Tense::Past);
    if sentence.negative {
        Words::of(NOT[THIRD]).then(Words::or(FINNISH_FALLS[2 + past], &[FINNISH_FALLS[past]]))
    } else {
        Words::of(FINNISH_FALLS[past])
    }
}

/// The verb of negation, in the order of a verb's forms.
const NOT: [&str; 5] = ["en", "et", "ei", "emme", "eivät"];
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

/// The finite verb in a person, with its negation; the other persons are its mistakes.
fn inflect(verb: &Verb, person: usize, others: &[usize], sentence: &Sentence) -> Words {
    let fi = &verb.fi;
    let in_persons = |forms: [&'static str; 5]| {
        let wrong: Vec<&str> = others.iter().map(|&other| forms[other]).collect();
        Words::or(forms[person], &wrong)
    };
    let plural = usize::from(person >= FIRST_PLURAL);
    match (sentence.negative, sentence.tense) {
        (false, Tense::Present) => in_persons(fi.present),
        (false, Tense::Past) => in_persons(fi.past),
        (true, Tense::Present) => in_persons(NOT).then(Words::or(fi.negative[0], &[fi.present[THIRD]])),
        (true, Tense::Past) => in_persons(NOT).then(Words::or(fi.negative[1 + plural], &[fi.negative[2 - plural]])),
    }
}

/// The A-infinitive (0) or the MA-infinitive (1); the other is its mistake.
fn infinitive(verb: &Verb, which: usize) -> Words {
    Words::or(verb.fi.infinitives[which], &[verb.fi.infinitives[1 - which]])
}
