//! Estonian noun phrases and their cases.

use super::super::lexicon::*;
use super::super::objects::ObjectCase;
use super::super::semantics::{Count, Owner, Things, Who};
use super::super::words::Words;

/// A case of a person, in the order of their forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Case {
    Nominative = 0,
    Genitive = 1,
    Partitive = 2,
    Allative = 3,
    Adessive = 4,
    Comitative = 5,
}

/// Who, in a case.
pub(in super::super) fn person(who: Who, case: Case, pronoun: bool) -> Words {
    varied_as(who, case, &[], pronoun)
}

/// Who, in a case; other cases are mistakes.
pub(super) fn varied_as(who: Who, case: Case, wrong: &[Case], pronoun: bool) -> Words {
    let forms = match who {
        Who::Named(_) if pronoun => SHE.et,
        Who::Couple(..) if pronoun => THEY.et,
        Who::Named(person) => person.et,
        Who::Couple(one, other) => {
            return Words::of(one.et[case as usize]).and("ja").and(other.et[case as usize]);
        }
        Who::I => I.et,
        Who::You => YOU.et,
        Who::We => WE.et,
        Who::Thing(it) if case == Case::Comitative => return accompanying(&it),
        Who::Thing(it) => return things(&it, ObjectCase::Nominative),
    };
    let wrong: Vec<&str> = wrong.iter().map(|&case| forms[case as usize]).collect();
    Words::or(forms[case as usize], &wrong)
}

/// `musta koeraga`: the adjective stays in the genitive.
fn accompanying(it: &Things) -> Words {
    let adjective = it.adjective.map_or("", |adjective| adjective.et[1]);
    owner(it).and(adjective).then(Words::or(it.noun.et[3], &[it.noun.et[0]]))
}

fn owner(it: &Things) -> Words {
    Words::default().and(match it.owner {
        None => "",
        Some(Owner::Named(person)) => person.et[Case::Genitive as usize],
        Some(Owner::I) => I.et[Case::Genitive as usize],
        Some(Owner::You) => YOU.et[Case::Genitive as usize],
        Some(Owner::We) => WE.et[Case::Genitive as usize],
        Some(Owner::Subject) => OWN,
    })
}

/// Things in a case, with the mistakes that learners make.
pub(super) fn things(it: &Things, case: ObjectCase) -> Words {
    let noun = it.noun;
    let plural = noun.plural.as_ref().map_or([noun.et[0], noun.et[2]], |plural| plural.et);
    let partitive = case == ObjectCase::Partitive;
    let described = |form: usize, wrong: &[usize]| match it.adjective {
        None => Words::default(),
        Some(adjective) => {
            let wrong: Vec<&str> = wrong.iter().map(|&form| adjective.et[form]).collect();
            Words::or(adjective.et[form], &wrong)
        }
    };
    match it.count {
        Count::One | Count::Mass => {
            let form = case as usize;
            let wrong = if case == ObjectCase::Nominative { 2 } else { 0 };
            owner(it).then(described(form, &[wrong])).then(Words::or(noun.et[form], &[noun.et[0]]))
        }
        Count::Number(number) => {
            let number = NUMBERS[number - 1].et[usize::from(partitive)];
            let counted = Words::or(noun.et[2], &[noun.et[0], plural[0]]);
            owner(it).and(number).then(described(2, &[0, 3])).then(counted)
        }
        Count::Plural => {
            let form = usize::from(partitive);
            owner(it).then(described(3 + form, &[0])).and(plural[form])
        }
    }
}
/// Where something is, with an adjective in the same case.
pub(super) fn located(place: &Place, adjective: Option<&Adjective>) -> Words {
    let [at, to, from] = place.et;
    let adjective = match (adjective, place.agreement) {
        (Some(adjective), Agreement::Inside) => Words::or(adjective.local[0], &[adjective.et[0], adjective.et[1]]),
        (Some(adjective), Agreement::Surface) => Words::or(adjective.local[1], &[adjective.et[0], adjective.et[1]]),
        _ => Words::default(),
    };
    adjective.then(Words::or(at, &[to, from]))
}

/// `bussiga`; without the ending only where that is no nominative, which might be a subject.
pub(super) fn by(vehicle: &Noun) -> Words {
    let [nominative, genitive, _, comitative] = vehicle.et;
    if genitive == nominative { Words::of(comitative) } else { Words::or(comitative, &[genitive]) }
}
