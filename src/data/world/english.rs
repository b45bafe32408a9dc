//! The world in English.

mod phrases;

pub(super) use phrases::noun;

use phrases::{accusative, described, located, nominative, occupation, things};

use super::lexicon::*;
use super::semantics::{Clause, Count, Mention, Modal, Sentence, Tense, Things, Weather, Who};
use super::words::{Parts, Role, Words};

/// The whole sentence in its usual order.
pub(super) fn statement(sentence: &Sentence, mention: Mention) -> Words {
    let Parts { subject, verb, rest, .. } = parts(sentence, mention);
    let time = Words::default().and(sentence.time.map_or("", |time| time.en));
    rest.into_iter().fold(time.then(subject).then(verb), |words, (_, part)| words.then(part))
}

/// The sentence in its parts.
pub(super) fn parts(sentence: &Sentence, mention: Mention) -> Parts {
    use Clause::*;
    let subject = sentence.subject();
    match sentence.clause {
        Exist(things, place, adjective) => return exist(sentence, things, place, adjective),
        Weather(weather) => return outside(sentence, weather),
        _ => {}
    }
    let subject = subject.unwrap_or(Who::I);
    let agreement = Agree::with(subject);
    let verb = sentence.clause.verb();
    let (words, asking) = if matches!(sentence.clause, Can(_, Modal::Can, _)) {
        modal(sentence)
    } else {
        inflect(verb, agreement, sentence)
    };
    Parts {
        subject: nominative(subject, mention.subject),
        verb: words,
        asking,
        rest: rest(&sentence.clause, mention.other),
    }
}

/// What stands behind the verb.
fn rest(clause: &Clause, mentioned: Option<Who>) -> Vec<(Role, Words)> {
    use Clause::*;
    let subject = clause.subject();
    let accusative = |who: Who| accusative(who, subject, mentioned == Some(who));
    let place = |place: &Place, form: usize| (Role::Place, Words::of(place.en[form]));
    let object = |it: Things| (Role::Object, things(&it, subject));
    match *clause {
        Live(_, at) => vec![place(at, 0)],
        Job(who, job) => vec![(Role::Predicate, occupation(several(who), job))],
        Become(who, job) => vec![(Role::Predicate, Words::of("to become").then(occupation(several(who), job)))],
        Have(_, it) | LikeThings(_, it) => vec![object(it)],
        LikeDoing(_, verb) => vec![(Role::Infinitive, infinitive(verb))],
        Age(_, age) => vec![(Role::Predicate, Words::of(AGES[age].0).and("years old"))],
        Older(_, than, older) => {
            let word = if older { "older" } else { "younger" };
            vec![(Role::Predicate, Words::of(word).then(Words::or("than", &["then"])).and(than.et[0]))]
        }
        Feel(_, state) => vec![(Role::Predicate, Words::of(state.en))],
        Do(_, _, at) => at.map(|at| place(at, 0)).into_iter().collect(),
        Act(_, action, it, at) => {
            std::iter::once(object(it)).chain(at.map(|at| place(at, action.place_forms[0]))).collect()
        }
        Help(_, whom) => vec![(Role::Object, accusative(whom))],
        Go(_, to) => vec![place(to, 1)],
        Come(_, from) => vec![place(from, 2)],
        Travel(_, vehicle, to) => vec![place(to, 1), (Role::Means, Words::of("by").and(vehicle.en))],
        Outing(_, outing) => vec![(Role::Infinitive, Words::of(OUTINGS[outing].1))],
        Give(_, it, whom) | Show(_, it, whom) if it.known || it.owner.is_some() => {
            vec![object(it), (Role::Recipient, Words::of("to").then(accusative(whom)))]
        }
        Give(_, it, whom) | Show(_, it, whom) => vec![(Role::Recipient, accusative(whom)), object(it)],
        With(_, _, whom) => vec![(Role::Companion, Words::of("with").then(accusative(whom)))],
        Put(_, it, at) => vec![object(it), place(at, 1)],
        Take(_, it, at) => vec![object(it), place(at, 2)],
        Can(_, Modal::Can, verb) => {
            vec![(Role::Infinitive, Words::or(verb.en[0], &[verb.en[1], &format!("to {}", verb.en[0])]))]
        }
        Can(_, _, verb) => vec![(Role::Infinitive, infinitive(verb))],
        CanAct(_, _, action, it) => vec![(Role::Infinitive, infinitive(action.verb)), object(it)],
        At(_, at, adjective) => vec![(Role::Place, located(at, adjective))],
        Be(_, adjective) => vec![(Role::Predicate, Words::of(adjective.en))],
        Exist(..) | Weather(_) => Vec::new(),
    }
}

/// Whether these are more people than one.
fn several(who: Who) -> bool {
    matches!(who, Who::Couple(..) | Who::We)
}

fn exist(sentence: &Sentence, it: Things, place: &Place, adjective: Option<&Adjective>) -> Parts {
    let affirmed = Sentence { negative: false, ..*sentence };
    let (verb, asking) = inflect(&BE, Agree::with(Who::Thing(it)), &affirmed);
    let object = if sentence.negative { Words::of("no").and(&described(&it)) } else { things(&it, None) };
    let rest = vec![(Role::Object, object), (Role::Place, located(place, adjective))];
    Parts { subject: Words::of("there"), verb, asking, rest }
}

fn outside(sentence: &Sentence, weather: Weather) -> Parts {
    let (verb, asking) = inflect(&BE, Agree::Third, sentence);
    let word = match weather {
        Weather::Rain => "raining",
        Weather::Snow => "snowing",
        Weather::Cold => "cold",
        Weather::Warm => "warm",
    };
    let rest = vec![(Role::Predicate, Words::of(word).and("outside"))];
    Parts { subject: Words::of("it"), verb, asking, rest }
}

/// What a verb agrees with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Agree {
    First,
    Third,
    Others,
}

impl Agree {
    fn with(who: Who) -> Self {
        match who {
            Who::I => Self::First,
            Who::Named(_) => Self::Third,
            Who::Thing(things) if matches!(things.count, Count::One | Count::Mass) => Self::Third,
            _ => Self::Others,
        }
    }
}

/// The finite verb, and its two halves in a question.
fn inflect(verb: &Verb, agreement: Agree, sentence: &Sentence) -> (Words, [String; 2]) {
    let [base, third, past] = verb.en;
    if base == "be" || base.starts_with("be ") {
        return inflect_be(base.trim_start_matches("be").trim_start(), agreement, sentence);
    }
    let third_person = agreement == Agree::Third;
    let auxiliary = match sentence.tense {
        Tense::Past => "did",
        Tense::Present if third_person => "does",
        Tense::Present => "do",
    };
    let mut infinitive = base.to_owned();
    if verb == &MUST && sentence.negative {
        infinitive = "have".to_owned();
    }
    let words = match (sentence.negative, sentence.tense) {
        (true, tense) => {
            let wrong = if tense == Tense::Past { past } else { third };
            Words::of(auxiliary).and("not").then(Words::or(&infinitive, &[wrong]))
        }
        // `Mari read` and `Mari put` are right, in the past.
        (false, Tense::Present) if third_person && base == past => Words::of(third),
        (false, Tense::Present) if third_person => Words::or(third, &[base]),
        (false, Tense::Present) => Words::or(base, &[third]),
        (false, Tense::Past) => past_form(verb, third_person && sentence.time.is_some_and(|time| time.past)),
    };
    (words, [auxiliary.to_owned(), infinitive])
}

/// The past form. An irregular verb may be made regular by mistake, a regular one left in its base form; but
/// the latter shows only where the sentence says that it is about the past.
fn past_form(verb: &Verb, said_to_be_past: bool) -> Words {
    let [base, _, past] = verb.en;
    let regular = if base.ends_with('e') { format!("{base}d") } else { format!("{base}ed") };
    let irregular = !past.contains("ed") && base != past;
    match (irregular, said_to_be_past) {
        (true, _) => Words::or(past, &[&regular]),
        (false, true) => Words::or(past, &[base]),
        (false, false) => Words::of(past),
    }
}

fn inflect_be(complement: &str, agreement: Agree, sentence: &Sentence) -> (Words, [String; 2]) {
    let (finite, wrong) = match (sentence.tense, agreement) {
        (Tense::Present, Agree::First) => ("am", "is"),
        (Tense::Present, Agree::Third) => ("is", "are"),
        (Tense::Present, Agree::Others) => ("are", "is"),
        (Tense::Past, Agree::Others) => ("were", "was"),
        (Tense::Past, _) => ("was", "were"),
    };
    let negation = if sentence.negative { "not" } else { "" };
    let words = Words::or(finite, &[wrong]).and(negation).and(complement);
    (words, [finite.to_owned(), complement.to_owned()])
}

fn modal(sentence: &Sentence) -> (Words, [String; 2]) {
    let word = match (sentence.tense, sentence.negative) {
        (Tense::Present, false) => "can",
        (Tense::Present, true) => "cannot",
        (Tense::Past, false) => "could",
        (Tense::Past, true) => "could not",
    };
    (Words::of(word), [word.to_owned(), String::new()])
}

fn infinitive(verb: &Verb) -> Words {
    Words::of("to").then(Words::or(verb.en[0], &[verb.en[1]]))
}
