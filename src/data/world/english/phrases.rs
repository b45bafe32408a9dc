//! English noun phrases.

use super::super::lexicon::*;
use super::super::semantics::{Count, Owner, Things, Who};
use super::super::words::Words;

/// `a teacher`, `teachers`.
pub(super) fn occupation(several: bool, job: &Job) -> Words {
    if several { Words::of(job.en[1]) } else { article(job.en[0]).and(job.en[0]) }
}

/// Where something is, with an adjective behind the article.
pub(in super::super) fn located(place: &Place, adjective: Option<&Adjective>) -> Words {
    match adjective {
        None => Words::of(place.en[0]),
        Some(adjective) => Words::of(&place.en[0].replacen("the ", &format!("the {} ", adjective.en), 1)),
    }
}

/// The subject form.
pub(in super::super) fn nominative(who: Who, pronoun: bool) -> Words {
    match who {
        Who::Named(person) if pronoun => Words::of(singular(person).en[0]),
        Who::Couple(..) if pronoun => Words::of(THEY.en[0]),
        Who::Named(person) => Words::of(person.et[0]),
        Who::Couple(one, other) => Words::of(one.et[0]).and("and").and(other.et[0]),
        Who::I => Words::of(I.en[0]),
        Who::You => Words::of(YOU.en[0]),
        Who::We => Words::of(WE.en[0]),
        Who::Thing(it) => things(&it, None),
    }
}

/// The object form.
pub(super) fn accusative(who: Who, subject: Option<Who>, pronoun: bool) -> Words {
    match who {
        Who::Thing(it) => things(&it, subject),
        Who::Named(person) if pronoun => Words::of(singular(person).en[1]),
        Who::Couple(..) if pronoun => Words::of(THEY.en[1]),
        Who::I => Words::or(I.en[1], &[I.en[0]]),
        Who::You => Words::of(YOU.en[1]),
        Who::We => Words::or(WE.en[1], &[WE.en[0]]),
        other => nominative(other, false),
    }
}

/// The pronoun for a person.
fn singular(person: &Person) -> &'static Pronoun {
    if person.female { &SHE } else { &HE }
}

/// Things with their article, number or owner, who may be the subject.
pub(super) fn things(it: &Things, subject: Option<Who>) -> Words {
    let name = described(it);
    if let Some(owner) = it.owner {
        return Words::of(&possessive(owner, subject)).and(&name);
    }
    match it.count {
        _ if it.known => Words::of("the").and(&name),
        Count::One => article(&name).and(&name),
        Count::Number(number) => {
            let plural = noun(it);
            let adjective = it.adjective.map_or("", |adjective| adjective.en);
            Words::of(NUMBERS[number - 1].en).and(adjective).then(Words::or(&plural, &[it.noun.en]))
        }
        Count::Plural | Count::Mass => Words::of(&name),
    }
}

/// Adjective and noun.
pub(super) fn described(it: &Things) -> String {
    Words::default().and(it.adjective.map_or("", |adjective| adjective.en)).and(&noun(it)).plain()
}

fn possessive(owner: Owner, subject: Option<Who>) -> String {
    let pronoun = match (owner, subject) {
        (Owner::Named(person), _) => return format!("{}'s", person.et[0]),
        (Owner::I, _) | (Owner::Subject, Some(Who::I)) => &I,
        (Owner::You, _) | (Owner::Subject, Some(Who::You)) => &YOU,
        (Owner::We, _) | (Owner::Subject, Some(Who::We)) => &WE,
        (Owner::Subject, Some(Who::Named(person))) => singular(person),
        (Owner::Subject, _) => &THEY,
    };
    pronoun.en[2].to_owned()
}

/// The noun in its number.
pub(in super::super) fn noun(it: &Things) -> String {
    let plural = it.noun.plural.as_ref().map_or(it.noun.en, |plural| plural.en);
    if matches!(it.count, Count::One | Count::Mass) { it.noun.en.to_owned() } else { plural.to_owned() }
}

/// `a` or `an`.
fn article(next: &str) -> Words {
    if next.starts_with(['a', 'e', 'i', 'o', 'u']) { Words::or("an", &["a", ""]) } else { Words::or("a", &["an", ""]) }
}
