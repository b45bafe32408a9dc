//! The Finnish forms of animals, things, food and drink.

use super::FinnishNoun;

const NONE: FinnishNoun = FinnishNoun { singular: [""; 3], plural: None, liked: None, own: None, by: None };

/// Singular, plural with what is liked, and `his`.
const fn animal(singular: [&'static str; 3], plural: [&'static str; 3], own: &'static str) -> FinnishNoun {
    FinnishNoun { own: Some(own), ..food(singular, plural) }
}

/// Singular, plural, and `his`.
const fn good(singular: [&'static str; 3], plural: [&'static str; 2], own: &'static str) -> FinnishNoun {
    FinnishNoun { singular, plural: Some(plural), own: Some(own), ..NONE }
}

/// Singular, and plural with what is liked.
const fn food(singular: [&'static str; 3], plural: [&'static str; 3]) -> FinnishNoun {
    let [nominative, partitive, liked] = plural;
    FinnishNoun { singular, plural: Some([nominative, partitive]), liked: Some(liked), ..NONE }
}

/// Singular with what is liked.
const fn mass(singular: [&'static str; 3], liked: &'static str) -> FinnishNoun {
    FinnishNoun { singular, liked: Some(liked), ..NONE }
}

/// Singular, plural, and by it.
const fn vehicle(singular: [&'static str; 3], plural: [&'static str; 2], by: &'static str) -> FinnishNoun {
    FinnishNoun { singular, plural: Some(plural), by: Some(by), ..NONE }
}

/// A vehicle that people own.
const fn owned(vehicle: FinnishNoun, own: &'static str) -> FinnishNoun {
    FinnishNoun { own: Some(own), ..vehicle }
}

use FinnishNoun as Form;

pub(in super::super) const DOG: Form =
    animal(["koira", "koiran", "koiraa"], ["koirat", "koiria", "koirista"], "koiransa");
pub(in super::super) const CAT: Form =
    animal(["kissa", "kissan", "kissaa"], ["kissat", "kissoja", "kissoista"], "kissansa");
pub(in super::super) const HORSE: Form =
    animal(["hevonen", "hevosen", "hevosta"], ["hevoset", "hevosia", "hevosista"], "hevosensa");
pub(in super::super) const COW: Form =
    animal(["lehmä", "lehmän", "lehmää"], ["lehmät", "lehmiä", "lehmistä"], "lehmänsä");
pub(in super::super) const PIG: Form = animal(["sika", "sian", "sikaa"], ["siat", "sikoja", "sioista"], "sikansa");
pub(in super::super) const BIRD: Form =
    animal(["lintu", "linnun", "lintua"], ["linnut", "lintuja", "linnuista"], "lintunsa");
pub(in super::super) const HARE: Form =
    animal(["jänis", "jäniksen", "jänistä"], ["jänikset", "jäniksiä", "jäniksistä"], "jäniksensä");

pub(in super::super) const BOOK: Form = good(["kirja", "kirjan", "kirjaa"], ["kirjat", "kirjoja"], "kirjansa");
pub(in super::super) const BALL: Form = good(["pallo", "pallon", "palloa"], ["pallot", "palloja"], "pallonsa");
pub(in super::super) const BAG: Form = good(["laukku", "laukun", "laukkua"], ["laukut", "laukkuja"], "laukkunsa");
pub(in super::super) const HAT: Form = good(["hattu", "hatun", "hattua"], ["hatut", "hattuja"], "hattunsa");
pub(in super::super) const KEY: Form = good(["avain", "avaimen", "avainta"], ["avaimet", "avaimia"], "avaimensa");
pub(in super::super) const CLOCK: Form = good(["kello", "kellon", "kelloa"], ["kellot", "kelloja"], "kellonsa");
pub(in super::super) const PICTURE: Form = good(["kuva", "kuvan", "kuvaa"], ["kuvat", "kuvia"], "kuvansa");
pub(in super::super) const FLOWER: Form = good(["kukka", "kukan", "kukkaa"], ["kukat", "kukkia"], "kukkansa");
pub(in super::super) const CUP: Form = good(["kuppi", "kupin", "kuppia"], ["kupit", "kuppeja"], "kuppinsa");
pub(in super::super) const LETTER: Form = good(["kirje", "kirjeen", "kirjettä"], ["kirjeet", "kirjeitä"], "kirjeensä");
pub(in super::super) const DRESS: Form = good(["mekko", "mekon", "mekkoa"], ["mekot", "mekkoja"], "mekkonsa");
pub(in super::super) const TABLE: Form = good(["pöytä", "pöydän", "pöytää"], ["pöydät", "pöytiä"], "pöytänsä");
pub(in super::super) const CHAIR: Form = good(["tuoli", "tuolin", "tuolia"], ["tuolit", "tuoleja"], "tuolinsa");
pub(in super::super) const CAR: Form =
    owned(vehicle(["auto", "auton", "autoa"], ["autot", "autoja"], "autolla"), "autonsa");
pub(in super::super) const BICYCLE: Form = owned(
    vehicle(["polkupyörä", "polkupyörän", "polkupyörää"], ["polkupyörät", "polkupyöriä"], "polkupyörällä"),
    "polkupyöränsä",
);

pub(in super::super) const APPLE: Form = food(["omena", "omenan", "omenaa"], ["omenat", "omenoita", "omenoista"]);
pub(in super::super) const PEAR: Form =
    food(["päärynä", "päärynän", "päärynää"], ["päärynät", "päärynöitä", "päärynöistä"]);
pub(in super::super) const CAKE: Form = food(["kakku", "kakun", "kakkua"], ["kakut", "kakkuja", "kakuista"]);
pub(in super::super) const EGG: Form = food(["muna", "munan", "munaa"], ["munat", "munia", "munista"]);
pub(in super::super) const POTATO: Form =
    food(["peruna", "perunan", "perunaa"], ["perunat", "perunoita", "perunoista"]);
pub(in super::super) const CARROT: Form =
    food(["porkkana", "porkkanan", "porkkanaa"], ["porkkanat", "porkkanoita", "porkkanoista"]);

pub(in super::super) const BREAD: Form = mass(["leipä", "leivän", "leipää"], "leivästä");
pub(in super::super) const CHEESE: Form = mass(["juusto", "juuston", "juustoa"], "juustosta");
pub(in super::super) const SOUP: Form = mass(["keitto", "keiton", "keittoa"], "keitosta");
pub(in super::super) const FISH: Form = mass(["kala", "kalan", "kalaa"], "kalasta");

pub(in super::super) const WATER: Form = mass(["vesi", "veden", "vettä"], "vedestä");
pub(in super::super) const MILK: Form = mass(["maito", "maidon", "maitoa"], "maidosta");
pub(in super::super) const TEA: Form = mass(["tee", "teen", "teetä"], "teestä");
pub(in super::super) const COFFEE: Form = mass(["kahvi", "kahvin", "kahvia"], "kahvista");
pub(in super::super) const JUICE: Form = mass(["mehu", "mehun", "mehua"], "mehusta");

pub(in super::super) const BUS: Form = vehicle(["bussi", "bussin", "bussia"], ["bussit", "busseja"], "bussilla");
pub(in super::super) const TRAIN: Form = vehicle(["juna", "junan", "junaa"], ["junat", "junia"], "junalla");
pub(in super::super) const SHIP: Form = vehicle(["laiva", "laivan", "laivaa"], ["laivat", "laivoja"], "laivalla");
