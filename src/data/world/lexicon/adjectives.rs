//! Adjectives, states of people, and times.

use super::{Adjective, State, Time};

const fn colour(en: &'static str, et: [&'static str; 5], local: [&'static str; 2]) -> Adjective {
    Adjective { en, et, local, colour: true }
}

const fn quality(en: &'static str, et: [&'static str; 5], local: [&'static str; 2]) -> Adjective {
    Adjective { en, et, local, colour: false }
}

const fn state(en: &'static str, et: [&'static str; 2]) -> State {
    State { en, et }
}

const fn time(en: &'static str, et: &'static str, past: bool) -> Time {
    Time { en, et, past }
}

static BLACK: Adjective = colour("black", ["must", "musta", "musta", "mustad", "musti"], ["mustas", "mustal"]);
static WHITE: Adjective = colour("white", ["valge", "valge", "valget", "valged", "valgeid"], ["valges", "valgel"]);
static BROWN: Adjective = colour("brown", ["pruun", "pruuni", "pruuni", "pruunid", "pruune"], ["pruunis", "pruunil"]);
static RED: Adjective = colour("red", ["punane", "punase", "punast", "punased", "punaseid"], ["punases", "punasel"]);
static BLUE: Adjective = colour("blue", ["sinine", "sinise", "sinist", "sinised", "siniseid"], ["sinises", "sinisel"]);
static YELLOW: Adjective =
    colour("yellow", ["kollane", "kollase", "kollast", "kollased", "kollaseid"], ["kollases", "kollasel"]);
static GREEN: Adjective =
    colour("green", ["roheline", "rohelise", "rohelist", "rohelised", "rohelisi"], ["rohelises", "rohelisel"]);
static BIG: Adjective = quality("big", ["suur", "suure", "suurt", "suured", "suuri"], ["suures", "suurel"]);
static SMALL: Adjective =
    quality("small", ["väike", "väikese", "väikest", "väikesed", "väikesi"], ["väikeses", "väikesel"]);
static OLD: Adjective = quality("old", ["vana", "vana", "vana", "vanad", "vanu"], ["vanas", "vanal"]);
static NEW: Adjective = quality("new", ["uus", "uue", "uut", "uued", "uusi"], ["uues", "uuel"]);
static BEAUTIFUL: Adjective =
    quality("beautiful", ["ilus", "ilusa", "ilusat", "ilusad", "ilusaid"], ["ilusas", "ilusal"]);

/// Every adjective.
pub(in super::super) static ADJECTIVES: [&Adjective; 12] =
    [&BLACK, &WHITE, &BROWN, &RED, &BLUE, &YELLOW, &GREEN, &BIG, &SMALL, &OLD, &NEW, &BEAUTIFUL];
/// Adjectives for animals.
pub(super) static FOR_ANIMALS: [&Adjective; 7] = [&BLACK, &WHITE, &BROWN, &BIG, &SMALL, &OLD, &BEAUTIFUL];
/// Adjectives for things that people own.
pub(super) static FOR_GOODS: [&Adjective; 12] = ADJECTIVES;
/// Adjectives for flowers.
pub(super) static FOR_FLOWERS: [&Adjective; 7] = [&WHITE, &RED, &BLUE, &YELLOW, &BIG, &SMALL, &BEAUTIFUL];
/// Adjectives for apples and pears.
pub(super) static FOR_FRUIT: [&Adjective; 5] = [&RED, &YELLOW, &GREEN, &BIG, &SMALL];
/// Adjectives for other food that is counted.
pub(super) static FOR_FOOD: [&Adjective; 2] = [&BIG, &SMALL];
/// The colours that a pet can have.
pub(in super::super) static PET_COLOURS: [&Adjective; 3] = [&BLACK, &WHITE, &BROWN];

/// Has worked or run enough.
pub(in super::super) static TIRED: State = state("tired", ["väsinud", "väsinud"]);
/// Not well.
pub(in super::super) static ILL: State = state("ill", ["haige", "haiged"]);
/// Happy.
pub(in super::super) static HAPPY: State = state("happy", ["rõõmus", "rõõmsad"]);
/// Not happy.
pub(in super::super) static SAD: State = state("sad", ["kurb", "kurvad"]);
/// Wants to eat.
pub(in super::super) static HUNGRY: State = state("hungry", ["näljane", "näljased"]);
/// Wants to drink.
pub(in super::super) static THIRSTY: State = state("thirsty", ["janune", "janused"]);
/// Displeased with somebody.
pub(in super::super) static ANGRY: State = state("angry", ["vihane", "vihased"]);

/// Every state.
pub(in super::super) static STATES: [&State; 7] = [&TIRED, &ILL, &HAPPY, &SAD, &HUNGRY, &THIRSTY, &ANGRY];

/// Every time.
pub(in super::super) static TIMES: [&Time; 7] = [
    &time("today", "täna", false),
    &time("yesterday", "eile", true),
    &time("in the morning", "hommikul", false),
    &time("in the evening", "õhtul", false),
    &time("on Monday", "esmaspäeval", false),
    &time("on Friday", "reedel", false),
    &time("on Sunday", "pühapäeval", false),
];
