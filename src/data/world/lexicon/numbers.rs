//! Number words.

use super::Number;

const fn number(en: &'static str, et: [&'static str; 4], fi: [&'static str; 4]) -> Number {
    Number { en, et, fi }
}

/// One to ten.
pub(in super::super) static NUMBERS: [Number; 10] = [
    number("one", ["üks", "ühte", "ühest", "üheni"], ["yksi", "yhtä", "yhdestä", "yhteen"]),
    number("two", ["kaks", "kahte", "kahest", "kaheni"], ["kaksi", "kahta", "kahdesta", "kahteen"]),
    number("three", ["kolm", "kolme", "kolmest", "kolmeni"], ["kolme", "kolmea", "kolmesta", "kolmeen"]),
    number("four", ["neli", "nelja", "neljast", "neljani"], ["neljä", "neljää", "neljästä", "neljään"]),
    number("five", ["viis", "viit", "viiest", "viieni"], ["viisi", "viittä", "viidestä", "viiteen"]),
    number("six", ["kuus", "kuut", "kuuest", "kuueni"], ["kuusi", "kuutta", "kuudesta", "kuuteen"]),
    number(
        "seven",
        ["seitse", "seitset", "seitsmest", "seitsmeni"],
        ["seitsemän", "seitsemää", "seitsemästä", "seitsemään"],
    ),
    number(
        "eight",
        ["kaheksa", "kaheksat", "kaheksast", "kaheksani"],
        ["kahdeksan", "kahdeksaa", "kahdeksasta", "kahdeksaan"],
    ),
    number("nine", ["üheksa", "üheksat", "üheksast", "üheksani"], ["yhdeksän", "yhdeksää", "yhdeksästä", "yhdeksään"]),
    number("ten", ["kümme", "kümmet", "kümnest", "kümneni"], ["kymmenen", "kymmentä", "kymmenestä", "kymmeneen"]),
];

/// The ages that people of the world have, in years: English, Estonian, and Finnish as one word with `years old`.
pub(in super::super) static AGES: [(&str, &str, &str); 5] = [
    ("twenty", "kakskümmend", "kaksikymmentävuotias"),
    ("thirty", "kolmkümmend", "kolmekymmentävuotias"),
    ("forty", "nelikümmend", "neljäkymmentävuotias"),
    ("fifty", "viiskümmend", "viisikymmentävuotias"),
    ("sixty", "kuuskümmend", "kuusikymmentävuotias"),
];
