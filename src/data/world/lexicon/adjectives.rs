//! Adjectives, states of people, and times.

use super::{Adjective, FinnishAdjective, State, Time};

const fn colour(en: &'static str, et: [&'static str; 5], local: [&'static str; 2], fi: FinnishAdjective) -> Adjective {
    Adjective { en, et, local, fi, colour: true }
}

const fn quality(en: &'static str, et: [&'static str; 5], local: [&'static str; 2], fi: FinnishAdjective) -> Adjective {
    Adjective { en, et, local, fi, colour: false }
}

const fn fi(forms: [&'static str; 5], local: [&'static str; 2]) -> FinnishAdjective {
    FinnishAdjective { forms, local }
}

const fn state(en: &'static str, et: [&'static str; 2], fi: [&'static str; 2]) -> State {
    State { en, et, fi }
}

const fn time(en: &'static str, [et, fi]: [&'static str; 2], past: bool) -> Time {
    Time { en, et, fi, past }
}

static BLACK: Adjective = colour(
    "black",
    ["must", "musta", "musta", "mustad", "musti"],
    ["mustas", "mustal"],
    fi(["musta", "mustan", "mustaa", "mustat", "mustia"], ["mustassa", "mustalla"]),
);
static WHITE: Adjective = colour(
    "white",
    ["valge", "valge", "valget", "valged", "valgeid"],
    ["valges", "valgel"],
    fi(["valkoinen", "valkoisen", "valkoista", "valkoiset", "valkoisia"], ["valkoisessa", "valkoisella"]),
);
static BROWN: Adjective = colour(
    "brown",
    ["pruun", "pruuni", "pruuni", "pruunid", "pruune"],
    ["pruunis", "pruunil"],
    fi(["ruskea", "ruskean", "ruskeaa", "ruskeat", "ruskeita"], ["ruskeassa", "ruskealla"]),
);
static RED: Adjective = colour(
    "red",
    ["punane", "punase", "punast", "punased", "punaseid"],
    ["punases", "punasel"],
    fi(["punainen", "punaisen", "punaista", "punaiset", "punaisia"], ["punaisessa", "punaisella"]),
);
static BLUE: Adjective = colour(
    "blue",
    ["sinine", "sinise", "sinist", "sinised", "siniseid"],
    ["sinises", "sinisel"],
    fi(["sininen", "sinisen", "sinistä", "siniset", "sinisiä"], ["sinisessä", "sinisellä"]),
);
static YELLOW: Adjective = colour(
    "yellow",
    ["kollane", "kollase", "kollast", "kollased", "kollaseid"],
    ["kollases", "kollasel"],
    fi(["keltainen", "keltaisen", "keltaista", "keltaiset", "keltaisia"], ["keltaisessa", "keltaisella"]),
);
static GREEN: Adjective = colour(
    "green",
    ["roheline", "rohelise", "rohelist", "rohelised", "rohelisi"],
    ["rohelises", "rohelisel"],
    fi(["vihreä", "vihreän", "vihreää", "vihreät", "vihreitä"], ["vihreässä", "vihreällä"]),
);
static BIG: Adjective = quality(
    "big",
    ["suur", "suure", "suurt", "suured", "suuri"],
    ["suures", "suurel"],
    fi(["iso", "ison", "isoa", "isot", "isoja"], ["isossa", "isolla"]),
);
static SMALL: Adjective = quality(
    "small",
    ["väike", "väikese", "väikest", "väikesed", "väikesi"],
    ["väikeses", "väikesel"],
    fi(["pieni", "pienen", "pientä", "pienet", "pieniä"], ["pienessä", "pienellä"]),
);
static OLD: Adjective = quality(
    "old",
    ["vana", "vana", "vana", "vanad", "vanu"],
    ["vanas", "vanal"],
    fi(["vanha", "vanhan", "vanhaa", "vanhat", "vanhoja"], ["vanhassa", "vanhalla"]),
);
static NEW: Adjective = quality(
    "new",
    ["uus", "uue", "uut", "uued", "uusi"],
    ["uues", "uuel"],
    fi(["uusi", "uuden", "uutta", "uudet", "uusia"], ["uudessa", "uudella"]),
);
static BEAUTIFUL: Adjective = quality(
    "beautiful",
    ["ilus", "ilusa", "ilusat", "ilusad", "ilusaid"],
    ["ilusas", "ilusal"],
    fi(["kaunis", "kauniin", "kaunista", "kauniit", "kauniita"], ["kauniissa", "kauniilla"]),
);

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
pub(in super::super) static TIRED: State = state("tired", ["väsinud", "väsinud"], ["väsynyt", "väsyneitä"]);
/// Not well.
pub(in super::super) static ILL: State = state("ill", ["haige", "haiged"], ["sairas", "sairaita"]);
/// Happy.
pub(in super::super) static HAPPY: State = state("happy", ["rõõmus", "rõõmsad"], ["iloinen", "iloisia"]);
/// Not happy.
pub(in super::super) static SAD: State = state("sad", ["kurb", "kurvad"], ["surullinen", "surullisia"]);
/// Wants to eat.
pub(in super::super) static HUNGRY: State = state("hungry", ["näljane", "näljased"], ["nälkäinen", "nälkäisiä"]);
/// Wants to drink.
pub(in super::super) static THIRSTY: State = state("thirsty", ["janune", "janused"], ["janoinen", "janoisia"]);
/// Displeased with somebody.
pub(in super::super) static ANGRY: State = state("angry", ["vihane", "vihased"], ["vihainen", "vihaisia"]);

/// Every state.
pub(in super::super) static STATES: [&State; 7] = [&TIRED, &ILL, &HAPPY, &SAD, &HUNGRY, &THIRSTY, &ANGRY];

/// Every time.
pub(in super::super) static TIMES: [&Time; 7] = [
    &time("today", ["täna", "tänään"], false),
    &time("yesterday", ["eile", "eilen"], true),
    &time("in the morning", ["hommikul", "aamulla"], false),
    &time("in the evening", ["õhtul", "illalla"], false),
    &time("on Monday", ["esmaspäeval", "maanantaina"], false),
    &time("on Friday", ["reedel", "perjantaina"], false),
    &time("on Sunday", ["pühapäeval", "sunnuntaina"], false),
];
