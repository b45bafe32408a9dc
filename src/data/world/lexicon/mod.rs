//! The words of the world, each with every form that a sentence may need, in all languages.
//!
//! Nothing is inflected by rule: Estonian stems change too freely for that (`laud`, `laua`, `lauda`), and
//! a table can be proofread. The order of the forms in each array is documented at its type.

mod actions;
mod adjectives;
mod finnish;
mod forms;
mod names;
mod nouns;
mod numbers;
mod people;
mod places;
mod verbs;

pub(super) use actions::*;
pub(super) use adjectives::*;
pub(super) use finnish::verbs::FALLS as FINNISH_FALLS;
#[cfg(test)]
pub(super) use forms::places;
pub(super) use forms::{forms, nouns, verbs};
pub(super) use nouns::*;
pub(super) use numbers::*;
pub(super) use people::*;
pub(super) use places::*;
pub(super) use verbs::*;

use finnish::FinnishNoun;
pub(super) use finnish::FinnishVerb;

/// A noun for an animal or a thing. Two nouns are the same if their English singulars are.
#[derive(Debug)]
pub(super) struct Noun {
    /// English singular.
    pub(super) en: &'static str,
    /// Estonian nominative, genitive, partitive and comitative singular.
    pub(super) et: [&'static str; 4],
    /// Finnish.
    pub(super) fi: FinnishNoun,
    /// Plural forms; none for what is not counted (`bread`).
    pub(super) plural: Option<Plural>,
    /// Adjectives that make sense with it.
    pub(super) adjectives: &'static [&'static Adjective],
}

/// The plural of a [`Noun`].
#[derive(Debug)]
pub(super) struct Plural {
    /// English plural.
    pub(super) en: &'static str,
    /// Estonian nominative and partitive plural.
    pub(super) et: [&'static str; 2],
}

/// An adjective that stands before a noun or after *to be*.
#[derive(Debug)]
pub(super) struct Adjective {
    /// English.
    pub(super) en: &'static str,
    /// Estonian nominative, genitive and partitive singular, nominative and partitive plural.
    pub(super) et: [&'static str; 5],
    /// Estonian inessive and adessive singular.
    pub(super) local: [&'static str; 2],
    /// Finnish.
    pub(super) fi: FinnishAdjective,
    /// Whether it names a colour.
    pub(super) colour: bool,
}

/// The Finnish forms of an [`Adjective`], in the same order.
#[derive(Debug)]
pub(super) struct FinnishAdjective {
    /// Nominative, genitive and partitive singular, nominative and partitive plural.
    pub(super) forms: [&'static str; 5],
    /// Inessive and adessive singular.
    pub(super) local: [&'static str; 2],
}

/// How a person feels; only after *to be*.
#[derive(Debug)]
pub(super) struct State {
    /// English.
    pub(super) en: &'static str,
    /// Estonian nominative singular and plural.
    pub(super) et: [&'static str; 2],
    /// Finnish nominative singular and partitive plural.
    pub(super) fi: [&'static str; 2],
}

/// A person.
#[derive(Debug)]
pub(super) struct Person {
    /// Estonian nominative, genitive, partitive, allative, adessive and comitative.
    pub(super) et: [&'static str; 6],
    /// Finnish nominative, genitive, partitive, allative and adessive.
    pub(super) fi: [&'static str; 5],
    /// Whether English says *she*.
    pub(super) female: bool,
}

/// A pronoun that stands for people.
#[derive(Debug)]
pub(super) struct Pronoun {
    /// English subject, object and possessive.
    pub(super) en: [&'static str; 3],
    /// Estonian nominative, genitive, partitive, allative, adessive and comitative.
    pub(super) et: [&'static str; 6],
    /// Finnish nominative, genitive, partitive, allative and adessive.
    pub(super) fi: [&'static str; 5],
}

/// What somebody does for a living.
#[derive(Debug)]
pub(super) struct Job {
    /// English singular and plural.
    pub(super) en: [&'static str; 2],
    /// Estonian nominative singular, nominative plural and translative singular.
    pub(super) et: [&'static str; 3],
    /// Finnish nominative singular, partitive plural, translative singular and plural.
    pub(super) fi: [&'static str; 4],
}

/// Somewhere to be, to go to and to come from.
#[derive(Debug)]
pub(super) struct Place {
    /// English: being there, going there, coming from there.
    pub(super) en: [&'static str; 3],
    /// Estonian likewise: inessive or adessive, illative or allative, elative or ablative.
    pub(super) et: [&'static str; 3],
    /// Finnish likewise.
    pub(super) fi: [&'static str; 3],
    /// Which case an adjective before its noun takes.
    pub(super) agreement: Agreement,
}

/// The form of an adjective that describes a [`Place`] somebody or something is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Agreement {
    /// No adjective may be added.
    None,
    /// Inessive, as in `punases kastis`, `punaisessa laatikossa`.
    Inside,
    /// Adessive, as in `suurel laual`, `isolla pöydällä`.
    Surface,
}

/// A verb in all languages.
#[derive(Debug)]
pub(super) struct Verb {
    /// English base form, third person singular and past. A base that starts with `be ` is inflected as *to be*.
    pub(super) en: [&'static str; 3],
    /// Estonian ma-infinitive and da-infinitive.
    pub(super) infinitives: [&'static str; 2],
    /// Estonian present: first, second and third person singular, first and third person plural.
    pub(super) present: [&'static str; 5],
    /// Estonian past, in the same order.
    pub(super) past: [&'static str; 5],
    /// What follows `ei` in the present and in the past.
    pub(super) negative: [&'static str; 2],
    /// Finnish.
    pub(super) fi: FinnishVerb,
}

/// A number word.
#[derive(Debug)]
pub(super) struct Number {
    /// English.
    pub(super) en: &'static str,
    /// Estonian nominative, partitive, elative (`from`) and terminative (`up to`).
    pub(super) et: [&'static str; 4],
    /// Finnish nominative, partitive, elative (`from`) and illative (`to`).
    pub(super) fi: [&'static str; 4],
}

/// When something happens; opens the sentence.
#[derive(Debug)]
pub(super) struct Time {
    /// English.
    pub(super) en: &'static str,
    /// Estonian.
    pub(super) et: &'static str,
    /// Finnish.
    pub(super) fi: &'static str,
    /// Whether it can only be past.
    pub(super) past: bool,
}

/// Equality of lexemes by their English form, which is unique within a table.
macro_rules! same_by {
    ($($type:ty: $lexeme:ident => $key:expr),*) => {
        $(impl PartialEq for $type {
            fn eq(&self, other: &Self) -> bool {
                let key = |$lexeme: &Self| $key;
                key(self) == key(other)
            }
        }
        impl Eq for $type {})*
    };
}
same_by!(
    Noun: it => it.en, Adjective: it => it.en, State: it => it.en, Person: it => it.et[0],
    Job: it => it.en[0], Place: it => it.en[0], Verb: it => it.en[0], Time: it => it.en
);
