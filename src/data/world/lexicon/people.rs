//! People, the pronouns that stand for them, and their jobs.

use super::{Job, Person, Pronoun};

const fn woman(et: [&'static str; 6]) -> Person {
    Person { et, female: true }
}

const fn man(et: [&'static str; 6]) -> Person {
    Person { et, female: false }
}

const fn job(en: [&'static str; 2], et: [&'static str; 3]) -> Job {
    Job { en, et }
}

/// Everybody.
pub(in super::super) static PEOPLE: [&Person; 12] = [
    &woman(["Mari", "Mari", "Marit", "Marile", "Maril", "Mariga"]),
    &man(["Jaan", "Jaani", "Jaani", "Jaanile", "Jaanil", "Jaaniga"]),
    &woman(["Anna", "Anna", "Annat", "Annale", "Annal", "Annaga"]),
    &man(["Peeter", "Peetri", "Peetrit", "Peetrile", "Peetril", "Peetriga"]),
    &woman(["Liis", "Liisi", "Liisi", "Liisile", "Liisil", "Liisiga"]),
    &man(["Toomas", "Toomase", "Toomast", "Toomasele", "Toomasel", "Toomasega"]),
    &woman(["Kati", "Kati", "Katit", "Katile", "Katil", "Katiga"]),
    &man(["Tiit", "Tiidu", "Tiitu", "Tiidule", "Tiidul", "Tiiduga"]),
    &woman(["Leena", "Leena", "Leenat", "Leenale", "Leenal", "Leenaga"]),
    &man(["Mart", "Mardi", "Marti", "Mardile", "Mardil", "Mardiga"]),
    &woman(["Tiina", "Tiina", "Tiinat", "Tiinale", "Tiinal", "Tiinaga"]),
    &man(["Jüri", "Jüri", "Jürit", "Jürile", "Jüril", "Jüriga"]),
];

/// The speaker.
pub(in super::super) static I: Pronoun =
    Pronoun { en: ["I", "me", "my"], et: ["ma", "mu", "mind", "mulle", "mul", "minuga"] };
/// One listener.
pub(in super::super) static YOU: Pronoun =
    Pronoun { en: ["you", "you", "your"], et: ["sa", "su", "sind", "sulle", "sul", "sinuga"] };
/// The speaker and others.
pub(in super::super) static WE: Pronoun =
    Pronoun { en: ["we", "us", "our"], et: ["me", "meie", "meid", "meile", "meil", "meiega"] };
/// A woman mentioned before.
pub(in super::super) static SHE: Pronoun =
    Pronoun { en: ["she", "her", "her"], et: ["ta", "ta", "teda", "talle", "tal", "temaga"] };
/// A man mentioned before.
pub(in super::super) static HE: Pronoun =
    Pronoun { en: ["he", "him", "his"], et: ["ta", "ta", "teda", "talle", "tal", "temaga"] };
/// Two people mentioned before.
pub(in super::super) static THEY: Pronoun =
    Pronoun { en: ["they", "them", "their"], et: ["nad", "nende", "neid", "neile", "neil", "nendega"] };

/// Estonian for what is the subject's own.
pub(in super::super) const OWN: &str = "oma";

/// Every job.
pub(in super::super) static JOBS: [&Job; 10] = [
    &job(["teacher", "teachers"], ["õpetaja", "õpetajad", "õpetajaks"]),
    &job(["doctor", "doctors"], ["arst", "arstid", "arstiks"]),
    &job(["cook", "cooks"], ["kokk", "kokad", "kokaks"]),
    &job(["shop assistant", "shop assistants"], ["müüja", "müüjad", "müüjaks"]),
    &job(["police officer", "police officers"], ["politseinik", "politseinikud", "politseinikuks"]),
    &job(["artist", "artists"], ["kunstnik", "kunstnikud", "kunstnikuks"]),
    &job(["farmer", "farmers"], ["talunik", "talunikud", "talunikuks"]),
    &job(["bus driver", "bus drivers"], ["bussijuht", "bussijuhid", "bussijuhiks"]),
    &job(["singer", "singers"], ["laulja", "lauljad", "lauljaks"]),
    &job(["writer", "writers"], ["kirjanik", "kirjanikud", "kirjanikuks"]),
];
