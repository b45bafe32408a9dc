//! People, the pronouns that stand for them, and their jobs.

use super::{Job, Person, Pronoun};

const fn woman(et: [&'static str; 6], fi: [&'static str; 5]) -> Person {
    Person { et, fi, female: true }
}

const fn man(et: [&'static str; 6], fi: [&'static str; 5]) -> Person {
    Person { et, fi, female: false }
}

const fn job(en: [&'static str; 2], et: [&'static str; 3], fi: [&'static str; 4]) -> Job {
    Job { en, et, fi }
}

/// Everybody.
pub(in super::super) static PEOPLE: [&Person; 12] = [
    &woman(["Mari", "Mari", "Marit", "Marile", "Maril", "Mariga"], ["Mari", "Marin", "Maria", "Marille", "Marilla"]),
    &man(
        ["Jaan", "Jaani", "Jaani", "Jaanile", "Jaanil", "Jaaniga"],
        ["Jaan", "Jaanin", "Jaania", "Jaanille", "Jaanilla"],
    ),
    &woman(["Anna", "Anna", "Annat", "Annale", "Annal", "Annaga"], ["Anna", "Annan", "Annaa", "Annalle", "Annalla"]),
    &man(
        ["Peeter", "Peetri", "Peetrit", "Peetrile", "Peetril", "Peetriga"],
        ["Peeter", "Peeterin", "Peeteriä", "Peeterille", "Peeterillä"],
    ),
    &woman(
        ["Liis", "Liisi", "Liisi", "Liisile", "Liisil", "Liisiga"],
        ["Liis", "Liisin", "Liisiä", "Liisille", "Liisillä"],
    ),
    &man(
        ["Toomas", "Toomase", "Toomast", "Toomasele", "Toomasel", "Toomasega"],
        ["Toomas", "Toomaksen", "Toomasta", "Toomakselle", "Toomaksella"],
    ),
    &woman(["Kati", "Kati", "Katit", "Katile", "Katil", "Katiga"], ["Kati", "Katin", "Katia", "Katille", "Katilla"]),
    &man(
        ["Tiit", "Tiidu", "Tiitu", "Tiidule", "Tiidul", "Tiiduga"],
        ["Tiit", "Tiitin", "Tiitiä", "Tiitille", "Tiitillä"],
    ),
    &woman(
        ["Leena", "Leena", "Leenat", "Leenale", "Leenal", "Leenaga"],
        ["Leena", "Leenan", "Leenaa", "Leenalle", "Leenalla"],
    ),
    &man(
        ["Mart", "Mardi", "Marti", "Mardile", "Mardil", "Mardiga"],
        ["Mart", "Martin", "Martia", "Martille", "Martilla"],
    ),
    &woman(
        ["Tiina", "Tiina", "Tiinat", "Tiinale", "Tiinal", "Tiinaga"],
        ["Tiina", "Tiinan", "Tiinaa", "Tiinalle", "Tiinalla"],
    ),
    &man(["Jüri", "Jüri", "Jürit", "Jürile", "Jüril", "Jüriga"], ["Jüri", "Jürin", "Jüriä", "Jürille", "Jürillä"]),
];

/// The speaker.
pub(in super::super) static I: Pronoun = Pronoun {
    en: ["I", "me", "my"],
    et: ["ma", "mu", "mind", "mulle", "mul", "minuga"],
    fi: ["minä", "minun", "minua", "minulle", "minulla"],
};
/// One listener.
pub(in super::super) static YOU: Pronoun = Pronoun {
    en: ["you", "you", "your"],
    et: ["sa", "su", "sind", "sulle", "sul", "sinuga"],
    fi: ["sinä", "sinun", "sinua", "sinulle", "sinulla"],
};
/// The speaker and others.
pub(in super::super) static WE: Pronoun = Pronoun {
    en: ["we", "us", "our"],
    et: ["me", "meie", "meid", "meile", "meil", "meiega"],
    fi: ["me", "meidän", "meitä", "meille", "meillä"],
};
/// A woman mentioned before.
pub(in super::super) static SHE: Pronoun = Pronoun {
    en: ["she", "her", "her"],
    et: ["ta", "ta", "teda", "talle", "tal", "temaga"],
    fi: ["hän", "hänen", "häntä", "hänelle", "hänellä"],
};
/// A man mentioned before.
pub(in super::super) static HE: Pronoun = Pronoun {
    en: ["he", "him", "his"],
    et: ["ta", "ta", "teda", "talle", "tal", "temaga"],
    fi: ["hän", "hänen", "häntä", "hänelle", "hänellä"],
};
/// Two people mentioned before.
pub(in super::super) static THEY: Pronoun = Pronoun {
    en: ["they", "them", "their"],
    et: ["nad", "nende", "neid", "neile", "neil", "nendega"],
    fi: ["he", "heidän", "heitä", "heille", "heillä"],
};

/// Estonian for what is the subject's own.
pub(in super::super) const OWN: &str = "oma";

/// Every job.
pub(in super::super) static JOBS: [&Job; 10] = [
    &job(
        ["teacher", "teachers"],
        ["õpetaja", "õpetajad", "õpetajaks"],
        ["opettaja", "opettajia", "opettajaksi", "opettajiksi"],
    ),
    &job(["doctor", "doctors"], ["arst", "arstid", "arstiks"], ["lääkäri", "lääkäreitä", "lääkäriksi", "lääkäreiksi"]),
    &job(["cook", "cooks"], ["kokk", "kokad", "kokaks"], ["kokki", "kokkeja", "kokiksi", "kokeiksi"]),
    &job(
        ["shop assistant", "shop assistants"],
        ["müüja", "müüjad", "müüjaks"],
        ["myyjä", "myyjiä", "myyjäksi", "myyjiksi"],
    ),
    &job(
        ["police officer", "police officers"],
        ["politseinik", "politseinikud", "politseinikuks"],
        ["poliisi", "poliiseja", "poliisiksi", "poliiseiksi"],
    ),
    &job(
        ["artist", "artists"],
        ["kunstnik", "kunstnikud", "kunstnikuks"],
        ["taiteilija", "taiteilijoita", "taiteilijaksi", "taiteilijoiksi"],
    ),
    &job(
        ["farmer", "farmers"],
        ["talunik", "talunikud", "talunikuks"],
        ["maanviljelijä", "maanviljelijöitä", "maanviljelijäksi", "maanviljelijöiksi"],
    ),
    &job(
        ["bus driver", "bus drivers"],
        ["bussijuht", "bussijuhid", "bussijuhiks"],
        ["bussinkuljettaja", "bussinkuljettajia", "bussinkuljettajaksi", "bussinkuljettajiksi"],
    ),
    &job(["singer", "singers"], ["laulja", "lauljad", "lauljaks"], ["laulaja", "laulajia", "laulajaksi", "laulajiksi"]),
    &job(
        ["writer", "writers"],
        ["kirjanik", "kirjanikud", "kirjanikuks"],
        ["kirjailija", "kirjailijoita", "kirjailijaksi", "kirjailijoiksi"],
    ),
];
