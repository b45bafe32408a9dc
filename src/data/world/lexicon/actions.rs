//! What each verb takes: objects, their case, and places.

use super::nouns::*;
use super::places::*;
use super::verbs::*;
use super::{Noun, Place, Verb};

/// Which case the object of an affirmative verb takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Government {
    /// Always partitive: `nägi koera`.
    Partitive,
    /// The whole object is affected: genitive singular, nominative plural or counted: `ostis palli`, `ostis kaks palli`.
    Total,
    /// Partitive unless counted: `sõi õuna`, but `sõi kaks õuna`.
    Consumed,
}

/// A verb with an object, and the objects and places that make sense with it.
#[derive(Debug)]
pub(in super::super) struct Action {
    /// The verb.
    pub(in super::super) verb: &'static Verb,
    /// The case of its object in Estonian.
    pub(in super::super) government: Government,
    /// The case of its object in Finnish.
    pub(in super::super) finnish: Government,
    /// What can be done to.
    pub(in super::super) objects: &'static [&'static [&'static Noun]],
    /// Where it can be done.
    pub(in super::super) places: &'static [&'static Place],
    /// How many of the groups of objects, from the first, go with those places.
    pub(in super::super) placed: usize,
    /// Which of a place's forms it takes, English, Estonian, Finnish: `0` in, `1` into, `2` from.
    pub(in super::super) place_forms: [usize; 3],
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.verb == other.verb
    }
}
impl Eq for Action {}

type Groups = &'static [&'static [&'static Noun]];

const fn action(
    verb: &'static Verb,
    [government, finnish]: [Government; 2],
    objects: Groups,
    places: &'static [&'static Place],
    placed: usize,
    place_forms: [usize; 3],
) -> Action {
    Action { verb, government, finnish, objects, places, placed, place_forms }
}

use Government::{Consumed, Partitive, Total};
pub(in super::super) static SEE: Action =
    action(&SEEING, [Partitive, Total], &[&ANIMALS, &VEHICLES], &OUTDOORS, 1, [0, 0, 0]);
pub(in super::super) static WAIT_FOR: Action = action(&WAITING, [Partitive, Partitive], &[&AWAITED], &[], 0, [0, 0, 0]);
pub(in super::super) static LOOK_FOR: Action =
    action(&SEEKING, [Partitive, Partitive], &[&GOODS, &ANIMALS], &LEISURE, 1, [0, 0, 2]);
pub(in super::super) static LOOK_AT: Action =
    action(&LOOKING, [Partitive, Partitive], &[&SIGHTS, &ANIMALS], &[], 0, [0, 0, 0]);
pub(in super::super) static FEAR: Action = action(&FEARING, [Partitive, Partitive], &[&ANIMALS], &[], 0, [0, 0, 0]);
pub(in super::super) static READ: Action = action(&READING, [Consumed, Consumed], &[&READABLE], &QUIET, 1, [0, 0, 0]);
pub(in super::super) static EAT: Action = action(&EATING, [Consumed, Total], &[&FOODS, &DISHES], &TABLES, 2, [0, 0, 0]);
pub(in super::super) static DRINK: Action = action(&DRINKING, [Consumed, Total], &[&DRINKS], &TABLES, 1, [0, 0, 0]);
/// Estonians and Finns buy *out of* a shop, as they find *out of* a forest; Finns also seek *out of* it and lose *into* it.
pub(in super::super) static BUY: Action =
    action(&BUYING, [Total, Total], &[&GOODS, &LARGE_GOODS, &FOODS, &DISHES], &SHOPS, 4, [2, 2, 2]);
pub(in super::super) static SELL: Action =
    action(&SELLING, [Total, Total], &[&GOODS, &LARGE_GOODS, &FOODS, &ANIMALS], &SHOPS, 3, [0, 0, 0]);
pub(in super::super) static FIND: Action = action(&FINDING, [Total, Total], &[&GOODS], &LEISURE, 1, [0, 2, 2]);
pub(in super::super) static LOSE: Action = action(&LOSING, [Total, Total], &[&GOODS], &OUTDOORS, 1, [0, 0, 1]);

/// Every action.
pub(in super::super) static ACTIONS: [&Action; 12] =
    [&SEE, &WAIT_FOR, &LOOK_FOR, &LOOK_AT, &FEAR, &READ, &EAT, &DRINK, &BUY, &SELL, &FIND, &LOSE];
/// What people like, want and know how to do.
pub(in super::super) static PASTIMES: [&Verb; 6] = [&SWIM, &SING, &DANCE, &RUN, &PLAY, &READING];
/// What is done somewhere, with the places.
pub(in super::super) static DOINGS: [(&Verb, &[&Place]); 8] = [
    (&SWIM, &[&SEA]),
    (&SLEEP, &[&HOME, &GARDEN, &YARD, &BEACH]),
    (&WORKING, &WORKPLACES),
    (&PLAY, &LEISURE),
    (&SING, &LEISURE),
    (&DANCE, &LEISURE),
    (&RUN, &OUTDOORS),
    (&SIT, &LEISURE),
];
/// What people go off to do, with English's wording.
pub(in super::super) static OUTINGS: [(&Verb, &str); 4] =
    [(&SWIM, "swimming"), (&DANCE, "dancing"), (&RUN, "running"), (&SLEEP, "to sleep")];
/// What animals do.
pub(in super::super) static ANIMAL_DOINGS: [&Verb; 4] = [&SLEEP, &RUN, &PLAY, &SIT];
