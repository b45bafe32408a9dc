//! Animals, things, food and drink.

use super::adjectives::{FOR_ANIMALS, FOR_FLOWERS, FOR_FOOD, FOR_FRUIT, FOR_GOODS};
use super::finnish::{FinnishNoun, nouns as fi};
use super::{Adjective, Noun, Plural};

type Adjectives = &'static [&'static Adjective];

/// A noun that is counted: English singular and plural, Estonian singular, plural; Finnish.
const fn counted(
    en: [&'static str; 2],
    et: [&'static str; 4],
    plural: [&'static str; 2],
    adjectives: Adjectives,
    fi: FinnishNoun,
) -> Noun {
    let [en, en_plural] = en;
    Noun { en, et, plural: Some(Plural { en: en_plural, et: plural }), adjectives, fi }
}

const fn mass(en: &'static str, et: [&'static str; 4], fi: FinnishNoun) -> Noun {
    Noun { en, et, plural: None, adjectives: &[], fi }
}

const fn animal(en: [&'static str; 2], et: [&'static str; 4], plural: [&'static str; 2], fi: FinnishNoun) -> Noun {
    counted(en, et, plural, &FOR_ANIMALS, fi)
}

const fn good(en: [&'static str; 2], et: [&'static str; 4], plural: [&'static str; 2], fi: FinnishNoun) -> Noun {
    counted(en, et, plural, &FOR_GOODS, fi)
}

pub(in super::super) static DOG: Noun =
    animal(["dog", "dogs"], ["koer", "koera", "koera", "koeraga"], ["koerad", "koeri"], fi::DOG);
static CAT: Noun = animal(["cat", "cats"], ["kass", "kassi", "kassi", "kassiga"], ["kassid", "kasse"], fi::CAT);
pub(in super::super) static HORSE: Noun =
    animal(["horse", "horses"], ["hobune", "hobuse", "hobust", "hobusega"], ["hobused", "hobuseid"], fi::HORSE);
static COW: Noun = animal(["cow", "cows"], ["lehm", "lehma", "lehma", "lehmaga"], ["lehmad", "lehmi"], fi::COW);
static PIG: Noun = animal(["pig", "pigs"], ["siga", "sea", "siga", "seaga"], ["sead", "sigu"], fi::PIG);
static BIRD: Noun = animal(["bird", "birds"], ["lind", "linnu", "lindu", "linnuga"], ["linnud", "linde"], fi::BIRD);
static HARE: Noun =
    animal(["hare", "hares"], ["jänes", "jänese", "jänest", "jänesega"], ["jänesed", "jäneseid"], fi::HARE);

static BOOK: Noun =
    good(["book", "books"], ["raamat", "raamatu", "raamatut", "raamatuga"], ["raamatud", "raamatuid"], fi::BOOK);
static BALL: Noun = good(["ball", "balls"], ["pall", "palli", "palli", "palliga"], ["pallid", "palle"], fi::BALL);
static BAG: Noun = good(["bag", "bags"], ["kott", "koti", "kotti", "kotiga"], ["kotid", "kotte"], fi::BAG);
static HAT: Noun = good(["hat", "hats"], ["müts", "mütsi", "mütsi", "mütsiga"], ["mütsid", "mütse"], fi::HAT);
pub(in super::super) static KEY: Noun =
    good(["key", "keys"], ["võti", "võtme", "võtit", "võtmega"], ["võtmed", "võtmeid"], fi::KEY);
static CLOCK: Noun = good(["clock", "clocks"], ["kell", "kella", "kella", "kellaga"], ["kellad", "kelli"], fi::CLOCK);
static PICTURE: Noun =
    good(["picture", "pictures"], ["pilt", "pildi", "pilti", "pildiga"], ["pildid", "pilte"], fi::PICTURE);
static FLOWER: Noun = counted(
    ["flower", "flowers"],
    ["lill", "lille", "lille", "lillega"],
    ["lilled", "lilli"],
    &FOR_FLOWERS,
    fi::FLOWER,
);
static CUP: Noun = good(["cup", "cups"], ["tass", "tassi", "tassi", "tassiga"], ["tassid", "tasse"], fi::CUP);
static LETTER: Noun =
    counted(["letter", "letters"], ["kiri", "kirja", "kirja", "kirjaga"], ["kirjad", "kirju"], &FOR_FOOD, fi::LETTER);
static DRESS: Noun =
    good(["dress", "dresses"], ["kleit", "kleidi", "kleiti", "kleidiga"], ["kleidid", "kleite"], fi::DRESS);
static TABLE: Noun = good(["table", "tables"], ["laud", "laua", "lauda", "lauaga"], ["lauad", "laudu"], fi::TABLE);
static CHAIR: Noun = good(["chair", "chairs"], ["tool", "tooli", "tooli", "tooliga"], ["toolid", "toole"], fi::CHAIR);
pub(in super::super) static CAR: Noun =
    good(["car", "cars"], ["auto", "auto", "autot", "autoga"], ["autod", "autosid"], fi::CAR);
pub(in super::super) static BICYCLE: Noun = good(
    ["bicycle", "bicycles"],
    ["jalgratas", "jalgratta", "jalgratast", "jalgrattaga"],
    ["jalgrattad", "jalgrattaid"],
    fi::BICYCLE,
);

static APPLE: Noun =
    counted(["apple", "apples"], ["õun", "õuna", "õuna", "õunaga"], ["õunad", "õunu"], &FOR_FRUIT, fi::APPLE);
static PEAR: Noun =
    counted(["pear", "pears"], ["pirn", "pirni", "pirni", "pirniga"], ["pirnid", "pirne"], &FOR_FRUIT, fi::PEAR);
static CAKE: Noun =
    counted(["cake", "cakes"], ["kook", "koogi", "kooki", "koogiga"], ["koogid", "kooke"], &FOR_FOOD, fi::CAKE);
static EGG: Noun = counted(["egg", "eggs"], ["muna", "muna", "muna", "munaga"], ["munad", "mune"], &FOR_FOOD, fi::EGG);
static POTATO: Noun = counted(
    ["potato", "potatoes"],
    ["kartul", "kartuli", "kartulit", "kartuliga"],
    ["kartulid", "kartuleid"],
    &FOR_FOOD,
    fi::POTATO,
);
static CARROT: Noun = counted(
    ["carrot", "carrots"],
    ["porgand", "porgandi", "porgandit", "porgandiga"],
    ["porgandid", "porgandeid"],
    &FOR_FOOD,
    fi::CARROT,
);

pub(in super::super) static BREAD: Noun = mass("bread", ["leib", "leiva", "leiba", "leivaga"], fi::BREAD);
static CHEESE: Noun = mass("cheese", ["juust", "juustu", "juustu", "juustuga"], fi::CHEESE);
pub(in super::super) static SOUP: Noun = mass("soup", ["supp", "supi", "suppi", "supiga"], fi::SOUP);
static FISH: Noun = mass("fish", ["kala", "kala", "kala", "kalaga"], fi::FISH);

pub(in super::super) static WATER: Noun = mass("water", ["vesi", "vee", "vett", "veega"], fi::WATER);
static MILK: Noun = mass("milk", ["piim", "piima", "piima", "piimaga"], fi::MILK);
static TEA: Noun = mass("tea", ["tee", "tee", "teed", "teega"], fi::TEA);
pub(in super::super) static COFFEE: Noun = mass("coffee", ["kohv", "kohvi", "kohvi", "kohviga"], fi::COFFEE);
static JUICE: Noun = mass("juice", ["mahl", "mahla", "mahla", "mahlaga"], fi::JUICE);

pub(in super::super) static BUS: Noun =
    counted(["bus", "buses"], ["buss", "bussi", "bussi", "bussiga"], ["bussid", "busse"], &FOR_FOOD, fi::BUS);
pub(in super::super) static TRAIN: Noun =
    counted(["train", "trains"], ["rong", "rongi", "rongi", "rongiga"], ["rongid", "ronge"], &FOR_FOOD, fi::TRAIN);
pub(in super::super) static SHIP: Noun =
    counted(["ship", "ships"], ["laev", "laeva", "laeva", "laevaga"], ["laevad", "laevu"], &FOR_FOOD, fi::SHIP);

/// Animals.
pub(in super::super) static ANIMALS: [&Noun; 7] = [&DOG, &CAT, &HORSE, &COW, &PIG, &BIRD, &HARE];
/// Animals that people keep for company.
pub(in super::super) static PETS: [&Noun; 5] = [&DOG, &CAT, &HORSE, &BIRD, &HARE];
/// Things that people carry about.
pub(in super::super) static GOODS: [&Noun; 11] =
    [&BOOK, &BALL, &BAG, &HAT, &KEY, &CLOCK, &PICTURE, &FLOWER, &CUP, &LETTER, &DRESS];
/// Things that people do not carry about.
pub(in super::super) static LARGE_GOODS: [&Noun; 4] = [&TABLE, &CHAIR, &CAR, &BICYCLE];
/// Food that is counted.
pub(in super::super) static FOODS: [&Noun; 6] = [&APPLE, &PEAR, &CAKE, &EGG, &POTATO, &CARROT];
/// Food that is not counted.
pub(in super::super) static DISHES: [&Noun; 4] = [&BREAD, &CHEESE, &SOUP, &FISH];
/// Drinks.
pub(in super::super) static DRINKS: [&Noun; 5] = [&WATER, &MILK, &TEA, &COFFEE, &JUICE];
/// What people travel by.
pub(in super::super) static VEHICLES: [&Noun; 5] = [&BUS, &TRAIN, &SHIP, &CAR, &BICYCLE];
/// What people wait for.
pub(in super::super) static AWAITED: [&Noun; 4] = [&BUS, &TRAIN, &SHIP, &LETTER];
/// What people read.
pub(in super::super) static READABLE: [&Noun; 2] = [&BOOK, &LETTER];
/// What people look at.
pub(in super::super) static SIGHTS: [&Noun; 5] = [&PICTURE, &FLOWER, &CLOCK, &CAR, &SHIP];
/// What fits into a box and what a room passage is about.
pub(in super::super) static SMALL_THINGS: [&Noun; 14] =
    [&BOOK, &BALL, &HAT, &KEY, &CLOCK, &PICTURE, &FLOWER, &CUP, &LETTER, &APPLE, &PEAR, &CAKE, &EGG, &CARROT];
