//! The case of an object, which Estonian and Finnish choose alike.
//!
//! Partitive after a verb that governs it and in every negative clause; otherwise a single whole thing is in the
//! genitive, several known things are in the nominative plural, counted things follow a number in the
//! nominative, and an unknown amount is in the partitive. Which verbs govern the partitive differs.

use super::lexicon::Government;
use super::semantics::{Count, Things};

/// A case of [`Things`], in the order of their singular forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectCase {
    /// Also the total object in the plural.
    Nominative = 0,
    /// The total object in the singular.
    Genitive = 1,
    Partitive = 2,
}

/// The case of an object; see the module's beginning.
pub(super) fn object_case(it: &Things, government: Government, negative: bool) -> ObjectCase {
    let known = it.known || it.owner.is_some();
    match (government, it.count) {
        _ if negative => ObjectCase::Partitive,
        (Government::Partitive, _) => ObjectCase::Partitive,
        (Government::Total, Count::One) => ObjectCase::Genitive,
        (_, Count::Number(_)) => ObjectCase::Nominative,
        (Government::Total, Count::Plural) if known => ObjectCase::Nominative,
        (Government::Total, Count::Mass) if known => ObjectCase::Genitive,
        _ => ObjectCase::Partitive,
    }
}

/// An amount of bread is in the partitive wherever it exists.
pub(super) fn amount_case(it: &Things, case: ObjectCase) -> ObjectCase {
    if it.count == Count::Mass { ObjectCase::Partitive } else { case }
}
