//! All the forms in the tables.

use super::super::Language;
use super::*;

/// Every word form of a language that the tables hold, in order, with repetitions.
pub(in super::super) fn forms(language: Language) -> Vec<&'static str> {
    match language {
        Language::English => english(),
        Language::Estonian => estonian(),
        Language::Finnish => finnish(),
    }
}

/// Every noun of the tables, once.
pub(in super::super) fn nouns() -> Vec<&'static Noun> {
    let groups: [&[&'static Noun]; 8] = [&ANIMALS, &GOODS, &LARGE_GOODS, &FOODS, &DISHES, &DRINKS, &VEHICLES, &AWAITED];
    let mut all: Vec<&'static Noun> = Vec::new();
    for noun in groups.into_iter().flatten() {
        if !all.contains(noun) {
            all.push(noun);
        }
    }
    all
}

/// Every verb of the tables.
pub(in super::super) fn verbs() -> Vec<&'static Verb> {
    let named =
        [&BE, &HAVE, &LIKE, &LIVE, &GO, &COME, &TRAVEL, &HELP, &GIVE, &SHOW, &PUT, &TAKE, &TALK, &WANT, &CAN, &MUST];
    let doings = DOINGS.iter().map(|(verb, _)| *verb);
    named.into_iter().chain(doings).chain(PASTIMES).chain(ACTIONS.iter().map(|action| action.verb)).collect()
}

/// Every place of the tables.
pub(in super::super) fn places() -> impl Iterator<Item = &'static Place> {
    TOWNS.into_iter().chain(PLACES).chain(SPOTS).chain([&CUPBOARD])
}

fn english() -> Vec<&'static str> {
    let mut all = Vec::new();
    for noun in nouns() {
        all.push(noun.en);
        all.extend(noun.plural.as_ref().map(|plural| plural.en));
    }
    all.extend(verbs().into_iter().flat_map(|verb| verb.en));
    all.extend(ADJECTIVES.iter().map(|it| it.en).chain(STATES.iter().map(|it| it.en)));
    all.extend(PEOPLE.iter().map(|it| it.et[0]).chain(JOBS.iter().flat_map(|it| it.en)));
    all.extend(places().flat_map(|it| it.en).chain(NUMBERS.iter().map(|it| it.en)));
    all.extend(AGES.iter().map(|it| it.0).chain(TIMES.iter().map(|it| it.en)).chain(OUTINGS.iter().map(|it| it.1)));
    all.extend([&I, &YOU, &WE, &SHE, &HE, &THEY].into_iter().flat_map(|it| it.en));
    all
}

fn estonian() -> Vec<&'static str> {
    let mut all = Vec::new();
    for noun in nouns() {
        all.extend(noun.et);
        all.extend(noun.plural.iter().flat_map(|plural| plural.et));
    }
    for verb in verbs() {
        all.extend(verb.infinitives.into_iter().chain(verb.present).chain(verb.past).chain(verb.negative));
    }
    all.extend(FALLS);
    all.extend(ADJECTIVES.iter().flat_map(|it| it.et.into_iter().chain(it.local)));
    all.extend(STATES.iter().flat_map(|it| it.et).chain(JOBS.iter().flat_map(|it| it.et)));
    all.extend(PEOPLE.iter().flat_map(|it| it.et).chain(places().flat_map(|it| it.et)));
    all.extend(NUMBERS.iter().flat_map(|it| it.et).chain(AGES.iter().map(|it| it.1)));
    all.extend(TIMES.iter().map(|it| it.et));
    all.extend([&I, &YOU, &WE, &SHE, &HE, &THEY].into_iter().flat_map(|it| it.et));
    all
}

fn finnish() -> Vec<&'static str> {
    let mut all = Vec::new();
    for noun in nouns() {
        all.extend(noun.fi.singular);
        all.extend(noun.fi.plural.into_iter().flatten().chain(noun.fi.liked).chain(noun.fi.own).chain(noun.fi.by));
    }
    for FinnishVerb { infinitives, present, past, negative, liked } in verbs().into_iter().map(|verb| &verb.fi) {
        all.extend(infinitives.iter().chain(present).chain(past).chain(negative).chain(liked));
    }
    all.extend(FINNISH_FALLS);
    all.extend(ADJECTIVES.iter().flat_map(|it| it.fi.forms.into_iter().chain(it.fi.local)));
    all.extend(STATES.iter().flat_map(|it| it.fi).chain(JOBS.iter().flat_map(|it| it.fi)));
    all.extend(PEOPLE.iter().flat_map(|it| it.fi).chain(places().flat_map(|it| it.fi)));
    all.extend(NUMBERS.iter().flat_map(|it| it.fi).chain(AGES.iter().map(|it| it.2)));
    all.extend(TIMES.iter().map(|it| it.fi));
    all.extend([&I, &YOU, &WE, &SHE, &HE, &THEY].into_iter().flat_map(|it| it.fi));
    all
}
