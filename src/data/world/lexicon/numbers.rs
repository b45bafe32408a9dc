//! Number words.

use super::Number;

const fn number(en: &'static str, et: [&'static str; 4]) -> Number {
    Number { en, et }
}

/// One to ten.
pub(in super::super) static NUMBERS: [Number; 10] = [
    number("one", ["üks", "ühte", "ühest", "üheni"]),
    number("two", ["kaks", "kahte", "kahest", "kaheni"]),
    number("three", ["kolm", "kolme", "kolmest", "kolmeni"]),
    number("four", ["neli", "nelja", "neljast", "neljani"]),
    number("five", ["viis", "viit", "viiest", "viieni"]),
    number("six", ["kuus", "kuut", "kuuest", "kuueni"]),
    number("seven", ["seitse", "seitset", "seitsmest", "seitsmeni"]),
    number("eight", ["kaheksa", "kaheksat", "kaheksast", "kaheksani"]),
    number("nine", ["üheksa", "üheksat", "üheksast", "üheksani"]),
    number("ten", ["kümme", "kümmet", "kümnest", "kümneni"]),
];

/// The ages that people of the world have, in years: English and Estonian.
pub(in super::super) static AGES: [(&str, &str); 5] = [
    ("twenty", "kakskümmend"),
    ("thirty", "kolmkümmend"),
    ("forty", "nelikümmend"),
    ("fifty", "viiskümmend"),
    ("sixty", "kuuskümmend"),
];
