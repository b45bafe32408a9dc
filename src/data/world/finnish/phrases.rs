//! Finnish noun phrases and their cases.

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
}

/// Who, in a case.
pub(in super::super) fn person(who: Who, case: Case, pronoun: bool) -> Words {
    varied_as(who, case, &[], pronoun)
}

/// Who, in a case; other cases are mistakes.
pub(super) fn varied_as(who: Who, case: Case, wrong: &[Case], pronoun: bool) -> Words {
    let forms = match who {
        Who::Named(_) if pronoun => SHE.fi,
        Who::Couple(..) if pronoun => THEY.fi,
        Who::Named(person) => person.fi,
        Who::Couple(one, other) => {
            return Words::of(one.fi[case as usize]).and("ja").and(other.fi[case as usize]);
        }
        Who::I => I.fi,
        Who::You => YOU.fi,
        Who::We => WE.fi,
        Who::Thing(it) => return things(&it, ObjectCase::Nominative, None),
    };
    let wrong: Vec<&str> = wrong.iter().map(|&case| forms[case as usize]).collect();
    Words::or(forms[case as usize], &wrong)
}

/// With whom: `Jaanin kanssa`, `koiransa kanssa`, `minun kanssani`.
pub(super) fn with(who: Who, pronoun: bool, subject: Option<Who>) -> Words {
    let behind = match who {
        Who::I => "kanssani",
        Who::You => "kanssasi",
        Who::We => "kanssamme",
        Who::Named(_) | Who::Couple(..) if pronoun => "kanssaan",
        Who::Named(_) | Who::Couple(..) => "kanssa",
        Who::Thing(it) => return things(&it, ObjectCase::Genitive, subject).and("kanssa"),
    };
    varied_as(who, Case::Genitive, &[Case::Nominative], pronoun).and(behind)
}

/// Things in a case, with the mistakes that learners make; what is the subject's own has its ending.
pub(super) fn things(it: &Things, case: ObjectCase, subject: Option<Who>) -> Words {
    let owner = match it.owner {
        None => None,
        Some(Owner::Named(person)) => return Words::of(person.fi[Case::Genitive as usize]).then(counted(it, case)),
        Some(Owner::I) => Some((I.fi[Case::Genitive as usize], Who::I)),
        Some(Owner::You) => Some((YOU.fi[Case::Genitive as usize], Who::You)),
        Some(Owner::We) => Some((WE.fi[Case::Genitive as usize], Who::We)),
        Some(Owner::Subject) => subject.map(|who| ("", who)),
    };
    match owner {
        None => counted(it, case),
        Some((pronoun, who)) => Words::default().and(pronoun).and(&own(it.noun, who, case)),
    }
}

/// `hattuni`, `hattusi`, `hattumme`, `hattunsa`; in the partitive `hattuani`, … `hattuaan`, but `kirjaansa`.
fn own(noun: &Noun, owner: Who, case: ObjectCase) -> String {
    let [nominative, _, partitive] = noun.fi.singular;
    let third = noun.fi.own.unwrap_or(nominative);
    let stem = match case {
        ObjectCase::Partitive => partitive,
        _ => third.trim_end_matches("nsa").trim_end_matches("nsä"),
    };
    let ending = match owner {
        Who::I => "ni",
        Who::You => "si",
        Who::We => "mme",
        _ if case != ObjectCase::Partitive => return third.to_owned(),
        _ if stem.ends_with("aa") => "nsa",
        _ if stem.ends_with("ää") => "nsä",
        _ if stem.ends_with('a') => "an",
        _ => "än",
    };
    format!("{stem}{ending}")
}

/// Things in a case, whoever owns them.
fn counted(it: &Things, case: ObjectCase) -> Words {
    let forms = it.noun.fi.singular;
    let plural = it.noun.fi.plural.unwrap_or([forms[0], forms[2]]);
    let partitive = case == ObjectCase::Partitive;
    let described = |form: usize, wrong: &[usize]| match it.adjective {
        None => Words::default(),
        Some(adjective) => {
            let wrong: Vec<&str> = wrong.iter().map(|&form| adjective.fi.forms[form]).collect();
            Words::or(adjective.fi.forms[form], &wrong)
        }
    };
    match it.count {
        Count::One | Count::Mass => {
            let form = case as usize;
            let [adjective, noun] = if case == ObjectCase::Nominative { [2, 1] } else { [0, 0] };
            described(form, &[adjective]).then(Words::or(forms[form], &[forms[noun]]))
        }
        Count::Number(number) => {
            let number = NUMBERS[number - 1].fi[usize::from(partitive)];
            Words::of(number).then(described(2, &[0, 3])).then(Words::or(forms[2], &[forms[0], plural[0]]))
        }
        Count::Plural => {
            let form = usize::from(partitive);
            described(3 + form, &[0]).and(plural[form])
        }
    }
}

/// Where something is, with an adjective in the same case.
pub(super) fn located(place: &Place, adjective: Option<&Adjective>) -> Words {
    let [at, to, _] = place.fi;
    let adjective = match (adjective, place.agreement) {
        (None, _) | (_, Agreement::None) => Words::default(),
        (Some(adjective), agreement) => {
            let form = usize::from(agreement == Agreement::Surface);
            Words::or(adjective.fi.local[form], &[adjective.fi.forms[0], adjective.fi.forms[1]])
        }
    };
    adjective.then(Words::or(at, &[to]))
}
